"""The baseline of motion planning: up, across at a height above everything in between, and down.

Corners are rounded; the arm follows the tool's path by inverse kinematics every centimetre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.cartesian import LEVER, NO_WAY, Landing, ToolPath, line, points_on
from taskprog.control.clearance import Obstacle
from taskprog.control.trajectory import FREE

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

CORNER = 0.04  # metres before and after a corner in which it is rounded


@dataclass(frozen=True)
class HandSize:
    """Room that the hand needs, metres.

    Attributes:
        below: from the tcp down to the lowest point of the fingers or of what they hold.
        around: from the tool's axis out to the fingers, or to the edge of what they hold.
        margin: to keep free on all sides.
    """

    below: float = 0.03
    around: float = 0.045
    margin: float = 0.03


def transit_height(start: Vector, goal: Vector, obstacles: Sequence[Obstacle], hand: HandSize) -> float:
    """Least height of the tcp to pass above all obstacles between ``start`` and ``goal``, (3,) each."""
    heights = [float(start[2]), float(goal[2])]
    for obstacle in obstacles:
        reach = hand.around + hand.margin + obstacle.radius
        if _distance(obstacle.centre[:2], start[:2], goal[:2]) < reach:
            heights.append(obstacle.top + hand.below + hand.margin)
    return max(heights)


def over(start: Vector, end: Vector, angle: float, height: float, landing: Landing) -> ToolPath:
    """Up from ``start`` (3,) to ``height``, across, and down to ``end`` (3,); corners are rounded.

    The tool turns by ``angle`` while it goes across. Neither end is above ``height``.
    """
    a, d = np.array([*start, 0.0]), np.array([*end, LEVER * angle])
    b, c = a.copy(), d.copy()
    b[2] = c[2] = height
    across = float(np.linalg.norm(c - b))
    direction = (c - b) / max(across, NO_WAY)
    rise, fall = (np.array([0.0, 0.0, min(CORNER, across / 2, height - p[2]), 0.0]) for p in (a, d))
    leave, arrive = b + rise[2] * direction, c - fall[2] * direction
    pieces = [
        line(a, b - rise),
        _corner(b - rise, b, leave)[1:],
        line(leave, arrive)[1:],
        _corner(arrive, c, c - fall)[1:],
        line(c - fall, d)[1:],
    ]
    points = np.concatenate(pieces)
    descends = np.arange(len(points)) >= len(points) - len(pieces[-1])
    slow = descends & (points[:, 2] - end[2] < landing.distance)
    return ToolPath(points, np.where(slow, landing.speed, FREE))


def _distance(point: Vector, start: Vector, end: Vector) -> float:
    """From a point to a line segment, all (2,)."""
    along = end - start
    share = float((point - start) @ along) / max(float(along @ along), 1e-12)
    return float(np.linalg.norm(start + min(1.0, max(0.0, share)) * along - point))


def _corner(start: Vector, corner: Vector, end: Vector) -> Matrix:
    """A parabola from ``start`` to ``end``, tangent there to the lines to ``corner``."""
    way = np.linalg.norm(corner - start) + np.linalg.norm(end - corner)
    share = np.linspace(0.0, 1.0, points_on(1.5 * float(way)))[:, None]
    return (1 - share) ** 2 * start + 2 * share * (1 - share) * corner + share**2 * end
