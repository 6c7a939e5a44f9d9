"""From a camera's pixels to what the network reads and to the cells that it answers with, and back.

The network reads the image scaled to about 640x480, and answers for cells of 4x4 of these pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound=np.generic)
Numbers = TypeVar("Numbers", float, NDArray[np.float64])

INPUT_SIZE = (640, 480)  # about what the network reads, pixels
STRIDE = 4  # pixels of the network's input in a cell, along u and v
MULTIPLE = 32  # the network's input is padded to this many pixels


@dataclass(frozen=True)
class Grid:
    """How images of one size are read.

    Attributes:
        width, height: of the camera's images, pixels.
    """

    width: int
    height: int

    @property
    def scale(self) -> Fraction:
        """The camera's pixels for one that the network reads: a whole number, or one by a whole number."""
        ratio = min(self.width / INPUT_SIZE[0], self.height / INPUT_SIZE[1])
        return Fraction(round(ratio)) if ratio > 0.75 else Fraction(1, round(1 / ratio))

    @property
    def read(self) -> tuple[int, int]:
        """(height, width) of the scaled image, before it is padded."""
        return int(self.height / self.scale), int(self.width / self.scale)

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of cells that lie in the image."""
        height, width = self.read
        return height // STRIDE, width // STRIDE

    def scaled(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The (h, w, 3) scaled image of an (H, W, 3) one."""
        if self.scale == 1:
            return rgb
        height, width = self.read
        cut = rgb[: int(height * self.scale), : int(width * self.scale)]
        how = cv2.INTER_AREA if self.scale > 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(cut, (width, height), interpolation=how), np.uint8)

    def nearest(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """The (h, w) scaled image of an (H, W) one, without values that are not in it."""
        if self.scale == 1:
            return image
        height, width = self.read
        cut = image[: int(height * self.scale), : int(width * self.scale)]
        return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)

    def padded(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """A scaled image with its border repeated to the right and below, up to ``MULTIPLE``."""
        down, right = (-image.shape[0]) % MULTIPLE, (-image.shape[1]) % MULTIPLE
        if not down and not right:
            return image
        bordered = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
        return np.asarray(bordered, image.dtype)

    def sampled(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """(rows, columns) of an (H, W) image: the pixel in the middle of each cell."""
        v, u = (self.sampled_at(np.arange(count)) for count in self.cells)
        return image[v[:, None], u]

    def sampled_at(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """The camera's pixel, along u or v, that ``sampled`` takes of cells with this index along it."""
        return np.asarray(int(STRIDE // 2 * self.scale) + index * int(STRIDE * self.scale), np.int64)

    def to_camera(self, pixels: Numbers) -> Numbers:
        """The camera's pixels, u or v, for those of the network's input."""
        return (pixels + 0.5) * float(self.scale) - 0.5

    def from_camera(self, pixels: Numbers) -> Numbers:
        """Pixels of the network's input, u or v, for the camera's."""
        return (pixels + 0.5) / float(self.scale) - 0.5


def cell_centre(index: NDArray[np.int64]) -> NDArray[np.float64]:
    """The pixel of the network's input, along u or v, in the middle of cells with this index along it."""
    return np.asarray(index * float(STRIDE) + (STRIDE - 1) / 2, np.float64)
