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
    return output
