"""An electric gripper behind Intera's device topics: signals set by JSON, acknowledged by time stamp."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

NAME = "right_gripper"
RANGE = 0.041667  # metres
SLOWEST, FASTEST = 0.15, 3.0  # metres per second
CALIBRATION = 0.3  # seconds; the real one takes up to 5
OUT = {"calibrate": False, "reboot": False, "go": True, "position_m": RANGE, "speed_mps": 3.0}
FORMATS = {bool: "bool", int: "int", float: "float"}


class Gripper:
    """Its signals and fingers.

    Attributes:
        object_width: metres of opening at which a thing stops the fingers; None for nothing there.
        broken: whether it reports an error and does nothing.
        answers: whether commands are acknowledged.
        changed: whether its state should be sent.
        seen: time stamps of commands, newest last.
        repeated: commands that came again with the same stamp.
    """

    def __init__(self) -> None:
        self.object_width: float | None = None
        self.broken = False
        self.answers = True
        self.changed = True
        self.seen: deque[tuple[int, int]] = deque(maxlen=10)
        self.repeated = 0
        self.refused = 0
        self.position = RANGE
        self.calibrated = False
        self._set: dict[str, Any] = dict(OUT)
        self._calibrating = 0.0
        self._gripping = self._moving = False

    def command(self, stamp: tuple[int, int], op: str, args: str) -> None:
        """/io/end_effector/right_gripper/command; a stamp that was seen before is only acknowledged again."""
        if stamp in self.seen:
            self.repeated += 1
            self.changed = True
            return
        try:
            signals = json.loads(args)["signals"]
            values = {name: signal["data"][0] for name, signal in signals.items()}
        except (ValueError, KeyError, IndexError, TypeError):
            self.refused += 1
            return
        if op != "set" or not set(values) <= set(OUT):
            self.refused += 1
            return
        if self.answers:
            self.seen.append(stamp)
        self._set.update(values)
        if values.get("reboot"):
            self.broken = self.calibrated = False
        if values.get("calibrate") and not self.broken:
            self._calibrating, self.calibrated = CALIBRATION, False
        self.changed = True

    def fail(self) -> None:
        """Report an error until rebooted."""
        self.broken = self.changed = True

    def update(self, seconds: float) -> None:
        """Let time pass."""
        before = (self.position, self._moving, self._gripping, self.calibrated)
        if self._calibrating > 0:
            self._calibrating -= seconds
            self.calibrated = self._calibrating <= 0
        elif self.calibrated and self._set["go"] and not self.broken:
            self._drive(seconds)
        else:
            self._moving = False
        if before != (self.position, self._moving, self._gripping, self.calibrated):
            self.changed = True

    def _drive(self, seconds: float) -> None:
        target = min(max(float(self._set["position_m"]), 0.0), RANGE)
        # So fast that a few messages see the motion; the real one's speeds are these.
        speed = min(max(float(self._set["speed_mps"]), SLOWEST), FASTEST)
        stop = target
        if self.object_width is not None and target < self.object_width <= self.position + 1e-9:
            stop = self.object_width
        way = stop - self.position
        step = min(abs(way), speed * seconds)
        self.position += step if way > 0 else -step
        self._moving = abs(stop - self.position) > 1e-9
        self._gripping = not self._moving and stop != target

    def signals(self) -> list[tuple[str, str, str]]:
        """Name, format and data of each signal, the latter two as JSON."""
        shown = {
            **self._set,
            "is_calibrated": self.calibrated,
            "is_moving": self._moving,
            "is_gripping": self._gripping,
            "has_error": self.broken,
            "position_response_m": self.position,
            "force_response_n": 30.0 if self._gripping else 0.0,
        }
        return [
            (name, json.dumps({"type": FORMATS[type(value)]}), json.dumps([value]))
            for name, value in shown.items()
        ]
