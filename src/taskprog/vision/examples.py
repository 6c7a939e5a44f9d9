"""Labelled images as the network learns from them, some of them less sharp, with the truth in cells.

Thousands of them take gigabytes, so they can be kept in files, which are read as they are needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.vision.grid import Grid, cell_centre
from taskprog.vision.labels import LabelledView
from taskprog.vision.relief import Relief

MOST = 64  # things in an image
COMPLETE = "complete.txt"  # says under which name the examples in a folder are kept, once all are there
# Images that are learned from as they are; as if a camera of half the resolution had taken them; and as if
# every second pixel had been drawn, as renderers do: shares of all.
SHARP, AVERAGED, POINTWISE = range(3)
SHARES = (0.5, 0.2, 0.3)

# Columns of a thing's row: its class, the pixel (u, v) and depth (metres) of its middle, its yaw against the
# ray to it, its length, width and height (metres), and its number of cells.
LABEL, U, V, DEPTH, YAW, LENGTH, WIDTH, HEIGHT, CELLS = range(9)
COLUMNS = 9


@dataclass(frozen=True, eq=False)
class Examples:
    """N images of (h, w) pixels and (r, c) cells.

    Attributes:
        rgb: (N, h, w, 3) uint8.
        heights: (N, h, w) float16, metres above the table, NaN where unknown.
        instance: (N, r, c) uint8, 0 for background, else the row of ``things``.
        depth: (N, r, c) float32, metres, of the pixel in the middle of each cell.
        things: (N, MOST, COLUMNS) float32; row 0 stands for the background.
    """

    rgb: NDArray[np.uint8]
    heights: NDArray[np.float16]
    instance: NDArray[np.uint8]
    depth: NDArray[np.float32]
    things: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rgb)


def load_examples(folder: Path, name: str) -> Examples | None:
    """What ``make_examples`` kept in a folder under that name, read as needed; None if it did not."""
    mark = folder / COMPLETE
    if not mark.is_file() or mark.read_text(encoding="utf-8") != name:
        return None
    arrays = {f.name: np.load(folder / f"{f.name}.npy", mmap_mode="r") for f in fields(Examples)}
    return Examples(**arrays)


def make_examples(
    views: Iterable[LabelledView],
    count: int,
    rng: np.random.Generator,
    folder: Path | None = None,
    name: str = "",
) -> Examples:
    """``count`` examples from as many views, all of one size.

    Args:
        folder: where to keep them, under ``name``, instead of in memory; what is there is removed.

    Raises:
        ValueError: there are fewer views, of different sizes, or with too many things.
    """
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    examples: Examples | None = None
    done = 0
    for view in views:
        grid = Grid(view.camera.width, view.camera.height)
        if examples is None:
            examples = _empty(count, grid, folder)
        if examples.rgb.shape[1:3] != grid.read:
            raise ValueError(f"views differ in size: {examples.rgb.shape[1:3]} and {grid.read}")
        _fill(examples, done, view, grid, int(rng.choice(len(SHARES), p=SHARES)))
        done += 1
    if examples is None or done != count:
        raise ValueError(f"{count} views are needed, got {done}")
    if folder is not None:
        (folder / COMPLETE).write_text(name, encoding="utf-8")
    return examples


def allocentric(yaw: float, position: NDArray[np.float64], camera: CameraModel) -> float:
    """A yaw in frame ``base`` as seen along the ray from the camera to ``position`` (3,); radians."""
    return yaw - azimuth(position, camera)


def azimuth(position: NDArray[np.float64], camera: CameraModel) -> float:
    """The direction about z of the ray from the camera to ``position`` (3,); radians."""
    ray = position - camera.origin
    return float(np.arctan2(ray[1], ray[0]))


def _empty(count: int, grid: Grid, folder: Path | None) -> Examples:
    def array(name: str, kind: type, *shape: int) -> NDArray[Any]:
        if folder is None:
            return np.zeros((count, *shape), kind)
        return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, (count, *shape))

    return Examples(
        rgb=array("rgb", np.uint8, *grid.read, 3),
        heights=array("heights", np.float16, *grid.read),
        instance=array("instance", np.uint8, *grid.cells),
        depth=array("depth", np.float32, *grid.cells),
        things=array("things", np.float32, MOST, COLUMNS),
    )


def _fill(examples: Examples, index: int, view: LabelledView, grid: Grid, kind: int) -> None:
    if len(view.things) >= MOST:
        raise ValueError(f"a view has {len(view.things)} things; at most {MOST - 1} are learned from")
    examples.rgb[index] = _unsharp(grid.scaled(view.rgb), kind)
    examples.heights[index] = _unsharp_heights(Relief(view.camera).heights(view.depth), kind)
    instance = grid.sampled(view.instance)
    examples.instance[index] = instance
    examples.depth[index] = grid.sampled(view.depth)
    cells = np.bincount(instance.ravel(), minlength=MOST)
    shift = 0.5 if kind == POINTWISE else 0.0  # drawn pixels stand for themselves and the next ones
    for i, thing in enumerate(view.things):
        (pixel,), (depth,) = view.camera.project(thing.position[None])
        u, v = grid.from_camera(pixel) + shift
        yaw = allocentric(thing.yaw, thing.position, view.camera)
        row = (thing.label, u, v, depth, yaw, *thing.size, cells[i + 1])
        examples.things[index, i + 1] = row


def _unsharp(image: NDArray[np.uint8], kind: int) -> NDArray[np.uint8]:
    if kind == SHARP:
        return image
    height, width = image.shape[:2]
    if kind == POINTWISE:
        small = image[::2, ::2]
    else:
        small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _unsharp_heights(heights: NDArray[np.float32], kind: int) -> NDArray[np.float32]:
    return heights if kind == SHARP else heights[::2, ::2].repeat(2, 0).repeat(2, 1)


def cell_grid(rows: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rows, 1) v and (1, columns) u of the cells' middles, pixels of the network's input."""
    return cell_centre(np.arange(rows))[:, None], cell_centre(np.arange(columns))[None, :]
