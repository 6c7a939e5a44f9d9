"""A good's place and yaw from the points that depth gives of it: the tightest rectangle from above.

The network's answer is good to half a pixel; where most of a good is seen, its outline in depth is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.goods import Good

Floats = NDArray[np.float64]

MIN_POINTS = 25
FOOT = 0.3  # share of the height from below that is left out: there are points of what it lies on
OUTLIERS = 2.0  # percent of the points at either end that may lie outside the rectangle
TOLERANCE = 0.005  # metres: a rectangle's sides are so near those of a way in which the good lies
LONG = 1.6  # times as long as wide: a piece of a good so long points the way that the good does
ANGLES = np.radians(np.arange(0.0, 90.0, 3.0))
FINE = np.radians(np.arange(-2.0, 2.5, 1.0))


@dataclass(frozen=True, eq=False)
class TopView:
    """The rectangle around a good from above.

    Attributes:
        yaw: of the longer side, radians.
        middle: (3,) metres, or None where too little is seen to know it.
        size: (3,) length, width and height of the good, metres, or None likewise.
    """

    yaw: float
    middle: Floats | None
    size: Floats | None


def top_view(points: Floats, position: Floats, size: Floats, spread: float, good: Good) -> TopView | None:
    """What the points of a good tell, or None where they tell nothing.

    Args:
        points: (N, 3) on the good and near it, metres.
        position: (3,) about its middle; size: (3,) about its length, width and height; metres.
        spread: metres between neighbouring points.
    """
    bottom = position[2] - size[2] / 2
    near = np.linalg.norm(points[:, :2] - position[:2], axis=1) < 0.6 * size[0] + 0.005
    near &= (points[:, 2] > bottom + FOOT * size[2]) & (points[:, 2] < bottom + 1.5 * size[2])
    flat, heights = points[near, :2], points[near, 2]
    if len(flat) < MIN_POINTS:
        return None
    origin = flat.mean(axis=0)
    flat = flat - origin
    angle = _tightest(flat, ANGLES)
    angle = _tightest(flat, angle + FINE)
    low, high = _ends(flat, np.array([angle]))
    sides = (high - low)[0] + spread  # each point stands for a piece of surface
    middle = (high + low)[0] / 2
    c, s = np.cos(angle), np.sin(angle)
    centre = origin + np.array([c * middle[0] - s * middle[1], s * middle[0] + c * middle[1]])
    if sides[1] > sides[0]:
        sides, angle = sides[::-1], angle + np.pi / 2
    for rest in good.rests:
        if np.abs(np.subtract(rest.extent[:2], sides)).max() < TOLERANCE:
            length, width, height = rest.extent
            z = np.percentile(heights, 100 - OUTLIERS) - height + rest.height
            return TopView(float(angle), np.array([*centre, z]), np.array([length, width, height]))
    return TopView(float(angle), None, None) if sides[0] > LONG * sides[1] else None


def _tightest(flat: Floats, angles: Floats) -> float:
    low, high = _ends(flat, angles)
    return float(angles[np.prod(high - low, axis=1).argmin()])


def _ends(flat: Floats, angles: Floats) -> tuple[Floats, Floats]:
    """(A, 2) each: lower and upper ends of points (N, 2) along the two sides of rectangles at A angles."""
    c, s = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y = flat[:, 0][None], flat[:, 1][None]
    along = np.sort(np.stack([c * x + s * y, c * y - s * x], axis=1), axis=2)
    out = int(len(flat) * OUTLIERS / 100)
    return along[..., out], along[..., len(flat) - 1 - out]
