"""Tool paths and trajectories: limits, continuity, landings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.control.cartesian import Landing, along, straight
from taskprog.control.collision import CollisionModel
from taskprog.control.errors import InvalidGoal
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.planning import PathPlanner, Straights
from taskprog.control.robot import GRIPPER_OPEN_WIDTH, NEUTRAL
from taskprog.control.surroundings import Surroundings
from taskprog.control.trajectory import JointPath, straight_path, time_optimal
from taskprog.tasks.table_top import WORKSPACE

LANDING = Landing(0.03, 0.10)


@pytest.fixture(scope="module")
def kinematics() -> Kinematics:
    return Kinematics.load()


def pick_path(
    kinematics: Kinematics, q: NDArray[np.float64], goal: NDArray[np.float64], yaw: float
) -> JointPath:
    around = Surroundings(CollisionModel.load(), kinematics, q, [], None, False, GRIPPER_OPEN_WIDTH)
    straights = Straights(LANDING, 0.08, WORKSPACE)
    return PathPlanner(kinematics).plan(q, goal, top_down(yaw), around, straights, 0.7)


def random_paths(kinematics: Kinematics, n: int) -> list[JointPath]:
    """One motion after the other, as in a task."""
    rng = np.random.default_rng(3)
    q, paths = NEUTRAL, []
    for _ in range(n):
        goal = np.array([rng.uniform(0.45, 0.75), rng.uniform(-0.34, 0.34), rng.choice([-0.0775, 0.0, 0.06])])
        paths.append(pick_path(kinematics, q, goal, rng.uniform(-math.pi, math.pi)))
        q = paths[-1].positions[-1]
        np.testing.assert_allclose(kinematics.forward(q)[0], goal, atol=1e-5)
    return paths


def test_trajectories_respect_the_limits_and_do_not_jump(kinematics: Kinematics) -> None:
    for path, speed in zip(random_paths(kinematics, 40), itertools.cycle((0.3, 0.7, 1.0))):
        trajectory = time_optimal(path, kinematics, speed)
        assert (np.abs(trajectory.velocities) <= speed * kinematics.velocity + 1e-9).all()
        assert (np.abs(trajectory.accelerations) <= speed * kinematics.acceleration + 1e-9).all()
        assert (trajectory.positions >= kinematics.lower).all()
        assert (trajectory.positions <= kinematics.upper).all()
        # What the robot interpolates agrees with the velocities that it is told.
        steps = np.diff(trajectory.positions, axis=0) / np.diff(trajectory.times)[:, None]
        mean = (trajectory.velocities[1:] + trajectory.velocities[:-1]) / 2
        assert np.abs(steps - mean).max() < 0.05
        np.testing.assert_allclose(trajectory.positions[[0, -1]], path.positions[[0, -1]])
        assert not trajectory.velocities[[0, -1]].any()


def test_the_last_centimetres_of_a_descent_are_slow(kinematics: Kinematics) -> None:
    goal = np.array([0.6, 0.0, -0.0775])
    trajectory = time_optimal(pick_path(kinematics, NEUTRAL, goal, 0.3), kinematics, 1.0)
    heights = np.array([kinematics.forward(q)[0][2] for q in trajectory.positions])
    speeds = np.abs(np.gradient(heights, trajectory.times))
    low = heights - goal[2] < 0.02
    assert low.sum() > 5
    assert speeds[low].max() < 0.11
    assert speeds.max() > 0.2


def test_straight_stays_on_the_line(kinematics: Kinematics) -> None:
    start, rotation = kinematics.forward(NEUTRAL)
    end = start + np.array([0.15, 0.1, -0.1])
    path = along(kinematics, NEUTRAL, lambda angle: straight(start, end, angle), rotation, rotation)
    direction = (end - start) / np.linalg.norm(end - start)
    for q in time_optimal(path, kinematics, 0.7).positions:
        offset = kinematics.forward(q)[0] - start
        assert np.linalg.norm(offset - (offset @ direction) * direction) < 2e-4


def test_a_wrist_near_its_limit_turns_the_other_way(kinematics: Kinematics) -> None:
    q = NEUTRAL.copy()
    q[6] = 4.6
    start, _ = kinematics.forward(q)
    _, wanted = kinematics.forward(q + np.array([0, 0, 0, 0, 0, 0, 0.5]))
    path = along(kinematics, q, lambda angle: straight(start, start, angle), kinematics.forward(q)[1], wanted)
    assert path.positions[-1, 6] == pytest.approx(5.1 - 2 * math.pi, abs=0.01)
    assert np.abs(np.diff(path.positions, axis=0)).max() < 0.3


def test_joint_paths_are_straight(kinematics: Kinematics) -> None:
    end = NEUTRAL + 0.4
    trajectory = time_optimal(straight_path(NEUTRAL, end), kinematics, 0.5)
    share = (trajectory.positions - NEUTRAL) / 0.4
    np.testing.assert_allclose(share, np.repeat(share[:, :1], 7, axis=1), atol=1e-9)


def test_staying_is_a_short_trajectory(kinematics: Kinematics) -> None:
    trajectory = time_optimal(straight_path(NEUTRAL, NEUTRAL), kinematics, 0.5)
    assert trajectory.duration < 0.1
    np.testing.assert_array_equal(trajectory.positions[-1], NEUTRAL)


@pytest.mark.parametrize("speed", [0.0, -0.1, 1.1, math.nan])
def test_speeds_out_of_range_are_refused(kinematics: Kinematics, speed: float) -> None:
    with pytest.raises(InvalidGoal, match="speed"):
        time_optimal(straight_path(NEUTRAL, NEUTRAL + 0.1), kinematics, speed)
