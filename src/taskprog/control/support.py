"""What hangs in the air: nothing does, so it is the robot's hand or arm, taken for something."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.table_top import TABLE_HEIGHT

GAP = (
    0.035  # metres that may seem to lie between a thing and what it rests on: more than sizes and heights err
)


def floating(centres: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) which of N things rest neither on the table nor on, or in, one of the others.

    Args:
        centres: (N, 3) metres, frame ``base``.
        sizes: (N, 3) metres.
    """
    bottoms, tops = centres[:, 2] - sizes[:, 2] / 2, centres[:, 2] + sizes[:, 2] / 2
    reach = np.maximum(sizes[:, 0], sizes[:, 1]) / 2
    aside = np.hypot(*(centres[:, None, :2] - centres[None, :, :2]).transpose(2, 0, 1))
    beside = aside < reach[:, None] + reach[None]
    lower = (centres[:, None, 2] > centres[None, :, 2]) & (bottoms[:, None] < tops[None] + GAP)
    return np.asarray((bottoms > TABLE_HEIGHT + GAP) & ~(beside & lower).any(axis=1))
