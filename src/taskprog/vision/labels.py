"""What training and scoring know about an image: which thing each pixel shows, and where the things are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.tasks.goods import CONTAINER_NAMES, GOOD_NAMES

Floats = NDArray[np.float64]

# Class 0 is everything else.
CLASSES = ("background", *GOOD_NAMES, *CONTAINER_NAMES)
GOODS = slice(1, 1 + len(GOOD_NAMES))  # the classes of goods
FIRST_CONTAINER = GOODS.stop


@dataclass(frozen=True, eq=False)
class Thing:
    """One good or container in an image.

    Attributes:
        label: index into ``CLASSES``.
        position: (3,) float64, its middle, metres, frame ``base``.
        yaw: of the longer side of its outline as seen from above, radians, frame ``base``.
        size: (3,) float64: that outline's length and width, and the height of the thing as it lies, metres.
        seen: share of its pixels that nothing hides and that are inside the image.
        pixels: number of them.
    """

    label: int
    position: Floats
    yaw: float
    size: Floats
    seen: float
    pixels: int

    @property
    def name(self) -> str:
        """Of its class."""
        return CLASSES[self.label]


@dataclass(frozen=True, eq=False)
class LabelledView:
    """An image with the truth about it.

    Attributes:
        camera: that took it.
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32, metres along the optical axis.
        instance: (H, W) uint8, 0 where no thing is seen, i + 1 where ``things[i]`` is.
        things: in the scene; some may be out of sight.
    """

    camera: CameraModel
    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    instance: NDArray[np.uint8]
    things: tuple[Thing, ...]
