"""A cube carried to and fro past a tower of seven, by contact, in the physics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.clearance import Obstacle
from taskprog.control.collision import CollisionModel
from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH, JointTrajectory
from taskprog.control.surroundings import Surroundings
from taskprog.machine import CancelToken
from taskprog.tasks.block_stacking import Layout, random_layout
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, TABLE_HEIGHT
from taskprog_sim.robot import SimRobot
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World

Vector = NDArray[np.float64]
# From where the arm is, among obstacles, to a place and a yaw of the tool; raises MotionError.
Plan = Callable[[Vector, Surroundings, list[Obstacle], Vector, float], JointTrajectory]

CARRIES = 4
MOVED = 0.005  # metres; a cube of the tower that ends farther away than this was touched
MISSED = 0.02  # metres; what is put down farther from its place than this was lost
REST = TABLE_HEIGHT + CUBE_SIZE / 2


@dataclass
class Carries:
    """How it went: simulated seconds a pick and place, carries that worked, cubes of towers that moved."""

    seconds: list[float]
    done: int = 0
    moved: int = 0


def carry_past_tower(plan: Plan, kinematics: Kinematics, arm: CollisionModel, seeds: int) -> Carries:
    """Carry cube 0 ``CARRIES`` times between two places at either side of a tower, for each seed."""
    result = Carries([])
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        layout = random_layout(seed)
        positions, yaws = layout.positions.copy(), layout.yaws.copy()
        foot = np.array([rng.uniform(0.52, 0.68), rng.uniform(-0.06, 0.06)])
        for level, k in enumerate(range(1, 8)):
            positions[k] = [*(foot + rng.normal(0.0, 0.002, 2)), REST + level * CUBE_SIZE]
        sides = [foot + [rng.uniform(-0.06, 0.06), side * rng.uniform(0.14, 0.24)] for side in (1, -1)]
        positions[0] = [*sides[0], REST]
        with World(camera_size=(64, 48)) as world:
            world.start(stacking_scene(Layout(positions, yaws)))
            world.step(60)
            before = world.positions()
            robot = SimRobot(world)
            for trip in range(CARRIES):
                began = world.time
                place = np.array([*sides[1 - trip % 2], REST + 0.002])
                _carry(plan, kinematics, arm, robot, place)
                result.seconds.append(world.time - began)
                result.done += bool(np.linalg.norm(world.positions()[0] - place) < MISSED)
            ways = np.linalg.norm(world.positions()[1:] - before[1:], axis=1)
            result.moved += int((ways > MOVED).sum())
    return result


def _carry(plan: Plan, kinematics: Kinematics, arm: CollisionModel, robot: SimRobot, place: Vector) -> None:
    things = _cubes(robot.simulation.world)
    turn = _move(plan, kinematics, arm, robot, things, None, things[0].centre, things[0].yaw or 0.0)
    robot.move_gripper(GRIPPER_CLOSED_WIDTH, 10.0, CancelToken())
    things = _cubes(robot.simulation.world)
    _move(plan, kinematics, arm, robot, things[1:], things[0], place, turn)
    robot.move_gripper(GRIPPER_OPEN_WIDTH, 10.0, CancelToken())


def _move(
    plan: Plan,
    kinematics: Kinematics,
    arm: CollisionModel,
    robot: SimRobot,
    obstacles: list[Obstacle],
    held: Obstacle | None,
    goal: Vector,
    yaw: float,
) -> float:
    """Run one motion, with the first of a cube's four yaws to which there is a way; the tool's yaw."""
    state = robot.state()
    if held is None:
        yaw = math.remainder(yaw, math.pi / 2)
    around = Surroundings(
        arm, kinematics, state.positions, obstacles, held, held is not None, state.gripper_width
    )
    for turned in (yaw + k * math.pi / 2 for k in (0, 1, -1, 2)):
        try:
            trajectory = plan(state.positions, around, obstacles, goal, turned)
        except MotionError as error:
            refused = error
            continue
        outcome = robot.follow(trajectory, CancelToken())
        if not outcome.ok:
            raise RuntimeError(outcome.message)
        return turned
    raise refused


def _cubes(world: World) -> list[Obstacle]:
    poses = world.poses()
    yaws = [2 * math.atan2(z, w) for _, _, z, w in poses.quaternions.tolist()]
    size = np.full(3, CUBE_SIZE)
    return [
        Obstacle(p, size, name=name, yaw=yaw)
        for p, name, yaw in zip(poses.positions, CUBE_NAMES, yaws, strict=True)
    ]
