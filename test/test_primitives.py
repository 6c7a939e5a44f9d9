"""Primitives on the loop-back robot: each way to end, what they clear, and cancelling them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.control.clearance import Obstacle
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.loopback import LoopbackRobot
from taskprog.control.primitives import ExecutorConfig, Motion, PrimitiveExecutor
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH, NEUTRAL
from taskprog.machine import CancelToken, Outcome, OutcomeCode
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

GOAL = np.array([0.60, 0.10, TABLE_HEIGHT + CUBE_SIZE / 2])
KINEMATICS = Kinematics.load()


@pytest.fixture
def robot() -> LoopbackRobot:
    return LoopbackRobot()


@pytest.fixture
def executor(robot: LoopbackRobot) -> PrimitiveExecutor:
    return PrimitiveExecutor(robot, KINEMATICS)


def cube(x: float, y: float, level: int = 0, name: str = "cube") -> Obstacle:
    centre = np.array([x, y, TABLE_HEIGHT + (level + 0.5) * CUBE_SIZE])
    return Obstacle(centre, np.full(3, CUBE_SIZE), name=name)


def tool(robot: LoopbackRobot) -> NDArray[np.float64]:
    return KINEMATICS.forward(robot.state().positions)[0]


def tool_way(robot: LoopbackRobot) -> NDArray[np.float64]:
    """Where the tool was in the last motion, (K, 3)."""
    return np.array([KINEMATICS.forward(q)[0] for q in robot.followed[-1].positions])


@pytest.mark.parametrize("motion", list(Motion))
def test_every_motion_arrives(executor: PrimitiveExecutor, robot: LoopbackRobot, motion: Motion) -> None:
    shares: list[float] = []
    outcome = executor.move_to(GOAL, 0.4, motion, feedback=shares.append)
    assert outcome.ok, outcome.message
    position, rotation = KINEMATICS.forward(robot.state().positions)
    np.testing.assert_allclose(position, GOAL, atol=1e-4)
    np.testing.assert_allclose(rotation, top_down(0.4), atol=1e-3)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def wall(y: float, x: tuple[float, float] = (0.25, 1.2), top: float = 0.9) -> Obstacle:
    """Four centimetres thick, from the table up."""
    centre = np.array([sum(x) / 2, y, (TABLE_HEIGHT + top) / 2])
    return Obstacle(centre, np.array([x[1] - x[0], 0.04, top - TABLE_HEIGHT]), name="a wall", yaw=0.0)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_auto_passes_above_a_row_with_a_cube_in_the_hand(
    executor: PrimitiveExecutor, robot: LoopbackRobot, levels: int
) -> None:
    assert executor.move_to(np.array([0.60, -0.25, GOAL[2]]), 0.5).ok
    robot.object_width = CUBE_SIZE
    assert executor.close_gripper().holding
    row = wall(-0.07, x=(0.3, 0.9), top=TABLE_HEIGHT + levels * CUBE_SIZE)
    assert executor.move_to(GOAL, 0.5, obstacles=[row, cube(0.60, -0.25)]).ok
    way = tool_way(robot)
    above = np.abs(way[:, 1] + 0.07) < 0.02
    assert above.any()
    # The held cube's lower face stays above the row, and not by more than it must.
    assert way[above, 2].min() - CUBE_SIZE / 2 > row.top + 0.015
    assert way[:, 2].max() < row.top + 0.12


def test_what_stands_aside_is_not_climbed_over(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    assert executor.move_to(np.array([0.60, -0.25, GOAL[2]]), 0.5).ok
    assert executor.move_to(GOAL, 0.5, obstacles=[cube(0.75, -0.25, level) for level in range(4)]).ok
    assert tool_way(robot)[:, 2].max() < 0.0


def test_the_held_cube_is_no_obstacle(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    start = np.array([0.60, -0.25, 0.15])
    assert executor.move_to(start, 0.0).ok
    held = Obstacle(start, np.full(3, CUBE_SIZE))
    robot.object_width = CUBE_SIZE
    assert executor.close_gripper().holding
    assert executor.move_to(GOAL, 0.0, obstacles=[held]).ok
    assert tool_way(robot)[:, 2].max() < 0.16


def test_a_hand_taken_for_an_object_is_no_obstacle(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    assert executor.move_to(GOAL, 0.0).ok
    robot.object_width = 0.03
    assert executor.close_gripper().holding
    held = Obstacle(GOAL, np.full(3, 0.03), name="duck_0")
    finger = Obstacle(GOAL + [0.0, 0.038, 0.06], np.full(3, 0.03), name="lego_2")
    twice = Obstacle(GOAL + [0.02, 0.0, 0.0], np.full(3, 0.03), name="bear_1")
    assert executor.move_to(GOAL + [0.0, -0.2, 0.1], 0.0, obstacles=[held, finger, twice]).ok


def test_codes_of_goals_that_cannot_be(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    wide = PrimitiveExecutor(
        robot, KINEMATICS, replace(ExecutorConfig(), workspace=replace(ExecutorConfig().workspace, x=(-2, 2)))
    )
    assert wide.move_to(np.array([1.5, 0.0, 0.1]), 0.0).code is OutcomeCode.UNREACHABLE
    for outcome, code, text in (
        (executor.move_to(np.array([0.6, 0.0, -0.2]), 0.0), OutcomeCode.OUTSIDE_WORKSPACE, "workspace"),
        (executor.move_to(np.array([0.6, 0.0, math.nan]), 0.0), OutcomeCode.INVALID_GOAL, "finite"),
        (executor.move_to(GOAL, np.zeros((3, 3))), OutcomeCode.INVALID_GOAL, "rotation"),
        (executor.move_to(GOAL, 0.0, speed=2.0), OutcomeCode.INVALID_GOAL, "speed"),
        (executor.move_to(GOAL, 0.0, clearance=-1.0), OutcomeCode.INVALID_GOAL, "clearance"),
        (executor.open_gripper(retreat=-0.1), OutcomeCode.INVALID_GOAL, "retreat"),
    ):
        assert outcome.code is code, outcome
        assert text in outcome.message
    assert not robot.followed


def test_a_target_beneath_something_is_a_collision(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    outcome = executor.move_to(GOAL, 0.0, obstacles=[cube(0.6, 0.1), cube(0.6, 0.1, 1, "blue")])
    assert outcome.code is OutcomeCode.COLLISION
    assert "blue" in outcome.message
    # Its own cube, and one that is only remembered there, are not in the way.
    remembered = replace(cube(0.6, 0.1, 1), visible=False)
    assert executor.move_to(GOAL, 0.0, obstacles=[cube(0.6, 0.1), remembered]).ok


@pytest.mark.parametrize("motion", list(Motion))
def test_a_wall_that_cannot_be_passed_is_a_collision_before_anything_moves(
    executor: PrimitiveExecutor, robot: LoopbackRobot, motion: Motion
) -> None:
    assert executor.move_to(np.array([0.60, -0.25, 0.0]), 0.0).ok
    before = robot.state().positions
    outcome = executor.move_to(GOAL, 0.0, motion, obstacles=[wall(-0.08)])
    assert outcome.code is OutcomeCode.COLLISION
    assert "a wall" in outcome.message
    np.testing.assert_array_equal(robot.state().positions, before)


@pytest.mark.parametrize("motion", [Motion.STRAIGHT, Motion.JOINT])
def test_a_demanded_way_through_something_is_a_collision(
    executor: PrimitiveExecutor, robot: LoopbackRobot, motion: Motion
) -> None:
    assert executor.move_to(np.array([0.60, -0.25, 0.0]), 0.0).ok
    outcome = executor.move_to(np.array([0.60, 0.1, 0.0]), 0.0, motion, obstacles=[wall(-0.08, top=0.05)])
    assert outcome.code is OutcomeCode.COLLISION
    assert "a wall" in outcome.message
    # The same goal can be reached, only not that way.
    assert executor.move_to(np.array([0.60, 0.1, 0.0]), 0.0, obstacles=[wall(-0.08, top=0.05)]).ok


def test_what_is_said_to_be_held_is_kept_clear_of_the_table(
    executor: PrimitiveExecutor, robot: LoopbackRobot
) -> None:
    start = np.array([0.60, -0.25, 0.10])
    assert executor.move_to(start, 0.0).ok
    robot.object_width = 0.0165  # too thin to be felt
    executor.close_gripper()
    long = Obstacle(start - [0.0, 0.0, 0.03], np.array([0.03, 0.018, 0.09]), yaw=0.0, name="a block")
    outcome = executor.move_to(np.array([0.6, 0.1, TABLE_HEIGHT + 0.05]), 0.0, held=long)
    assert outcome.code is OutcomeCode.COLLISION
    assert "a block" in outcome.message
    assert "table" in outcome.message
    assert executor.move_to(np.array([0.6, 0.1, TABLE_HEIGHT + 0.08]), 0.0, held=long).ok


def test_a_corner_of_the_workspace_beyond_the_arm_says_so(executor: PrimitiveExecutor) -> None:
    outcome = executor.move_to(np.array([0.88, 0.48, 0.45]), 0.0)
    assert outcome.code is OutcomeCode.UNREACHABLE
    assert "out of reach" in outcome.message


def test_what_the_robot_reports_comes_through(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    for code in (OutcomeCode.PATH_TOLERANCE, OutcomeCode.TIMEOUT, OutcomeCode.ROBOT_STOPPED):
        robot.faults.outcome = Outcome(code, "because")
        assert executor.move_to(GOAL, 0.0) == Outcome(code, "because")
        assert executor.open_gripper() == Outcome(code, "because")
        assert executor.close_gripper().outcome == Outcome(code, "because")
        robot.faults.outcome = None


def test_missing_the_goal_is_noticed(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    robot.faults.miss = np.array([0, 0, 0, 0.02, 0, 0, 0])
    outcome = executor.move_to(GOAL, 0.0)
    assert outcome.code is OutcomeCode.GOAL_TOLERANCE
    assert "mm" in outcome.message


def test_a_silent_robot_has_stopped(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    robot.faults.silent = True
    for outcome in (
        executor.move_to(GOAL, 0.0),
        executor.open_gripper(retreat=0.1),
        executor.close_gripper().outcome,
    ):
        assert outcome.code is OutcomeCode.ROBOT_STOPPED
        assert "silent" in outcome.message


def test_cancel_stops_on_the_way_and_the_next_goal_works(
    executor: PrimitiveExecutor, robot: LoopbackRobot
) -> None:
    token = CancelToken()

    def stop_half_way(share: float) -> None:
        if share > 0.5:
            token.cancel("enough")

    outcome = executor.move_to(GOAL, 0.0, cancel=token, feedback=stop_half_way)
    assert outcome == Outcome(OutcomeCode.CANCELLED, "enough")
    assert np.linalg.norm(tool(robot) - GOAL) > 0.02
    assert executor.move_to(GOAL, 0.0).ok


def test_cancelled_before_the_start_nothing_moves(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    token = CancelToken()
    token.cancel("not at all")
    assert executor.move_to(GOAL, 0.0, cancel=token).code is OutcomeCode.CANCELLED
    assert executor.open_gripper(token, retreat=0.1).code is OutcomeCode.CANCELLED
    assert executor.close_gripper(token).outcome.code is OutcomeCode.CANCELLED
    np.testing.assert_array_equal(robot.state().positions, NEUTRAL)
    assert robot.state().gripper_width == GRIPPER_OPEN_WIDTH


def test_gripper_tells_a_cube_from_nothing(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    empty = executor.close_gripper()
    assert empty.outcome.code is OutcomeCode.NOTHING_HELD
    assert not empty.holding
    assert empty.width == pytest.approx(GRIPPER_CLOSED_WIDTH)
    assert executor.open_gripper().ok
    for width in (CUBE_SIZE, 0.018):
        robot.object_width = width
        full = executor.close_gripper()
        assert full.outcome.ok
        assert full.holding
        assert full.width == pytest.approx(width)
        assert executor.open_gripper().ok


def test_opening_backs_straight_up(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    assert executor.move_to(GOAL, 0.0).ok
    assert executor.open_gripper(retreat=0.12).ok
    np.testing.assert_allclose(tool(robot), GOAL + [0, 0, 0.12], atol=1e-4)
    way = tool_way(robot)
    np.testing.assert_allclose(way[:, :2], np.broadcast_to(GOAL[:2], way[:, :2].shape), atol=5e-4)


def test_a_task_long_sequence_keeps_working(executor: PrimitiveExecutor, robot: LoopbackRobot) -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        goal = rng.uniform((0.45, -0.34, TABLE_HEIGHT + 0.0225), (0.75, 0.34, TABLE_HEIGHT + 0.16))
        outcome = executor.move_to(goal, float(rng.uniform(-math.pi, math.pi)))
        assert outcome.ok, outcome.message
