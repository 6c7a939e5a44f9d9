"""A table, the eight cubes and a hand, drawn where a test says, without physics: images with known truth."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np
import pybullet
from numpy.typing import ArrayLike, NDArray

from taskprog.perception.camera import CameraModel
from taskprog.tasks import table_top

GREY = (0.55, 0.55, 0.58)
SKIN = (0.87, 0.68, 0.57)
NEAR, FAR = 0.1, 4.0
AWAY = (0.0, 0.0, -5.0)


class CubeScene:
    """Kinematic bodies in a PyBullet client of its own, seen by the table-top camera."""

    def __init__(self, width: int = 640, height: int = 480) -> None:
        self.camera = CameraModel.table_top(width, height)
        self._view = pybullet.computeViewMatrix(table_top.CAMERA_EYE, table_top.CAMERA_TARGET, (0, 0, 1))
        self._projection = pybullet.computeProjectionMatrixFOV(
            table_top.CAMERA_FOV, width / height, NEAR, FAR
        )
        self._client = pybullet.connect(pybullet.DIRECT)
        top = table_top.TABLE_HEIGHT
        self.box((0.65, 0.0, top - 0.02), (0.75, 1.2, 0.04), (0.78, 0.74, 0.68))
        self.box((0.0, 0.0, -1.0), (8.0, 8.0, 0.02), (0.45, 0.45, 0.47))
        # Floor and table fill the picture and never change: they are drawn once.
        self._backdrop = self._draw()
        pybullet.resetSimulation(physicsClientId=self._client)
        self.cubes = [self.box(AWAY, (table_top.CUBE_SIZE,) * 3, cube.rgb) for cube in table_top.CUBES]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pybullet.disconnect(self._client)

    def box(self, position: ArrayLike, size: ArrayLike, rgb: ArrayLike) -> int:
        """Add a box; returns its body."""
        shape = pybullet.createVisualShape(
            pybullet.GEOM_BOX,
            halfExtents=(np.asarray(size) / 2).tolist(),
            rgbaColor=[*np.asarray(rgb).tolist(), 1.0],
            physicsClientId=self._client,
        )
        place = np.asarray(position, np.float64).tolist()
        return int(pybullet.createMultiBody(0, -1, shape, place, physicsClientId=self._client))

    def move(self, body: int, position: ArrayLike, yaw: float = 0.0) -> None:
        """Put a body somewhere."""
        pybullet.resetBasePositionAndOrientation(
            body,
            np.asarray(position, np.float64).tolist(),
            pybullet.getQuaternionFromEuler((0.0, 0.0, yaw)),
            physicsClientId=self._client,
        )

    def place(self, positions: ArrayLike, yaws: ArrayLike | None = None) -> None:
        """Put the cubes at positions (N, 3), N <= 8, with yaws (N,); the others go out of sight."""
        where = np.asarray(positions, np.float64)
        turns = np.zeros(len(where)) if yaws is None else np.asarray(yaws)
        for index, body in enumerate(self.cubes):
            if index < len(where):
                self.move(body, where[index], float(turns[index]))
            else:
                self.move(body, AWAY)

    def render(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """(H, W, 3) colour and (H, W) depth in metres."""
        rgb, depth = self._draw()
        behind = depth >= self._backdrop[1]
        rgb[behind], depth[behind] = self._backdrop[0][behind], self._backdrop[1][behind]
        return rgb, depth

    def _draw(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        width, height = self.camera.width, self.camera.height
        _, _, rgba, buffer, _ = pybullet.getCameraImage(
            width,
            height,
            self._view,
            self._projection,
            lightDirection=(0.5, 0.3, 2.0),
            renderer=pybullet.ER_TINY_RENDERER,
            physicsClientId=self._client,
        )
        rgb = np.asarray(rgba, np.uint8).reshape(height, width, 4)[..., :3]
        z = np.asarray(buffer, np.float64).reshape(height, width)
        depth = FAR * NEAR / (FAR - (FAR - NEAR) * z)
        return rgb.copy(), depth.astype(np.float32)


def scattered(seed: int, count: int = 8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (count, 3) of cubes that lie apart on the table, and their yaws (count,)."""
    rng = np.random.default_rng(seed)
    region = table_top.LAYOUT_REGION
    places: list[NDArray[np.float64]] = []
    while len(places) < count:
        spot = np.array([rng.uniform(*region.x), rng.uniform(*region.y)])
        if all(np.linalg.norm(spot - other) > table_top.LAYOUT_SEPARATION for other in places):
            places.append(spot)
    height = np.full((count, 1), table_top.TABLE_HEIGHT + table_top.CUBE_SIZE / 2)
    return np.hstack([np.array(places), height]), rng.uniform(-np.pi / 4, np.pi / 4, count)
