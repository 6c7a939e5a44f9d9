"""From one camera's images to tracked objects, whatever kind of objects: what a perception node runs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.alike_tracking import AlikeTracker
from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import CubeDetector, Detection
from taskprog.perception.tracking import ObjectTracker, Track

LEAST_DEPTH = 0.05  # of the pixels that must have a depth, or the depth camera does not work


class Detector(Protocol):
    """What finds objects in images of one camera; several threads may ask at once."""

    @property
    def camera(self) -> CameraModel: ...

    def detect(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None = None) -> list[Detection]:
        """The objects in an image (H, W, 3); without depth (H, W), metres, those that stand on the table.

        Raises:
            ValueError: an image's size is not the camera's.
        """


class Eyes(Protocol):
    """Detector and tracker for the images of one camera."""

    @property
    def camera(self) -> CameraModel: ...

    def see(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], stamp: float) -> list[Track]:
        """Take in an image of a time in seconds; every object that is known of.

        An image that is not newer than the last one changes nothing; if time itself went back, ``forget``.

        Raises:
            ValueError: an image is not of the camera's size, or the depth image is empty.
        """

    def forget(self) -> None:
        """Know of no object any more, as before the first image."""


class CubeEyes:
    """Cubes, told apart by their colours."""

    def __init__(self, camera: CameraModel) -> None:
        self.camera = camera
        self._detector = CubeDetector(camera)
        self.forget()

    def see(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], stamp: float) -> list[Track]:
        """See ``Eyes``."""
        check_depth(depth)
        return self._tracker.update(self._detector.detect(rgb, depth), stamp)

    def forget(self) -> None:
        """See ``Eyes``."""
        self._tracker = ObjectTracker()


class AlikeEyes:
    """Objects of which many look alike, told apart by their places."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.forget()

    @property
    def camera(self) -> CameraModel:
        """Whose images these are."""
        return self._detector.camera

    def see(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], stamp: float) -> list[Track]:
        """See ``Eyes``."""
        check_depth(depth)
        return self._tracker.update(self._detector.detect(rgb, depth), stamp, depth, self.camera)

    def forget(self) -> None:
        """See ``Eyes``."""
        self._tracker = AlikeTracker()


def check_depth(depth: NDArray[np.float32]) -> None:
    """Raise ValueError unless a depth image has depths: metres, above 0."""
    good = float((np.isfinite(depth) & (depth > 0)).mean()) if depth.size else 0.0
    if good < LEAST_DEPTH:
        raise ValueError(
            f"only {good:.0%} of the depth image's pixels have a depth (metres, above 0): is the camera "
            "covered, or its image not in metres?"
        )
