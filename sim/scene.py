"""The room, the table and the cubes as bodies."""

from __future__ import annotations

import math

from taskprog.tasks.table_top import CUBE_SIZE, CUBES, TABLE_HEIGHT
from taskprog_sim.bullet import Bullet, pybullet

FLOOR_HEIGHT = -0.915  # the pedestal's foot stands on it
TABLE_X, TABLE_Y = (0.24, 1.00), (-0.62, 0.62)
TABLE_THICKNESS = 0.03
# Low saturation, so that no colour detector takes furniture for a cube.
TABLE_COLOUR = (0.86, 0.84, 0.81)
LEG_COLOUR = (0.55, 0.55, 0.56)
FLOOR_COLOUR = (0.56, 0.57, 0.58)
WALL_X = -2.2
WALL_COLOUR = (0.78, 0.79, 0.80)

CUBE_MASS = 0.08  # kg: beech wood
CUBE_FRICTION = 0.8
CUBE_SPINNING_FRICTION = 0.002
TABLE_FRICTION = 0.8

Vector = tuple[float, float, float]


def _box(
    bullet: Bullet, size: Vector, centre: Vector, colour: Vector, mass: float, drawn: bool, yaw: float = 0.0
) -> int:
    half = [side / 2 for side in size]
    shape = pybullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=half, physicsClientId=bullet.client)
    visual = pybullet.createVisualShape(
        pybullet.GEOM_BOX,
        halfExtents=half if drawn else [1e-6] * 3,
        rgbaColor=[*colour, 1.0],
        specularColor=[0.1, 0.1, 0.1],
        physicsClientId=bullet.client,
    )
    body: int = pybullet.createMultiBody(
        mass,
        shape,
        visual,
        centre,
        (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)),
        physicsClientId=bullet.client,
    )
    return body


def add_room(bullet: Bullet, drawn: bool) -> None:
    """Floor, wall and table; solid but invisible unless ``drawn``."""
    _box(bullet, (6.0, 8.0, 0.02), (0.0, 0.0, FLOOR_HEIGHT - 0.01), FLOOR_COLOUR, 0.0, drawn)
    _box(bullet, (0.02, 8.0, 4.0), (WALL_X, 0.0, FLOOR_HEIGHT + 2.0), WALL_COLOUR, 0.0, drawn)
    size = (TABLE_X[1] - TABLE_X[0], TABLE_Y[1] - TABLE_Y[0], TABLE_THICKNESS)
    middle = (sum(TABLE_X) / 2, sum(TABLE_Y) / 2, TABLE_HEIGHT - TABLE_THICKNESS / 2)
    table = _box(bullet, size, middle, TABLE_COLOUR, 0.0, drawn)
    pybullet.changeDynamics(table, -1, lateralFriction=TABLE_FRICTION, physicsClientId=bullet.client)
    legs = TABLE_HEIGHT - TABLE_THICKNESS - FLOOR_HEIGHT
    for x in (TABLE_X[0] + 0.04, TABLE_X[1] - 0.04):
        for y in (TABLE_Y[0] + 0.04, TABLE_Y[1] - 0.04):
            _box(bullet, (0.05, 0.05, legs), (x, y, FLOOR_HEIGHT + legs / 2), LEG_COLOUR, 0.0, drawn)


def add_cube(bullet: Bullet, index: int, position: Vector, yaw: float) -> int:
    """Put cube ``index`` of ``CUBES`` at ``position``, metres, turned by ``yaw`` radians; gives its body."""
    body = _box(bullet, (CUBE_SIZE,) * 3, position, CUBES[index].rgb, CUBE_MASS, True, yaw)
    pybullet.changeDynamics(
        body,
        -1,
        lateralFriction=CUBE_FRICTION,
        spinningFriction=CUBE_SPINNING_FRICTION,
        # A cube at rest costs nothing until something touches it.
        activationState=pybullet.ACTIVATION_STATE_ENABLE_SLEEPING,
        physicsClientId=bullet.client,
    )
    return body
