"""The table-top that simulator, twin and perception share: frames, sizes, colours, the camera's place.

Everything is in frame ``base`` (the robot's base at the pedestal's top; x forward, z up), metres.
"""

from __future__ import annotations

from dataclasses import dataclass

CUBE_SIZE = 0.045
TABLE_HEIGHT = -0.10  # z of the table's surface


@dataclass(frozen=True)
class Region:
    """An axis-aligned box: lower and upper bounds of x, y and z, metres."""

    x: tuple[float, float]
    y: tuple[float, float]
    z: tuple[float, float]

    def contains(self, point: tuple[float, float, float], margin: float = 0.0) -> bool:
        """Whether a point lies inside, at least ``margin`` metres from every face."""
        return all(
            low + margin <= value <= high - margin
            for value, (low, high) in zip(point, (self.x, self.y, self.z), strict=True)
        )


# Where start layouts put cubes' centres, and where the tcp may be sent.
LAYOUT_REGION = Region((0.45, 0.75), (-0.34, 0.34), (TABLE_HEIGHT, TABLE_HEIGHT + CUBE_SIZE))
WORKSPACE = Region((0.30, 0.88), (-0.50, 0.50), (TABLE_HEIGHT + 0.02, TABLE_HEIGHT + 0.60))
LAYOUT_SEPARATION = 0.10  # between centres


@dataclass(frozen=True)
class CubeColour:
    """A cube's name and its paint: red, green, blue, each 0 to 1."""

    name: str
    rgb: tuple[float, float, float]


# Index i is cube i of a task such as "2>6 7>1".
CUBES = (
    CubeColour("red", (0.90, 0.06, 0.06)),
    CubeColour("orange", (1.00, 0.45, 0.00)),
    CubeColour("yellow", (0.95, 0.90, 0.05)),
    CubeColour("green", (0.08, 0.75, 0.10)),
    CubeColour("cyan", (0.05, 0.85, 0.85)),
    CubeColour("blue", (0.08, 0.20, 0.95)),
    CubeColour("purple", (0.50, 0.10, 0.85)),
    CubeColour("pink", (0.95, 0.15, 0.60)),
)
CUBE_NAMES = tuple(cube.name for cube in CUBES)

# The camera stands opposite the robot and looks back over the table.
CAMERA_EYE = (1.55, 0.0, 0.85)
CAMERA_TARGET = (0.50, 0.0, 0.10)
CAMERA_FOV = 50.0  # degrees, vertical
CAMERA_SIZE = (640, 480)
