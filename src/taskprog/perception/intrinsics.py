"""A camera's lens as OpenCV and ROS describe it: focal lengths, principal point, distortion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from taskprog.files import written_whole

Floats = NDArray[np.float64]

# ROS's names of OpenCV's polynomial models, and how many coefficients each has.
MODELS = {"plumb_bob": 5, "rational_polynomial": 8}


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """How a camera maps points in its optical frame to pixels.

    Attributes:
        width, height: of the image, pixels.
        matrix: (3, 3) camera matrix, pixels.
        distortion: k1 k2 p1 p2 k3 (k4 k5 k6), (5,) or (8,).

    Raises:
        ValueError: the size or a focal length is not positive, or the arrays have other shapes.
    """

    width: int
    height: int
    matrix: Floats
    distortion: Floats

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"an image size must be positive, got {self.width}x{self.height}")
        if self.matrix.shape != (3, 3) or self.distortion.shape not in {(n,) for n in MODELS.values()}:
            raise ValueError(
                f"a camera matrix should be (3, 3) and its distortion have 5 or 8 coefficients,"
                f" not {self.matrix.shape} and {self.distortion.shape}"
            )
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.distortion).all()):
            raise ValueError("a camera matrix and its distortion must be finite")
        if not (self.matrix[0, 0] > 0 and self.matrix[1, 1] > 0):
            raise ValueError("the camera matrix has no focal lengths: the camera is not calibrated")

    @classmethod
    def of(cls, size: tuple[int, int], k: Any, model: str, d: Any) -> Intrinsics:
        """From the fields of a ``sensor_msgs/CameraInfo``: (width, height), ``k`` row by row, model, ``d``.

        Raises:
            ValueError: another distortion model, or values that describe no camera.
        """
        coefficients = np.asarray(d, np.float64).ravel()
        # Drivers leave the model's name empty where there is no distortion, or send four of five.
        count = MODELS["plumb_bob"] if not coefficients.any() else MODELS.get(model)
        if count is None:
            raise ValueError(f"distortion model {model!r}: it should be one of {', '.join(MODELS)}")
        if len(coefficients) > count and coefficients[count:].any():
            raise ValueError(f"{model} has {count} distortion coefficients, not {len(coefficients)}")
        distortion = np.zeros(count)
        distortion[: len(coefficients)] = coefficients[:count]
        matrix = np.asarray(k, np.float64)
        if matrix.size != 9:
            raise ValueError(f"a camera matrix has 9 numbers, not {matrix.size}")
        return cls(int(size[0]), int(size[1]), matrix.reshape(3, 3), distortion)

    def project(self, points: Floats) -> Floats:
        """(N, 2) pixels of ``points`` (N, 3) in the optical frame, metres, all in front of the camera."""
        origin = np.zeros(3)
        pixels, _ = cv2.projectPoints(points.reshape(-1, 1, 3), origin, origin, self.matrix, self.distortion)
        return np.asarray(pixels, np.float64).reshape(-1, 2)


def read_intrinsics(path: Path) -> Intrinsics:
    """Read a file as ROS's ``camera_calibration`` writes it (``ost.yaml``).

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file, or the camera has another lens model.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Intrinsics.of(
            (content["image_width"], content["image_height"]),
            content["camera_matrix"]["data"],
            content["distortion_model"],
            content["distortion_coefficients"]["data"],
        )
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(
            f"{path}: should be a camera_info file as ROS's camera_calibration writes it, with image_width,"
            f" image_height, camera_matrix, distortion_model and distortion_coefficients ({error})"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_intrinsics(path: Path, camera: Intrinsics) -> None:
    """Write what ``read_intrinsics`` reads.

    Raises:
        OSError: the file cannot be written.
    """
    count = len(camera.distortion)
    content = {
        "image_width": camera.width,
        "image_height": camera.height,
        "camera_matrix": {"rows": 3, "cols": 3, "data": camera.matrix.ravel().tolist()},
        "distortion_model": next(name for name, n in MODELS.items() if n == count),
        "distortion_coefficients": {"rows": 1, "cols": count, "data": camera.distortion.tolist()},
    }
    with written_whole(path) as partial:
        partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
