"""How high the tool must go to pass above what stands on the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from taskprog.control.errors import Blocked
from taskprog.control.kinematics import format_point

Vector = NDArray[np.float64]


class Shape(Enum):
    """What an obstacle is like inside its outline."""

    BOX = "box"
    CYLINDER = "cylinder"  # upright; its diameter is the x size
    CONTAINER = "container"  # a box without a lid: a floor and four walls


@dataclass(frozen=True)
class Obstacle:
    """Something upright: ``centre`` (3,) and ``size`` (3,) in metres, frame ``base``.

    Attributes:
        visible: whether the camera sees it now; otherwise it is remembered and may be gone.
        yaw: of its x axis, radians; None where it is not known.
        shape: a container needs its yaw.
    """

    centre: Vector
    size: Vector
    visible: bool = True
    name: str = "an object"
    yaw: float | None = None
    shape: Shape = Shape.BOX

    def __post_init__(self) -> None:
        if self.shape is Shape.CONTAINER and self.yaw is None:
            raise ValueError(f"{self.name}: a container needs its yaw, its walls are in the way")

    @property
    def top(self) -> float:
        """Height of its upper face."""
        return float(self.centre[2] + self.size[2] / 2)

    @property
    def radius(self) -> float:
        """Of the circle around it, seen from above."""
        return float(np.hypot(self.size[0], self.size[1]) / 2)


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


def check_descent(goal: Vector, obstacles: Sequence[Obstacle], hand: HandSize) -> None:
    """Nothing may stand where the hand comes down to ``goal`` (3,) from above.

    What reaches up to the tcp and ``hand.below`` more is what is to be gripped.

    Raises:
        Blocked: something does; says what and where.
    """
    for obstacle in obstacles:
        aside = float(np.linalg.norm(obstacle.centre[:2] - goal[:2]))
        half = float(min(obstacle.size[:2])) / 2
        if obstacle.visible and aside < half and obstacle.top > goal[2] + hand.below + 0.005:
            raise Blocked(
                f"{obstacle.name} at {format_point(obstacle.centre)} m stands above the target "
                f"{format_point(goal)} m"
            )


def _distance(point: Vector, start: Vector, end: Vector) -> float:
    """From a point to a line segment, all (2,)."""
    along = end - start
    share = float((point - start) @ along) / max(float(along @ along), 1e-12)
    return float(np.linalg.norm(start + min(1.0, max(0.0, share)) * along - point))
