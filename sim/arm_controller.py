"""Follows joint trajectories as ros2_controllers' JointTrajectoryController does, free of ROS and physics.

The caller has the clock: once a control period it hands in what the joints measure and gets what the
motors shall do. A trajectory ends well, or is aborted with a code of FollowJointTrajectory, or is
cancelled; whichever way, the arm then holds its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from taskprog.control.arm_goal import ArmGoal, ArmLimits, GoalError, ResultCode, check_limits
from taskprog.control.spline import Spline

Floats = NDArray[np.float64]

PATH_TOLERANCE = 0.10  # radians, where a goal does not say
GOAL_TOLERANCE = 0.01
GOAL_TIME_TOLERANCE = 1.0  # seconds
STOPPED = 0.05  # radians per second: slower than this is standing still
# Radians between a trajectory's first point and the setpoint: an arm that presses on something stands that
# far from it, and what comes next starts where the arm is.
START_TOLERANCE = 0.05
STOP_TIME = 0.25  # seconds in which a cancelled motion slows down to nothing, still on its path
TABLE_ROWS = 960  # periods for which setpoints are computed at once
Row = tuple[list[float], list[float]]  # positions and velocities of a setpoint


class Ending(Enum):
    """How a motion ended, in the words of ROS actions."""

    SUCCEEDED = "succeeded"
    ABORTED = "aborted"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class ArmResult:
    """How a motion ended, FollowJointTrajectory's code for it, and why in words."""

    ending: Ending
    code: ResultCode = ResultCode.SUCCESSFUL
    message: str = ""


@dataclass(frozen=True)
class Setpoint:
    """What the motors shall do: (n,) radians and radians per second."""

    positions: Floats
    velocities: Floats


class Motion:
    """One goal being followed; ``result`` is None until it has ended."""

    def __init__(self, spline: Spline, began: float, path: Floats, goal: Floats, goal_time: float):
        self.result: ArmResult | None = None
        self.spline = spline
        self.clock = -began  # trajectory time is this far ahead of the caller's; lags once it slows down
        self.path_tolerance = path
        self.path_limits: list[float] = path.tolist()
        self.goal_tolerance = goal
        self.goal_time = goal_time
        self.progress = 0.0  # share of the trajectory's time that has passed, 0 to 1
        self.table: list[Row] = []  # setpoints for trajectory times ``table_start``, a period later, ...
        self.table_start = 0.0


