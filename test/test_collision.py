"""The arm's collision model: itself, table, objects, containers, what it holds."""

from __future__ import annotations

import math

import coal
import numpy as np
import pytest

from taskprog.control.clearance import Obstacle, Shape
from taskprog.control.collision import TABLE, CollisionModel, Solid, solids_of, table
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, NEUTRAL
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

KINEMATICS = Kinematics.load()
ALONE = CollisionModel.load()
TIP = 0.0185  # metres from the tcp down to the fingers' ends


def above(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The arm with its tool pointing down, ``z`` metres above the table."""
    return KINEMATICS.inverse(np.array([x, y, TABLE_HEIGHT + z]), top_down(yaw))


def cube(x: float, y: float, yaw: float | None = 0.0) -> Obstacle:
    centre = np.array([x, y, TABLE_HEIGHT + CUBE_SIZE / 2])
    return Obstacle(centre, np.full(3, CUBE_SIZE), name="red", yaw=yaw)


CONTAINER = Obstacle(
    np.array([0.6, 0.3, TABLE_HEIGHT + 0.045]),
    np.array([0.21, 0.21, 0.09]),
    name="container_0",
    yaw=0.0,
    shape=Shape.CONTAINER,
)


def test_the_arm_may_not_touch_itself() -> None:
    assert ALONE.free(NEUTRAL)
    folded = NEUTRAL.copy()
    folded[[1, 3]] = 0.9, 2.9  # the hand goes into the pedestal
    assert not ALONE.free(folded)
    assert {other for pair in ALONE.contacts(folded) for other in pair} & {"pedestal", "right_arm_base_link"}


def test_postures_over_the_table_are_free_of_the_arm_itself() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, y, z, yaw = rng.uniform((0.32, -0.5, 0.02, -3.0), (0.85, 0.5, 0.40, 3.0))
        assert ALONE.free(above(x, y, z, yaw))


def test_the_fingers_meet_table_and_cube_at_their_margin() -> None:
    for margin in (0.0, 0.02):
        model = ALONE.among([table(), *solids_of(cube(0.6, 0.0))], margin=margin)
        assert model.free(above(0.6, 0.2, TIP + margin + 1e-3))
        low = model.contacts(above(0.6, 0.2, TIP + margin - 1e-3))
        assert {other for _, other in low} == {TABLE}
        # The closed fingers come down on the cube.
        closed = ALONE.among(solids_of(cube(0.6, 0.0)), width=GRIPPER_CLOSED_WIDTH, margin=margin)
        assert closed.free(above(0.6, 0.0, CUBE_SIZE + TIP + margin + 1e-3))
        touch = closed.contacts(above(0.6, 0.0, CUBE_SIZE + TIP + margin - 1e-3))
        assert touch == {(f"right_gripper_{side}_finger_tip", "red") for side in "lr"}


def test_open_fingers_fit_around_a_cube_and_closed_ones_do_not() -> None:
    around = above(0.6, 0.0, CUBE_SIZE / 2)
    assert ALONE.among(solids_of(cube(0.6, 0.0))).free(around)
    assert not ALONE.among(solids_of(cube(0.6, 0.0)), width=GRIPPER_CLOSED_WIDTH).free(around)
    # Turned by an eighth, it is too wide.
    assert not ALONE.among(solids_of(cube(0.6, 0.0, math.pi / 4))).free(around)


def test_an_unknown_yaw_is_the_circle_around_and_shrunk_the_one_inside() -> None:
    # 5 mm between a finger's outer face and the cube's.
    beside = above(0.6 + CUBE_SIZE / 2 + 0.0433 + 0.005, 0.0, CUBE_SIZE / 2, math.pi / 2)
    assert ALONE.among(solids_of(cube(0.6, 0.0))).free(beside)
    assert not ALONE.among(solids_of(cube(0.6, 0.0, None))).free(beside)
    assert ALONE.among(solids_of(cube(0.6, 0.0, None), shrink=0.005)).free(beside)


def test_a_container_is_open_above_and_has_walls() -> None:
    model = ALONE.among(solids_of(CONTAINER))
    assert model.free(above(0.6, 0.3, 0.005 + TIP + 1e-3))
    assert {other for _, other in model.contacts(above(0.6, 0.3, 0.005 + TIP - 1e-3))} == {"container_0"}
    assert not model.free(above(0.6, 0.3 - 0.1025 + 0.03, 0.06))
    with pytest.raises(ValueError, match="yaw"):
        Obstacle(CONTAINER.centre, CONTAINER.size, shape=Shape.CONTAINER)


def test_what_is_held_reaches_as_far_as_it_is_long() -> None:
    long = Solid("jenga", coal.Box(0.03, 0.03, 0.12), np.array([0.0, 0.0, 0.03]), np.eye(3))
    q = above(0.6, 0.0, 0.08)
    assert ALONE.among([table()]).free(q)
    held = ALONE.among([table()], held=[long])
    assert held.contacts(q) == {("jenga", TABLE)}
    assert held.free(above(0.6, 0.0, 0.10))


def test_a_description_without_an_arm_is_refused() -> None:
    with pytest.raises(ValueError, match="right_j0"):
        CollisionModel('<robot name="r"><link name="base"/></robot>')
