"""From pixels to places in a video without depth: what a cube can stand on fixes how high it is.

A pixel is a ray. A cube at rest stands on the table or on another cube whose place is known, so its centre
is where the ray passes one of a few heights. A carried cube is somewhere on its ray: near the upright plane
from where it was taken to where it is put, at the distance that its apparent size suggests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.silhouette import centre_at_height, outline_area
from taskprog.perception.views import View
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

Floats = NDArray[np.float64]

ON_TABLE = TABLE_HEIGHT + CUBE_SIZE / 2  # z of the centre of a cube on the table
SUPPORT_RADIUS = 0.018  # metres between the centres of a cube and of the one below, seen from above
COVERED = 0.85  # a cube with another upon it shows at most this share of what it showed before
# How far, in metres, a carried cube is from where each of these has it: the upright plane, its apparent
# size, and the usual height of a carry.
PLANE_SPREAD, SIZE_SPREAD, HEIGHT_SPREAD = 0.015, 0.06, 0.08
CARRY_HEIGHT = 0.10  # metres above the higher of the two ends of a carry


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
    camera: CameraModel, cube: int, centroid: Floats, positions: Floats, shares: Sequence[float]
) -> Floats:
    """(3,) where a cube stands after a carry.

    Args:
        camera: that filmed.
        cube: index of the cube.
        centroid: (2,) pixel, of its outline.
        positions: (N, 3) of all cubes, metres, frame ``base``; its own is not used.
        shares: (N,) of each cube, the area seen of it now as a share of that seen before; NaN where unknown.
    """
    best = centre_at_height(camera, centroid, ON_TABLE)
    for below in supports(cube, positions):
        place = centre_at_height(camera, centroid, float(positions[below, 2]) + CUBE_SIZE)
        aside = np.linalg.norm(place[:2] - positions[below, :2])
        if aside < SUPPORT_RADIUS and not shares[below] > COVERED and place[2] > best[2]:
            best = place
    return best


def carried(camera: CameraModel, views: Sequence[View | None], start: Floats, stop: Floats) -> Floats:
    """(T, 3) roughly where a carried cube is in each of T frames, from ``start`` (3,) to ``stop`` (3,).

    Frames that do not show it are filled in from their neighbours; the first and the last are the ends given.
    """
    count = len(views)
    path = np.full((count, 3), np.nan)
    along = stop[:2] - start[:2]
    length = float(np.linalg.norm(along))
    normal = np.array([-along[1], along[0]]) / length if length > 1e-6 else np.zeros(2)
    usual = max(start[2], stop[2]) + CARRY_HEIGHT
    scale = _size_scale(camera, views, start)
    for frame, view in enumerate(views):
        if view is None:
            continue
        origin, directions = camera.ray(view.centroid[None])
        ray = directions[0]
        reach = scale / np.sqrt(view.area)
        # Each guess is a linear equation weight * (slope * depth - value) = 0 in the depth along the ray.
        slopes = np.array([normal @ ray[:2], 1.0, ray[2]])
        values = np.array([normal @ (start[:2] - origin[:2]), reach, usual - origin[2]])
        weights = 1.0 / np.array([PLANE_SPREAD, SIZE_SPREAD, HEIGHT_SPREAD])
        depth = float(np.sum(weights**2 * slopes * values) / np.sum(weights**2 * slopes**2))
        path[frame] = origin + depth * ray
        if path[frame, 2] < ON_TABLE:
            path[frame] = camera.at_height(view.centroid[None], ON_TABLE)[0]
    if np.isnan(path[:, 0]).all() and count >= 4:  # hidden all the way: up, across and down again
        path[count // 3] = [*start[:2], usual]
        path[-1 - count // 3] = [*stop[:2], usual]
    path[0], path[-1] = start, stop
    known = np.flatnonzero(~np.isnan(path[:, 0]))
    for axis in range(3):
        path[:, axis] = np.interp(np.arange(count), known, path[known, axis])
    return path


def _size_scale(camera: CameraModel, views: Sequence[View | None], start: Floats) -> float:
    """Depth times the root of the area, as a cube's first view shows, or as the camera model says."""
    _, depth = camera.project(start[None])
    first = next((view.area for view in views if view is not None), 0)
    drawn = outline_area(camera, start)
    area = first if first > 0.7 * drawn else drawn
    return float(depth[0] * np.sqrt(area))
