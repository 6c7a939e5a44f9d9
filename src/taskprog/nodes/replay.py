"""Plays a recording back onto its topics, with the recorded timing and ``/clock``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from rosgraph_msgs.msg import Clock

from taskprog.nodes.bag import BagReader, message_class
from taskprog.nodes.convert import NANO
from taskprog.nodes.qos import EVERY_EVENT, LATCHED

CLOCK_PERIOD = 0.02  # seconds of wall time between messages on /clock, at most
CLOCK = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class Replayer:
    """Publishes one bag through ``node``; its publishers exist from the start, to be found."""

    def __init__(self, node: Node, bag: BagReader):
        """Make the publishers.

        Raises:
            taskprog.nodes.bag.BagError: a recorded type is not installed.
        """
        self._bag = bag
        self._clock = node.create_publisher(Clock, "/clock", CLOCK)
        self._publishers: dict[str, Any] = {
            c.topic: node.create_publisher(
                message_class(c.type), c.topic, LATCHED if c.latched else EVERY_EVENT
            )
            for c in bag.channels
        }

    def heard(self) -> bool:
        """Whether somebody listens to any of the topics."""
        return any(p.get_subscription_count() > 0 for p in self._publishers.values())

    def play(
        self, rate: float, stop: threading.Event, on_message: Callable[[int], None] | None = None
    ) -> bool:
        """Publish everything once, in order; blocks.

        Args:
            rate: recorded seconds a second of wall time.
            stop: ends it early when set.
            on_message: gets the number of messages published so far.

        Returns:
            Whether it came to the end.

        Raises:
            ValueError: the rate is not positive.
            taskprog.nodes.bag.BagError: the bag is damaged.
        """
        if not rate > 0.0:
            raise ValueError(f"the rate must be positive, got {rate:g}")
        began = time.monotonic()
        for count, message in enumerate(self._bag.messages(), start=1):
            due = began + (message.time - self._bag.start) / NANO / rate
            while (left := due - time.monotonic()) > 0.0:
                self._tell_time(max(0, message.time - round(left * rate * NANO)))
                if stop.wait(min(left, CLOCK_PERIOD)):
                    return False
            if stop.is_set():
                return False
            self._tell_time(message.time)
            self._publishers[message.channel.topic].publish(message.data)
            if on_message is not None:
                on_message(count)
        return True

    def _tell_time(self, nanoseconds: int) -> None:
        self._clock.publish(Clock(clock=Time(nanoseconds=nanoseconds).to_msg()))
