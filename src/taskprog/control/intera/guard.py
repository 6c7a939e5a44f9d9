"""What an arm may be told: checked for a whole motion before it begins, and again for each command.

A motion is checked as the robot will get it, command by command, not as its waypoints suggest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.arm_goal import ArmGoal, ArmLimits
from taskprog.control.intera.codes import Code, Refused
from taskprog.control.kinematics import Kinematics, format_point
from taskprog.control.robot import ARM_JOINTS
from taskprog.control.spline import Spline

Floats = NDArray[np.float64]

PERIOD = 0.01  # seconds between commands
START_TOLERANCE = 0.02  # radians between a motion's first point and the arm
BLEND_TIME = 0.5  # seconds in which that difference is taken back
LONGEST = 600.0  # seconds that a motion may take
AT_REST = 1e-3  # radians per second
ROUNDING = 1e-6
BETWEEN_POSES = 0.02  # radians between two postures that are tested for collisions
# A motion that slows down adds to its own acceleration; motors can do more than the limits of planning.
STEP_SLACK = 2.0

# The robot's own, of parameter /robot_config/joint_config/joint_acceleration_limit; rad/s^2.
ACCELERATION = np.array([10.0, 8.0, 10.0, 10.0, 12.0, 12.0, 12.0])


@dataclass(frozen=True)
class Box:
    """Where the tool may be: corners (3,) in metres, frame ``base``."""

    lower: Floats
    upper: Floats

    def __post_init__(self) -> None:
        if self.lower.shape != (3,) or self.upper.shape != (3,) or not (self.lower < self.upper).all():
            raise ValueError(
                "a box should have three lower and three greater upper bounds, "
                f"not {self.lower} and {self.upper}"
            )


class Path:
    """A checked motion: where the arm is told to be at any time of it."""

    def __init__(self, spline: Spline, offset: Floats):
        """``offset`` (7,) radians from the spline's start to the arm; it fades within ``BLEND_TIME``."""
        self.spline, self.duration = spline, spline.duration
        self._offset = offset
        self._fade = min(BLEND_TIME, self.duration) or PERIOD

    def sample(self, time: float) -> tuple[Floats, Floats]:
        """Positions and velocities, (7,) each, ``time`` seconds after the start."""
        position, velocity = self.spline.sample(time)
        s = min(max(time / self._fade, 0.0), 1.0)
        left = 1 - s**3 * (10 - 15 * s + 6 * s**2)
        rate = -30 * s**2 * (1 - s) ** 2 / self._fade
        return position + left * self._offset, velocity + rate * self._offset

    def commands(self) -> tuple[Floats, Floats]:
        """Positions and velocities (K, 7) at all the times at which commands go out."""
        times = np.append(np.arange(0.0, self.duration, PERIOD), self.duration)
        rows = [self.sample(float(time)) for time in times]
        return np.array([p for p, _ in rows]), np.array([v for _, v in rows])


