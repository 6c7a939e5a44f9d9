"""Upright boxes as seen from above: turned rectangles, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.goods import CONTAINER_WALL

Floats = NDArray[np.float64]

WALL_SPARE = 0.003  # metres kept on either side of a container's wall: unlike goods, it does not give way


@dataclass(frozen=True)
class Footprint:
    """An upright box as seen from above.

    Attributes:
        position: (3,) its centre, metres, frame ``base``.
        yaw: radians.
        size: (3,) along its own axes, metres.
        hollow: an open container: only its walls are in the way.
    """

    position: Floats
    yaw: float
    size: Floats
    hollow: bool = False

    @property
    def top(self) -> float:
        """Height of its upper face."""
        return float(self.position[2] + self.size[2] / 2)

    @property
    def radius(self) -> float:
        """Of the circle around it, metres."""
        return math.hypot(self.size[0], self.size[1]) / 2

    def width(self, direction: float) -> float:
        """How wide it is along a direction, radians from the x axis, metres."""
        turn = direction - self.yaw
        return float(self.size[0] * abs(math.cos(turn)) + self.size[1] * abs(math.sin(turn)))

    def walls(self) -> tuple[Footprint, ...]:
        """What of it is in the way: itself, or the four walls of a container."""
        if not self.hollow:
            return (self,)
        wall = CONTAINER_WALL + 2 * WALL_SPARE
        length, width, height = self.size.tolist()
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        along, across = np.array([cos, sin, 0.0]), np.array([-sin, cos, 0.0])
        ends, sides = (length - CONTAINER_WALL) / 2, (width - CONTAINER_WALL) / 2
        return (
            *(
                Footprint(self.position + s * ends * along, self.yaw, np.array([wall, width, height]))
                for s in (-1, 1)
            ),
            *(
                Footprint(self.position + s * sides * across, self.yaw, np.array([length, wall, height]))
                for s in (-1, 1)
            ),
        )


@dataclass(frozen=True)
class Rectangles:
    """N rectangles: centres (N, 2) and halves (N, 2) of their sides, metres; yaws (N,), radians."""

    centres: Floats
    yaws: Floats
    halves: Floats

    @staticmethod
    def of(outlines: Iterable[Footprint]) -> Rectangles:
        """Those of upright boxes."""
        outlines = list(outlines)
        return Rectangles(
            np.array([o.position[:2] for o in outlines], np.float64).reshape(-1, 2),
            np.array([o.yaw for o in outlines], np.float64),
            np.array([o.size[:2] for o in outlines], np.float64).reshape(-1, 2) / 2,
        )


def separations(a: Rectangles, b: Rectangles) -> Floats:
    """(len(a), len(b)) metres that at least lie between rectangles; below 0 how deep they overlap.

    By separating axes: exact but where two corners are nearest, there it is too little.
    """
    apart = b.centres[None] - a.centres[:, None]
    turn = b.yaws[None] - a.yaws[:, None]
    cos, sin = np.abs(np.cos(turn)), np.abs(np.sin(turn))
    own, other = a.halves[:, None], b.halves[None]
    gaps = []
    for rectangles, mine, yours, axis in ((a, own, other, 1), (b, other, own, 0)):
        c, s = (np.expand_dims(f(rectangles.yaws), axis) for f in (np.cos, np.sin))
        along = np.abs(apart[..., 0] * c + apart[..., 1] * s)
        across = np.abs(apart[..., 1] * c - apart[..., 0] * s)
        gaps.append(along - mine[..., 0] - yours[..., 0] * cos - yours[..., 1] * sin)
        gaps.append(across - mine[..., 1] - yours[..., 0] * sin - yours[..., 1] * cos)
    return np.asarray(np.max(gaps, axis=0))
