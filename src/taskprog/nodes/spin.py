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
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from taskprog.nodes.callback_executor import CallbackExecutor
from taskprog.nodes.single_goal import close_servers

STOP_TIMEOUT = 5.0  # seconds of wall time
# Seconds of wall time after which a signal is heeded at the latest. One that comes just before the main
# thread falls asleep does not wake it: Python notes it, and would heed it once the wait is over.
HEED = 0.5
SWITCH_INTERVAL = 5e-4  # seconds after which a thread hands on the interpreter; Python's default is 5e-3


class SpinThread(threading.Thread):
    """Spins a node in the background until ``stop``.

    A callback that raises is noted in ``error`` and sets ``failed``; the others are served on, so that
    whoever ends the process can first stop what runs.
    """

    def __init__(self, context: Context | None = None):
        super().__init__(name="spin", daemon=True)
        self._executor = CallbackExecutor(context=context)
        self._stopping = False
        self.failed = threading.Event()
        self.error: Exception | None = None

    def serve(self, node: Node) -> None:
        """Begin to spin a node, which was made in the same context."""
        self._executor.add_node(node)
        self.start()

    def run(self) -> None:
        """The thread's own work."""
        while not self._stopping:
            try:
                self._executor.spin_once()
            except ExternalShutdownException:
                return
            except Exception as error:
                self.error = self.error or error
                self.failed.set()

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Serve no more callbacks, wait for those that run, and shut the executor down.

        Nodes are destroyed after this: rclpy stumbles over what is destroyed while it spins.
        """
        self._stopping = True
        self._executor.create_task(lambda: None)  # wakes the thread
        if self.is_alive():
            self.join(timeout)
        self._executor.finish(timeout)


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

    At the end the goals of its ``SingleGoalServer``s are stopped while everything is still spun; its
    ``destroy_node`` comes after that.

    Args:
        args: command line without the program's name; None takes ``sys.argv``.
        expected: errors of ``factory`` that people can mend: printed without a traceback.

    Returns:
        Exit status: 0 after a signal, 1 when the node could not start or a callback raised.
    """
    # Work that calls into C and back (reading a video, planning) would wait for every message at the default.
    sys.setswitchinterval(SWITCH_INTERVAL)
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
    # Before the node: an interrupt in the middle of making an executor has rclpy complain at exit.
    spin = SpinThread()
    node: Node | None = None
    try:
        node = factory()
        spin.serve(node)
        while not spin.failed.wait(HEED):
            pass
    except KeyboardInterrupt:
        pass
    except expected as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if node is not None:
        close_servers(node)
        spin.stop()
        node.destroy_node()
    if spin.error is not None:
        traceback.print_exception(spin.error)
        return 1
    return 0
