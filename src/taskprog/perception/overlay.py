"""Draws what perception concluded over the image that it saw."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.silhouette import cube_corners
from taskprog.perception.tracking import Track

SEEN, REMEMBERED, SHADE = (255, 255, 255), (150, 150, 150), (30, 30, 30)
_EDGES = ((0, 1), (0, 2), (0, 4), (3, 1), (3, 2), (3, 7), (5, 1), (5, 4), (5, 7), (6, 2), (6, 4), (6, 7))


def draw_tracks(rgb: NDArray[np.uint8], camera: CameraModel, tracks: Iterable[Track]) -> NDArray[np.uint8]:
    """A copy of an image (H, W, 3) with each object's edges, name and confidence; grey where remembered."""
    image = rgb.copy()
    for track in tracks:
        colour = SEEN if track.visible else REMEMBERED
        pixels, depth = camera.project(cube_corners(track.position, track.yaw, float(track.size[0])))
        if (depth <= 0).any():
            continue
        corners = np.round(pixels).astype(int)
        for a, b in _EDGES:
            cv2.line(image, tuple(corners[a].tolist()), tuple(corners[b].tolist()), colour, 1, cv2.LINE_AA)
        label = f"{track.name} {track.confidence:.2f}"
        place = (int(corners[:, 0].max()) + 3, int(corners[:, 1].min()) + 8)
        for ink, width in ((SHADE, 3), (colour, 1)):
            cv2.putText(image, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, ink, width, cv2.LINE_AA)
    return image
