"""What may be asked of a running simulation: motions, resets, steps of time, judgements."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TypeVar

from taskprog.control.arm_goal import ArmGoal
from taskprog.machine.cancel import CancelToken
from taskprog_sim import disturbances
from taskprog_sim.arm_controller import ArmResult, Motion
from taskprog_sim.bullet import TIME_STEP
from taskprog_sim.engine import Engine, Job
from taskprog_sim.gripper_controller import GripperResult
from taskprog_sim.scorer import Verdict, make_judge, read_task
from taskprog_sim.simulation import LOOK_STEPS, Simulation
from taskprog_sim.world import CHECK_STEPS, World

T = TypeVar("T")

FEEDBACK_STEPS = 24  # a tenth of a simulated second
MAX_TIME = 3600.0  # seconds of simulated time that may be asked for at once


class Refused(ValueError):
    """The simulation cannot do what it was asked for; says why and what would be right."""


def follow(
    goal: ArmGoal, cancel: CancelToken, feedback: Callable[[Simulation, Motion], None]
) -> Job[ArmResult]:
    """Follow a trajectory to its end; ``feedback`` is called ten times a simulated second."""

    def job(engine: Engine) -> Generator[int | None, None, ArmResult]:
        simulation = engine.simulation
        motion = simulation.follow(goal)
        told = simulation.world.steps
        while motion.result is None:
            if cancel.cancelled:
                if engine.paused:
                    simulation.arm.abandon(cancel.reason)
                    continue
                simulation.arm.cancel(simulation.time, cancel.reason)
            if simulation.world.steps >= told + FEEDBACK_STEPS:
                told = simulation.world.steps
                feedback(simulation, motion)
            yield LOOK_STEPS - simulation.world.steps % LOOK_STEPS
        return motion.result

    return job


def move_gripper(width: float, force: float, cancel: CancelToken) -> Job[tuple[GripperResult, float]]:
    """Move the gripper; its result, and the force with which it presses now, newtons."""

    def job(engine: Engine) -> Generator[int | None, None, tuple[GripperResult, float]]:
        simulation = engine.simulation
        motion = simulation.move_gripper(width, force)
        while motion.result is None:
            if cancel.cancelled:
                simulation.cancel_gripper()
            else:
                yield LOOK_STEPS
        return motion.result, simulation.gripper.force

    return job


def reset(scene: str, seed: int, objects: int = 0) -> Job[str]:
    """Put the world back to a start layout; says what it has done.

    Args:
        scene: empty: the present one.
        objects: 0: as many as now, or a new scene's own number.

    Raises:
        Refused: something moves, or there is no such scene, seed or number of objects.
    """

    def job(engine: Engine) -> Generator[int | None, None, str]:
        simulation = engine.simulation
        if simulation.moving:
            raise Refused("the robot is moving: cancel its goal first")
        name = scene or simulation.world.scene
        try:
            simulation.reset(name, seed, objects)
        except ValueError as error:
            raise Refused(str(error)) from error
        count = simulation.world.description.objects
        return f"scene {name!r} with {count} objects, the layout of seed {seed}"
        yield

    return job


def pause(paused: bool) -> Job[None]:
    """Let time stand still, or go on at the engine's pace."""

    def job(engine: Engine) -> Generator[int | None, None, None]:
        engine.paused = paused
        return
        yield

    return job


def step(seconds: float) -> Job[float]:
    """Let time go on by ``seconds``, rounded up to whole steps of 1/240 s; the time at the end.

    Raises:
        Refused: no such time.
    """
    steps = steps_of(seconds)

    def job(engine: Engine) -> Generator[int | None, None, float]:
        world = engine.simulation.world
        end = world.steps + steps
        while world.steps < end:
            yield end - world.steps
        return world.time

    return job


def check_task(text: str, stable_for: float) -> Job[Verdict]:
    """Watch the world for ``stable_for`` seconds: was a task, see ``scorer.read_task``, done all that time?

    What was just let go may roll and rock on for a while: it is first waited for, as after a disturbance.

    Raises:
        Refused: no such time, or the world is reset meanwhile.
        ValueError: no task of the present scene.
    """
    steps = steps_of(stable_for)

    def job(engine: Engine) -> Generator[int | None, None, Verdict]:
        world = engine.simulation.world
        judge = make_judge(read_task(text, world.description.family))

        def watch() -> Generator[int | None, None, Verdict]:
            latest = world.steps + disturbances.REST_STEPS
            while world.steps < latest and not all(map(world.at_rest, range(len(world.names)))):
                yield CHECK_STEPS
            judge.observe(world)
            end = world.steps + steps
            while world.steps < end:
                yield min(CHECK_STEPS, end - world.steps)
                judge.observe(world)
            return judge.verdict

        return (yield from _until_reset(world, watch()))

    return job


def disturb(kind: str, name: str = "", seconds: float = 0.0, seed: int = 0) -> Job[str]:
    """Let something go wrong, see ``disturbances.disturb``; says what it did.

    Raises:
        Undisturbed: it is not possible; says why.
        Refused: the world is reset meanwhile.
    """

    def job(engine: Engine) -> Generator[int | None, None, str]:
        world = engine.simulation.world
        return (yield from _until_reset(world, disturbances.disturb(world, kind, name, seconds, seed)))

    return job


def _until_reset(world: World, steps: Generator[int | None, None, T]) -> Generator[int | None, None, T]:
    """``steps``, which are about the things that are there now."""
    began = world.starts
    while world.starts == began:
        try:
            wait = next(steps)
        except StopIteration as ended:
            result: T = ended.value
            return result
        yield wait
    steps.close()
    raise Refused("the simulation was reset meanwhile")


def steps_of(seconds: float) -> int:
    """Whole steps of time in ``seconds``, rounded up; Refused if negative or more than an hour."""
    if not 0.0 <= seconds <= MAX_TIME:
        raise Refused(f"time can go on for 0 to {MAX_TIME:g} s at once, not {seconds:g} s")
    return math.ceil(round(seconds / TIME_STEP, 6))
