"""What stands in the arm's way, as perception reports it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

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