class Guard:
    """Limits of joints, a box for the tool, and the arm's own body.

    Attributes:
        limits: of positions and velocities.
        acceleration: (7,) rad/s^2.
        box: for the tool.
    """

    def __init__(
        self,
        kinematics: Kinematics,
        box: Box,
        free: Callable[[Floats], bool],
        acceleration: Floats = ACCELERATION,
    ):
        """``free``: whether the arm at (7,) radians touches nothing, itself included."""
        self.limits = ArmLimits(ARM_JOINTS, kinematics.lower, kinematics.upper, kinematics.velocity)
        self.acceleration, self.box = acceleration, box
        self._kinematics, self._free = kinematics, free

    def narrow(self, lower: Floats, upper: Floats, velocity: Floats, acceleration: Floats) -> None:
        """Take over limits, (7,) each, that the robot tells, where they are narrower than ours."""
        own = self.limits
        self.limits = ArmLimits(
            ARM_JOINTS,
            np.maximum(own.lower, lower),
            np.minimum(own.upper, upper),
            np.minimum(own.velocity, velocity),
        )
        self.acceleration = np.minimum(self.acceleration, acceleration)

    def path(self, goal: ArmGoal, measured: Floats, places: bool = True) -> Path:
        """The motion that ``goal`` asks for, from the arm's present place (7,).

        ``places`` false leaves out the tool's and the arm's places, where they have been checked from a
        start hardly beside this one.

        Raises:
            Refused: it may not be made; the message says where and what would be right.
        """
        if goal.stamp:
            raise Refused(Code.INVALID_GOAL, "motions begin at once; leave the trajectory's stamp at 0")
        if goal.times[-1] > LONGEST:
            raise Refused(Code.INVALID_GOAL, f"a motion may take {LONGEST:g} s, not {goal.times[-1]:g} s")
        if goal.velocities is None:
            raise Refused(
                Code.ACCELERATION_LIMIT,
                "positions alone would make the arm jump from speed to speed: give velocities too",
            )
        for index, word in ((0, "start"), (-1, "end")):
            fastest = int(np.abs(goal.velocities[index]).argmax())
            if abs(goal.velocities[index, fastest]) > AT_REST and (index or goal.times[0] == 0):
                raise Refused(
                    Code.NOT_AT_REST,
                    f"a motion should {word} at rest, {ARM_JOINTS[fastest]} has "
                    f"{goal.velocities[index, fastest]:.3f} rad/s",
                )
        path = self._from_here(goal, measured)
        positions, velocities = path.commands()
        self._check_joints(positions, velocities)
        if places:
            self._check_places(positions)
        return path

    def _from_here(self, goal: ArmGoal, measured: Floats) -> Path:
        assert goal.velocities is not None
        if goal.times[0] > 0:  # the way to the first point is ours
            accelerations = goal.accelerations
            still = np.zeros((1, len(ARM_JOINTS)))
            return Path(
                Spline(
                    np.append(0.0, goal.times),
                    np.vstack([measured, goal.positions]),
                    np.vstack([still, goal.velocities]),
                    None if accelerations is None else np.vstack([still, accelerations]),
                ),
                np.zeros(len(ARM_JOINTS)),
            )
        offset = measured - goal.positions[0]
        worst = int(np.abs(offset).argmax())
        if abs(offset[worst]) > START_TOLERANCE:
            raise Refused(
                Code.START_ELSEWHERE,
                f"the motion starts with {ARM_JOINTS[worst]} at {goal.positions[0, worst]:.3f} rad, but it "
                f"is at {measured[worst]:.3f}; {START_TOLERANCE} rad may lie between",
            )
        return Path(Spline(goal.times, goal.positions, goal.velocities, goal.accelerations), offset)

    def _check_joints(self, positions: Floats, velocities: Floats) -> None:
        limits = self.limits
        outside = np.maximum(limits.lower - positions, positions - limits.upper)
        self._refuse(
            outside > ROUNDING,
            Code.POSITION_LIMIT,
            lambda k, j: (
                f"be at {positions[k, j]:.3f} rad, its limits are {limits.lower[j]:.3f} to "
                f"{limits.upper[j]:.3f}"
            ),
        )
        steps = np.abs(np.diff(positions, axis=0, prepend=positions[:1])) / PERIOD
        speeds = np.maximum(np.abs(velocities), steps)
        self._refuse(
            speeds > limits.velocity + ROUNDING,
            Code.VELOCITY_LIMIT,
            lambda k, j: f"move at {speeds[k, j]:.3f} rad/s, its limit is {limits.velocity[j]:.3f}",
        )
        still = np.zeros((1, velocities.shape[1]))
        changes = np.abs(np.diff(np.vstack([still, velocities, still]), axis=0)) / PERIOD
        self._refuse(
            changes > self.acceleration + ROUNDING,
            Code.ACCELERATION_LIMIT,
            lambda k, j: (
                f"accelerate with {changes[k, j]:.2f} rad/s^2, its limit is {self.acceleration[j]:.2f}"
            ),
        )

    def _refuse(self, bad: NDArray[np.bool_], code: Code, text: Callable[[int, int], str]) -> None:
        if bad.any():
            k, j = (int(i) for i in np.argwhere(bad)[0])
            raise Refused(code, f"after {k * PERIOD:.2f} s {ARM_JOINTS[j]} would {text(k, j)}")

    def _check_places(self, positions: Floats) -> None:
        last = None
        for k, q in enumerate(positions):
            if last is None or k == len(positions) - 1 or np.abs(q - last).max() >= BETWEEN_POSES:
                last = q
                self.place(q, f"after {k * PERIOD:.2f} s ")

    def place(self, q: Floats, when: str = "") -> None:
        """Whether the arm may be at ``q`` (7,): the tool inside the box, nothing touching.

        Raises:
            Refused: WORKSPACE or SELF_COLLISION.
        """
        tool, _ = self._kinematics.forward(q)
        if (tool < self.box.lower).any() or (tool > self.box.upper).any():
            raise Refused(
                Code.WORKSPACE,
                f"{when}the tool would be at {format_point(tool)} m, outside the box from "
                f"{format_point(self.box.lower)} to {format_point(self.box.upper)}",
            )
        if not self._free(q):
            raise Refused(Code.SELF_COLLISION, f"{when}the arm would touch itself")

    def step(self, before: tuple[Floats, Floats], position: Floats, velocity: Floats) -> None:
        """Whether one command (7,) may follow another (positions, velocities), ``PERIOD`` earlier.

        Raises:
            Refused: with the code of the limit that it breaks.
        """
        limits = self.limits
        outside = np.maximum(limits.lower - position, position - limits.upper)
        for code, bad in (
            (Code.POSITION_LIMIT, outside > ROUNDING),
            (Code.VELOCITY_LIMIT, np.abs(position - before[0]) > limits.velocity * PERIOD + ROUNDING),
            (Code.VELOCITY_LIMIT, np.abs(velocity) > limits.velocity + ROUNDING),
            (
                Code.ACCELERATION_LIMIT,
                np.abs(velocity - before[1]) > STEP_SLACK * self.acceleration * PERIOD + ROUNDING,
            ),
        ):
            # Written so that what is not a number is refused too.
            if bad.any() or not np.isfinite(position).all() or not np.isfinite(velocity).all():
                raise Refused(code, f"the next command for {ARM_JOINTS[int(bad.argmax())]} breaks its limit")
        self.place(position)
