"""How fast the simulated world goes: steps against bare physics, pictures, and a whole task with both.

Blocks of the compared things alternate, so that a busy machine slows all of them alike. Times are processor
time of the whole process.
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
from taskprog.control.robot import NEUTRAL, JointTrajectory
from taskprog.control.spline import Spline
from taskprog.machine import NOTHING_HELD, CancelToken, Demonstration, Machine
from taskprog.tasks.block_stacking import LIBRARY, BlockStacking, StackingTask
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim import jobs
from taskprog_sim.bullet import TIME_STEP, pybullet
from taskprog_sim.camera import Image
from taskprog_sim.engine import Engine, Pace
from taskprog_sim.robot import SimRobot
from taskprog_sim.sawyer import ARM_POSITION_GAINS, ARM_VELOCITY_GAINS, JointReadings
from taskprog_sim.truth_domain import TruthDomain
from taskprog_sim.world import World

BLOCKS = 15
STEPS = 480  # a swing of the arm: two seconds of simulated time
SWINGS = 4  # a block
REST = 700  # steps after which all sleeps that will
FRAME_STEPS = 24  # between two pictures at 10 Hz
SCENES = (("block_stacking", 8), ("order_fulfilment", 40))
SIZES = ((640, 480), (320, 240))
TOWER = StackingTask.parse("1>0 2>1 3>2 4>3 5>4 6>5 7>6")


def swings() -> list[ArmGoal]:
    """From one side to the other and back, at rest at both ends."""
    sides = [NEUTRAL + 0.3 * (-1) ** k * np.eye(7)[0] * (k > 0) for k in range(SWINGS)]
    zeros = np.zeros((2, 7))
    ends = [*sides[1:], NEUTRAL]
    times = np.array([0.0, STEPS * TIME_STEP])
    return [ArmGoal(times, np.stack([a, b]), zeros, zeros) for a, b in zip(sides, ends, strict=True)]


def seconds(block: Callable[[], object]) -> float:
    """Processor time that a block takes."""
    begin = time.process_time()
    block()
    return time.process_time() - begin


class Nobody:
    """A sink that nobody is behind."""

    def on_state(self, stamp: float, readings: JointReadings) -> None:
        """See ``Sink``."""

    def wants_frames(self) -> bool:
        """See ``Sink``."""
        return False

    def on_frame(self, image: Image) -> None:
        """See ``Sink``."""


def through_engine(engine: Engine) -> float:
    """Processor time a step, with all that a node needs but ROS: jobs, controllers, tolerances, readings."""
    begin, first = time.process_time(), engine.run(jobs.step(0.0))
    for goal in swings():
        engine.run(jobs.follow(goal, CancelToken(), lambda simulation, motion: None), moves=True)
    last = engine.run(jobs.step(0.0))
    return (time.process_time() - begin) / ((last - first) / TIME_STEP)


def bare(world: World) -> float:
    """Processor time a step of a loop that only sends the motors the same setpoints and steps the physics."""
    rows = []
    for goal in swings():
        spline = Spline(goal.times, goal.positions, goal.velocities, goal.accelerations)
        rows += [tuple(x.tolist() for x in spline.sample((k + 1) * TIME_STEP)) for k in range(STEPS)]
    client, sawyer = world._bullet.client, world.sawyer
    body, joints, forces = sawyer.body, sawyer._arm, sawyer._efforts
    begin = time.process_time()
    for positions, velocities in rows:
        pybullet.setJointMotorControlArray(
            body,
            joints,
            pybullet.POSITION_CONTROL,
            targetPositions=positions,
            targetVelocities=velocities,
            forces=forces,
            positionGains=ARM_POSITION_GAINS,
            velocityGains=ARM_VELOCITY_GAINS,
            physicsClientId=client,
        )
        pybullet.stepSimulation(client)
    return (time.process_time() - begin) / len(rows)


def bench_steps(table: Table) -> None:
    """The engine against a bare loop, in the same scene with the same motion of the arm."""
    for scene, objects in SCENES:
        build = functools.partial(World, scene, objects=objects)
        engine = Engine(build, Nobody(), Pace.LOCKSTEP)
        engine.start()
        engine.run(jobs.step(REST * TIME_STEP))
        with World(scene, objects=objects) as world:
            world.step(REST)
            mine, theirs = [], []
            for _ in range(BLOCKS):
                mine.append(through_engine(engine))
                theirs.append(bare(world))
        engine.stop()
        overhead = statistics.median(a / b for a, b in zip(mine, theirs, strict=True)) - 1.0
        for name, times in (("step", mine), ("step of a bare loop", theirs)):
            median = statistics.median(times)
            table.add_row(
                f"{scene}, {objects}: {name}",
                f"{median * 1e3:.4f}",
                f"{1 / median:,.0f}/s",
                f"{TIME_STEP / median:.0f}x",
            )
        table.add_row(f"{scene}, {objects}: overhead", "", f"{overhead:.1%}", "")


def bench_pictures(table: Table) -> None:
    """Pictures of an arm in motion, with all else at rest, and of a world at rest."""
    for scene, objects in SCENES:
        for size in SIZES:
            with World(scene, objects=objects, camera_size=size) as world:
                world.step(REST)
                world.camera.render()
                moving = statistics.median(_picture(world, shoulder) for shoulder in (0.3, -0.3) * BLOCKS)
                world.step(REST)
                world.camera.render()
                still = statistics.median(seconds(world.camera.render) for _ in range(BLOCKS))
            for what, median in (("arm moves", moving), ("at rest", still)):
                name = f"{scene}, {objects}: picture, {size[0]}x{size[1]}, {what}"
                table.add_row(name, f"{median * 1e3:.1f}", f"{1 / median:,.0f}/s", "")


def _picture(world: World, shoulder: float) -> float:
    """Seconds that a picture takes on the way to the other side."""
    world.sawyer.command_arm((NEUTRAL + shoulder * np.eye(7)[0]).tolist(), [0.0] * 7)
    world.step(FRAME_STEPS)
    return seconds(world.camera.render)


def bench_tasks(table: Table) -> None:
    """Simulated seconds a processor second, pictures at 10 Hz."""
    for size in SIZES:
        with World(seed=1, camera_size=size) as world:
            robot = SimRobot(world, lambda image: None)
            still = Demonstration(
                CUBE_NAMES, world.positions()[None].astype(np.float32), np.array([NOTHING_HELD]), np.zeros(1)
            )
            machine = Machine(LIBRARY, TruthDomain(robot), BlockStacking().expert(TOWER))
            begin, start = time.process_time(), world.time
            machine.run(still)
            used, passed = time.process_time() - begin, world.time - start
            done = len(world.check(TOWER, 1.0).right)
        name = f"tower of {done + 1}, perfect eyes, planning included, {size[0]}x{size[1]}"
        table.add_row(name, "", "", f"{passed / used:.1f}x")
        with World("order_fulfilment", 1, objects=40, camera_size=size) as world:
            robot = SimRobot(world, lambda image: None)
            begin, start = time.process_time(), world.time
            for goal in swings():
                path = JointTrajectory(goal.times, goal.positions, np.zeros((2, 7)), np.zeros((2, 7)))
                robot.follow(path, CancelToken())
            used, passed = time.process_time() - begin, world.time - start
        name = f"arm over 40 objects, {size[0]}x{size[1]}"
        table.add_row(name, "", "", f"{passed / used:.1f}x")


def main() -> None:
    """Measure and print."""
    table = Table(title=f"simulator: medians of {BLOCKS} blocks, processor time")
    table.add_column("what")
    for heading in ("ms", "rate", "of real time"):
        table.add_column(heading, justify="right")
    bench_steps(table)
    bench_pictures(table)
    bench_tasks(table)
    Console().print(table)


if __name__ == "__main__":
    main()
