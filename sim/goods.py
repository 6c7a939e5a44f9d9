"""Ducks, bricks, blocks and bears in the physics, and the open boxes that they are sorted into."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pybullet_data
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.tasks.goods import (
    CONTAINER_SIZE,
    CONTAINER_WALL,
    CONTAINERS,
    good_of,
)
from taskprog_sim.bullet import Bullet, pybullet, silenced

DATA = Path(pybullet_data.getDataPath())

FRICTION = 0.8
SPINNING_FRICTION = 0.002
CONTAINER_FRICTION = 0.8

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Model:
    """How a file of pybullet_data becomes a body.

    Attributes:
        visual: file of what is drawn, below ``DATA``.
        collision: file of convex hulls, or None for a box of the good's size.
        scale: metres for a unit of the files, along their axes.
        middle: (3,) of the drawn shape's bounding box, in units of the files.
        roll: radians about x that put the shape upright.
    """

    visual: str
    collision: str | None
    scale: Vector
    middle: Vector
    roll: float


_UPRIGHT = math.pi / 2  # the files' y axis points up
_MODELS = {
    "duck": _Model("duck.obj", "duck_vhacd.obj", (0.025,) * 3, (-0.1344, 0.8695, 0.0370), _UPRIGHT),
    "lego": _Model("lego/lego.obj", None, (0.1,) * 3, (0.1585, 0.1150, -0.15875), _UPRIGHT),
    "jenga": _Model("jenga/jenga.obj", None, (0.09, 0.03, 0.018), (0.0, 0.0, 0.0), 0.0),
    "bear": _Model(
        "teddy2_VHACD_CHs.obj",
        "teddy2_VHACD_CHs.obj",
        (0.05,) * 3,
        (0.678694, 0.661082, 0.323027),
        _UPRIGHT,
    ),
}


def add_good(bullet: Bullet, category: str, position: Sequence[float], turn: float | Sequence[float]) -> int:
    """Put a good into the physics; gives its body.

    The body's frame, which ``getBasePositionAndOrientation`` gives, is in the middle of what is drawn;
    upright, its z axis points up and its x axis along the good's length.

    Args:
        category: one of ``GOODS``.
        position: (3,) of its middle, metres.
        turn: yaw of the upright good, radians, or a quaternion (4,), x y z w.

    Raises:
        ValueError: there is no such category.
    """
    good, model, client = good_of(category), _MODELS[category], bullet.client
    orientation = pybullet.getQuaternionFromEuler((model.roll, 0.0, 0.0))
    offset = _rotated(model, orientation)
    if model.collision is None:
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_BOX, halfExtents=[side / 2 for side in good.size], physicsClientId=client
        )
    else:
        shape = pybullet.createCollisionShape(
            pybullet.GEOM_MESH,
            fileName=str(DATA / model.collision),
            meshScale=model.scale,
            collisionFramePosition=offset,
            collisionFrameOrientation=orientation,
            physicsClientId=client,
        )
    with silenced():  # a missing lego.mtl is announced
        visual = pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            fileName=str(DATA / model.visual),
            meshScale=model.scale,
            rgbaColor=[*good.rgb, 1.0],
            specularColor=[0.1, 0.1, 0.1],
            visualFramePosition=offset,
            visualFrameOrientation=orientation,
            physicsClientId=client,
        )
    quaternion = yaw_quaternion(turn) if isinstance(turn, (int, float)) else tuple(turn)
    body: int = pybullet.createMultiBody(
        good.mass, shape, visual, tuple(position), quaternion, physicsClientId=client
    )
    pybullet.changeDynamics(
        body,
        -1,
        lateralFriction=FRICTION,
        spinningFriction=SPINNING_FRICTION,
        # What rests costs nothing until something touches it.
        activationState=pybullet.ACTIVATION_STATE_ENABLE_SLEEPING,
        physicsClientId=client,
    )
    return body


def add_container(bullet: Bullet, index: int, position: Sequence[float], yaw: float) -> int:
    """Put container ``index`` of ``CONTAINERS`` into the physics, fixed; gives its body.

    Args:
        position: (3,) the middle of the box that it fills, metres: half its height above what it stands on.
        yaw: radians.

    Raises:
        ValueError: there is no such container.
    """
    if not 0 <= index < len(CONTAINERS):
        raise ValueError(f"there is no container {index}; there are 0 to {len(CONTAINERS) - 1}")
    length, width, height = CONTAINER_SIZE
    wall = CONTAINER_WALL
    aside = (length - wall) / 2, (width - wall) / 2
    up = height - wall  # of the walls, which stand on the floor
    parts: list[tuple[Vector, Vector]] = [((length, width, wall), (0.0, 0.0, (wall - height) / 2))]
    parts += [((wall, width, up), (side * aside[0], 0.0, wall / 2)) for side in (-1, 1)]
    parts += [((length - 2 * wall, wall, up), (0.0, side * aside[1], wall / 2)) for side in (-1, 1)]
    kinds = [pybullet.GEOM_BOX] * len(parts)
    halves = [[side / 2 for side in size] for size, _ in parts]
    centres = [centre for _, centre in parts]
    shape = pybullet.createCollisionShapeArray(
        kinds, halfExtents=halves, collisionFramePositions=centres, physicsClientId=bullet.client
    )
    visual = pybullet.createVisualShapeArray(
        kinds,
        halfExtents=halves,
        rgbaColors=[[*CONTAINERS[index].rgb, 1.0]] * len(parts),
        visualFramePositions=centres,
        physicsClientId=bullet.client,
    )
    body: int = pybullet.createMultiBody(
        0.0, shape, visual, tuple(position), yaw_quaternion(yaw), physicsClientId=bullet.client
    )
    pybullet.changeDynamics(body, -1, lateralFriction=CONTAINER_FRICTION, physicsClientId=bullet.client)
    return body


def drawn_points(category: str) -> NDArray[np.float64]:
    """(N, 3) corners of what is drawn of a good, in its own frame, metres.

    Raises:
        ValueError: there is no such category.
    """
    model = _MODELS[good_of(category).name]
    lines = (DATA / model.visual).read_text(encoding="utf-8").splitlines()
    corners = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], np.float64)
    turn = Rotation.from_euler("x", model.roll)
    return np.asarray(turn.apply((corners - model.middle) * model.scale))


def yaw_quaternion(yaw: float) -> Quaternion:
    """x y z w of a turn about z, radians."""
    return (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))


def _rotated(model: _Model, orientation: Quaternion) -> Vector:
    """Where the files' origin lies in the body's frame, metres."""
    middle = [-m * s for m, s in zip(model.middle, model.scale, strict=True)]
    place, _ = pybullet.multiplyTransforms((0.0, 0.0, 0.0), orientation, middle, (0.0, 0.0, 0.0, 1.0))
    x, y, z = place
    return (x, y, z)
