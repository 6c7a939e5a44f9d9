"""An upright cube of known size fitted to the points of its visible faces.

A camera sees at most the top and two upright faces. The upright faces give the yaw and, each, one
coordinate of the centre, also where the top is hidden by another cube; the top gives the height. What
cannot be had from a face comes from the points' extent, if that is a whole cube's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SKIN = 0.004  # metres: how far from a face a point may lie and still be on it
MIN_POINTS = 12
MIN_FACE_POINTS = 8
WHOLE = (0.85, 1.25)  # an extent of this many cube sizes is a whole cube's
_COARSE = np.arange(0.0, pi / 2, pi / 90)
_FINE = np.linspace(-pi / 90, pi / 90, 21)


@dataclass(frozen=True)
class CubeFit:
    """An upright cube.

    Attributes:
        position: (3,) centre, metres, frame of the points.
        yaw: radians about z, in [-pi/4, pi/4): a cube looks the same every quarter turn.
        certain: whether every coordinate follows from a face or a whole extent, none is a guess.
        inliers: share of the points that lie on the fitted cube's surface.
    """

    position: Floats
    yaw: float
    certain: bool
    inliers: float


def fit_cube(points: Floats, eye: Floats, size: float) -> CubeFit | None:
    """Fit an upright cube.

    Args:
        points: (N, 3) on the visible faces, metres, z up.
        eye: (3,) where they are seen from.
        size: of the cube, metres.

    Returns:
        The fit, or None: too few points, or they extend over more than a cube.
    """
    if len(points) < MIN_POINTS:
        return None
    low, high = np.quantile(points[:, 2], (0.02, 0.98))
    middle = points[:, :2].mean(axis=0)
    flat = points[:, :2] - middle
    # The diagonal of a face, and of a cube: nothing larger is one cube.
    if high - low > 1.3 * size or np.quantile(np.linalg.norm(flat, axis=1), 0.98) > size:
        return None
    upright = points[:, 2] < high - SKIN
    direction = eye[:2] - points[:, :2].mean(axis=0)
    sides = flat[upright]
    yaw = _yaw_of_sides(sides, direction) if upright.sum() >= MIN_POINTS else _yaw_of_top(flat)

    turn = np.array([[cos(yaw), -sin(yaw)], [sin(yaw), cos(yaw)]])
    facing = np.where(direction @ turn >= 0, 1.0, -1.0)  # +1: the face on the axis' positive side is seen
    local = flat @ turn * facing  # now both visible faces are on the positive sides
    edge, on_face = _faces(local, upright)
    span = np.quantile(local, (0.01, 0.99), axis=0)
    whole = (span[1] - span[0] > WHOLE[0] * size) & (span[1] - span[0] < WHOLE[1] * size)
    centre = np.where(on_face, edge - size / 2, np.where(whole, span.mean(axis=0), span[1] - size / 2))

    inside = (local < np.where(on_face, edge, span[1]) - SKIN).all(axis=1) & (points[:, 2] > high - 2 * SKIN)
    extent = points[:, 2].max() - points[:, 2].min()
    if inside.sum() >= MIN_FACE_POINTS:
        z, z_known = float(np.median(points[inside, 2])) - size / 2, True
    else:
        z_known = WHOLE[0] * size < extent < WHOLE[1] * size
        z = float(points[:, 2].max() + points[:, 2].min()) / 2 if z_known else float(high) - size / 2

    depth = size / 2 - np.abs(np.column_stack([local - centre, points[:, 2] - z]))
    inliers = float(np.mean((depth.min(axis=1) > -2 * SKIN) & (depth.min(axis=1) < SKIN)))
    position = np.array([*(middle + turn @ (facing * centre)), z])
    wrapped = (yaw + pi / 4) % (pi / 2) - pi / 4
    return CubeFit(position, wrapped, bool((on_face | whole).all() and z_known), inliers)


def _yaw_of_sides(flat: Floats, direction: Floats) -> float:
    """The turn at which points (N, 2) on upright faces lie closest to two perpendicular lines."""
    best = 0.0
    for candidates in (_COARSE, _FINE):
        yaws = best + candidates
        c, s = np.cos(yaws)[:, None], np.sin(yaws)[:, None]
        x = c * flat[:, 0] + s * flat[:, 1]
        y = c * flat[:, 1] - s * flat[:, 0]
        x *= np.sign(c * direction[0] + s * direction[1])
        y *= np.sign(c * direction[1] - s * direction[0])
        gaps = np.minimum(x.max(axis=1, keepdims=True) - x, y.max(axis=1, keepdims=True) - y)
        best = float(yaws[gaps.mean(axis=1).argmin()])
    return best


def _yaw_of_top(flat: Floats) -> float:
    """The turn of the smallest rectangle around points (N, 2)."""
    corners = cv2.boxPoints(cv2.minAreaRect(flat.astype(np.float32)))
    side = corners[1] - corners[0]
    return atan2(float(side[1]), float(side[0])) % (pi / 2)


def _faces(local: Floats, upright: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """(2,) coordinate of each visible upright face, and (2,) whether it has points enough to tell."""
    edge, known = np.zeros(2), np.zeros(2, bool)
    sides = local[upright]
    if len(sides) < MIN_POINTS:
        return edge, known
    gaps = sides.max(axis=0) - sides
    nearest = gaps.argmin(axis=1)
    for axis in range(2):
        face = sides[nearest == axis, axis]
        face = face[face > face.max(initial=-np.inf) - 2 * SKIN]
        if len(face) >= MIN_FACE_POINTS:
            edge[axis], known[axis] = np.median(face), True
    return edge, known
