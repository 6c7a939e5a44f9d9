"""What an arm is asked to follow, and whether it can: control_msgs/FollowJointTrajectory without ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from taskprog.control.spline import Spline

Floats = NDArray[np.float64]

CHECKS_PER_PIECE = 16  # points between two waypoints that are checked against limits
VELOCITY_SLACK = 1.05  # interpolation between points at the limit goes over it a little


class ResultCode(IntEnum):
    """Result codes of control_msgs/action/FollowJointTrajectory."""

    SUCCESSFUL = 0
    INVALID_GOAL = -1
    INVALID_JOINTS = -2
    OLD_HEADER_TIMESTAMP = -3
    PATH_TOLERANCE_VIOLATED = -4
    GOAL_TOLERANCE_VIOLATED = -5


class GoalError(ValueError):
    """A goal that cannot be followed; ``code`` says of which kind, the message what is wrong."""

    def __init__(self, code: ResultCode, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ArmLimits:
    """Names of the n joints, and (n,) float64 each: radians, radians, radians per second."""

    joints: tuple[str, ...]
    lower: Floats
    upper: Floats
    velocity: Floats


@dataclass(frozen=True)
class Tolerances:
    """How far joints may stray, by joint name: radians. 0 stands for the default, less for no limit."""

    path: Mapping[str, float] = field(default_factory=dict)
    goal: Mapping[str, float] = field(default_factory=dict)
    goal_time: float = 0.0  # seconds after the trajectory's end in which the goal may still be reached


@dataclass(frozen=True)
class ArmGoal:
    """A joint trajectory that has been checked, its joints in the arm's order.

    Attributes:
        times: (K,) float64, seconds from the start.
        positions: (K, n) float64, radians.
        velocities, accelerations: (K, n) float64 or None.
        stamp: when it starts, seconds on the arm's clock; 0 means at once.
        tolerances: see ``Tolerances``.
    """

    times: Floats
    positions: Floats
    velocities: Floats | None = None
    accelerations: Floats | None = None
    stamp: float = 0.0
    tolerances: Tolerances = field(default_factory=Tolerances)


@dataclass(frozen=True)
class Waypoint:
    """A point of a trajectory as it comes in: one value a joint, or an empty sequence where not given."""

    time: float
    positions: Sequence[float]
    velocities: Sequence[float] = ()
    accelerations: Sequence[float] = ()


def make_goal(
    limits: ArmLimits,
    joints: Sequence[str],
    waypoints: Sequence[Waypoint],
    stamp: float = 0.0,
    tolerances: Tolerances | None = None,
) -> ArmGoal:
    """Check a trajectory from outside and put its joints in the arm's order.

    Raises:
        GoalError: INVALID_JOINTS if the joints are not the arm's, each once; INVALID_GOAL if there is no
            point, lengths disagree, times do not rise, or a value is not finite or beyond a limit.
    """
    if sorted(joints) != sorted(limits.joints):
        raise GoalError(
            ResultCode.INVALID_JOINTS,
            f"joints must be {', '.join(limits.joints)}, each once; got {', '.join(joints) or 'none'}",
        )
    if not waypoints:
        raise GoalError(ResultCode.INVALID_GOAL, "the trajectory has no points")
    tolerances = tolerances or Tolerances()
    for name in (*tolerances.path, *tolerances.goal):
        if name not in limits.joints:
            raise GoalError(ResultCode.INVALID_JOINTS, f"a tolerance names the unknown joint {name!r}")
    order = [list(joints).index(name) for name in limits.joints]
    times = np.array([waypoint.time for waypoint in waypoints], np.float64)
    positions = _column("positions", [w.positions for w in waypoints], order)
    if positions is None:
        raise GoalError(ResultCode.INVALID_GOAL, "the points have no positions")
    velocities = _column("velocities", [w.velocities for w in waypoints], order)
    accelerations = _column("accelerations", [w.accelerations for w in waypoints], order)
    if not np.isfinite(times).all() or times[0] < 0 or (np.diff(times) <= 0).any():
        raise GoalError(
            ResultCode.INVALID_GOAL, f"times from start must rise from 0 or later, got {times.tolist()[:8]}"
        )
    check_limits(Spline(times, positions, velocities, accelerations), limits)
    return ArmGoal(times, positions, velocities, accelerations, stamp, tolerances)


def _column(name: str, rows: Sequence[Sequence[float]], order: list[int]) -> Floats | None:
    if all(len(row) == 0 for row in rows):
        return None
    for index, row in enumerate(rows):
        if len(row) != len(order):
            raise GoalError(
                ResultCode.INVALID_GOAL,
                f"point {index} has {len(row)} {name}, not {len(order)} (or none in every point)",
            )
    values = np.array(rows, np.float64)[:, order]
    if not np.isfinite(values).all():
        raise GoalError(ResultCode.INVALID_GOAL, f"{name} must be finite numbers")
    return values


def check_limits(spline: Spline, limits: ArmLimits) -> None:
    """Raise GoalError (INVALID_GOAL) where a trajectory leaves the arm's position or velocity limits."""
    grid, positions, velocities = spline.scan(CHECKS_PER_PIECE)
    beyond = (positions < limits.lower - 1e-6) | (positions > limits.upper + 1e-6)
    if beyond.any():
        at, joint = np.argwhere(beyond)[0]
        raise GoalError(
            ResultCode.INVALID_GOAL,
            f"{limits.joints[joint]} would be at {positions[at, joint]:.3f} rad after {grid[at]:.2f} s, "
            f"beyond its limits {limits.lower[joint]:.3f} to {limits.upper[joint]:.3f}",
        )
    fast = np.abs(velocities) > limits.velocity * VELOCITY_SLACK
    if fast.any():
        at, joint = np.argwhere(fast)[0]
        raise GoalError(
            ResultCode.INVALID_GOAL,
            f"{limits.joints[joint]} would move at {velocities[at, joint]:.2f} rad/s after {grid[at]:.2f} s, "
            f"its limit is {limits.velocity[joint]:.2f}",
        )
