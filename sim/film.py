"""What a task video shows: a scene, and what a hand does there for a task."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from taskprog.tasks.block_stacking import Layout, StackingTask
from taskprog.tasks.goods import CONTAINER_FLOOR, CONTAINER_NAMES, CONTAINER_SIZE, GOOD_NAMES
from taskprog.tasks.order_fulfilment import OrderTask
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT
from taskprog_sim.hand_motion import Carry, Script
from taskprog_sim.order_layout import START_GAP, order_scene
from taskprog_sim.outline import lying
from taskprog_sim.scene_description import SceneDescription, stacking_scene

# Metres along x and y from a container's middle at which several things are put side by side.
SLOTS = ((-0.04, -0.04), (0.04, 0.04), (-0.04, 0.04), (0.04, -0.04))


@dataclass(frozen=True)
class Film:
    """A scene and a script for the hand.

    Attributes:
        scene: in which the things are in the script's order.
        upright: (N,) orientations of the things while their yaw is 0.
    """

    scene: SceneDescription
    script: Script
    upright: Rotation


def stacking_film(task: StackingTask, layout: Layout) -> Film:
    """Cubes are put on one another, from the start ``layout``."""
    n = len(layout.positions)
    half = np.full(n, CUBE_SIZE / 2)
    carries = tuple(Carry(a, b, (0.0, 0.0, CUBE_SIZE), aligned=True) for a, b in task.steps)
    script = Script(layout.positions, layout.yaws, half, half, np.full(n, CUBE_SIZE), math.pi / 2, carries)
    return Film(stacking_scene(layout), script, Rotation.identity(n))


def order_film(task: OrderTask, seed: int) -> Film:
    """One thing of each category goes into its container, from the start layout of ``seed``."""
    scene = order_scene(seed, dict.fromkeys(GOOD_NAMES, 1))
    kinds = [thing.kind for thing in scene.things]
    quaternions = np.array([thing.quaternion for thing in scene.things])
    positions = np.array([thing.position for thing in scene.things])
    # Nothing settles here.
    positions[:, 2] -= [START_GAP if thing.movable else 0.0 for thing in scene.things]
    yaws, below, above, widths = (np.empty(len(kinds)) for _ in range(4))
    for index, kind in enumerate(kinds):
        if kind in CONTAINER_NAMES:
            yaw = 2 * math.atan2(quaternions[index][2], quaternions[index][3])
            size = np.array(CONTAINER_SIZE)
        else:
            yaw, size = lying(kind, quaternions[index])
        yaws[index], widths[index] = yaw, size[1]
        below[index] = positions[index, 2] - TABLE_HEIGHT
        above[index] = size[2] - below[index]
    carries = []
    filled: Counter[str] = Counter()
    for category, box in task.named:
        a, b = kinds.index(category), kinds.index(box)
        alone = sum(name == box for _, name in task.named) == 1
        x, y = (0.0, 0.0) if alone else SLOTS[filled[box]]
        filled[box] += 1
        c, s = math.cos(yaws[b]), math.sin(yaws[b])
        height = CONTAINER_FLOOR + float(below[a]) - float(positions[b, 2])
        carries.append(Carry(a, b, (c * x - s * y, s * x + c * y, height), aligned=False))
    upright = Rotation.from_euler("z", -yaws[:, None]) * Rotation.from_quat(quaternions)
    script = Script(positions, yaws, below, above, widths, math.pi, tuple(carries))
    return Film(scene, script, upright)
