"""Runs one node as a process: start, spin, and a clean end on Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

# Blocking execute callbacks take a thread each: one runs, one may wait for its place, the rest serve both.
THREADS = 8
STOP_TIMEOUT = 5.0  # seconds of wall time


class _Spin(threading.Thread):
    """Spins an executor until it is shut down; ``ended`` is set then, or when a callback raised ``error``."""

    def __init__(self, executor: MultiThreadedExecutor):
        super().__init__(name="spin", daemon=True)
        self._executor = executor
        self.ended = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            pass
        except Exception as error:  # whatever a callback raised ends the process, in the main thread
            self.error = error
        finally:
            self.ended.set()


class _OneInterrupt:
    """Signal handler that raises KeyboardInterrupt once; a second SIGTERM ends the process on the spot.

    A terminal and a launcher may both send SIGINT: the second one must not cut short the robot's stop.
    """

    def __init__(self) -> None:
        self._raised = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self._raised:
            self._raised = True
            raise KeyboardInterrupt
        if number == signal.SIGTERM:
            os._exit(128 + number)


def run(
    factory: Callable[[], Node],
    args: Sequence[str] | None = None,
    expected: tuple[type[Exception], ...] = (),
) -> int:
    """Make a node and spin it until SIGINT or SIGTERM.

    The node's ``destroy_node`` is called while the executor still spins, so that goals can be stopped in it.

    Args:
        args: command line without the program's name; None takes ``sys.argv``.
        expected: errors of ``factory`` that people can mend: printed without a traceback.

    Returns:
        Exit status: 0 after a signal, 1 when the node could not start or a callback raised.
    """
    # rclpy's own handlers would take the context away from goals that are still stopping.
    rclpy.init(
        args=None if args is None else [sys.argv[0], *args], signal_handler_options=SignalHandlerOptions.NO
    )
    interrupt = _OneInterrupt()
    handlers = {n: signal.signal(n, interrupt) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _run(factory, expected)
    finally:
        rclpy.try_shutdown()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _run(factory: Callable[[], Node], expected: tuple[type[Exception], ...]) -> int:
    executor = MultiThreadedExecutor(THREADS)
    spin = _Spin(executor)
    node: Node | None = None
    try:
        node = factory()
        executor.add_node(node)
        spin.start()
        spin.ended.wait()
    except KeyboardInterrupt:
        pass
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if node is not None:
        node.destroy_node()
    executor.shutdown(STOP_TIMEOUT)
    if spin.is_alive():
        spin.ended.wait(STOP_TIMEOUT)
    if spin.error is not None:
        traceback.print_exception(spin.error)
        return 1
    return 0
