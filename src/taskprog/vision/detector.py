"""Where goods and containers are, from one image, with or without depth."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.tasks.goods import CONTAINER_SIZE, good_of
from taskprog.tasks.table_top import TABLE_HEIGHT, Region
from taskprog.vision.boxes import on_one_box
from taskprog.vision.checkpoint import load_network
from taskprog.vision.examples import azimuth
from taskprog.vision.grid import MULTIPLE, STRIDE, Grid, Pixel
from taskprog.vision.grouping import Group, bond_of, group, joined, median, two
from taskprog.vision.labels import CLASSES, FIRST_CONTAINER
from taskprog.vision.network import GoodsNetwork, quick
from taskprog.vision.parting import DOUBT
from taskprog.vision.relief import DEPTH_RANGE, Relief, known
from taskprog.vision.top_view import top_view

Floats = NDArray[np.float64]

# Least confidence by category: other things on a table are taken for bricks most often, for bears seldom.
SURE = {"duck": 0.7, "lego": 0.8, "jenga": 0.65, "bear": 0.65, "container": 0.6}
SQUARE = ("lego", "jenga")  # rectangles as seen from above
NOBODY = -1
BOUND = 0.97  # mean chance at the border between two groups of cells above which these are of one good
APART = 0.012  # metres: middles of two goods are not nearer
ALONG = 0.35  # of a good's length: pieces of it may say that its middle is so far apart
MIN_SEEN = 0.15  # share of a good; of less, little can be said
PIECES = 1.3  # pieces of one good together are seen as no more than that, as a share of it
OFF_TABLE = 0.004  # metres: what is lower may be the table beside a block
BOX_TOLERANCE = 0.008  # metres by which points of one brick or block may stick out of its box
# Goods whose cells agree in space on where the middle is, and metres between the middles of two of them. A
# block's do not: how far it goes on behind something cannot be seen.
COMPACT = ("duck", "lego", "bear")
TWO = 0.015
# Bricks and blocks that touch may agree on a middle between theirs: what covers so many times the pixels of
# one is two. Ducks and bears differ too much from their boxes for that.
TWO_SQUARE = 1.45
# Where middles of things may be: over the table, or a little beside it.
REGION = Region((0.15, 1.05), (-0.70, 0.70), (TABLE_HEIGHT - 0.02, TABLE_HEIGHT + 0.45))
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
        if camera.width < 320 or camera.height < 240:
            raise ValueError(
                f"images of {camera.width}x{camera.height} are too small for goods, 320x240 is the least"
            )
        self._skipped = self._rows_above()
        self._relief = Relief(camera)
        network.fuse()
        self._network = cast(GoodsNetwork, network.to(memory_format=torch.channels_last))  # type: ignore[call-overload]

    def _rows_above(self) -> int:
        """How many rows of cells from the top see nothing of where things can be."""
        corners = [(x, y, z) for x in REGION.x for y in REGION.y for z in REGION.z]
        pixels, depths = self.camera.project(corners)
        if (depths <= 0).any():
            return 0  # the camera stands among the things
        first = self._grid.from_camera(float(pixels[:, 1].min())) / STRIDE
        step = MULTIPLE // STRIDE  # the rest needs no padding then
        return int(min(max(0.0, first), self._grid.cells[0] - step)) // step * step

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

        With depth, positions hold wherever things are, and those of which it says nothing are left out.
        Without, things are taken to lie on the table.

        Args:
            rgb: (H, W, 3).
            depth: (H, W) metres along the optical axis, or None. Single pixels may be NaN.

        Raises:
            ValueError: an image's size is not the camera's, or depth has no valid pixel.
        """
        self._check(rgb, depth)
        image = self._read(self._grid.scaled(rgb))
        heights = None if depth is None else self._read(self._relief.heights(depth))
        with torch.inference_mode(), quick():
            pixels = torch.from_numpy(image).float().mul_(1 / 255)
            output = self._network(
                pixels[None].permute(0, 3, 1, 2),  # channels last, without a copy
                None if heights is None else torch.from_numpy(heights)[None],
            )
            values = output[0].permute(1, 2, 0).numpy()
        rows, columns = self._grid.cells
        whole = np.zeros((rows, columns, values.shape[2]), np.float32)
        whole[..., 0] = 1.0  # background, where nothing was looked at
        whole[self._skipped :] = values[: rows - self._skipped, :columns]
        surface = None if depth is None else self._grid.sampled(depth)
        groups = group(whole)
        found = self._whole(groups, surface)
        if depth is not None and surface is not None:
            found, groups = self._apart(found, groups, surface)
            found = self._refined(found, groups, depth)
        return [d for d in found if _credible(d)]

    def _read(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """What the network reads of a scaled image."""
        return np.ascontiguousarray(self._grid.padded(image[self._skipped * STRIDE :]))

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
        if not known(depth).any():
            raise ValueError(
                f"a depth image without any depth of {DEPTH_RANGE[0]} to {DEPTH_RANGE[1]} m: "
                f"{np.isnan(depth).mean():.0%} of it is NaN"
            )

    def _whole(self, groups: list[Group], surface: NDArray[np.float32] | None) -> list[Detection]:
        """Detections of groups; pieces of one good are one."""
        found = [self._detection(one, surface) for one in groups]
        i = 0
        while i < len(groups):
            others = range(i + 1, len(groups))
            j = next((j for j in others if self._same((i, j), found, groups, surface)), None)
            if j is None:
                i += 1
            else:
                groups[i] = joined(groups[i], groups[j])
                found[i] = self._detection(groups[i], surface)
                del groups[j], found[j]
        return found

    def _same(
        self,
        pieces: tuple[int, int],
        found: list[Detection],
        groups: list[Group],
        surface: NDArray[np.float32] | None,
    ) -> bool:
        """Whether these two are pieces of one good: seen past a finger, say."""
        a, b = (found[i] for i in pieces)
        apart = float(np.linalg.norm(a.position - b.position))
        alike = a.category != "container" and a.name == b.name and apart <= max(good_of(a.name).size)
        chance = bond_of(*(groups[i] for i in pieces)) if alike else math.nan
        if chance > BOUND or (_near(a, b) and not chance < DOUBT):
            return True
        if surface is None or not alike or a.name not in SQUARE:
            return False
        rows, columns = (
            np.concatenate([getattr(groups[i], of) for i in pieces]) for of in ("rows", "columns")
        )
        depths = surface[rows, columns]
        valid = known(depths)
        u, v = (self._grid.sampled_at(index[valid]) for index in (columns, rows))
        points = self.camera.points(u, v, depths[valid])
        return on_one_box(
            points[points[:, 2] > TABLE_HEIGHT + OFF_TABLE], np.array(good_of(a.name).size), BOX_TOLERANCE
        )

    def _apart(
        self, found: list[Detection], groups: list[Group], surface: NDArray[np.float32]
    ) -> tuple[list[Detection], list[Group]]:
        """What was taken for one good, but has two middles in space, as two."""
        apart = []
        for one, cells in zip(found, groups, strict=True):
            parts = None
            large = one.name in SQUARE and self._covered(cells, one.position, one.yaw, one.size) > TWO_SQUARE
            middles = self._middles(cells, surface) if large or one.name in COMPACT else None
            if middles is not None:
                parts = two(cells, middles, 0.0 if large else TWO)
            if parts is not None and bond_of(*parts) > BOUND:
                parts = None
            apart += [(self._detection(part, surface), part) for part in parts] if parts else [(one, cells)]
        return [one for one, _ in apart], [cells for _, cells in apart]

    def _middles(self, cells: Group, surface: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """(N, 3) where each cell sees its good's middle, frame ``base``; None if no depth is known."""
        depths = surface[cells.rows, cells.columns]
        valid = known(depths)
        if not valid.any():
            return None
        depths = np.where(valid, depths, median(depths[valid])) + cells.beyond
        u, v = self._grid.to_camera(cells.votes.astype(np.float64)).T
        return self.camera.points(u, v, depths).astype(np.float32)

    def _refined(
        self, found: list[Detection], groups: list[Group], depth: NDArray[np.float32]
    ) -> list[Detection]:
        """Detections of bricks and blocks with place and yaw from their points."""
        owners = np.full(self._grid.cells, NOBODY, np.int64)
        for i, one in enumerate(groups):
            owners[one.rows, one.columns] = i
        return [
            self._from_above(one, owners, i, depth) if one.name in SQUARE else one
            for i, one in enumerate(found)
        ]

    def _from_above(
        self, found: Detection, owners: NDArray[np.int64], owner: int, depth: NDArray[np.float32]
    ) -> Detection:
        # Its cells and those next to them that are nobody's: they show its border.
        mine = cv2.dilate((owners == owner).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        rows, columns = np.nonzero(mine & ((owners == owner) | (owners == NOBODY)))
        side = int(STRIDE * self._grid.scale)
        v, u = np.mgrid[0:side, 0:side].reshape(2, -1)
        v, u = (rows[:, None] * side + v).ravel(), (columns[:, None] * side + u).ravel()
        depths = depth[v, u]
        valid = known(depths)
        points = self.camera.points(u[valid], v[valid], depths[valid])
        spread = float(np.linalg.norm(found.position - self.camera.origin)) / self.camera.fx
        seen = top_view(points, found.position, found.size, spread, good_of(found.name))
        if seen is None:
            return found
        yaw = (seen.yaw + math.pi / 2) % math.pi - math.pi / 2
        if seen.middle is None or seen.size is None:
            return replace(found, yaw=yaw)
        return replace(found, yaw=yaw, position=seen.middle, size=seen.size)

    def _detection(self, found: Group, surface: NDArray[np.float32] | None) -> Detection:
        pixel = self._grid.to_camera(found.middle.astype(np.float64))
        confidence = found.confidence
        position = None
        if surface is not None:
            depths = surface[found.rows, found.columns]
            valid = known(depths)
            if valid.any():
                middle = median((depths + found.beyond)[valid])
                position = self.camera.points(pixel[:1], pixel[1:], np.array([middle]))[0]
            else:
                confidence = 0.0  # it may be anywhere along the rays
        if position is None:
            position = self.camera.at_height(pixel[None], TABLE_HEIGHT + _height(found))[0]
        name = CLASSES[found.label]
        yaw = found.yaw + azimuth(position, self.camera)
        size = np.asarray(found.size, np.float64)
        if found.label >= FIRST_CONTAINER:
            category, size = "container", np.array(CONTAINER_SIZE)
            yaw = (yaw + math.pi / 4) % (math.pi / 2) - math.pi / 4
        else:
            category = name
            yaw = (yaw + math.pi / 2) % math.pi - math.pi / 2
        cells = np.array([found.columns.mean(), found.rows.mean()])
        middle_seen = self._grid.to_camera(cells * STRIDE + (STRIDE - 1) / 2)
        seen = min(1.0, self._covered(found, position, yaw, size))
        return Detection(name, category, position, yaw, size, confidence, middle_seen, seen)

    def _covered(self, found: Group, position: Floats, yaw: float, size: Floats) -> float:
        """Pixels of a group's cells as a share of those that its thing, so placed, covers in plain view."""
        fill = CONTAINER_FILL if found.label >= FIRST_CONTAINER else FILL[CLASSES[found.label]]
        area = len(found.rows) * (STRIDE * float(self._grid.scale)) ** 2
        return area / max(1.0, fill * self._outline(position, yaw, size))

    def _outline(self, position: Floats, yaw: float, size: Floats) -> float:
        """Pixels that a box covers."""
        corners = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]) * size
        c, s = math.cos(yaw), math.sin(yaw)
        turned = corners @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        pixels, _ = self.camera.project(turned + position)
        return float(cv2.contourArea(cv2.convexHull(pixels.astype(np.float32))))


def _near(a: Detection, b: Detection) -> bool:
    """Whether two detections are too small and too near to each other to be of two goods."""
    if "container" in (a.category, b.category) or a.seen + b.seen > PIECES:
        return False
    reach = APART if a.name != b.name else max(APART, ALONG * max(a.size[0], b.size[0]))
    return bool(np.linalg.norm(a.position - b.position) < reach)


def _credible(detection: Detection) -> bool:
    """Whether it is sure enough, enough of it is seen, and a thing can be there (never at NaN)."""
    x, y, z = detection.position.tolist()
    sure = detection.confidence >= SURE[detection.category] and detection.seen >= MIN_SEEN
    return sure and REGION.contains((x, y, z))


def _height(found: Group) -> float:
    """Of a thing's middle above what it lies on, metres, in the rest whose size is most like what is seen."""
    if found.label >= FIRST_CONTAINER:
        return CONTAINER_SIZE[2] / 2
    rests = good_of(CLASSES[found.label]).rests
    return min(rests, key=lambda rest: float(np.abs(np.subtract(rest.extent, found.size)).sum())).height
