"""TinyRenderer draws what is shown in a physics client, all of a picture or a part of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog_sim.bullet import pybullet

Part = tuple[int, int]  # a body and one of its links, -1 is the base
NEAR, FAR = 0.2, 6.0  # metres: nothing nearer or farther is drawn
# Where TinyRenderer samples pixel (u, v), against (u, v) itself.
SAMPLE_OFFSET = (0.0, 1.0)
MARGIN = 3  # pixels around what is drawn
CORNERS = np.array(list(itertools.product((True, False), repeat=3)))  # of a box
LIGHT_DIRECTION = (0.55, 0.35, 1.0)
LIGHT_AMBIENT, LIGHT_DIFFUSE, LIGHT_SPECULAR = 0.62, 0.42, 0.05


@dataclass(frozen=True)
class Window:
    """A part of a picture: pixels [left, right) and [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int

    @staticmethod
    def whole(model: CameraModel) -> Window:
        """All of a camera's picture."""
        return Window(0, 0, model.width, model.height)

    @property
    def area(self) -> int:
        """Pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Of an image's rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def overlaps(self, other: Window) -> bool:
        """Whether they have pixels in common."""
        return self.cut(other.left, other.top, other.right, other.bottom).area > 0

    def with_(self, other: Window) -> Window:
        """The least window around what is in both."""
        if not (self.area and other.area):
            return self if self.area else other
        return Window(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def cut(self, left: float, top: float, right: float, bottom: float) -> Window:
        """What this and other bounds have in common; no pixels, if nothing."""
        first, upper = max(self.left, math.floor(left)), max(self.top, math.floor(top))
        last, lower = min(self.right, math.ceil(right)), min(self.bottom, math.ceil(bottom))
        return Window(first, upper, max(first, last), max(upper, lower))


def draw(
    model: CameraModel, client: int, window: Window | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colours and depths of all that is shown in a physics client, without shadows: they double the cost.

    Args:
        window: only this part of the picture is drawn.
    """
    window = window or Window.whole(model)
    width, height = window.right - window.left, window.bottom - window.top
    _, _, rgba, buffer, _ = pybullet.getCameraImage(
        width,
        height,
        view_matrix(model.pose),
        projection_matrix(model, window),
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
    return rgb, np.float32(FAR * NEAR) / (np.float32(FAR) - np.float32(FAR - NEAR) * z)


def window_of(model: CameraModel, client: int, parts: Iterable[Part]) -> Window:
    """The part of the picture in which these parts of bodies are."""
    whole = Window.whole(model)
    boxes = [pybullet.getAABB(body, link, physicsClientId=client) for body, link in parts]
    if not boxes:
        return Window(0, 0, 0, 0)
    low, high = (np.array(corners) for corners in zip(*boxes, strict=True))
    corners = np.stack([np.where(CORNERS[k], low, high) for k in range(8)]).reshape(-1, 3)
    pixels, depths = model.project(corners)
    if (depths < NEAR).any():
        return whole
    (left, top), (right, bottom) = pixels.min(axis=0), pixels.max(axis=0)
    return whole.cut(left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN)


def view_matrix(pose: NDArray[np.float64]) -> list[float]:
    """OpenGL's view matrix, column by column, of an optical frame: (4, 4), base from optical."""
    flip = np.diag([1.0, -1.0, -1.0, 1.0])  # optical: y down, z ahead; OpenGL: y up, z back
    return [float(value) for value in np.linalg.inv(pose @ flip).T.ravel()]


def projection_matrix(model: CameraModel, window: Window | None = None) -> list[float]:
    """OpenGL's projection matrix, column by column, that makes TinyRenderer draw as ``model`` sees.

    Args:
        window: the part of the picture that is drawn; by default all of it.
    """
    window = window or Window.whole(model)
    width, height = window.right - window.left, window.bottom - window.top
    cx, cy = model.cx + SAMPLE_OFFSET[0] - window.left, model.cy + SAMPLE_OFFSET[1] - window.top
    matrix = np.zeros((4, 4))
    matrix[0, 0] = 2.0 * model.fx / width
    matrix[1, 1] = 2.0 * model.fy / height
    matrix[0, 2] = 1.0 - 2.0 * cx / width
    matrix[1, 2] = 2.0 * cy / height - 1.0
    matrix[2, 2] = -(FAR + NEAR) / (FAR - NEAR)
    matrix[2, 3] = -2.0 * FAR * NEAR / (FAR - NEAR)
    matrix[3, 2] = -1.0
    return [float(value) for value in matrix.T.ravel()]
