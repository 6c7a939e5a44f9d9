"""Free paths: clear of everything on the way, straight at their ends, no longer than they must be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.control.cartesian import Landing
from taskprog.control.clearance import Obstacle, Shape
from taskprog.control.collision import CollisionModel
from taskprog.control.errors import Blocked
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.planning import PathPlanner, Straights
from taskprog.control.primitives import PrimitiveExecutor
from taskprog.control.robot import GRIPPER_OPEN_WIDTH, NEUTRAL, JointTrajectory
from taskprog.control.surroundings import Surroundings
from taskprog.control.trajectory import JointPath, straight_path, time_optimal
from taskprog.tasks.block_stacking import Layout, random_layout
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT, WORKSPACE
from taskprog_sim.robot import SimRobot
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World

Vector = NDArray[np.float64]

KINEMATICS = Kinematics.load()
ARM = CollisionModel.load()
PLANNER = PathPlanner(KINEMATICS)
LANDING = Landing(0.03, 0.10)
REST = TABLE_HEIGHT + CUBE_SIZE / 2
SPEED = 0.7


def above(position: tuple[float, float, float], yaw: float = 0.0) -> Vector:
    return KINEMATICS.inverse(np.array(position), top_down(yaw))


def cube(x: float, y: float, level: int = 0, yaw: float | None = 0.0, name: str = "a cube") -> Obstacle:
    centre = np.array([x, y, REST + level * CUBE_SIZE])
    return Obstacle(centre, np.full(3, CUBE_SIZE), name=name, yaw=yaw)


def tower(x: float, y: float, levels: int = 8) -> list[Obstacle]:
    return [cube(x, y, level, yaw=0.1 * level, name=f"level {level}") for level in range(levels)]


def block(low: tuple[float, float, float], high: tuple[float, float, float]) -> Obstacle:
    """An upright box between two corners."""
    a, b = np.array(low), np.array(high)
    return Obstacle((a + b) / 2, b - a, name="a wall", yaw=0.0)


def surroundings(q: Vector, obstacles: list[Obstacle], held: Obstacle | None = None) -> Surroundings:
    width = GRIPPER_OPEN_WIDTH if held is None else CUBE_SIZE
    return Surroundings(ARM, KINEMATICS, q, obstacles, held, held is not None, width)


def plan(
    q: Vector,
    goal: tuple[float, float, float],
    around: Surroundings,
    yaw: float = 0.0,
    clearance: float = 0.0,
) -> JointPath:
    straights = Straights(LANDING, clearance, WORKSPACE)
    return PLANNER.plan(q, np.array(goal), top_down(yaw), around, straights, SPEED)


def timed(path: JointPath) -> tuple[JointTrajectory, NDArray[np.float64]]:
    """The trajectory along a path, and where the tool is at its samples, (K, 3)."""
    trajectory = time_optimal(path, KINEMATICS, SPEED)
    return trajectory, np.array([KINEMATICS.forward(q)[0] for q in trajectory.positions])


def test_paths_between_towers_keep_clear_and_are_straight_only_near_their_ends() -> None:
    rng = np.random.default_rng(2)
    for _ in range(12):
        q = above((0.58, -0.28, REST), 0.3)
        goal = (0.62, 0.25, REST + CUBE_SIZE)
        base = cube(goal[0], goal[1])
        obstacles = [base, *tower(rng.uniform(0.55, 0.72), rng.uniform(-0.14, 0.12), int(rng.integers(3, 9)))]
        held = cube(0.58, -0.28, yaw=0.3, name="held")
        around = surroundings(q, obstacles, held)
        trajectory, tool = timed(plan(q, goal, around, 0.2))
        np.testing.assert_allclose(tool[-1], goal, atol=1e-6)
        ends = np.minimum(*(np.linalg.norm(tool - end, axis=1) for end in (tool[0], tool[-1])))
        clear, beside = around.clear(0.012), around.clear(0.004)
        for p, way in zip(trajectory.positions, ends, strict=True):
            if way > 0.13:
                assert clear.free(p), clear.contacts(p)
            elif way > 0.05:
                assert beside.free(p), beside.contacts(p)
        # The tool keeps pointing about down, and lands slowly from straight above.
        assert all(KINEMATICS.forward(p)[1][2, 2] < -0.98 for p in trajectory.positions)
        low = np.arange(len(tool)) > np.flatnonzero(tool[:, 2] > goal[2] + 0.02)[-1]
        assert np.abs(tool[low, :2] - goal[:2]).max() < 1e-3
        assert np.abs(np.gradient(tool[:, 2], trajectory.times))[low].max() < 0.115


def test_what_hangs_far_below_the_hand_is_lifted_over_a_row() -> None:
    q, goal = above((0.6, -0.25, 0.02)), (0.6, 0.12, 0.02)
    row = block((0.25, -0.08, TABLE_HEIGHT), (1.2, -0.05, -0.02))
    post = Obstacle(np.array([0.6, -0.25, -0.025]), np.array([0.03, 0.03, 0.13]), yaw=0.0, name="a post")
    _, tool = timed(plan(q, goal, surroundings(q, [row], post)))
    over = np.abs(tool[:, 1] + 0.065) < 0.015
    assert over.any()
    # It reaches 11 cm below the tcp.
    assert tool[over, 2].min() - 0.11 > row.top + 0.015


def test_the_same_input_gives_the_same_path() -> None:
    q = above((0.58, -0.28, REST))
    paths = [plan(q, (0.62, 0.25, REST), surroundings(q, tower(0.6, 0.0))) for _ in range(2)]
    np.testing.assert_array_equal(paths[0].positions, paths[1].positions)


def test_through_free_air_it_goes_about_as_straight_as_the_joints_can() -> None:
    q, goal = above((0.58, -0.28, 0.1)), (0.65, 0.25, 0.2)
    trajectory, _ = timed(plan(q, goal, surroundings(q, [])))
    direct = time_optimal(straight_path(q, trajectory.positions[-1]), KINEMATICS, SPEED)
    assert trajectory.duration < 1.03 * direct.duration


def test_a_clearance_is_come_down_from_straight() -> None:
    q, goal = above((0.58, -0.28, 0.1)), (0.65, 0.25, 0.1)
    _, tool = timed(plan(q, goal, surroundings(q, []), clearance=0.10))
    low = (np.arange(len(tool)) > len(tool) / 2) & (tool[:, 2] < goal[2] + 0.09)
    assert low.sum() > 10
    assert np.abs(tool[low, :2] - goal[:2]).max() < 1e-3


def test_a_wall_up_to_the_ceiling_is_gone_around() -> None:
    q, goal = above((0.6, -0.25, 0.0)), (0.6, 0.1, REST)
    around = surroundings(q, [block((0.5, -0.12, TABLE_HEIGHT), (1.2, -0.08, 0.9))])
    trajectory, tool = timed(plan(q, goal, around))
    np.testing.assert_allclose(tool[-1], goal, atol=1e-6)
    model = around.clear(0.002)
    assert all(model.free(p) for p in trajectory.positions)
    assert tool[:, 0].min() < 0.45


def test_no_way_says_what_is_in_it() -> None:
    q, goal = above((0.6, -0.25, 0.0)), (0.6, 0.1, REST)
    roof = block((0.5, 0.0, 0.02), (0.7, 0.2, 0.05))
    with pytest.raises(Blocked, match=r"would hit a wall .* target is \(0.600, 0.100"):
        plan(q, goal, surroundings(q, [roof]))
    # All the way around the start: only the way up is open, and that ends at the ceiling.
    well = [
        block((0.40, -0.47, TABLE_HEIGHT), (0.42, -0.03, 0.9)),
        block((0.78, -0.47, TABLE_HEIGHT), (0.80, -0.03, 0.9)),
        block((0.42, -0.05, TABLE_HEIGHT), (0.78, -0.03, 0.9)),
    ]
    with pytest.raises(Blocked):
        plan(q, goal, surroundings(q, well))


def test_goods_are_lowered_into_a_container_and_the_hand_comes_out_again() -> None:
    container = Obstacle(
        np.array([0.42, 0.42, TABLE_HEIGHT + 0.045]),
        np.array([0.21, 0.21, 0.09]),
        name="container_1",
        yaw=0.15,
        shape=Shape.CONTAINER,
    )
    brick = Obstacle(np.array([0.6, -0.1, TABLE_HEIGHT + 0.016]), np.full(3, 0.032), yaw=0.4, name="lego")
    q, goal = above((0.6, -0.1, TABLE_HEIGHT + 0.02), 0.4), (0.43, 0.41, TABLE_HEIGHT + 0.04)
    around = surroundings(q, [container, brick], brick)
    trajectory, tool = timed(plan(q, goal, around, 0.4))
    model = around.clear(0.004)
    assert all(model.free(p) for p in trajectory.positions[len(tool) // 3 :])
    # Over the wall, not much higher than it must be.
    assert tool[:, 2].max() < TABLE_HEIGHT + 0.09 + 0.10
    back = surroundings(trajectory.positions[-1], [container])
    away, _ = timed(plan(trajectory.positions[-1], (0.6, 0.0, REST), back))
    model = back.clear(0.004)
    assert all(model.free(p) for p in away.positions[: len(away.positions) // 2])


def test_a_forearm_that_would_hit_a_tower_reaches_around_it() -> None:
    goal = (0.66, 0.07, REST)
    q = NEUTRAL
    around = surroundings(q, tower(0.52, -0.07))
    planar = KINEMATICS.inverse(np.array(goal), top_down(0.0))
    assert not around.near.free(planar)
    trajectory, tool = timed(plan(q, goal, around))
    np.testing.assert_allclose(tool[-1], goal, atol=1e-6)
    assert np.abs(trajectory.positions[-1] - planar).max() > 0.1
    assert all(around.clear(0.0).free(p) for p in trajectory.positions)


def test_many_motions_do_not_drift_into_odd_postures() -> None:
    rng = np.random.default_rng(3)
    q = NEUTRAL
    for _ in range(12):
        goal = (rng.uniform(0.45, 0.75), rng.uniform(-0.34, 0.34), REST)
        q = plan(q, goal, surroundings(q, []), rng.uniform(-math.pi, math.pi)).positions[-1]
    assert np.abs(q[[2, 4]]).max() < 0.01


def test_a_cube_carried_past_a_tower_of_seven_leaves_it_standing() -> None:
    layout = random_layout(0)
    positions, yaws = layout.positions.copy(), np.zeros(8)
    positions[0] = [0.60, -0.20, REST]
    positions[1:] = [[0.61, 0.0, REST + level * CUBE_SIZE] for level in range(7)]
    places = np.array([[0.58, 0.19, REST + 0.002], [0.63, -0.18, REST + 0.002]])
    with World(camera_size=(64, 48)) as world:
        world.start(stacking_scene(Layout(positions, yaws)))
        world.step(60)
        before = world.positions()[1:]
        executor = PrimitiveExecutor(SimRobot(world), KINEMATICS)
        for place in places:
            for closing in (True, False):
                seen = [Obstacle(p, np.full(3, CUBE_SIZE), yaw=0.0) for p in world.positions()]
                goal = world.positions()[0] if closing else place
                outcome = executor.move_to(goal, 0.0, obstacles=seen)
                assert outcome.ok, outcome.message
                assert (executor.close_gripper().outcome if closing else executor.open_gripper()).ok
            assert np.linalg.norm(world.positions()[0] - place) < 0.01
        np.testing.assert_allclose(world.positions()[1:], before, atol=2e-3)


def test_a_hand_that_is_taken_for_a_duck_can_leave() -> None:
    """What the camera sees between palm and pads is the hand, or what it holds."""
    brick = Obstacle(np.array([0.55, 0.05, TABLE_HEIGHT + 0.016]), np.full(3, 0.032), yaw=0.4, name="lego")
    q = above((0.55, 0.05, TABLE_HEIGHT + 0.02), 0.4)
    for height in (0.03, 0.05, 0.07):
        duck = Obstacle(brick.centre + [0.01, 0.02, height], np.full(3, 0.04), yaw=0.0, name="duck")
        around = surroundings(q, [brick, duck], brick)
        assert not around.near.free(q)
        plan(q, (0.42, 0.42, TABLE_HEIGHT + 0.15), around, 0.4)
    # One that is over the hand's way up, and not in the hand, is there.
    roof = block((0.45, -0.05, 0.12), (0.65, 0.15, 0.14))
    with pytest.raises(Blocked):
        plan(q, (0.42, 0.42, TABLE_HEIGHT + 0.15), surroundings(q, [brick, roof], brick), 0.4)
