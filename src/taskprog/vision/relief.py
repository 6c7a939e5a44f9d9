"""What a depth image says of heights, as the network reads it beside the colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog.vision.grid import Grid

DEPTH_RANGE = (0.1, 10.0)  # metres; a depth camera says 0, NaN or more where it sees nothing
HEIGHT_RANGE = (-0.3, 0.6)  # metres above the table; what is farther away is no good


def known(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a depth image says something."""
    return np.asarray((depth > DEPTH_RANGE[0]) & (depth < DEPTH_RANGE[1]))


class Relief:
    """Turns one camera's depth images into heights."""

    def __init__(self, camera: CameraModel) -> None:
        self._grid = Grid(camera.width, camera.height)
        u, v = np.arange(camera.width), np.arange(camera.height)
        # How far a ray falls is the sum of what its row and its column give.
        origin, along_u = camera.ray(np.stack([u, np.zeros_like(u)], axis=1))
        _, along_v = camera.ray(np.stack([np.zeros_like(v), v], axis=1))
        fall = along_v[:, 2:] + (along_u[:, 2] - along_u[0, 2])
        self._fall = self._grid.nearest(fall.astype(np.float32))
        self._eye = np.float32(origin[2] - TABLE_HEIGHT)

    def heights(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w) metres above the table, NaN where unknown, of a depth image (H, W), metres."""
        depth = self._grid.nearest(depth)
        heights = np.clip(self._eye + self._fall * depth, *HEIGHT_RANGE)
        return np.where(known(depth), heights, np.float32(np.nan))
