"""How fast the simulated world goes: steps with the arm in motion, bare steps of the physics, pictures.

Blocks of the compared things alternate, so that a busy machine slows all of them alike. Times are processor
time.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from taskprog.control.arm_goal import ArmGoal
from taskprog.control.robot import NEUTRAL
from taskprog_sim.bullet import TIME_STEP
from taskprog_sim.camera import Camera
from taskprog_sim.simulation import Simulation
from taskprog_sim.world import World

BLOCKS = 15
STEPS = 480  # a block: two seconds of simulated time
PICTURES = 5
SIZES = ((640, 480), (320, 240))


def swing(simulation: Simulation) -> ArmGoal:
    """From where the arm is to the other side, in the time of one block."""
    here = simulation.arm.setpoint.positions
    there = NEUTRAL + (0.3 if here[0] <= 0.0 else -0.3) * np.eye(7)[0]
    zeros = np.zeros((2, 7))
    return ArmGoal(np.array([0.0, STEPS * TIME_STEP]), np.stack([here, there]), zeros, zeros)


def seconds(block: Callable[[], None]) -> float:
    """Processor time that a block takes."""
    begin = time.process_time()
    block()
    return time.process_time() - begin


def ticks(simulation: Simulation) -> None:
    """One block with controllers, motors commanded at every step, and sensors read."""
    for _ in range(STEPS):
        simulation.tick()


def pictures(camera: Camera) -> None:
    """One block of pictures."""
    for _ in range(PICTURES):
        camera.render()


def bench_steps(table: Table) -> None:
    """Steps with the arm moving against the physics alone."""
    with World() as world:
        simulation = Simulation(world)
        world.step(STEPS)
        moving, bare = [], []
        for _ in range(BLOCKS):
            simulation.follow(swing(simulation))
            moving.append(seconds(lambda: ticks(simulation)) / STEPS)
            while simulation.moving:
                simulation.tick()
            bare.append(seconds(lambda: world.step(STEPS)) / STEPS)
    share = statistics.median(b / m for b, m in zip(bare, moving, strict=True))
    for name, times in (("step, arm moving", moving), ("step, physics alone", bare)):
        median = statistics.median(times)
        table.add_row(name, f"{median * 1e3:.3f}", f"{1 / median:,.0f}/s", f"{TIME_STEP / median:.0f}x")
    table.add_row("share of the physics' rate", "", f"{share:.2f}", "")


def bench_pictures(table: Table) -> None:
    """Pictures with what moves drawn before a backdrop."""
    for size in SIZES:
        with World(camera_size=size) as world:
            world.step(STEPS)
            block = functools.partial(pictures, world.camera)
            median = statistics.median(seconds(block) / PICTURES for _ in range(BLOCKS))
        table.add_row(f"picture, {size[0]}x{size[1]}", f"{median * 1e3:.1f}", f"{1 / median:.0f}/s", "")


def main() -> None:
    """Measure and print."""
    table = Table(title=f"simulator: medians of {BLOCKS} blocks, processor time")
    table.add_column("what")
    for heading in ("ms", "rate", "of real time"):
        table.add_column(heading, justify="right")
    bench_steps(table)
    bench_pictures(table)
    Console().print(table)


if __name__ == "__main__":
    main()
