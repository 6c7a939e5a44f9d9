"""Messages of cameras, joints and frames, made fast enough for a simulator's pace."""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header

from taskprog.perception.camera import CameraModel


def image_message(header: Header, pixels: NDArray[np.uint8] | NDArray[np.float32]) -> Image:
    """An image: (H, W, 3) uint8 becomes ``rgb8``, (H, W) float32 in metres becomes ``32FC1``."""
    encoding = "rgb8" if pixels.ndim == 3 else "32FC1"
    message = Image(header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    message.step = pixels.strides[0]
    # rclpy takes an array.array as it is; anything else it checks byte by byte, for half a second an image.
    message.data = array.array("B", pixels.tobytes())
    return message


def camera_info_message(header: Header, model: CameraModel) -> CameraInfo:
    """A pinhole camera without distortion."""
    return CameraInfo(
        header=header,
        width=model.width,
        height=model.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[model.fx, 0.0, model.cx, 0.0, model.fy, model.cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[model.fx, 0.0, model.cx, 0.0, 0.0, model.fy, model.cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def joint_state_message(
    stamp: Time,
    names: Sequence[str],
    positions: NDArray[np.float64],
    velocities: NDArray[np.float64],
    efforts: NDArray[np.float64],
) -> JointState:
    """State of joints, arrays (N,) in the order of ``names``."""
    return JointState(
        header=Header(stamp=stamp),
        name=list(names),
        position=positions.tolist(),
        velocity=velocities.tolist(),
        effort=efforts.tolist(),
    )


def transform_message(
    stamp: Time, parent: str, child: str, translation: NDArray[np.float64], rotation: NDArray[np.float64]
) -> TransformStamped:
    """Pose of frame ``child`` in ``parent``: (3,) metres, and a quaternion (4,) x y z w."""
    x, y, z = translation.tolist()
    qx, qy, qz, qw = rotation.tolist()
    return TransformStamped(
        header=Header(stamp=stamp, frame_id=parent),
        child_frame_id=child,
        transform=Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)),
    )


def camera_transform(stamp: Time, frame: str, pose: NDArray[np.float64]) -> TransformStamped:
    """Where a camera's optical frame is: ``pose`` (4, 4), base from optical."""
    return transform_message(
        stamp, "base", frame, pose[:3, 3], np.asarray(Rotation.from_matrix(pose[:3, :3]).as_quat())
    )
