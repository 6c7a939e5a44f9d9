"""Between ROS messages and the library's plain types: times, poses, cameras."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

NANO = 1_000_000_000


def from_stamp(stamp: Time | Duration) -> float:
    """Seconds."""
    return float(stamp.sec + stamp.nanosec / NANO)


def _split(seconds: float) -> tuple[int, int]:
    return divmod(round(seconds * NANO), NANO)


def to_stamp(seconds: float) -> Time:
    """A time message, to the nanosecond."""
    whole, rest = _split(seconds)
    return Time(sec=whole, nanosec=rest)


def to_duration(seconds: float) -> Duration:
    """A duration message, to the nanosecond."""
    whole, rest = _split(seconds)
    return Duration(sec=whole, nanosec=rest)


def to_pose(position: NDArray[np.float64], rotation: NDArray[np.float64]) -> Pose:
    """A pose from a position (3,) in metres and a rotation matrix (3, 3)."""
    x, y, z, w = (float(v) for v in Rotation.from_matrix(rotation).as_quat())
    px, py, pz = (float(v) for v in position)
    return Pose(position=Point(x=px, y=py, z=pz), orientation=Quaternion(x=x, y=y, z=z, w=w))


def upright_pose(position: Iterable[float], yaw: float) -> Pose:
    """The pose of something upright at ``position`` (3,), metres, turned about z by ``yaw``, radians."""
    x, y, z = map(float, position)
    turn = Quaternion(z=math.sin(yaw / 2), w=math.cos(yaw / 2))
    return Pose(position=Point(x=x, y=y, z=z), orientation=turn)


def place_of(pose: Pose) -> tuple[float, float, float]:
    """Where a pose is, metres."""
    return pose.position.x, pose.position.y, pose.position.z


def upright_yaw(pose: Pose) -> float:
    """The turn about z of something upright, radians."""
    return 2 * math.atan2(pose.orientation.z, pose.orientation.w)


def from_pose(pose: Pose) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position (3,) in metres and rotation matrix (3, 3).

    Raises:
        ValueError: a value is not finite, or the quaternion has no direction.
    """
    p, o = pose.position, pose.orientation
    position, quaternion = np.array([p.x, p.y, p.z]), np.array([o.x, o.y, o.z, o.w])
    if not (np.isfinite(position).all() and np.isfinite(quaternion).all()):
        raise ValueError("pose must be finite")
    if not 0.9 < np.linalg.norm(quaternion) < 1.1:
        raise ValueError(
            f"orientation must be a unit quaternion, its norm is {np.linalg.norm(quaternion):.3g}"
        )
    return position, Rotation.from_quat(quaternion).as_matrix()


def from_transform(transform: Transform) -> NDArray[np.float64]:
    """A rigid transform as a matrix (4, 4).

    Raises:
        ValueError: as ``from_pose``.
    """
    t = transform.translation
    position, rotation = from_pose(Pose(position=Point(x=t.x, y=t.y, z=t.z), orientation=transform.rotation))
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, position
    return matrix
