"""From a camera's pixels to what the network reads and to the cells that it answers with, and back.

The network reads the image made smaller by a whole number, so that it is about 320x240, and answers for
cells of 2x2 of these pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel

Pixel = TypeVar("Pixel", bound=np.generic)

INPUT_SIZE = (320, 240)  # about what the network reads, pixels
STRIDE = 2  # pixels of the network's input in a cell, along u and v
MULTIPLE = 16  # the network's input is padded to this many pixels


@dataclass(frozen=True)
class Grid:
    """How images of one size are read.

    Attributes:
        width, height: of the camera's images, pixels.
    """

    width: int
    height: int

    @property
    def shrink(self) -> int:
        """The camera's pixels for one that the network reads, along u and v."""
        return max(1, round(min(self.width / INPUT_SIZE[0], self.height / INPUT_SIZE[1])))

    @property
    def read(self) -> tuple[int, int]:
        """(height, width) of the smaller image, before it is padded."""
        return self.height // self.shrink, self.width // self.shrink

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells that lie in the image."""
        height, width = self.read
        return height // STRIDE, width // STRIDE

    def smaller(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The (h, w, 3) smaller image of an (H, W, 3) one: means of ``shrink`` x ``shrink`` pixels."""
        if self.shrink == 1:
            return rgb
        height, width = self.read
        cut = rgb[: height * self.shrink, : width * self.shrink]
        return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.uint8)

    def padded(self, small: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A smaller image with its border repeated to the right and below, up to ``MULTIPLE``."""
        down, right = (-small.shape[0]) % MULTIPLE, (-small.shape[1]) % MULTIPLE
        if not down and not right:
            return small
        return np.asarray(cv2.copyMakeBorder(small, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    def sampled(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """(rows, columns) of an (H, W) image: the pixel in the middle of each cell."""
        step, rows, columns = STRIDE * self.shrink, *self.cells
        return image[self.shrink :: step, self.shrink :: step][:rows, :columns]

    def camera(self, camera: CameraModel) -> CameraModel:
        """The same camera, as if it took the smaller image."""
        height, width = self.read
        k = self.shrink
        cx, cy = (camera.cx - (k - 1) / 2) / k, (camera.cy - (k - 1) / 2) / k
        return CameraModel(width, height, camera.fx / k, camera.fy / k, cx, cy, camera.pose)


def cell_centre(index: NDArray[np.int64]) -> NDArray[np.float64]:
    """The pixel of the network's input, along u or v, in the middle of cells with this index along it."""
    return np.asarray(index * float(STRIDE) + (STRIDE - 1) / 2, np.float64)
