"""The simulated robot: grasping by contact, blocked motions, cancelling, the scorer's judgement."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sim_moves import Mover, joint_move

from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH, NEUTRAL
from taskprog.machine import CancelToken, OutcomeCode
from taskprog.tasks.block_stacking import Layout, StackingTask, random_layout
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT
from taskprog_sim.camera import Image
from taskprog_sim.robot import SimRobot
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World

REST = TABLE_HEIGHT + CUBE_SIZE / 2


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with World(camera_size=(160, 120)) as world:
        yield world


@pytest.fixture
def world(shared: World) -> World:
    shared.reset("block_stacking", seed=0)
    return shared


def test_grasps_a_cube_by_contact_carries_it_and_stacks_it(world: World) -> None:
    mover = Mover(world)
    mover.robot.wait(0.1)
    task = StackingTask.parse("2>6")
    assert world.check(task, stable_for=0.1).failed == ("2>6",)
    yaw = mover.pick(2)
    assert world.held(2)
    assert mover.robot.state().gripper_width == pytest.approx(CUBE_SIZE, abs=2e-3)
    assert world.poses().positions[2, 2] == pytest.approx(REST + 0.12, abs=5e-3)
    below = world.poses().positions[6]
    mover.place(below + [0.0, 0.0, CUBE_SIZE], yaw)
    assert world.check(task, stable_for=2.0).done
    assert np.linalg.norm((world.poses().positions[2] - below)[:2]) < 8e-3


def test_closing_without_friction_holds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no hidden constraint: slippery fingers lose the cube."""
    monkeypatch.setattr("taskprog_sim.sawyer.FINGER_FRICTION", 0.0)
    world.reset("block_stacking", seed=0)
    Mover(world).pick(2)
    assert not world.held(2)
    assert world.poses().positions[2, 2] == pytest.approx(REST, abs=5e-3)


def test_gripper_closed_on_nothing_is_not_stalled(world: World) -> None:
    robot = SimRobot(world)
    closed = robot.move_gripper(GRIPPER_CLOSED_WIDTH, 10.0, CancelToken())
    assert not closed.stalled
    assert closed.width == pytest.approx(GRIPPER_CLOSED_WIDTH, abs=1e-3)
    opened = robot.move_gripper(GRIPPER_OPEN_WIDTH, 10.0, CancelToken())
    assert opened.width == pytest.approx(GRIPPER_OPEN_WIDTH, abs=1e-3)
    refused = robot.move_gripper(0.2, 10.0, CancelToken())
    assert refused.outcome.code is OutcomeCode.INVALID_GOAL


def test_pushing_against_the_table_violates_the_path_tolerance(world: World) -> None:
    mover = Mover(world)
    here = np.array([0.5, 0.2, TABLE_HEIGHT + 0.08])
    mover.go(here, 0.0)
    start = mover.robot.state().positions
    through = mover.kinematics.inverse(here - [0.0, 0.0, 0.35], np.diag([1.0, -1.0, -1.0]), start)
    outcome = mover.robot.follow(joint_move(start, through), CancelToken())
    assert outcome.code is OutcomeCode.PATH_TOLERANCE
    assert "something is in the way" in outcome.message


def test_cancelled_it_stops_soon_holds_and_can_go_on(world: World) -> None:
    robot = SimRobot(world)
    end = NEUTRAL + np.array([0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    token = CancelToken()
    seen: list[float] = []

    def stop_halfway(progress: float) -> None:
        seen.append(progress)
        if progress > 0.5:
            token.cancel("enough")

    outcome = robot.follow(joint_move(NEUTRAL, end), token, stop_halfway)
    assert outcome.code is OutcomeCode.CANCELLED
    assert outcome.message == "enough"
    assert seen == sorted(seen)
    stopped = robot.state()
    assert NEUTRAL[0] + 0.3 < stopped.positions[0] < end[0] - 0.1
    robot.wait(0.5)
    assert robot.state().positions == pytest.approx(stopped.positions, abs=0.01)
    assert np.abs(robot.state().velocities).max() < 1e-2
    assert robot.follow(joint_move(robot.state().positions, end), CancelToken()).ok
    assert robot.state().positions == pytest.approx(end, abs=0.01)


def test_frames_come_at_their_rate_in_simulated_time(world: World) -> None:
    frames: list[Image] = []
    robot = SimRobot(world, frames.append, frame_rate=10.0)
    robot.wait(1.0)
    assert np.diff([frame.stamp for frame in frames]) == pytest.approx(0.1)
    assert len(frames) == 10


def tower(offset: float) -> Layout:
    """Cube 1 on cube 0, ``offset`` metres beside its middle."""
    start = random_layout(0)
    positions, yaws = start.positions.copy(), start.yaws.copy()
    positions[1] = positions[0] + [offset, 0.0, CUBE_SIZE]
    yaws[:2] = 0.0
    return Layout(positions, yaws)


def test_scorer_believes_a_tower_that_stands(world: World) -> None:
    world.start(stacking_scene(tower(0.008)))
    world.step(60)
    assert world.check(StackingTask.parse("1>0"), stable_for=2.0).done
    assert world.check(StackingTask.parse("1>0 3>2"), stable_for=0.1).failed == ("3>2",)


def test_scorer_sees_a_tower_that_topples_within_the_time(world: World) -> None:
    task = StackingTask.parse("1>0")
    world.start(stacking_scene(tower(0.0225 - 1e-4)))
    world.step(3)
    assert world.check(task, stable_for=0.05).done
    world.start(stacking_scene(tower(0.03)))
    world.step(3)
    assert world.check(task, stable_for=2.0).failed == ("1>0",)


def test_scorer_does_not_count_a_cube_that_the_gripper_still_holds(world: World) -> None:
    mover = Mover(world)
    mover.robot.wait(0.1)
    yaw = mover.pick(2)
    below = world.poses().positions[6]
    mover.go(below + [0.0, 0.0, CUBE_SIZE], yaw)
    assert world.touching(2, 6)
    assert world.check(StackingTask.parse("2>6"), stable_for=0.1).failed == ("2>6",)
