"""A whole cube's outline in an image: its area, and where the cube is, given the outline's centre."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import CUBE_SIZE

Floats = NDArray[np.float64]

MIDDLING_YAW = np.pi / 8  # of a cube whose yaw is unknown: outlines differ by less than 15 % over all yaws


def cube_corners(centre: Floats, yaw: float, size: float = CUBE_SIZE) -> Floats:
    """(8, 3) the corners of an upright cube at ``centre`` (3,), metres, frame ``base``."""
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * (size / 2)
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.asarray(centre + signs @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]))


def outline(camera: CameraModel, centre: Floats, yaw: float = MIDDLING_YAW) -> NDArray[np.float32]:
    """(M, 2) pixels, the convex outline of a whole cube at ``centre`` (3,) in front of the camera."""
    pixels, _ = camera.project(cube_corners(centre, yaw))
    return np.asarray(cv2.convexHull(pixels.astype(np.float32)).reshape(-1, 2), np.float32)


def outline_area(camera: CameraModel, centre: Floats, yaw: float = MIDDLING_YAW) -> float:
    """Pixels that a whole cube at ``centre`` (3,) covers."""
    return float(cv2.contourArea(outline(camera, centre, yaw)))


def centre_at_height(camera: CameraModel, centroid: Floats, z: float) -> Floats:
    """(3,) the centre, at height ``z``, of a cube whose whole outline has its centroid at a pixel, (2,).

    The outline's centroid is not quite the image of the cube's centre; one correction makes up for it.
    """
    guess = camera.at_height(centroid[None], z)[0]
    moments = cv2.moments(outline(camera, guess))
    drawn = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    shift = camera.project(guess[None])[0][0] - drawn
    return np.asarray(camera.at_height((centroid + shift)[None], z)[0])
