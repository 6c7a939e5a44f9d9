"""The gripper turns to a cube's faces, away from neighbours, and no farther than needed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from taskprog.control.grasp import grasp_yaw

HERE = np.array([0.6, 0.0, 0.0])
CLOSING = math.pi / 2


@pytest.mark.parametrize("yaw", [-0.7, -0.2, 0.0, 0.4, 0.78])
@pytest.mark.parametrize("present", [-2.0, 0.0, 1.5])
def test_pads_align_with_faces_and_the_wrist_turns_at_most_an_eighth(yaw: float, present: float) -> None:
    chosen = grasp_yaw(HERE, yaw, CLOSING, [], present)
    assert math.remainder(chosen - yaw, math.pi / 2) == pytest.approx(0.0, abs=1e-9)
    assert abs(math.remainder(chosen - present, 2 * math.pi)) <= math.pi / 4 + 1e-9


@pytest.mark.parametrize("side", [-1, 1])
def test_fingers_avoid_a_neighbour(side: int) -> None:
    # The neighbour stands where a finger would go if the gripper kept its present yaw.
    neighbour = HERE + [0.0, side * 0.07, 0.0]
    assert abs(grasp_yaw(HERE, 0.0, CLOSING, [neighbour], 0.0)) == pytest.approx(math.pi / 2)
    beside = HERE + [side * 0.07, 0.0, 0.0]
    assert grasp_yaw(HERE, 0.0, CLOSING, [beside], 0.0) == pytest.approx(0.0)
