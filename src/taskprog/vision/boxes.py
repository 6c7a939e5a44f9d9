"""Whether points can all be on one box, however it is turned: whether two pieces can be of one block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

# As many ways to turn a box that one is about 12 degrees from any (24 turns leave its three axes where they
# are), and ever smaller turns to go on from the best: (K, 3, 3), rows are axes.
WAYS: Floats = Rotation.random(150, random_state=0).as_matrix()
NUDGES: tuple[Floats, ...] = tuple(
    Rotation.from_rotvec(np.random.default_rng(i).normal(0.0, spread, (40, 3))).as_matrix()
    for i, spread in enumerate((0.15, 0.1, 0.06, 0.04, 0.02, 0.01))
)


def on_one_box(points: Floats, size: Floats, tolerance: float) -> bool:
    """Whether points stick out of a box by less than ``tolerance``, metres; False if there are none.

    Those that are farther than the box's diagonal from the middle one do not count: a cell at a good's border
    may show what is far behind.

    Args:
        points: (N, 3) metres.
        size: (3,) metres, of the box's sides in any order.
    """
    if len(points):
        away = np.linalg.norm(points - np.median(points, axis=0), axis=1)
        points = points[away < np.linalg.norm(size)]
    return len(points) > 0 and excess(points, size) < tolerance


def excess(points: Floats, size: Floats) -> float:
    """How much points stick out of a box, metres: the sum over its sides, where it is turned to be least.

    Searched for, so it may be a few millimetres too much.

    Args:
        points: (N, 3) metres, at least one.
        size: (3,) metres, of the box's sides in any order.
    """
    points = points - points.mean(axis=0)
    sides = np.sort(size)
    best, least = WAYS[0], np.inf
    for ways in (WAYS, *NUDGES):
        turned = ways if ways is WAYS else ways @ best
        reach = np.ptp(points @ turned.reshape(-1, 3).T, axis=0).reshape(-1, 3)
        beyond = np.maximum(np.sort(reach, axis=1) - sides, 0.0).sum(axis=1)
        if beyond.min() < least:
            best, least = turned[beyond.argmin()], float(beyond.min())
        if least == 0.0:
            break
    return least
