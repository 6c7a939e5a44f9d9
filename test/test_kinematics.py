"""Kinematics: solutions reach their targets inside the limits, or the error says why there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from taskprog.control.errors import JointLimit, Unreachable
from taskprog.control.kinematics import Kinematics, top_down, yaw_of
from taskprog.control.robot import ARM_JOINTS, NEUTRAL
from taskprog.tasks.table_top import TABLE_HEIGHT


@pytest.fixture(scope="module")
def kinematics() -> Kinematics:
    return Kinematics.load()


def test_a_thousand_top_down_targets_are_reached(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        position = rng.uniform((0.40, -0.45, TABLE_HEIGHT + 0.02), (0.85, 0.45, TABLE_HEIGHT + 0.42))
        rotation = top_down(rng.uniform(-math.pi, math.pi))
        q = kinematics.inverse(position, rotation)
        assert kinematics.inside_limits(q)
        reached, turned = kinematics.forward(q)
        np.testing.assert_allclose(reached, position, atol=1e-4)
        np.testing.assert_allclose(turned, rotation, atol=1e-3)


def test_solutions_keep_the_elbow_up_and_the_arm_in_its_plane(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        position = rng.uniform((0.45, -0.34, -0.08), (0.75, 0.34, 0.2))
        q = kinematics.inverse(position, top_down(rng.uniform(-math.pi, math.pi)))
        assert abs(q[2]) < 1e-3
        assert abs(q[4]) < 1e-3
        assert q[1] < 0 < q[3]


def test_tilted_tools_are_solved_too(kinematics: Kinematics) -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        q = NEUTRAL + rng.uniform(-0.5, 0.5, 7)
        position, rotation = kinematics.forward(q)
        reached, turned = kinematics.forward(kinematics.inverse(position, rotation))
        np.testing.assert_allclose(reached, position, atol=1e-4)
        np.testing.assert_allclose(turned, rotation, atol=1e-3)


def test_beyond_the_arm_is_unreachable(kinematics: Kinematics) -> None:
    with pytest.raises(Unreachable, match="out of reach"):
        kinematics.inverse(np.array([1.6, 0.0, 0.0]), top_down(0.0))


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