class ArmController:
    """Holds an arm where it is, or moves it along one trajectory at a time."""

    def __init__(self, limits: ArmLimits, positions: Floats):
        """Hold ``positions``, (n,) radians."""
        self.limits = limits
        self._setpoint = Setpoint(positions.copy(), np.zeros_like(positions))
        self._row: Row | None = None  # the present setpoint, if it came from a table
        self._motion: Motion | None = None
        self._stopping: tuple[float, ArmResult] | None = None  # since when, and the result in the end

    @property
    def setpoint(self) -> Setpoint:
        """What the motors shall do now."""
        if self._row is not None:
            positions, velocities = self._row
            self.setpoint = Setpoint(np.array(positions), np.array(velocities))
        return self._setpoint

    @setpoint.setter
    def setpoint(self, setpoint: Setpoint) -> None:
        self._setpoint, self._row = setpoint, None

    @property
    def active(self) -> bool:
        """Whether a trajectory is being followed or a motion is coming to rest."""
        return self._motion is not None

    def start(self, goal: ArmGoal, now: float) -> Motion:
        """Follow ``goal`` instead of whatever runs.

        A motion that cannot start has its result at once, and what runs goes on.
        A first point later than the start is reached from the present setpoint in a smooth way.
        """
        began = goal.stamp or now
        motion = Motion(
            self._spline(goal),
            began,
            self._per_joint(goal.tolerances.path, PATH_TOLERANCE),
            self._per_joint(goal.tolerances.goal, GOAL_TOLERANCE),
            goal.tolerances.goal_time or GOAL_TIME_TOLERANCE,
        )
        motion.result = self._obstacle(motion.spline, now - began)
        if motion.result is None:
            if self._motion is not None:
                self._motion.result = ArmResult(Ending.CANCELLED, message="preempted by a new trajectory")
            self._motion, self._stopping = motion, None
        return motion

    def _obstacle(self, spline: Spline, late: float) -> ArmResult | None:
        """Why a trajectory cannot be started ``late`` seconds after its beginning; None if it can."""
        if late > spline.duration:
            return ArmResult(
                Ending.ABORTED,
                ResultCode.OLD_HEADER_TIMESTAMP,
                f"the trajectory ended {late - spline.duration:.3f} s ago; leave the stamp at 0 to start now",
            )
        first, _ = spline.sample(max(late, 0.0))
        gap = np.abs(first - self.setpoint.positions)
        if gap.max() > START_TOLERANCE:
            worst = int(gap.argmax())
            return ArmResult(
                Ending.ABORTED,
                ResultCode.INVALID_GOAL,
                f"the trajectory starts with {self.limits.joints[worst]} at {first[worst]:.3f} rad, but it "
                f"is at {self.setpoint.positions[worst]:.3f}; {START_TOLERANCE} rad may lie between",
            )
        try:
            check_limits(spline, self.limits)
        except GoalError as error:
            return ArmResult(Ending.ABORTED, error.code, f"{error} (on the way to the first point)")
        return None

    def cancel(self, now: float, message: str = "cancelled", ending: Ending = Ending.CANCELLED) -> None:
        """Slow down along the path and hold there; the motion ends once the arm has come to rest."""
        if self._motion is not None and self._stopping is None:
            self._stopping = (now, ArmResult(ending, ResultCode.SUCCESSFUL, message))

    def abandon(self, message: str) -> None:
        """End a motion at once: the arm is somewhere else now."""
        self._end(ArmResult(Ending.CANCELLED, message=message))

    def update(self, now: float, period: float, positions: Floats, velocities: Floats) -> Setpoint:
        """One control period.

        Args:
            now: seconds on the caller's clock.
            period: seconds until the next call.
            positions, velocities: (n,) what the joints measure now.

        Returns:
            where the arm shall be at ``now + period``.
        """
        motion = self._motion
        if motion is None:
            return self.setpoint
        if not self.keeps_path(positions.tolist()):
            return self.setpoint
        if self._stopping is not None:
            return self._slow_down(motion, now, period)
        self._finish(motion, now, np.abs(positions - self.setpoint.positions), velocities)
        if self._motion is not None:
            time = motion.clock + now + period
            self.setpoint = Setpoint(*motion.spline.sample(time))
            motion.progress = min(max(time / max(motion.spline.duration, period), 0.0), 1.0)
        return self.setpoint

    def keeps_path(self, positions: Sequence[float]) -> bool:
        """Whether the arm is where it should be now; if not, the motion ends there.

        Args:
            positions: n, what the joints measure now.
        """
        motion = self._motion
        if motion is None:
            return True
        wanted = self._row[0] if self._row is not None else self._setpoint.positions
        # Without numpy: called for each few steps of physics, its functions would take longer than these.
        near = (abs(a - b) <= t for a, b, t in zip(positions, wanted, motion.path_limits, strict=True))
        if all(near):
            return True
        measured = np.array(positions)
        error = np.abs(measured - self.setpoint.positions)
        worst = int((error - motion.path_tolerance).argmax())
        self.setpoint = Setpoint(measured, np.zeros_like(measured))
        self._end(
            ArmResult(
                Ending.ABORTED,
                ResultCode.PATH_TOLERANCE_VIOLATED,
                f"{self.limits.joints[worst]} is {error[worst]:.3f} rad off its path, "
                f"{motion.path_tolerance[worst]:.3f} are allowed: something is in the way",
            )
        )
        return False

    def ahead(self, now: float, period: float, most: int) -> list[Row]:
        """Setpoints of the next ``most`` periods, fewer or none where the motion begins, ends or slows down.

        For a caller who has no need to look at the arm in between: for each, ``update`` would have given the
        same. All of them count as done.
        """
        motion = self._motion
        if motion is None or self._stopping is not None:
            return []
        first = motion.clock + now + period
        last = motion.spline.duration - 2 * period
        most = min(most, math.floor((last - first) / period) + 1)
        if first < 0.0 or most <= 0:
            return []
        index = round((first - motion.table_start) / period)
        if not 0 <= index <= len(motion.table) - most:
            times = first + period * np.arange(max(TABLE_ROWS, most), dtype=np.float64)
            positions, velocities = motion.spline.sample_many(times[times <= last + period])
            motion.table = list(zip(positions.tolist(), velocities.tolist(), strict=True))
            motion.table_start, index = first, 0
        rows = motion.table[index : index + most]
        self._row = rows[-1]
        motion.progress = (first + (len(rows) - 1) * period) / motion.spline.duration
        return rows

    def _finish(self, motion: Motion, now: float, error: Floats, velocities: Floats) -> None:
        overdue = motion.clock + now - motion.spline.duration
        if overdue < 0:
            return
        missed = error > motion.goal_tolerance
        moving = np.abs(velocities) > STOPPED
        if not missed.any() and not moving.any():
            self._end(ArmResult(Ending.SUCCEEDED))
        elif overdue > motion.goal_time:
            worst = int((error - motion.goal_tolerance).argmax())
            self._end(
                ArmResult(
                    Ending.ABORTED,
                    ResultCode.GOAL_TOLERANCE_VIOLATED,
                    f"{self.limits.joints[worst]} is {error[worst]:.4f} rad from the goal after "
                    f"{motion.goal_time:g} s, {motion.goal_tolerance[worst]:.4f} are allowed",
                )
            )

    def _slow_down(self, motion: Motion, now: float, period: float) -> Setpoint:
        assert self._stopping is not None
        since, result = self._stopping
        rate = max(1.0 - (now + period - since) / STOP_TIME, 0.0)
        motion.clock -= (1.0 - rate) * period
        position, velocity = motion.spline.sample(motion.clock + now + period)
        self.setpoint = Setpoint(position, velocity * rate)
        if rate == 0.0:
            self._end(result)
        return self.setpoint

    def _end(self, result: ArmResult) -> None:
        if self._motion is not None:
            self._motion.result = result
        self._motion, self._stopping = None, None
        self.setpoint = Setpoint(self.setpoint.positions, np.zeros_like(self.setpoint.velocities))

    def _spline(self, goal: ArmGoal) -> Spline:
        times, positions, velocities, accelerations = (
            goal.times,
            goal.positions,
            goal.velocities,
            goal.accelerations,
        )
        if times[0] > 0:
            times = np.concatenate([[0.0], times])
            positions = np.vstack([self.setpoint.positions, positions])
            if velocities is not None:
                velocities = np.vstack([self.setpoint.velocities, velocities])
            if accelerations is not None:
                accelerations = np.vstack([np.zeros_like(self.setpoint.positions), accelerations])
        return Spline(times, positions, velocities, accelerations)

    def _per_joint(self, given: Mapping[str, float], default: float) -> Floats:
        values = np.array([given.get(name, 0.0) or default for name in self.limits.joints])
        return np.where(values < 0, np.inf, values)
