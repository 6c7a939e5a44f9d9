"""Puts the things of a scene description into the physics."""

from __future__ import annotations

import math

from taskprog.tasks.goods import CONTAINER_NAMES
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim.bullet import Bullet
from taskprog_sim.goods import add_container, add_good
from taskprog_sim.scene import add_cube
from taskprog_sim.scene_description import Thing


def add_thing(bullet: Bullet, thing: Thing) -> int:
    """Put a thing where it says; gives its body.

    Raises:
        ValueError: there is no such kind of thing.
    """
    kind = thing.kind
    if kind in CUBE_NAMES or kind in CONTAINER_NAMES:
        yaw = 2 * math.atan2(thing.quaternion[2], thing.quaternion[3])
        if kind in CUBE_NAMES:
            return add_cube(bullet, CUBE_NAMES.index(kind), thing.position, yaw)
        return add_container(bullet, CONTAINER_NAMES.index(kind), thing.position, yaw)
    return add_good(bullet, kind, thing.position, thing.quaternion)
