"""An RGB-D camera: what moves is drawn by PyBullet's TinyRenderer over a backdrop that is drawn once.

TinyRenderer's cost is pixels: floor and table fill most of a picture and never change, so they are
rendered once for each camera, and every frame draws only the robot and the objects before them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog_sim.bullet import pybullet

NEAR, FAR = 0.2, 6.0  # metres: nothing nearer or farther is drawn
# Where TinyRenderer samples pixel (u, v), against (u, v) itself.
SAMPLE_OFFSET = (0.0, 1.0)
LIGHT_DIRECTION = (0.55, 0.35, 1.0)
LIGHT_AMBIENT, LIGHT_DIFFUSE, LIGHT_SPECULAR = 0.62, 0.42, 0.05


@dataclass(frozen=True)
class Image:
    """One picture.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32, metres along the optical axis; ``FAR`` where there is nothing.
        stamp: seconds of simulated time.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    stamp: float


class Camera:
    """Takes pictures of one physics client with the geometry of a ``CameraModel``.

    Attributes:
        blind_until: seconds of simulated time; before, the lens is covered.
    """

    def __init__(self, model: CameraModel, client: int, backdrop: Image, clock: Callable[[], float]):
        """``backdrop`` is a picture of all that never moves; ``clock`` gives the simulated time."""
        self.model = model
        self._client = client
        self._backdrop = backdrop
        self._clock = clock
        self.blind_until = 0.0
        self._hidden = np.empty((model.height, model.width), np.bool_)

    def render(self) -> Image:
        """What the camera sees now; while its lens is covered black, and NaN where the depth would be."""
        if self._clock() < self.blind_until:
            shape = self.model.height, self.model.width
            return Image(np.zeros((*shape, 3), np.uint8), np.full(shape, np.nan, np.float32), self._clock())
        image = draw(self.model, self._client, self._clock())
        np.greater_equal(image.depth, self._backdrop.depth, out=self._hidden)
        np.copyto(image.rgb, self._backdrop.rgb, where=self._hidden[..., None])
        np.copyto(image.depth, self._backdrop.depth, where=self._hidden)
        return image


def draw(model: CameraModel, client: int, stamp: float) -> Image:
    """A picture of everything in a physics client; without shadows, which would double its cost."""
    width, height = model.width, model.height
    _, _, rgba, buffer, _ = pybullet.getCameraImage(
        width,
        height,
        view_matrix(model.pose),
        projection_matrix(model),
        lightDirection=LIGHT_DIRECTION,
        lightAmbientCoeff=LIGHT_AMBIENT,
        lightDiffuseCoeff=LIGHT_DIFFUSE,
        lightSpecularCoeff=LIGHT_SPECULAR,
        shadow=0,
        renderer=pybullet.ER_TINY_RENDERER,
        flags=pybullet.ER_NO_SEGMENTATION_MASK,
        physicsClientId=client,
    )
    rgb = np.asarray(cv2.cvtColor(rgba.reshape(height, width, 4), cv2.COLOR_RGBA2RGB), np.uint8)
    z = np.asarray(buffer, np.float32).reshape(height, width)
    depth = np.float32(FAR * NEAR) / (np.float32(FAR) - np.float32(FAR - NEAR) * z)
    return Image(rgb, depth, stamp)


def view_matrix(pose: NDArray[np.float64]) -> list[float]:
    """OpenGL's view matrix, column by column, of an optical frame: (4, 4), base from optical."""
    flip = np.diag([1.0, -1.0, -1.0, 1.0])  # optical: y down, z ahead; OpenGL: y up, z back
    return [float(value) for value in np.linalg.inv(pose @ flip).T.ravel()]


def projection_matrix(model: CameraModel) -> list[float]:
    """OpenGL's projection matrix, column by column, that makes TinyRenderer draw as ``model`` sees."""
    cx, cy = model.cx + SAMPLE_OFFSET[0], model.cy + SAMPLE_OFFSET[1]
    matrix = np.zeros((4, 4))
    matrix[0, 0] = 2.0 * model.fx / model.width
    matrix[1, 1] = 2.0 * model.fy / model.height
    matrix[0, 2] = 1.0 - 2.0 * cx / model.width
    matrix[1, 2] = 2.0 * cy / model.height - 1.0
    matrix[2, 2] = -(FAR + NEAR) / (FAR - NEAR)
    matrix[2, 3] = -2.0 * FAR * NEAR / (FAR - NEAR)
    matrix[3, 2] = -1.0
    return [float(value) for value in matrix.T.ravel()]
