"""What order fulfilment sorts in physics: four kinds of goods and four containers, their sizes and colours.

Frame ``base``, metres, radians. A good's own frame is in the middle of what is seen of it: z up while it is
upright, x along its length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from taskprog.tasks.table_top import TABLE_HEIGHT


@dataclass(frozen=True)
class Rest:
    """How a good lies still on something level: turned so that its longer side as seen from above is along x.

    Attributes:
        quaternion: (4,) of its frame, x y z w; a yaw goes on top.
        height: of its middle above what it lies on, metres.
        extent: length along x, width along y and height, metres.
    """

    quaternion: tuple[float, float, float, float]
    height: float
    extent: tuple[float, float, float]


@dataclass(frozen=True)
class Good:
    """One kind of goods.

    Attributes:
        name: the category.
        size: length, width and height of the upright good, metres.
        mass: kg.
        rgb: 0 to 1, multiplies the texture where there is one.
        rests: the ways in which it comes to lie, the usual one first.
    """

    name: str
    size: tuple[float, float, float]
    mass: float
    rgb: tuple[float, float, float]
    rests: tuple[Rest, ...]


_HALF = math.sqrt(0.5)
# Rests are those in which 300 goods dropped any way up came to lie still, without the rare ones.
GOODS = (
    Good(
        "duck",
        (0.0414, 0.0288, 0.0385),
        0.10,
        (1.0, 1.0, 0.4),
        (
            Rest((0.0, 0.0, 0.0, 1.0), 0.0204, (0.0414, 0.0288, 0.0385)),
            Rest((0.4831, 0.6163, 0.4419, 0.4377), 0.0130, (0.0411, 0.0389, 0.0287)),
            Rest((0.6620, 0.4588, -0.4643, -0.3683), 0.0132, (0.0412, 0.0387, 0.0296)),
        ),
    ),
    Good(
        "lego",
        (0.0317, 0.0317, 0.0230),
        0.10,
        (0.1, 0.75, 0.75),
        (
            Rest((0.0, 0.0, 0.0, 1.0), 0.0115, (0.0317, 0.0317, 0.0230)),
            Rest((0.0, _HALF, _HALF, 0.0), 0.0158, (0.0317, 0.0230, 0.0317)),
            Rest((1.0, 0.0, 0.0, 0.0), 0.0115, (0.0317, 0.0317, 0.0230)),
        ),
    ),
    Good(
        "jenga",
        (0.0900, 0.0300, 0.0180),
        0.05,
        (1.0, 1.0, 1.0),
        (
            Rest((0.0, 0.0, 0.0, 1.0), 0.0090, (0.0900, 0.0300, 0.0180)),
            Rest((_HALF, 0.0, 0.0, _HALF), 0.0150, (0.0900, 0.0180, 0.0300)),
        ),
    ),
    # The bear's feet are too small to stand on.
    Good(
        "bear",
        (0.0380, 0.0314, 0.0466),
        0.10,
        (1.0, 0.4, 0.4),
        (
            Rest((0.3347, -0.7492, -0.3615, 0.4426), 0.0108, (0.0465, 0.0315, 0.0314)),
            Rest((0.4005, 0.6788, -0.3788, -0.4851), 0.0132, (0.0485, 0.0338, 0.0293)),
        ),
    ),
)
GOOD_NAMES = tuple(good.name for good in GOODS)


def good_of(name: str) -> Good:
    """The good of a category.

    Raises:
        ValueError: there is none of that name.
    """
    for good in GOODS:
        if good.name == name:
            return good
    raise ValueError(f"unknown category {name!r}; known: {', '.join(GOOD_NAMES)}")


@dataclass(frozen=True)
class Container:
    """A container's name and its paint: red, green, blue, each 0 to 1."""

    name: str
    rgb: tuple[float, float, float]


CONTAINERS = (
    Container("container_0", (0.80, 0.10, 0.10)),
    Container("container_1", (0.10, 0.60, 0.15)),
    Container("container_2", (0.10, 0.20, 0.80)),
    Container("container_3", (0.50, 0.12, 0.70)),
)
CONTAINER_NAMES = tuple(container.name for container in CONTAINERS)
CONTAINER_SIZE = (0.21, 0.21, 0.09)  # outside: length, width, height, metres
CONTAINER_WALL = 0.005  # of walls and floor, metres
CONTAINER_FLOOR = TABLE_HEIGHT + CONTAINER_WALL  # z on which goods lie in a container on the table
