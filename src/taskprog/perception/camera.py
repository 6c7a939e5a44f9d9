"""A pinhole camera: from points in frame ``base`` to pixels, and back along rays or depths.

Pixels are (u, v): column and row, whole numbers at pixel centres. The optical frame is that of REP 103:
x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import radians, tan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taskprog.tasks import table_top

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CameraModel:
    """A camera without lens distortion, at a known place.

    Attributes:
        width, height: of the image, pixels.
        fx, fy: focal lengths, pixels.
        cx, cy: principal point, pixels.
        pose: (4, 4) float64, base <- optical frame, metres.

    Raises:
        ValueError: the size or a focal length is not positive, or the pose is not a rigid transform.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    pose: Floats

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"an image size must be positive, got {self.width}x{self.height}")
        if not (self.fx > 0 and self.fy > 0):
            raise ValueError(f"focal lengths must be positive, got fx {self.fx}, fy {self.fy}")
        if self.pose.shape != (4, 4):
            raise ValueError(f"a camera pose must be (4, 4), got {self.pose.shape}")
        rotation = self.pose[:3, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) or np.linalg.det(rotation) < 0:
            raise ValueError("a camera pose must be a rigid transform: its rotation part is not a rotation")

    @classmethod
    def table_top(cls, width: int, height: int) -> CameraModel:
        """The simulator's camera at ``tasks.table_top``'s place, for a ``width`` x ``height`` image.

        PyBullet's TinyRenderer samples pixel (u, v) at (u, v + 1) of its viewport, hence cy = height / 2 - 1;
        the usual half-pixel centres would put cubes 1.4 mm off at 640x480.
        """
        focal = height / 2 / tan(radians(table_top.CAMERA_FOV) / 2)
        pose = look_at(table_top.CAMERA_EYE, table_top.CAMERA_TARGET)
        return cls(width, height, focal, focal, width / 2, height / 2 - 1, pose)

    @property
    def origin(self) -> Floats:
        """(3,) the centre of projection in ``base``, metres."""
        return self.pose[:3, 3]

    def project(self, points: ArrayLike) -> tuple[Floats, Floats]:
        """Pixels and depths of points.

        Args:
            points: (N, 3) in ``base``, metres.

        Returns:
            (N, 2) pixels (u, v), and (N,) depths along the optical axis, metres. A point that is not in
            front of the camera has a depth <= 0, and its pixel means nothing.
        """
        local = (np.asarray(points, np.float64) - self.origin) @ self.pose[:3, :3]
        depth = local[:, 2]
        safe = np.where(depth > 0, depth, 1.0)
        pixels = np.stack(
            [self.fx * local[:, 0] / safe + self.cx, self.fy * local[:, 1] / safe + self.cy], axis=1
        )
        return pixels, depth

    def ray(self, pixels: ArrayLike) -> tuple[Floats, Floats]:
        """The rays that pixels see.

        Args:
            pixels: (N, 2), (u, v), fractions allowed.

        Returns:
            (3,) the origin in ``base``, and (N, 3) directions in ``base`` with unit depth: ``origin + d *
            direction`` has depth ``d``.
        """
        uv = np.asarray(pixels, np.float64)
        local = np.stack(
            [(uv[:, 0] - self.cx) / self.fx, (uv[:, 1] - self.cy) / self.fy, np.ones(len(uv))], axis=1
        )
        return self.origin, local @ self.pose[:3, :3].T

    def at_height(self, pixels: ArrayLike, z: float) -> Floats:
        """(N, 3) where the rays of ``pixels`` (N, 2) meet the horizontal plane ``z``, metres, frame ``base``.

        A ray that runs level or away from the plane gives NaN.
        """
        origin, directions = self.ray(pixels)
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = (z - origin[2]) / directions[:, 2]
            return np.where(depth[:, None] > 0, origin + depth[:, None] * directions, np.nan)

    def backproject(self, depth: NDArray[np.float32], mask: NDArray[np.bool_]) -> Floats:
        """(N, 3) points in ``base`` of the N pixels set in ``mask``, row by row.

        Args:
            depth: (H, W) along the optical axis, metres.
            mask: (H, W).
        """
        v, u = np.nonzero(mask)
        return self.points(u, v, depth[v, u])

    def points(self, u: ArrayLike, v: ArrayLike, depth: ArrayLike) -> Floats:
        """(N, 3) points in ``base`` of pixels (``u``, ``v``) at ``depth``, each (N,); metres."""
        origin, directions = self.ray(np.stack([np.asarray(u), np.asarray(v)], axis=1))
        return np.asarray(origin + np.asarray(depth, np.float64)[:, None] * directions)


def look_at(eye: ArrayLike, target: ArrayLike) -> Floats:
    """(4, 4) base <- optical frame of an upright camera at ``eye`` that looks at ``target``, (3,), metres.

    Raises:
        ValueError: it would look straight up or down, or at itself.
    """
    position = np.asarray(eye, np.float64)
    forward = np.asarray(target, np.float64) - position
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-9:
        raise ValueError("a camera that looks straight up or down has no upright orientation")
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    return pose
