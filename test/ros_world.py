"""A DDS domain of its own for each test, with nodes that spin in the background."""

from __future__ import annotations

import fcntl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import rclpy
from rclpy.context import Context
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

from taskprog.nodes.single_goal import close_servers
from taskprog.nodes.spin import SWITCH_INTERVAL, SpinThread

T = TypeVar("T")

# On Linux these domains' ports lie above the ephemeral range; stacks that people start use 0 to 101.
DOMAINS = range(215, 233)
TIMEOUT = 30.0  # seconds of wall time that a test waits for anything


@contextmanager
def free_domain() -> Iterator[int]:
    """A DDS domain that no other test of this machine uses meanwhile."""
    for domain in DOMAINS:
        path = Path(tempfile.gettempdir()) / f"sawyer_ntp_test_domain_{domain}.lock"
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise RuntimeError(f"all test domains ({DOMAINS.start} to {DOMAINS.stop - 1}) are in use")


class RosWorld:
    """A ROS context in ``domain``; each of its nodes is spun by an executor of its own until ``close``.

    One executor for all would rebuild its wait set over all nodes' entities at each message, and starve.
    """

    def __init__(self, domain: int):
        self.domain = domain
        # Nodes that would have a process each share one here: let their threads take turns quickly.
        sys.setswitchinterval(SWITCH_INTERVAL)
        self.context = Context()
        rclpy.init(args=[], context=self.context, domain_id=domain)
        self._spins: dict[Node, SpinThread] = {}

    def node(self, name: str, **options: Any) -> Node:
        """A new plain node that spins."""
        return self.add(rclpy.create_node(name, context=self.context, **options))

    def add(self, node: Node) -> Node:
        """Spin ``node``, which was made with ``context=self.context``."""
        self._spins[node] = SpinThread(self.context)
        self._spins[node].serve(node)
        return node

    def remove(self, node: Node) -> None:
        """Destroy a node as if its process had ended."""
        self._spins.pop(node).stop(0.0)
        self._destroy(node)

    def close(self) -> None:
        """Stop all goals, destroy all nodes, and raise what a callback raised."""
        nodes = list(reversed(self._spins))
        for node in nodes:
            close_servers(node)
        for node in nodes:
            self._spins[node].stop()
        for node in nodes:
            self._destroy(node)
        rclpy.try_shutdown(context=self.context)
        self.context.destroy()
        for spin in self._spins.values():
            if spin.error is not None:
                raise spin.error

    def _destroy(self, node: Node) -> None:
        # rclpy leaves actions and a lifecycle's services behind; in the same process they would answer to the
        # next test's clients, or vanish while these look for theirs.
        waitables = list(node.waitables)
        node.destroy_node()
        for waitable in waitables:
            waitable.destroy()
        if isinstance(node, LifecycleNode):
            node._state_machine.destroy_when_not_in_use()


def wait(event: threading.Event, what: str = "the event") -> None:
    """Wait for an event, or fail."""
    assert event.wait(TIMEOUT), f"{what} did not happen within {TIMEOUT:g} s"


def wait_until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Wait until ``condition`` holds, for what tells nobody when it changes; or fail."""
    end = time.monotonic() + TIMEOUT
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {TIMEOUT:g} s"
        pause.wait(0.01)


class Background(threading.Thread):
    """Runs a function in a thread of its own."""

    def __init__(self, function: Callable[[], T]):
        super().__init__(daemon=True)
        self._function = function
        self._value: Any = None
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._value = self._function()
        except Exception as error:  # raised again by result()
            self._error = error

    def result(self) -> Any:
        """What the function returned or raised; fails if it takes too long."""
        self.join(TIMEOUT)
        assert not self.is_alive(), f"still running after {TIMEOUT:g} s"
        if self._error is not None:
            raise self._error
        return self._value
