"""The electric gripper: signals set by JSON commands that are repeated until they are acknowledged.

Widths are between the pads. Its force cannot be set, and its first motion calibrates it, which opens and
closes the fingers once.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from taskprog.control.intera import messages as types
from taskprog.control.intera.codes import Code, Fault
from taskprog.control.intera.feeds import signal
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH
from taskprog.machine.cancel import CancelToken
from tcpros import Message, Time

REPEAT = 0.1  # seconds between copies of a command
ACKNOWLEDGED = 5.0  # seconds within which it must be
CALIBRATED = 8.0  # seconds that calibrating may take
MOVED = 5.0  # seconds that a motion may take
STALL_TIME = 0.3  # seconds without a change, after which the fingers have stopped
REACHED = 0.001  # metres
NO_MATTER = (Code.COLLISION, Code.CUFF)  # to fingers: who has to may let go
POLL = 0.05  # seconds between looks at the token and at faults


class GripperError(RuntimeError):
    """The gripper did not do what it was told; says why."""


@dataclass(frozen=True)
class Gripped:
    """How a motion ended: metres between the pads, and whether a thing stopped them short of the target."""

    width: float
    stalled: bool
    cancelled: bool = False


class Gripper:
    """One gripper behind its device topics.

    Attributes:
        send: publishes a command; None while no gripper is known.
    """

    def __init__(self, fault: Callable[[], Fault | None]):
        """``fault``: why nothing may move now."""
        self._fault = fault
        self.send: Callable[[Message], int] | None = None
        self._changed = threading.Condition()
        self._state: Message | None = None
        self._last = (0, 0)

    def on_state(self, message: Message) -> None:
        """The device's state; one without a time is none yet."""
        if message.time.secs:
            with self._changed:
                self._state = message
                self._changed.notify_all()

    @property
    def width(self) -> float | None:
        """Metres between the pads, once the gripper has told."""
        with self._changed:
            if self._state is None:
                return None
            return GRIPPER_CLOSED_WIDTH + signal(self._state, "position_response_m", 0.0)

    def check(self, width: float, force: float) -> None:
        """Raise ValueError unless the pads can be ``width`` metres apart and ``force`` is 0 N or more."""
        if not GRIPPER_CLOSED_WIDTH - REACHED <= width <= GRIPPER_OPEN_WIDTH + REACHED:
            raise ValueError(
                f"the pads can be {GRIPPER_CLOSED_WIDTH:.4f} to {GRIPPER_OPEN_WIDTH:.4f} m apart, "
                f"not {width:.4f} m"
            )
        if not force >= 0.0:
            raise ValueError(f"a force should be 0 N or more, not {force:g} N")

    def move(self, width: float, cancel: CancelToken) -> Gripped:
        """Bring the pads ``width`` metres apart, or on what is between them.

        Raises:
            ValueError: out of range, see ``check``.
            GripperError: there is none, it has an error, does not answer, or may not move.
        """
        self.check(width, 0.0)
        self._calibrate(cancel)
        target = min(max(width - GRIPPER_CLOSED_WIDTH, 0.0), GRIPPER_OPEN_WIDTH - GRIPPER_CLOSED_WIDTH)
        self._set({"position_m": target, "go": True}, cancel)
        end = time.monotonic() + MOVED
        place, since = self._value("position_response_m"), time.monotonic()
        while True:
            self._check(end, "the fingers still move")
            now, position = time.monotonic(), self._value("position_response_m")
            if abs(position - place) > REACHED / 4:
                place, since = position, now
            still = not self._value("is_moving")
            reached = abs(position - target) <= REACHED
            if still and (reached or self._value("is_gripping") or now - since >= STALL_TIME):
                return Gripped(GRIPPER_CLOSED_WIDTH + position, not reached)
            if cancel.cancelled:
                self._set({"go": False}, CancelToken())
                return Gripped(GRIPPER_CLOSED_WIDTH + self._value("position_response_m"), False, True)
            self._wait(POLL)

    def _calibrate(self, cancel: CancelToken) -> None:
        if self._value("is_calibrated"):
            return
        self._set({"calibrate": True}, cancel)
        end = time.monotonic() + CALIBRATED
        while not self._value("is_calibrated"):
            self._check(end, "it is not calibrated")
            if cancel.cancelled:
                raise GripperError("cancelled while it calibrated")
            self._wait(POLL)

    def _set(self, values: Mapping[str, bool | float], cancel: CancelToken) -> None:
        """Set signals, and return once the gripper has acknowledged it."""
        signals = {
            name: {"format": {"type": "bool" if isinstance(value, bool) else "float"}, "data": [value]}
            for name, value in values.items()
        }
        stamp = self._fresh_stamp()
        command = types.IO_COMMAND(time=stamp, op="set", args=json.dumps({"signals": signals}))
        end = time.monotonic() + ACKNOWLEDGED
        while True:
            self._check(end, f"no answer to setting {', '.join(values)}")
            assert self.send is not None
            self.send(command)
            with self._changed:
                if self._changed.wait_for(lambda: self._has(stamp), REPEAT):
                    return
            if cancel.cancelled:
                raise GripperError("cancelled before it answered")

    def _has(self, stamp: Time) -> bool:
        return self._state is not None and stamp in [tuple(time) for time in self._state.commands]

    def _fresh_stamp(self) -> Time:
        """The gripper knows commands by their time: no two may have the same."""
        now = divmod(time.time_ns(), 1_000_000_000)
        self._last = max(now, (self._last[0], self._last[1] + 1))
        return Time(*self._last)

    def _check(self, end: float, late: str) -> None:
        fault = self._fault()
        if fault is not None and fault.code not in NO_MATTER:
            raise GripperError(fault.message)
        if self.send is None or self._state is None:
            raise GripperError("no gripper has told its state; is one mounted?")
        if self._value("has_error"):
            raise GripperError("the gripper reports an error; reboot it")
        if time.monotonic() > end:
            raise GripperError(f"{late} in time")

    def _value(self, name: str) -> float | bool:
        with self._changed:
            return 0.0 if self._state is None else signal(self._state, name, 0.0)

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait(seconds)
