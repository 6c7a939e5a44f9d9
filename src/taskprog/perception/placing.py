"""From pixels to places in a video without depth: what a cube can stand on fixes how high it is.

A pixel is a ray. A cube at rest stands on the table or on another cube whose place is known, so its centre
is where the ray passes one of a few heights. A carried cube is somewhere on its ray: near the upright plane
from where it was taken to where it is put, at the height of most carries, on a smooth path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.silhouette import centre_at_height, outline_area
from taskprog.perception.views import View
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

Floats = NDArray[np.float64]

ON_TABLE = TABLE_HEIGHT + CUBE_SIZE / 2  # z of the centre of a cube on the table
SUPPORT_RADIUS = 0.018  # metres between the centres of a cube and of the one below, seen from above
# Metres more where all of a cube were hidden: of one that is partly so, what shows has its middle elsewhere.
HIDDEN_RADIUS = 0.035
COVERED = 0.85  # a cube with another upon it shows at most this share of what it showed before
# What is known of a carry, and by how much, in metres, it is off: its path lies in an upright plane, the
# cube is as far as its size says (a hand hides part of it), as high as usual, and so much faster a frame on.
PLANE_SPREAD, SIZE_SPREAD, HEIGHT_SPREAD, STEP_SPREAD = 0.02, 0.3, 0.08, 0.02
MAX_RAYS = 300  # views of one carry that are used; the time it takes grows with the cube of their number
CARRY_HEIGHT = 0.12  # metres above the higher of the two ends of a carry


def supports(cube: int, positions: Floats) -> list[int]:
    """The cubes that ``cube`` could be put on: those that nothing else stands on, of ``positions`` (N, 3)."""
    free = []
    for below in range(len(positions)):
        offsets = np.delete(positions, [cube, below], axis=0) - positions[below]
        above = (np.abs(offsets[:, 2] - CUBE_SIZE) < CUBE_SIZE / 2) & (
            np.linalg.norm(offsets[:, :2], axis=1) < CUBE_SIZE / 2
        )
        if below != cube and not above.any():
            free.append(below)
    return free


def put_down(
    camera: CameraModel, cube: int, centroid: Floats, area: float, positions: Floats, shares: Sequence[float]
) -> Floats:
    """(3,) where a cube stands after a carry.

    On the table, unless it is right over a cube that it may stand on. One that is partly hidden also counts
    as standing on the cube that it is nearly over: that somebody puts it elsewhere on just that line of sight
    is less likely.

    Args:
        camera: that filmed.
        cube: index of the cube.
        centroid: (2,) pixel, of what is seen of it.
        area: pixels that are seen of it.
        positions: (N, 3) of all cubes, metres, frame ``base``; its own is not used.
        shares: (N,) of each cube, the area seen of it now as a share of that seen before; NaN where unknown.
    """
    right_over: list[Floats] = []
    nearly_over: list[tuple[float, int]] = []  # how far aside, as a share of what is allowed, and over which
    for below in supports(cube, positions):
        if shares[below] > COVERED:
            continue
        place = centre_at_height(camera, centroid, float(positions[below, 2]) + CUBE_SIZE)
        aside = float(np.linalg.norm(place[:2] - positions[below, :2]))
        hidden = max(1.0 - area / outline_area(camera, place), 0.0)
        allowed = SUPPORT_RADIUS + HIDDEN_RADIUS * hidden
        if aside < SUPPORT_RADIUS:
            right_over.append(place)
        elif aside < allowed:
            nearly_over.append((aside / allowed, below))
    if right_over:
        return max(right_over, key=lambda place: float(place[2]))
    if nearly_over:
        return np.asarray(positions[min(nearly_over)[1]] + [0.0, 0.0, CUBE_SIZE])
    return centre_at_height(camera, centroid, ON_TABLE)


def carried(camera: CameraModel, views: Sequence[View | None], start: Floats, stop: Floats) -> Floats:
    """(T, 3) roughly where a carried cube is in each of T frames, from ``start`` (3,) to ``stop`` (3,).

    Each view gives a ray; the depths along all of them are the least squares solution for a smooth path with
    known ends. Frames that do not show the cube are filled in.
    """
    count = len(views)
    usual = max(start[2], stop[2]) + CARRY_HEIGHT
    shown = [(frame, view) for frame, view in enumerate(views[:-1]) if frame > 0 and view is not None]
    if not shown and count >= 4:  # hidden all the way: up, across and down again
        path = np.full((count, 3), np.nan)
        path[0], path[-1] = start, stop
        path[count // 3] = [*start[:2], usual]
        path[-1 - count // 3] = [*stop[:2], usual]
        return filled(path)
    pixels = {frame: view.centroid for frame, view in shown}
    reach = None
    if shown:
        scale = _size_scale(camera, shown[0][1], start)
        reach = {frame: scale / np.sqrt(view.area) for frame, view in shown}
    return path_along_rays(camera, pixels, count, start, stop, usual, ON_TABLE, reach)


def path_along_rays(
    camera: CameraModel,
    pixels: Mapping[int, Floats],
    count: int,
    start: Floats,
    stop: Floats,
    usual: float,
    lowest: float,
    reach: Mapping[int, float] | None = None,
) -> Floats:
    """(T, 3) where a carried object is in each of ``count`` frames, from ``start`` (3,) to ``stop`` (3,).

    Args:
        camera: that filmed.
        pixels: (2,) by frame, of the object's middle; the first and the last frame do not count.
        usual: z at which things are carried.
        lowest: z below which it cannot be.
        reach: depth along the optical axis by frame, as its size says, metres; None where that is unknown.
    """
    path = np.full((count, 3), np.nan)
    path[0], path[-1] = start, stop
    inner = [frame for frame in sorted(pixels) if 0 < frame < count - 1]
    inner = inner[:: 1 + len(inner) // MAX_RAYS]
    if inner:
        seen = np.array([pixels[frame] for frame in inner])
        depths = None if reach is None else np.array([reach[frame] for frame in inner])
        frames = np.array([0, *inner, count - 1])
        path[inner] = _along_rays(camera, seen, frames, start, stop, usual, lowest, depths)
    return filled(path)


def filled(path: Floats) -> Floats:
    """A path (T, 3) with its gaps (NaN) filled in; its ends are known."""
    known = np.flatnonzero(~np.isnan(path[:, 0]))
    moments = np.arange(len(path))
    return np.stack([np.interp(moments, known, path[known, axis]) for axis in range(3)], axis=1)


def _along_rays(
    camera: CameraModel,
    pixels: Floats,
    frames: NDArray[np.int64],
    start: Floats,
    stop: Floats,
    usual: float,
    lowest: float,
    reach: Floats | None,
) -> Floats:
    """(K, 3) points on the rays of pixels (K, 2), at ``frames`` (K + 2,) of which the outer are the ends'."""
    origin, rays = camera.ray(pixels)
    along = stop[:2] - start[:2]
    normal = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
    ones = np.ones(len(pixels))
    # A linear system in the depths along the rays: rows @ depths = values.
    rows = [np.diag(rays[:, :2] @ normal) / PLANE_SPREAD, np.diag(rays[:, 2]) / HEIGHT_SPREAD]
    values = [
        ones * (normal @ (start[:2] - origin[:2])) / PLANE_SPREAD,
        ones * (usual - origin[2]) / HEIGHT_SPREAD,
    ]
    if reach is not None:
        rows.append(np.diag(ones) / SIZE_SPREAD)
        values.append(reach / SIZE_SPREAD)
    bends = _bends(frames) / STEP_SPREAD
    for axis in range(3):
        ends = bends[:, 0] * start[axis] + bends[:, -1] * stop[axis]
        rows.append(bends[:, 1:-1] * rays[:, axis])
        values.append(-ends - bends[:, 1:-1].sum(axis=1) * origin[axis])
    depths = np.linalg.lstsq(np.concatenate(rows), np.concatenate(values), rcond=None)[0]
    points = origin + depths[:, None] * rays
    return np.where(points[:, 2:] < lowest, camera.at_height(pixels, lowest), points)


def _bends(frames: NDArray[np.int64]) -> Floats:
    """(K, K + 2) change of velocity at each inner one of K + 2 frames, for positions at all of them."""
    steps = np.diff(frames).astype(np.float64)
    count = len(frames) - 2
    matrix = np.zeros((count, count + 2))
    inner = np.arange(count)
    matrix[inner, inner] = 1.0 / steps[:-1]
    matrix[inner, inner + 2] = 1.0 / steps[1:]
    matrix[inner, inner + 1] = -matrix[inner, inner] - matrix[inner, inner + 2]
    return matrix * (2.0 / (steps[:-1] + steps[1:]))[:, None]


def _size_scale(camera: CameraModel, first: View, start: Floats) -> float:
    """Depth times the root of the area, as a cube's first view shows, or as the camera model says."""
    _, depth = camera.project(start[None])
    drawn = outline_area(camera, start)
    return float(depth[0] * np.sqrt(first.area if first.area > 0.7 * drawn else drawn))
