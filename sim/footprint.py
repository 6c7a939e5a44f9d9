"""Outlines of things as seen from above: turned rectangles, and how far they are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Footprint:
    """A rectangle on the table, ``length`` along x before it is turned by ``yaw``; metres, radians."""

    x: float
    y: float
    yaw: float
    length: float
    width: float

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """(4, 2)."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        along = np.array([c, s]) * self.length / 2
        across = np.array([-s, c]) * self.width / 2
        centre = np.array([self.x, self.y])
        return np.stack([centre + a * along + b * across for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))])

    def inside(self, x: tuple[float, float], y: tuple[float, float]) -> bool:
        """Whether all of it lies within these bounds."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        return bool(x[0] <= low[0] and high[0] <= x[1] and y[0] <= low[1] and high[1] <= y[1])

    def covers(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(N,) which points, (N, 2) in metres, lie within it."""
        along, across = (points - [self.x, self.y]).T
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        lengthwise, sideways = c * along + s * across, c * across - s * along
        within = (np.abs(lengthwise) <= self.length / 2) & (np.abs(sideways) <= self.width / 2)
        return np.asarray(within)


def separation(a: Footprint, others: Sequence[Footprint]) -> NDArray[np.float64]:
    """(len(others),) metres that at least lie between a rectangle and others; below 0 where they overlap.

    By separating axes: exact but where two corners are nearest, there it is too little.
    """
    if not others:
        return np.zeros(0)
    n = len(others)
    mine = np.broadcast_to(a.corners, (n, 4, 2))
    theirs = np.stack([other.corners for other in others])
    yaws = np.array([[a.yaw, other.yaw] for other in others])
    axes = np.concatenate(
        [
            np.stack([np.cos(yaws), np.sin(yaws)], axis=-1),
            np.stack([-np.sin(yaws), np.cos(yaws)], axis=-1),
        ],
        axis=1,
    )  # (n, 4, 2)
    first, second = (np.einsum("nkd,ncd->nkc", axes, corners) for corners in (mine, theirs))
    gaps = np.maximum(second.min(-1) - first.max(-1), first.min(-1) - second.max(-1))
    return np.asarray(gaps.max(axis=1))
