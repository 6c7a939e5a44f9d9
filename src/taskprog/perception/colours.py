"""Blobs of the cubes' colours in an image: a hue table, a saturation threshold, connected components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import CUBES, TABLE_HEIGHT, CubeColour, Region

MIN_SATURATION = 140  # of 255; wood, skin and the arm are below
MIN_VALUE = 40  # of 255; hue means nothing in the dark
HUE_TOLERANCE = 18.0  # degrees around a cube's hue, less where two colours are nearer than twice that
MIN_BRIGHTNESS = 0.4  # of a cube's paint that its brightest pixels reach, or it is some darker object
EDGE_PIXELS = 2  # thinner than this are mixtures at the edges of two colours, not objects
# Where cubes can be seen: what the arm can reach, with a margin, up to a cube carried over a tower of eight.
SEEN_REGION = Region((0.25, 0.95), (-0.55, 0.55), (TABLE_HEIGHT - 0.01, TABLE_HEIGHT + 0.55))

_UNKNOWN_LABEL = 255


@dataclass(frozen=True, eq=False)
class Blob:
    """A connected piece of one colour.

    Attributes:
        name: of the cube that has this colour, or None where no cube has it.
        u, v: (N,) int32, columns and rows of its pixels.
        centroid: (2,) float64, mean (u, v).
        cut: whether it touches the image's border, so that part of it may be missing.
    """

    name: str | None
    u: NDArray[np.int32]
    v: NDArray[np.int32]
    centroid: NDArray[np.float64]
    cut: bool

    @property
    def area(self) -> int:
        """Pixels."""
        return len(self.u)


class ColourSegmenter:
    """Finds blobs of known and of unknown strong colours in one camera's images.

    Args:
        camera: whose images these are; only the part of them where cubes can be is looked at.
        cubes: what to look for.
    """

    def __init__(self, camera: CameraModel, cubes: Sequence[CubeColour] = CUBES) -> None:
        self._camera = camera
        self._names = tuple(cube.name for cube in cubes)
        self._paint = np.array([max(cube.rgb) * 255 for cube in cubes])
        self._table = _hue_table(np.array([cube.rgb for cube in cubes]))
        self._left, self._top, self._right, self._bottom = _image_of(SEEN_REGION, camera)

    def blobs(self, rgb: NDArray[np.uint8]) -> list[Blob]:
        """Every blob, by colour and then the largest first; those of no cube's colour last, name None.

        Args:
            rgb: (H, W, 3), the camera's size.

        Raises:
            ValueError: the image is not of the camera's size.
        """
        expected = (self._camera.height, self._camera.width, 3)
        if rgb.shape != expected or rgb.dtype != np.uint8:
            raise ValueError(f"an image must be {expected} uint8, got {rgb.shape} {rgb.dtype}")
        crop = rgb[self._top : self._bottom, self._left : self._right]
        hsv = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2HSV)
        strong = cv2.inRange(hsv, (0, MIN_SATURATION, MIN_VALUE), (180, 255, 255))
        labels = cv2.bitwise_and(cv2.LUT(hsv[..., 0], self._table), strong)
        found: list[Blob] = []
        for index, name in enumerate(self._names):
            paint = float(self._paint[index])
            found += self._components(labels, index + 1, name, hsv, paint * MIN_BRIGHTNESS)
        found += self._components(labels, _UNKNOWN_LABEL, None, hsv, 0.0)
        return found

    def _components(
        self, labels: NDArray[np.uint8], label: int, name: str | None, hsv: NDArray[np.uint8], bright: float
    ) -> list[Blob]:
        mask = cv2.inRange(labels, label, label)
        x, y, width, height = cv2.boundingRect(mask)
        if width < EDGE_PIXELS or height < EDGE_PIXELS:
            return []
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(
            mask[y : y + height, x : x + width], connectivity=4
        )
        found = []
        for piece in range(1, count):
            left, top, wide, high, area = (int(value) for value in stats[piece])
            if min(wide, high) <= EDGE_PIXELS or area < 2 * max(wide, high):
                continue
            v, u = np.nonzero(pieces[top : top + high, left : left + wide] == piece)
            u, v = (u + (left + x)).astype(np.int32), (v + (top + y)).astype(np.int32)
            values = hsv[v, u, 2]
            known = name if np.partition(values, -(area // 10) - 1)[-(area // 10) - 1] >= bright else None
            u, v = u + self._left, v + self._top
            cut = bool(
                u.min() == 0
                or v.min() == 0
                or u.max() == self._camera.width - 1
                or v.max() == self._camera.height - 1
            )
            found.append(Blob(known, u, v, np.array([u.mean(), v.mean()]), cut))
        return sorted(found, key=lambda blob: -blob.area)


def _hue_table(colours: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(256,) OpenCV hue (half degrees) -> 1 + index of the cube that has it, or the unknown label."""
    pixels = np.round(colours * 255).astype(np.uint8)[None]
    hues = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[0, :, 0].astype(np.float64) * 2
    table = np.full(256, _UNKNOWN_LABEL, np.uint8)
    for half in range(180):
        distance = np.abs((hues - 2 * half + 180) % 360 - 180)
        if distance.min() <= HUE_TOLERANCE:
            table[half] = 1 + int(distance.argmin())
    return table


def _image_of(region: Region, camera: CameraModel) -> tuple[int, int, int, int]:
    """Left, top, right and bottom (exclusive) pixel of the part of the image that can show a region."""
    corners = np.array([(x, y, z) for x in region.x for y in region.y for z in region.z])
    pixels, depth = camera.project(corners)
    if (depth <= 0).any():
        return 0, 0, camera.width, camera.height
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0)) + 1
    left, top = int(np.clip(low[0], 0, camera.width)), int(np.clip(low[1], 0, camera.height))
    right, bottom = int(np.clip(high[0], 0, camera.width)), int(np.clip(high[1], 0, camera.height))
    if right - left < EDGE_PIXELS or bottom - top < EDGE_PIXELS:
        raise ValueError("the camera does not see the table-top: check its pose and size")
    return left, top, right, bottom
