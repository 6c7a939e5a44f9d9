"""How large a good lies there: its extent as seen from above, from the points of what is drawn."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from taskprog_sim.goods import drawn_points

Floats = NDArray[np.float64]


@cache
def hull_points(category: str) -> Floats:
    """(N, 3) corners of the convex hull of a good, in its own frame, metres.

    Raises:
        ValueError: there is no such category.
    """
    points = drawn_points(category)
    return np.asarray(points[ConvexHull(points).vertices], np.float64)


def lying(category: str, quaternion: ArrayLike) -> tuple[float, Floats]:
    """The yaw of the longer side of its outline as seen from above, in [-pi/2, pi/2), radians; and its size.

    Args:
        quaternion: (4,) of the good, x y z w.

    Returns:
        The yaw, and (3,) length and width of the smallest rectangle around the outline, and height; metres.
    """
    points = hull_points(category) @ Rotation.from_quat(np.asarray(quaternion)).as_matrix().T
    # In millimetres: OpenCV's rectangle is imprecise for tiny ones.
    _, (a, b), degrees = cv2.minAreaRect((points[:, :2] * 1e3).astype(np.float32))
    yaw = np.radians(degrees) + (0.0 if a >= b else np.pi / 2)
    size = np.array([max(a, b) * 1e-3, min(a, b) * 1e-3, np.ptp(points[:, 2])])
    return float((yaw + np.pi / 2) % np.pi - np.pi / 2), size
