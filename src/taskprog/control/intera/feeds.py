"""What the robot tells, with the time at which it came: stamps are the robot's clock, and it may be dead."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.intera import messages as types
from taskprog.control.intera.codes import Code, Fault
from taskprog.control.robot import ARM_JOINTS
from tcpros import Message

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Timeouts:
    """Seconds after which what the robot told last no longer counts."""

    state: float = 0.1
    joints: float = 0.1


class Feeds:
    """The robot's messages; their callbacks run in threads of the connections.

    Attributes:
        alarm: called when something has come that may end a motion.
    """

    def __init__(self, timeouts: Timeouts):
        self.timeouts = timeouts
        self.alarm: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._state: Message | None = None
        self._state_at = self._joints_at = -math.inf
        self._joints: dict[str, tuple[float, float]] = {}
        self._stamp = 0.0
        self._collision = self._cuff = False

    def on_state(self, message: Message) -> None:
        """/robot/state."""
        with self._lock:
            self._state, self._state_at = message, time.monotonic()
        if message.stopped or not message.enabled:
            self.alarm()

    def on_joints(self, message: Message) -> None:
        """/robot/joint_states: merged by name, for the head and the fingers may come on their own."""
        names, positions = message.name, message.position
        velocities = message.velocity if len(message.velocity) == len(names) else [0.0] * len(names)
        arm = set(ARM_JOINTS) <= set(names)
        if len(positions) != len(names) or not all(map(math.isfinite, [*positions, *velocities])):
            return  # no measurement; the watchdog will notice
        with self._lock:
            self._joints.update(zip(names, zip(positions, velocities, strict=True), strict=True))
            if arm:
                self._joints_at = time.monotonic()
                self._stamp = message.header.stamp.secs + 1e-9 * message.header.stamp.nsecs

    def on_collision(self, message: Message) -> None:
        """/robot/limb/right/collision_detection_state."""
        with self._lock:
            self._collision = message.collision_state
        if message.collision_state:
            self.alarm()

    def on_cuff(self, message: Message) -> None:
        """/io/robot/cuff/state."""
        held = bool(signal(message, "right_cuff", 0))
        with self._lock:
            self._cuff = held
        if held:
            self.alarm()

    @property
    def state(self) -> Message | None:
        """The robot's state if it is fresh."""
        with self._lock:
            fresh = time.monotonic() - self._state_at <= self.timeouts.state
            return self._state if fresh else None

    def arm(self) -> tuple[Floats, Floats] | None:
        """Positions and velocities (7,) of the arm, if they are fresh."""
        with self._lock:
            if time.monotonic() - self._joints_at > self.timeouts.joints:
                return None
            rows = [self._joints[name] for name in ARM_JOINTS]
        values = np.array(rows, np.float64)
        return values[:, 0], values[:, 1]

    def joints(self) -> dict[str, tuple[float, float]] | None:
        """Position and velocity of every joint by name, if the arm's are fresh."""
        with self._lock:
            stale = time.monotonic() - self._joints_at > self.timeouts.joints
            return None if stale else dict(self._joints)

    def fault(self) -> Fault | None:
        """Why the arm may not move, as far as the robot tells."""
        now = time.monotonic()
        with self._lock:
            state, collision, cuff = self._state, self._collision, self._cuff
            ages = now - self._state_at, now - self._joints_at
        if state is None or ages[0] > self.timeouts.state:
            return Fault(Code.STALE_STATE, f"/robot/state: {_age(ages[0])}")
        if state.stopped:
            return Fault(Code.ESTOP, f"the robot is stopped: {describe_stop(state)}")
        if not state.enabled:
            if state.error:
                return Fault(Code.ROBOT_ERROR, "the robot reports an error and is disabled")
            return Fault(Code.DISABLED, "the robot is disabled")
        if ages[1] > self.timeouts.joints:
            return Fault(Code.STALE_JOINTS, f"/robot/joint_states without the arm: {_age(ages[1])}")
        if collision:
            return Fault(Code.COLLISION, "the robot says that it has hit something")
        if cuff:
            return Fault(Code.CUFF, "somebody holds the cuff")
        return None


def _age(seconds: float) -> str:
    return "none so far" if math.isinf(seconds) else f"the last one came {seconds:.2f} s ago"


def describe_stop(state: Message) -> str:
    """Who stopped the robot, and what is to be done."""
    button = {
        types.BUTTON_PRESSED: "the button is pressed; release it, then reset",
        types.BUTTON_RELEASED: "the button was released; reset",
        types.BUTTON_UNKNOWN: "not by the button; reset",
    }.get(state.estop_button, "reset")
    source = {
        types.SOURCE_USER: "by the red button",
        types.SOURCE_FAULT: "by a fault of a joint",
        types.SOURCE_ENGINE: "by the robot's own software",
    }.get(state.estop_source, "by an unknown source")
    return f"{source}; {button}"


def signal(device: Message, name: str, default: float | bool) -> float | bool:
    """The value of a device's signal; ``default`` where it has none that can be read."""
    for row in device.signals:
        if row.name == name:
            try:
                value = json.loads(row.data)[0]
            except (ValueError, IndexError, TypeError, KeyError):
                return default
            return value if isinstance(value, (int, float)) and math.isfinite(value) else default
    return default
