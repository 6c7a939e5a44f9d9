"""Straight paths of the tool, and the arm along them.

A turn of the tool is a fourth coordinate of its path.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from taskprog.control.errors import JointLimit
from taskprog.control.kinematics import Kinematics
from taskprog.control.trajectory import FREE, JointPath

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SPACING = 0.01  # metres between the poses that are solved for
LEVER = 0.10  # metres of path that a turn by one radian counts as
NO_WAY = 1e-4  # metres; less than this is no piece of path
SPINS = (
    0.0,
    -2 * math.pi,
    2 * math.pi,
)  # extra turns of the tool about its axis, when the wrist's limit is hit


@dataclass(frozen=True)
class Landing:
    """Over the last ``distance`` metres of a descent, the tool is no faster than ``speed``, m/s."""

    distance: float
    speed: float


@dataclass(frozen=True)
class ToolPath:
    """Where the tool goes.

    Attributes:
        points: (K, 4) x, y, z in metres, frame ``base``, and ``LEVER`` times the angle turned, radians.
        rates: (K,) fastest speed along the points, metres a second; ``FREE`` for no limit.
    """

    points: Matrix
    rates: Vector

    @property
    def knots(self) -> Vector:
        """Length of the path up to each point, (K,)."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])


def straight(start: Vector, end: Vector, angle: float) -> ToolPath:
    """The straight line from ``start`` (3,) to ``end`` (3,) during which the tool turns by ``angle``."""
    points = line(np.array([*start, 0.0]), np.array([*end, LEVER * angle]))
    return ToolPath(points, np.full(len(points), FREE))


def along(
    kinematics: Kinematics,
    start: Vector,
    path: Callable[[float], ToolPath],
    first: Matrix,
    last: Matrix,
) -> JointPath:
    """The arm's path from configuration ``start`` (7,) with the tool on a path.

    The tool turns from orientation ``first`` to ``last`` (3, 3) the short way or, where a joint's limit
    forbids that, with one more turn about its own axis.

    Args:
        path: gives the tool's path for an angle by which it turns on its way, radians.

    Raises:
        JointLimit, Unreachable: the arm cannot follow.
    """
    short = float((Rotation.from_matrix(first).inv() * Rotation.from_matrix(last)).magnitude())
    slerp = Slerp([0.0, 1.0], Rotation.from_matrix(np.stack([first, last])))
    failures = []
    for spin in SPINS:
        angle = short + abs(spin)
        tool = path(angle)
        share = np.clip(tool.points[:, 3] / max(LEVER * angle, 1e-9), 0.0, 1.0)
        share[-1] = 1.0
        rotations = slerp(share) * Rotation.from_rotvec(np.outer(share, [0.0, 0.0, spin]))
        try:
            positions = _track(kinematics, start, tool.points[:, :3], rotations.as_matrix())
        except JointLimit as error:
            failures.append(error)
            continue
        return JointPath(tool.knots, positions, tool.rates)
    raise failures[0]


def _track(kinematics: Kinematics, start: Vector, positions: Matrix, rotations: Matrix) -> Matrix:
    path = [start]
    for position, rotation in zip(positions[1:], rotations[1:], strict=True):
        path.append(kinematics.track(position, rotation, path[-1]))
    return np.stack(path)


def points_on(way: float) -> int:
    """Number of poses on a piece of path; a single one where there is no way to go."""
    return 1 if way < NO_WAY else max(3, math.ceil(way / SPACING) + 1)


def line(start: Vector, end: Vector) -> Matrix:
    """Poses (K, 4) of a tool's path from ``start`` to ``end`` (4,), about ``SPACING`` apart."""
    share = np.linspace(0.0, 1.0, points_on(float(np.linalg.norm(end - start))))[:, None]
    return start + share * (end - start)
