"""Films of the simulated Sawyer doing a task by contact grasping, led by the expert that knows the task."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from taskprog.machine import NOTHING_HELD, Demonstration, Machine
from taskprog.tasks.block_stacking import LIBRARY, BlockStacking, StackingTask
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim.camera import Image
from taskprog_sim.robot import SimRobot
from taskprog_sim.truth_domain import TruthDomain
from taskprog_sim.world import World

PAUSE = 0.5  # seconds before the first and after the last motion


class FilmError(RuntimeError):
    """The Sawyer did not manage the task; says where it ended."""


def film_sawyer(
    task: StackingTask, seed: int, size: tuple[int, int], fps: float, on_frame: Callable[[Image, int], None]
) -> None:
    """Film the Sawyer as it does a task.

    Args:
        seed: of the start layout.
        size: width and height of the pictures.
        fps: pictures a second of simulated time.
        on_frame: gets each picture, and how many placements are done by then.

    Raises:
        FilmError: the task is not done at the end.
    """
    with World(seed=seed, camera_size=size) as world:
        robot = SimRobot(world, lambda image: on_frame(image, domain.placed), fps)
        domain = TruthDomain(robot)
        robot.wait(PAUSE)
        result = Machine(LIBRARY, domain, BlockStacking().expert(task)).run(_still(world))
        robot.wait(PAUSE)
        verdict = world.check(task, 1.0)
    if not verdict.done:
        missing = ", ".join(verdict.failed)
        raise FilmError(f"the Sawyer did not manage {missing} from layout {seed}: {result.message}")


def _still(world: World) -> Demonstration:
    """The expert knows the task and needs no demonstration: one frame in which nothing is held."""
    return Demonstration(
        CUBE_NAMES, world.positions()[None].astype(np.float32), np.array([NOTHING_HELD]), np.zeros(1)
    )
