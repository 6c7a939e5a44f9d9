"""From a path of configurations to the fastest trajectory that the limits allow (TOPP-RA)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import toppra
from numpy.typing import NDArray
from toppra import algorithm, constraint

from taskprog.control.errors import InvalidGoal, Unreachable
from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import ARM_JOINTS, JointTrajectory

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SAMPLE_PERIOD = 0.02  # seconds
MARGIN = 0.97  # of the limits; they are checked on a grid, and between its points they could be passed
MIN_DURATION = 0.05  # seconds
FREE = 100.0  # a rate that never limits, per second
GRID = 60  # points at least at which the limits are checked
STILL = 1e-5  # radians; a path shorter than this is no motion
logging.getLogger("toppra").setLevel(logging.ERROR)


@dataclass(frozen=True)
class JointPath:
    """A smooth path in joint space, without time.

    Attributes:
        knots: (K,) path parameter, rising from 0; metres of tool path where there is one.
        positions: (K, 7) radians.
        rates: (K,) how fast the parameter may grow, per second; ``FREE`` where only the joints limit it.
    """

    knots: Vector
    positions: Matrix
    rates: Vector


def straight_path(start: Vector, end: Vector) -> JointPath:
    """The straight line in joint space from ``start`` (7,) to ``end`` (7,)."""
    length = float(np.abs(end - start).max())
    return JointPath(np.array([0.0, max(length, STILL)]), np.stack([start, end]), np.full(2, FREE))


def time_optimal(path: JointPath, kinematics: Kinematics, speed: float) -> JointTrajectory:
    """The fastest trajectory along ``path``, from rest to rest.

    Args:
        speed: share of the velocity and acceleration limits, (0, 1].

    Raises:
        InvalidGoal: ``speed`` is out of range.
        Unreachable: the path cannot be followed within the limits.
    """
    if not 0.0 < speed <= 1.0:
        raise InvalidGoal(f"speed is {speed:g}, it should be in (0, 1]")
    if float(np.ptp(path.positions, axis=0).max()) < STILL:
        return _still(path.positions[-1])
    curve = toppra.SplineInterpolator(path.knots, path.positions)
    velocity = MARGIN * speed * kinematics.velocity
    acceleration = MARGIN * speed * kinematics.acceleration

    def velocity_at(knot: float) -> Matrix:
        rate = np.interp(knot, path.knots, path.rates)
        bound = np.minimum(velocity, np.abs(curve(knot, 1)) * rate + 1e-6)
        return np.stack([-bound, bound], axis=1)

    limits = [
        constraint.JointVelocityConstraintVarying(velocity_at),
        constraint.JointAccelerationConstraint(
            np.stack([-acceleration, acceleration], axis=1), constraint.DiscretizationType.Interpolation
        ),
    ]
    grid = _grid(path.knots)
    solver = algorithm.TOPPRA(limits, curve, gridpoints=grid, parametrizer="ParametrizeConstAccel")
    timed = solver.compute_trajectory(0.0, 0.0)
    if timed is None or not np.isfinite(timed.duration):
        raise Unreachable(
            "no trajectory within the joints' velocity and acceleration limits follows this path"
        )
    samples = max(2, int(np.ceil(timed.duration / SAMPLE_PERIOD)) + 1)
    times = np.linspace(0.0, timed.duration, samples)
    positions, velocities, accelerations = (np.asarray(timed(times, order)) for order in range(3))
    velocities[[0, -1]] = 0.0
    positions[[0, -1]] = path.positions[[0, -1]]
    # What passed the limits between two points of the grid is slowed down as a whole.
    stretch = max(
        1.0,
        float((np.abs(velocities) / (speed * kinematics.velocity)).max()),
        float(np.sqrt((np.abs(accelerations) / (speed * kinematics.acceleration)).max())),
    )
    return JointTrajectory(times * stretch, positions, velocities / stretch, accelerations / stretch**2)


def _grid(knots: Vector) -> Vector:
    """Each interval between knots in two or more, so that sharp bends, where knots are close, are met."""
    pieces = np.maximum(2, np.ceil(np.diff(knots) / (knots[-1] / GRID))).astype(int)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(knots, knots[1:], pieces, strict=False)]
    return np.concatenate([*parts, knots[-1:]])


def _still(position: Vector) -> JointTrajectory:
    zeros = np.zeros((2, len(ARM_JOINTS)))
    return JointTrajectory(np.array([0.0, MIN_DURATION]), np.stack([position, position]), zeros, zeros)
