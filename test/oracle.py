"""What a perfect network would answer for a labelled view."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taskprog.vision import examples as row
from taskprog.vision.examples import Examples, cell_grid
from taskprog.vision.network import (
    BEYOND,
    DEPTHS,
    FOURFOLD,
    JOINED,
    OFFSET,
    OUTPUTS,
    PIXELS,
    SIZE,
    SIZES,
    TWICE,
)

SURE = 20.0  # the score of the right class


def perfect_output(examples: Examples, index: int) -> NDArray[np.float32]:
    """(OUTPUTS, r, c) for one example."""
    instance = examples.instance[index]
    truth = examples.things[index][instance]
    v, u = cell_grid(*instance.shape)
    output = np.zeros((OUTPUTS, *instance.shape), np.float32)
    np.put_along_axis(output, truth[None, ..., row.LABEL].astype(np.int64), SURE, axis=0)
    output[OFFSET] = np.stack([truth[..., row.U] - u, truth[..., row.V] - v]) / PIXELS
    output[BEYOND] = (truth[..., row.DEPTH] - examples.depth[index]) / DEPTHS
    yaw = truth[..., row.YAW]
    output[TWICE] = np.stack([np.cos(2 * yaw), np.sin(2 * yaw)])
    output[FOURFOLD] = np.stack([np.cos(4 * yaw), np.sin(4 * yaw)])
    output[SIZE] = np.moveaxis(truth[..., row.LENGTH : row.HEIGHT + 1], 2, 0) / SIZES
    output[JOINED] = neighbours(instance)
    return output


def neighbours(instance: NDArray[np.integer]) -> NDArray[np.float32]:
    """(2, r, c) what a perfect network would say of whether the cells to the right and below are of the same
    thing as each of (r, c)."""
    said = np.full((2, *instance.shape), SURE, np.float32)
    said[0, :, :-1][instance[:, :-1] != instance[:, 1:]] = -SURE
    said[1, :-1][instance[:-1] != instance[1:]] = -SURE
    return said
