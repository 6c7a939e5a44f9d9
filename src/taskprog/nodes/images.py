"""Between image messages and arrays, without cv_bridge."""

from __future__ import annotations

import sys

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from taskprog.perception.camera import CameraModel

COLOURS = ("rgb8", "bgr8")
DEPTHS = ("32FC1", "16UC1")
MILLIMETRE = 0.001


def colour_of(message: Image) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB.

    Raises:
        ValueError: another encoding, or fewer bytes than the size needs.
    """
    if message.encoding not in COLOURS:
        raise ValueError(f"a colour image must be {' or '.join(COLOURS)}, not {message.encoding!r}")
    image = _rows(message, np.dtype(np.uint8), 3).reshape(message.height, message.width, 3)
    return np.ascontiguousarray(image[..., ::-1] if message.encoding == "bgr8" else image)


def depth_of(message: Image) -> NDArray[np.float32]:
    """(H, W) float32, metres; 0 or NaN where there is none.

    Raises:
        ValueError: another encoding, or fewer bytes than the size needs.
    """
    if message.encoding not in DEPTHS:
        raise ValueError(f"a depth image must be {' or '.join(DEPTHS)}, not {message.encoding!r}")
    if message.encoding == "32FC1":
        return np.ascontiguousarray(_rows(message, np.dtype(np.float32), 1))
    return _rows(message, np.dtype(np.uint16), 1).astype(np.float32) * np.float32(MILLIMETRE)


def _rows(message: Image, kind: np.dtype[np.generic], channels: int) -> NDArray[np.generic]:
    """(H, W * channels) of a message, without the padding at the ends of its rows."""
    width = message.width * channels * kind.itemsize
    if message.width == 0 or message.height == 0 or message.step < width:
        raise ValueError(f"image is {message.width}x{message.height} with {message.step} bytes a row")
    data = np.frombuffer(message.data, np.uint8)
    if len(data) < message.step * message.height:
        raise ValueError(f"image has {len(data)} bytes, its size needs {message.step * message.height}")
    rows = data[: message.step * message.height].reshape(message.height, message.step)[:, :width]
    values = np.ascontiguousarray(rows).view(kind)
    return values if (sys.byteorder == "big") == bool(message.is_bigendian) else values.byteswap()


def colour_message(rgb: NDArray[np.uint8], stamp: Time, frame: str) -> Image:
    """An rgb8 image of (H, W, 3)."""
    height, width = rgb.shape[:2]
    message = Image(
        header=Header(stamp=stamp, frame_id=frame),
        height=height,
        width=width,
        encoding="rgb8",
        step=width * 3,
    )
    message.data.frombytes(np.ascontiguousarray(rgb).tobytes())
    return message


def camera_model(info: CameraInfo, pose: NDArray[np.float64]) -> CameraModel:
    """The camera that a ``CameraInfo`` describes, at ``pose`` (4, 4), base <- optical.

    Raises:
        ValueError: it is uncalibrated, or has lens distortion.
    """
    if info.k[0] <= 0.0 or info.k[4] <= 0.0:
        raise ValueError("camera_info has no focal lengths: the camera is not calibrated")
    if any(info.d):
        raise ValueError("camera_info has lens distortion; rectify the images first (image_proc)")
    return CameraModel(info.width, info.height, info.k[0], info.k[4], info.k[2], info.k[5], pose)
