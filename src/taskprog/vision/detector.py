"""Where goods and containers are, from one image, with or without depth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import GUESS_CONFIDENCE, Detection
from taskprog.tasks.goods import CONTAINER_SIZE, good_of
from taskprog.tasks.table_top import TABLE_HEIGHT, Region
from taskprog.vision.checkpoint import load_network
from taskprog.vision.examples import azimuth
from taskprog.vision.grid import STRIDE, Grid
from taskprog.vision.grouping import Group, group, median
from taskprog.vision.labels import CLASSES, FIRST_CONTAINER
from taskprog.vision.network import GoodsNetwork

Floats = NDArray[np.float64]

MIN_CONFIDENCE = 0.5
# Where middles of things may be: over the table, or a little beside it.
REGION = Region((0.15, 1.05), (-0.70, 0.70), (TABLE_HEIGHT - 0.02, TABLE_HEIGHT + 0.70))
DEPTH_RANGE = (0.1, 10.0)  # metres; a depth camera says 0, NaN or more where it sees nothing
# Share of its box's outline in the image that a good covers, seen from a camera over the table.
FILL = {"duck": 0.72, "lego": 0.95, "jenga": 0.97, "bear": 0.66}
CONTAINER_FILL = 0.97


class ObjectDetector:
    """Detects goods and containers in one camera's images. Keeps nothing between images.

    Args:
        camera: whose images these are.
        network: trained; it is changed for faster inference.

    Raises:
        ValueError: the camera's images are too small.
    """

    def __init__(self, camera: CameraModel, network: GoodsNetwork) -> None:
        self.camera = camera
        self._grid = Grid(camera.width, camera.height)
        if min(self._grid.cells) < 60:
            raise ValueError(
                f"images of {camera.width}x{camera.height} are too small for goods, 320x240 is the least"
            )
        network.fuse()
        self._network = cast(GoodsNetwork, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]

    @classmethod
    def load(cls, folder: Path, camera: CameraModel) -> ObjectDetector:
        """The detector that a training left in a folder.

        Raises:
            CheckpointError: a file is missing or damaged.
            ValueError: the camera's images are too small.
        """
        return cls(camera, load_network(folder))

    def detect(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None = None) -> list[Detection]:
        """The goods, in no particular order, named by category; and containers, at most one of each name.

        With depth, positions hold wherever things are. Without, things are taken to lie on the table; so are
        those of which a depth image says nothing, with a confidence of at most ``GUESS_CONFIDENCE``.

        Args:
            rgb: (H, W, 3).
            depth: (H, W) metres along the optical axis, or None. Single pixels may be NaN.

        Raises:
            ValueError: an image's size is not the camera's, or depth has no valid pixel.
        """
        self._check(rgb, depth)
        small = self._grid.padded(self._grid.smaller(rgb))
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(small)).float().mul_(1 / 255)
            output = self._network(pixels[None].permute(0, 3, 1, 2))  # channels last, without a copy
            values = output[0].permute(1, 2, 0).numpy()
        rows, columns = self._grid.cells
        surface = None if depth is None else self._grid.sampled(depth)
        groups = group(values[:rows, :columns])
        found = [self._detection(g, surface) for g in groups if g.confidence >= MIN_CONFIDENCE]
        return [detection for detection in found if _inside(detection.position)]

    def _check(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None) -> None:
        shape = (self.camera.height, self.camera.width)
        if rgb.shape != (*shape, 3) or rgb.dtype != np.uint8:
            raise ValueError(
                f"a colour image must be {(*shape, 3)} of uint8, as the camera says, "
                f"got {rgb.shape} of {rgb.dtype}"
            )
        if depth is None:
            return
        if depth.shape != shape:
            raise ValueError(f"a depth image must be {shape} as the camera says, got {depth.shape}")
        if not _valid(depth).any():
            raise ValueError(
                f"a depth image without any depth of {DEPTH_RANGE[0]} to {DEPTH_RANGE[1]} m: "
                f"{np.isnan(depth).mean():.0%} of it is NaN"
            )

    def _detection(self, found: Group, surface: NDArray[np.float32] | None) -> Detection:
        k = self._grid.shrink
        pixel = found.middle.astype(np.float64) * k + (k - 1) / 2
        confidence = found.confidence
        position = None
        if surface is not None:
            depths = surface[found.rows, found.columns]
            valid = _valid(depths)
            if valid.any():
                middle = median((depths + found.beyond)[valid])
                position = self.camera.points(pixel[:1], pixel[1:], np.array([middle]))[0]
            else:
                confidence = min(confidence, GUESS_CONFIDENCE)
        if position is None:
            position = self.camera.at_height(pixel[None], TABLE_HEIGHT + _height(found))[0]
        name = CLASSES[found.label]
        yaw = found.yaw + azimuth(position, self.camera)
        size = np.asarray(found.size, np.float64)
        if found.label >= FIRST_CONTAINER:
            category, size, fill = "container", np.array(CONTAINER_SIZE), CONTAINER_FILL
            yaw = (yaw + math.pi / 4) % (math.pi / 2) - math.pi / 4
        else:
            category, fill = name, FILL[name]
            yaw = (yaw + math.pi / 2) % math.pi - math.pi / 2
        area = len(found.rows) * (STRIDE * k) ** 2
        seen = min(1.0, area / max(1.0, fill * self._outline(position, yaw, size)))
        middle_seen = np.array([found.columns.mean(), found.rows.mean()]) * STRIDE * k + k - 0.5
        return Detection(name, category, position, yaw, size, confidence, middle_seen, seen)

    def _outline(self, position: Floats, yaw: float, size: Floats) -> float:
        """Pixels that a box covers."""
        corners = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * size
        c, s = math.cos(yaw), math.sin(yaw)
        turned = corners @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        pixels, _ = self.camera.project(turned + position)
        return float(cv2.contourArea(cv2.convexHull(pixels.astype(np.float32))))


def _inside(position: Floats) -> bool:
    """Whether a thing can be there; never where a position is NaN."""
    x, y, z = position.tolist()
    return REGION.contains((x, y, z))


def _valid(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray((depth > DEPTH_RANGE[0]) & (depth < DEPTH_RANGE[1]))


def _height(found: Group) -> float:
    """Of a thing's middle above what it lies on, metres, in the rest whose size is most like what is seen."""
    if found.label >= FIRST_CONTAINER:
        return CONTAINER_SIZE[2] / 2
    rests = good_of(CLASSES[found.label]).rests
    return min(rests, key=lambda rest: float(np.abs(np.subtract(rest.extent, found.size)).sum())).height
