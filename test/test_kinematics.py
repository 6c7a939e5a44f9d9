"""Kinematics: solutions reach their targets inside the limits, or the error says why there is none."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.control.errors import Blocked, InvalidGoal, JointLimit, Unreachable
from taskprog.control.kinematics import Kinematics, top_down, yaw_of
from taskprog.control.robot import ARM_JOINTS, NEUTRAL
from taskprog.resources import share_dir
from taskprog.tasks.table_top import TABLE_HEIGHT

Pose = tuple[NDArray[np.float64], NDArray[np.float64]]


@pytest.fixture(scope="module")
def kinematics() -> Kinematics:
    return Kinematics.load()


def check_solution(kinematics: Kinematics, q: NDArray[np.float64], pose: Pose) -> None:
    assert kinematics.inside_limits(q)
    position, rotation = kinematics.forward(q)
    np.testing.assert_allclose(position, pose[0], atol=2e-6)
    np.testing.assert_allclose(rotation, pose[1], atol=2e-6)


def random_poses(kinematics: Kinematics, n: int, seed: int) -> list[Pose]:
    rng = np.random.default_rng(seed)
    return [kinematics.forward(rng.uniform(kinematics.lower, kinematics.upper)) for _ in range(n)]


def test_poses_from_all_of_joint_space_are_reached(kinematics: Kinematics) -> None:
    for pose in random_poses(kinematics, 500, 3):
        check_solution(kinematics, kinematics.inverse(*pose), pose)


@pytest.mark.parametrize("straight", [[3], [5], [3, 5], [2, 4]], ids=str)
def test_poses_where_the_arm_is_singular_are_reached(kinematics: Kinematics, straight: list[int]) -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        q = rng.uniform(kinematics.lower, kinematics.upper)
        q[straight] = 0.0
        pose = kinematics.forward(q)
        check_solution(kinematics, kinematics.inverse(*pose), pose)


def test_poses_with_joints_near_their_limits_are_reached(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        q = rng.uniform(kinematics.lower, kinematics.upper)
        ends = np.where(rng.random(7) < 0.5, kinematics.lower + 0.002, kinematics.upper - 0.002)
        two = rng.permutation(7)[:2]
        q[two] = ends[two]
        pose = kinematics.forward(q)
        check_solution(kinematics, kinematics.inverse(*pose), pose)


def test_a_thousand_top_down_targets_are_reached(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        position = rng.uniform((0.24, -0.62, TABLE_HEIGHT + 0.02), (0.90, 0.62, TABLE_HEIGHT + 0.30))
        position[:2] *= min(1.0, 0.95 / math.hypot(position[0], position[1]))
        pose = position, top_down(rng.uniform(-math.pi, math.pi))
        check_solution(kinematics, kinematics.inverse(*pose), pose)


def test_solutions_keep_the_elbow_up_and_the_arm_in_its_plane(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        position = rng.uniform((0.45, -0.34, -0.08), (0.75, 0.34, 0.2))
        q = kinematics.inverse(position, top_down(rng.uniform(-math.pi, math.pi)))
        assert abs(q[2]) < 1e-3
        assert abs(q[4]) < 1e-3
        assert q[1] < 0 < q[3]


def test_a_search_that_begins_at_a_solution_ends_there(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        q = rng.uniform(kinematics.lower + 0.01, kinematics.upper - 0.01)
        np.testing.assert_allclose(kinematics.inverse(*kinematics.forward(q), q), q)


def test_results_depend_on_nothing_but_the_question(kinematics: Kinematics) -> None:
    poses = random_poses(kinematics, 60, 6)
    expected = [kinematics.inverse(*pose) for pose in poses]
    other = Kinematics.load()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pose: other.inverse(*pose), poses))
    np.testing.assert_array_equal(found, expected)


def test_a_posture_that_is_refused_is_followed_by_others(kinematics: Kinematics) -> None:
    pose = np.array([0.6, 0.1, 0.1]), top_down(0.4)
    usual = kinematics.inverse(*pose)
    assert abs(usual[2]) < 0.01
    q = kinematics.inverse(*pose, accept=lambda q: bool(q[2] > 0.3))
    assert q[2] > 0.3
    check_solution(kinematics, q, pose)
    q = kinematics.inverse(*pose, accept=lambda q: bool(q[2] < -0.3))
    assert q[2] < -0.3
    check_solution(kinematics, q, pose)
    np.testing.assert_array_equal(kinematics.inverse(*pose, accept=lambda q: bool(q[2] < -0.3)), q)


def test_no_posture_is_asked_about_twice(kinematics: Kinematics) -> None:
    asked: list[NDArray[np.float64]] = []

    def refuse(q: NDArray[np.float64]) -> bool:
        asked.append(q)
        return False

    with pytest.raises(Blocked, match="postures that were found"):
        kinematics.inverse(np.array([0.6, 0.1, 0.1]), top_down(0.4), accept=refuse)
    assert len(asked) > 20
    apart = np.abs(np.array(asked)[:, None] - np.array(asked)[None]).max(axis=-1)
    assert apart[~np.eye(len(asked), dtype=bool)].min() > 0.04


def test_beyond_the_arm_is_unreachable(kinematics: Kinematics) -> None:
    for position in ([1.6, 0.0, 0.0], [0.98, 0.3, 0.3], [0.0, 0.0, -2.0]):
        with pytest.raises(Unreachable, match="out of reach"):
            kinematics.inverse(np.array(position), top_down(0.0))


def test_only_a_limit_in_the_way_is_told_from_reach() -> None:
    urdf = (share_dir() / "models" / "sawyer" / "sawyer.urdf").read_text(encoding="utf-8")
    stiff = urdf.replace('lower="-3.0439" upper="3.0439"', 'lower="-0.5" upper="0.5"')
    assert stiff != urdf
    kinematics = Kinematics(stiff)
    with pytest.raises(JointLimit, match="right_j3"):
        kinematics.inverse(np.array([0.6, 0.0, 0.1]), top_down(0.0))
    with pytest.raises(Unreachable, match="out of reach"):
        kinematics.inverse(np.array([1.6, 0.0, 0.0]), top_down(0.0))


@pytest.mark.parametrize(
    ("position", "rotation", "message"),
    [
        ([0.6, math.nan, 0.1], top_down(0.0), "three finite numbers"),
        ([0.6, 0.1], top_down(0.0), "three finite numbers"),
        ([0.6, 0.0, 0.1], 2.0 * top_down(0.0), "rotation matrix"),
        ([0.6, 0.0, 0.1], np.diag([1.0, 1.0, -1.0]), "rotation matrix"),
        ([0.6, 0.0, 0.1], np.full((3, 3), math.nan), "rotation matrix"),
        ([0.6, 0.0, 0.1], np.eye(2), "rotation matrix"),
    ],
    ids=["nan", "two numbers", "scaled", "mirrored", "nan rotation", "two by two"],
)
def test_what_is_no_pose_is_refused(
    kinematics: Kinematics, position: list[float], rotation: NDArray[np.float64], message: str
) -> None:
    with pytest.raises(InvalidGoal, match=message):
        kinematics.inverse(np.array(position), rotation)


def test_a_path_is_followed_without_jumps_with_any_tool(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        q = NEUTRAL + rng.uniform(-0.4, 0.4, 7)
        position, rotation = kinematics.forward(q)
        way = rng.normal(size=3) * 0.01 / math.sqrt(3)
        for _ in range(10):
            position = position + way
            following = kinematics.track(position, rotation, q)
            check_solution(kinematics, following, (position, rotation))
            assert np.abs(following - q).max() < 0.3
            q = following


def test_a_path_brings_the_arm_back_into_its_plane(kinematics: Kinematics) -> None:
    pose = np.array([0.6, 0.1, 0.1]), top_down(0.4)
    q = kinematics.inverse(*pose, accept=lambda q: bool(abs(q[2]) > 0.1))
    for _ in range(100):
        q = kinematics.track(*pose, q)
        check_solution(kinematics, q, pose)
    assert np.abs(q[[2, 4]]).max() < 0.01


def test_a_path_that_would_turn_the_wrist_too_far_is_a_joint_limit(kinematics: Kinematics) -> None:
    q = NEUTRAL.copy()
    q[6] = kinematics.upper[6] - 0.05
    position, rotation = kinematics.forward(q)
    assert kinematics.track(position, rotation, q)[6] == pytest.approx(q[6])
    with pytest.raises(JointLimit, match="right_j6"):
        kinematics.track(position, top_down(yaw_of(rotation) - 0.1), q)


def test_jacobian_is_the_derivative_of_the_position(kinematics: Kinematics) -> None:
    jacobian = kinematics.jacobian(NEUTRAL)
    for i in range(len(ARM_JOINTS)):
        step = np.eye(7)[i] * 1e-6
        ahead, behind = kinematics.forward(NEUTRAL + step)[0], kinematics.forward(NEUTRAL - step)[0]
        np.testing.assert_allclose(jacobian[:3, i], (ahead - behind) / 2e-6, atol=1e-6)


def test_yaw_of_inverts_top_down() -> None:
    for yaw in np.linspace(-3.1, 3.1, 20):
        assert yaw_of(top_down(yaw)) == pytest.approx(yaw)


def test_a_description_without_the_arm_is_refused() -> None:
    with pytest.raises(ValueError, match="right_j0"):
        Kinematics('<robot name="r"><link name="base"/></robot>')
