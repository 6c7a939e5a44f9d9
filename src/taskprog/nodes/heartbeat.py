"""Signs of life between nodes, on wall time: ``diagnostics`` carries one status a node, twice a second.

A node that lives but cannot do its work says why: its status is then a warning with that text.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from taskprog.nodes.qos import HEARTBEATS, LATCHED

PERIOD = 0.5  # seconds of wall time between heartbeats
# Seconds of wall time without one after which a node counts as dead; a busy machine stalls for one or two.
TIMEOUT = 3.5
TOPIC = "diagnostics"


class Heartbeat:
    """Publishes that ``node`` lives and that its executor still calls back.

    Attributes:
        complaint: what keeps the node from its work, for the next heartbeats; empty: nothing does.
    """

    def __init__(self, node: Node):
        self.complaint = ""
        self._node = node
        self._name = node.get_fully_qualified_name()
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, LATCHED)
        # Simulated time may stand still; life does not.
        node.create_timer(
            PERIOD,
            self._beat,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self._beat()

    def _beat(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        complaint = self.complaint
        level = DiagnosticStatus.WARN if complaint else DiagnosticStatus.OK
        message.status = [DiagnosticStatus(level=level, name=self._name, message=complaint or "alive")]
        self._publisher.publish(message)


class HeartbeatMonitor:
    """Watches other nodes' heartbeats.

    While the watcher itself stands still, as when the whole machine does, nobody's silence counts.

    Args:
        node: the node that watches; names are looked up in its namespace.
        names: nodes to watch, for example ``("executor", "perception")``.
        timeout: seconds of wall time without a heartbeat until a node counts as dead.
        lost: called once with the name when a node that lived dies, again only after it came back.
        now: wall time that never goes back, seconds.
    """

    def __init__(
        self,
        node: Node,
        names: Sequence[str],
        timeout: float = TIMEOUT,
        lost: Callable[[str], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        namespace = node.get_namespace().rstrip("/")
        self._names = {f"{namespace}/{name}": name for name in names}
        self._timeout = timeout
        self._lost = lost
        self._lock = threading.Lock()
        self._now = now
        self._looked = now()
        self._look_period = timeout / 8  # seconds
        self._seen: dict[str, float] = {}  # name: when
        self._living: set[str] = set()
        self._complaints: dict[str, str] = {}  # name: of its last heartbeat, empty for none
        group = MutuallyExclusiveCallbackGroup()
        node.create_subscription(DiagnosticArray, TOPIC, self._on_beat, HEARTBEATS, callback_group=group)
        node.create_timer(
            self._look_period,
            self._look,
            callback_group=group,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def alive(self, name: str) -> bool:
        """Whether ``name`` was heard of within the timeout; False before its first heartbeat.

        Raises:
            KeyError: ``name`` is not watched.
        """
        self._check(name)
        with self._lock:
            now = self._now()
            return name in self._seen and now - self._seen[name] - self._stalled(now) < self._timeout

    def complaint(self, name: str) -> str:
        """What kept ``name`` from its work at its last heartbeat; empty if nothing did.

        Raises:
            KeyError: ``name`` is not watched.
        """
        self._check(name)
        with self._lock:
            return self._complaints.get(name, "")

    def _check(self, name: str) -> None:
        if name not in self._names.values():
            raise KeyError(f"{name!r} is not watched, only {', '.join(self._names.values())}")

    def _on_beat(self, message: DiagnosticArray) -> None:
        now = self._now()
        with self._lock:
            for status in message.status:
                name = self._names.get(status.name)
                if name is not None:
                    self._seen[name] = now
                    self._living.add(name)
                    well = status.level == DiagnosticStatus.OK
                    self._complaints[name] = "" if well else str(status.message)

    def _stalled(self, now: float) -> float:
        """How long the watcher has stood still since its last look, seconds."""
        return max(0.0, now - self._looked - self._look_period)

    def _look(self) -> None:
        with self._lock:
            now = self._now()
            stalled = self._stalled(now)
            self._looked = now
            self._seen = {name: min(now, seen + stalled) for name, seen in self._seen.items()}
            dead = [n for n in self._living if now - self._seen[n] >= self._timeout]
            self._living.difference_update(dead)
        if self._lost is not None:
            for name in dead:
                self._lost(name)
