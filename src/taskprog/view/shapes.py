"""Coloured shapes in frame ``base``: what rviz and our own renderer both draw."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import cos, inf, sin

from taskprog.view.step import Point

Colour = tuple[float, float, float, float]  # red, green, blue, opacity: each 0 to 1


class ShapeKind(Enum):
    """What a shape's ``points`` and ``size`` mean."""

    CUBE = "cube"  # one point, the centre; size: edge
    SPHERE = "sphere"  # one point, the centre; size: diameter
    ARROW = "arrow"  # tail and tip; size: diameter of the shaft
    PATH = "path"  # a polyline's corners; size: width of the line
    SEGMENTS = "segments"  # pairs of ends; size: width of the lines
    TEXT = "text"  # one point, the middle of the text, which always faces the viewer; size: height of an "A"


# The fewest and the most points of each kind.
_POINTS = {
    ShapeKind.CUBE: (1, 1),
    ShapeKind.SPHERE: (1, 1),
    ShapeKind.ARROW: (2, 2),
    ShapeKind.PATH: (2, inf),
    ShapeKind.SEGMENTS: (2, inf),
    ShapeKind.TEXT: (1, 1),
}


@dataclass(frozen=True)
class Shape:
    """One shape. ``namespace`` and ``id`` stay the same for as long as it means the same thing.

    Attributes:
        points: metres, frame ``base``.
        size: metres; see ``ShapeKind``.
        yaw: of a CUBE about z, radians.

    Raises:
        ValueError: too few or too many points for the kind, an odd number of ends, or a size not above zero.
    """

    kind: ShapeKind
    namespace: str
    id: int
    colour: Colour
    points: tuple[Point, ...]
    size: float
    yaw: float = 0.0
    text: str = ""

    def __post_init__(self) -> None:
        count, (least, most) = len(self.points), _POINTS[self.kind]
        if not least <= count <= most:
            wanted = f"{least:g}" if least == most else f"{least:g} or more"
            raise ValueError(f"{self.kind.value}: {wanted} points are wanted, not {count}")
        if self.kind is ShapeKind.SEGMENTS and len(self.points) % 2:
            raise ValueError(f"segments need pairs of points, got {len(self.points)}")
        if not self.size > 0:
            raise ValueError(f"the size of a shape must be positive, got {self.size}")

    @property
    def key(self) -> tuple[str, int]:
        """Namespace and id."""
        return self.namespace, self.id


def box_edges(centre: Point, size: float, yaw: float = 0.0) -> tuple[Point, ...]:
    """(24 points) the ends of a cube's twelve edges, for SEGMENTS."""
    corners = cube_corners(centre, size, yaw)
    return tuple(
        corners[end] for i in range(8) for axis in (1, 2, 4) if not i & axis for end in (i, i | axis)
    )


def cube_corners(centre: Point, size: float, yaw: float = 0.0) -> list[Point]:
    """The eight corners; bit 0 of the index says the side in x, bit 1 in y, bit 2 in z."""
    half, c, s = size / 2, cos(yaw), sin(yaw)
    corners = []
    for i in range(8):
        x, y, z = (half if i & bit else -half for bit in (1, 2, 4))
        corners.append((centre[0] + c * x - s * y, centre[1] + s * x + c * y, centre[2] + z))
    return corners
