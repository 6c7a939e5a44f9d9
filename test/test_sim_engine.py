"""The simulation's thread: how time goes on at each pace, and what others may ask of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator

import numpy as np
import pytest
from sim_moves import joint_move

from taskprog.control.arm_goal import ArmGoal
from taskprog.control.robot import NEUTRAL
from taskprog.machine import CancelToken
from taskprog_sim import jobs
from taskprog_sim.arm_controller import ArmResult, Ending
from taskprog_sim.camera import Image
from taskprog_sim.engine import SETTLE_TIME, STATE_RATE, Engine, EngineError, Job, Pace
from taskprog_sim.sawyer import JointReadings
from taskprog_sim.world import World

TIMEOUT = 20.0


class Log:
    """A sink that keeps stamps, and lets tests wait for them."""

    def __init__(self) -> None:
        self.states: list[float] = []
        self.frames: list[float] = []
        self.watched = True
        self.changed = threading.Condition()

    def on_state(self, stamp: float, readings: JointReadings) -> None:
        with self.changed:
            self.states.append(stamp)
            self.changed.notify_all()

    def wants_frames(self) -> bool:
        return self.watched

    def on_frame(self, image: Image) -> None:
        with self.changed:
            self.frames.append(image.stamp)
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, TIMEOUT)


MakeEngine = Callable[[Pace], Engine]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def make(log: Log) -> Iterator[MakeEngine]:
    engines = []

    def start(pace: Pace) -> Engine:
        engine = Engine(lambda: World(camera_size=(64, 48)), log, pace)
        engines.append(engine)
        engine.start()
        return engine

    yield start
    for engine in engines:
        engine.stop()


def now(engine: Engine) -> float:
    def job(engine: Engine) -> Generator[None, None, float]:
        return engine.simulation.time
        yield

    return engine.run(job)


def turn(angle: float = 0.3) -> ArmGoal:
    t = joint_move(NEUTRAL, NEUTRAL + angle * np.eye(7)[0])
    return ArmGoal(t.times, t.positions, t.velocities, t.accelerations)


def follow(engine: Engine, goal: ArmGoal, cancel: CancelToken | None = None) -> ArmResult:
    return engine.run(jobs.follow(goal, cancel or CancelToken(), lambda sim, motion: None), moves=True)


def test_in_lockstep_time_stands_still_until_asked_and_goes_on_exactly_as_far(
    make: MakeEngine, log: Log
) -> None:
    engine = make(Pace.LOCKSTEP)
    start = now(engine)
    log.wait_for(lambda: len(log.frames) >= 2)  # repeated for those who come late
    assert set(log.frames) == {start}
    assert engine.run(jobs.step(0.1)) == pytest.approx(start + 0.1, abs=1e-9)
    assert now(engine) == pytest.approx(start + 0.1, abs=1e-9)
    log.wait_for(lambda: log.frames[-1] == pytest.approx(start + 0.1))


def test_in_lockstep_a_motion_settles_and_one_more_picture_is_taken(make: MakeEngine, log: Log) -> None:
    engine = make(Pace.LOCKSTEP)
    result = follow(engine, turn())
    assert result.ending is Ending.SUCCEEDED
    log.wait_for(lambda: len(log.frames) > 2 and log.frames[-1] == log.frames[-2])
    end = now(engine)
    assert log.frames[-1] == end
    assert end == pytest.approx(turn().times[-1] + SETTLE_TIME, abs=0.05)
    moving = np.unique([stamp for stamp in log.frames if stamp < end])
    assert np.diff(moving[1:]) == pytest.approx(0.1)
    states = np.unique(log.states)
    assert np.diff(states).max() < 1.0 / STATE_RATE + 1e-4


def test_lockstep_runs_repeat_exactly(make: MakeEngine, log: Log) -> None:
    ends = []
    for _ in range(2):
        engine = make(Pace.LOCKSTEP)
        follow(engine, turn())
        log.wait_for(lambda: len(log.frames) > 2 and log.frames[-1] == log.frames[-2])
        ends.append(now(engine))
        engine.stop()
        log.frames.clear()
    assert ends[0] == ends[1]


def test_fast_and_real_time_go_on_by_themselves(make: MakeEngine, log: Log) -> None:
    for pace in (Pace.FAST, Pace.REALTIME):
        log.states.clear()
        make(pace)
        log.wait_for(lambda: bool(log.states) and log.states[-1] > 0.2)


def test_nothing_is_drawn_for_nobody(make: MakeEngine, log: Log) -> None:
    log.watched = False
    engine = make(Pace.LOCKSTEP)
    engine.run(jobs.step(0.5))
    assert log.frames == []
    log.watched = True
    log.wait_for(lambda: bool(log.frames))
    assert log.frames[0] == pytest.approx(0.5)


def test_paused_only_a_step_makes_time_pass(make: MakeEngine) -> None:
    engine = make(Pace.FAST)
    engine.run(jobs.pause(True))
    start = now(engine)
    assert engine.run(jobs.step(0.05)) == pytest.approx(start + 0.05, abs=1e-9)
    assert now(engine) == pytest.approx(start + 0.05, abs=1e-9)
    engine.run(jobs.pause(False))
    assert engine.run(jobs.step(0.05)) > start + 0.09


def test_a_motion_waits_while_paused_and_can_be_cancelled_then(make: MakeEngine) -> None:
    engine = make(Pace.LOCKSTEP)
    engine.run(jobs.pause(True))
    token = CancelToken()
    results: list[ArmResult] = []
    thread = threading.Thread(target=lambda: results.append(follow(engine, turn(), token)))
    thread.start()
    before = now(engine)
    token.cancel("enough")
    thread.join(TIMEOUT)
    assert results[0].ending is Ending.CANCELLED
    assert now(engine) == before


def test_reset_is_refused_while_the_arm_moves_and_for_unknown_scenes(make: MakeEngine) -> None:
    engine = make(Pace.FAST)
    with pytest.raises(jobs.Refused, match="unknown scene 'kitchen'; known: block_stacking"):
        engine.run(jobs.reset("kitchen", 0))
    with pytest.raises(jobs.Refused, match="seed is 0 or more, not -1"):
        engine.run(jobs.reset("", -1))
    token, begun = CancelToken(), threading.Event()
    job = jobs.follow(turn(1.5), token, lambda sim, motion: begun.set())
    thread = threading.Thread(target=lambda: engine.run(job, moves=True))
    thread.start()
    assert begun.wait(TIMEOUT)
    # The motion may end while we ask, but not before: it lasts for seconds and nobody draws.
    engine.run(jobs.pause(True))
    with pytest.raises(jobs.Refused, match="the robot is moving"):
        engine.run(jobs.reset("", 1))
    token.cancel()
    thread.join(TIMEOUT)
    assert "seed 1" in engine.run(jobs.reset("", 1))


@pytest.mark.parametrize("job", [jobs.check_task("1>0", 0.5), jobs.disturb("move_object", "red")])
def test_what_is_about_the_things_on_the_table_ends_with_a_reset(make: MakeEngine, job: Job[object]) -> None:
    def reset_meanwhile(engine: Engine) -> Generator[int | None, None, None]:
        steps = job(engine)
        next(steps)
        yield from jobs.reset("order_fulfilment", 1)(engine)
        next(steps)

    engine = make(Pace.LOCKSTEP)
    with pytest.raises(jobs.Refused, match="reset meanwhile"):
        engine.run(reset_meanwhile)
    assert "seed 2" in engine.run(jobs.reset("", 2))


def test_a_task_is_judged_after_its_time(make: MakeEngine) -> None:
    engine = make(Pace.LOCKSTEP)
    start = now(engine)
    assert engine.run(jobs.check_task("1>0", 0.5)).failed == ("1>0",)
    assert now(engine) == pytest.approx(start + 0.5)
    for nonsense in (-1.0, float("inf"), float("nan")):
        with pytest.raises(jobs.Refused, match="time can go on"):
            jobs.check_task("1>0", nonsense)


def test_what_still_moves_is_waited_for_before_a_judgement(make: MakeEngine) -> None:
    def throw(engine: Engine) -> Generator[int | None, None, None]:
        engine.simulation.world.throw(0, np.array([0.0, 0.0, 1.0]))
        yield 12

    engine = make(Pace.LOCKSTEP)
    engine.run(throw)
    start = now(engine)
    engine.run(jobs.check_task("1>0", 0.5))
    assert start + 0.6 < now(engine) < start + 3.5


def test_stopped_it_lets_nobody_wait(make: MakeEngine) -> None:
    engine = make(Pace.LOCKSTEP)
    engine.run(jobs.pause(True))
    caught: list[Exception] = []

    def wait() -> None:
        try:
            follow(engine, turn())
        except EngineError as error:
            caught.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    engine.stop()
    thread.join(TIMEOUT)
    assert len(caught) == 1
    assert not engine.alive
    with pytest.raises(EngineError, match="has ended"):
        engine.run(jobs.step(0.1))


def test_a_world_that_cannot_be_built_is_an_error_at_the_start(log: Log) -> None:
    with pytest.raises(ValueError, match="unknown scene 'kitchen'"):
        Engine(lambda: World("kitchen"), log).start()
