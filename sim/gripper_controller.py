"""Moves a parallel gripper as control_msgs/GripperCommand asks, free of ROS and physics."""

from __future__ import annotations

from dataclasses import dataclass

SPEED = 0.10  # metres per second by which the width changes
REACHED = 0.001  # metres: nearer than this to the target is there
STALL_TIME = 0.15  # seconds without ...
STALL_TRAVEL = 0.0003  # ... this much of a change, metres: something is between the pads
MAX_FORCE = 20.0  # newtons a finger, the electric gripper's own limit
DEFAULT_FORCE = 10.0  # grasps cubes well; at 40 N they are pushed out of place


@dataclass(frozen=True)
class GripperResult:
    """How a gripper motion ended: ``width`` in metres, and which of GripperCommand's flags hold."""

    width: float
    stalled: bool
    reached: bool
    cancelled: bool = False


class GripperMotion:
    """One command being carried out; ``result`` is None until it has ended."""

    def __init__(self, target: float, width: float, now: float):
        self.target = target
        self.result: GripperResult | None = None
        self.anchor, self.since = width, now  # where and when it last moved


class GripperController:
    """Opens and closes at a steady speed; keeps pressing with the last command's force when done."""

    def __init__(self, closed: float, opened: float, width: float):
        """``closed`` and ``opened`` are the least and greatest width, ``width`` the present one, metres."""
        self.closed, self.opened = closed, opened
        self.setpoint = width
        self.force = DEFAULT_FORCE
        self._motion: GripperMotion | None = None

    @property
    def active(self) -> bool:
        """Whether a command is being carried out."""
        return self._motion is not None

    def check(self, width: float, force: float) -> None:
        """Raise ValueError unless ``width`` (metres) and ``force`` (newtons, 0: the default) can be had."""
        if not self.closed - REACHED <= width <= self.opened + REACHED:
            raise ValueError(
                f"the pads can be {self.closed:.4f} to {self.opened:.4f} m apart, not {width:.4f} m"
            )
        if not 0.0 <= force <= MAX_FORCE:
            raise ValueError(f"the gripper's force can be 0 (default) to {MAX_FORCE:g} N, not {force:g} N")

    def start(self, width: float, force: float, now: float, measured: float) -> GripperMotion:
        """Move from ``measured`` to ``width``, metres, instead of whatever runs.

        Raises:
            ValueError: out of the gripper's range, see ``check``.
        """
        self.check(width, force)
        self.cancel(measured)
        self.force = force or DEFAULT_FORCE
        # While pressing on something, the setpoint lies beyond the pads; moving on starts from them.
        onward = max if width > measured else min
        self.setpoint = onward(self.setpoint, measured)
        self._motion = GripperMotion(min(max(width, self.closed), self.opened), measured, now)
        return self._motion

    def cancel(self, measured: float) -> None:
        """Stop where it is, still holding what it holds."""
        if self._motion is not None:
            self._motion.result = GripperResult(measured, False, False, cancelled=True)
            self._motion = None

    def update(self, now: float, period: float, measured: float) -> float:
        """One control period: takes the measured width, gives the width to drive to, metres."""
        motion = self._motion
        if motion is None:
            return self.setpoint
        step = SPEED * period
        self.setpoint += min(max(motion.target - self.setpoint, -step), step)
        if abs(measured - motion.anchor) > STALL_TRAVEL:
            motion.anchor, motion.since = measured, now
        reached = abs(measured - motion.target) <= REACHED
        stalled = now - motion.since >= STALL_TIME
        # A command to where the pads already are must still be seen to hold there.
        if (reached and self.setpoint == motion.target) or stalled:
            motion.result = GripperResult(measured, stalled and not reached, reached)
            self.setpoint = motion.target
            self._motion = None
        return self.setpoint
