"""What a real arm may be told: refused motions and their codes, and how an allowed one begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sawyer_bench import WAY, guard, straight

from taskprog.control.arm_goal import ArmGoal
from taskprog.control.intera.codes import Code, Refused
from taskprog.control.intera.guard import PERIOD, Box
from taskprog.control.robot import NEUTRAL


def way(**joints: float) -> Any:
    return np.array([joints.get(f"j{i}", 0.0) for i in range(7)])


FOLDED = np.array([0.0, -1.18, 0.0, 3.0, 0.0, 2.5, 3.3])  # the hand in the upper arm


@pytest.mark.parametrize(
    ("goal", "code", "said"),
    [
        (straight(NEUTRAL, NEUTRAL + way(j6=1.5), 3.0), Code.POSITION_LIMIT, "right_j6 would be at 4.7"),
        (straight(NEUTRAL, NEUTRAL + way(j0=1.0), 0.8), Code.VELOCITY_LIMIT, "right_j0 would move at 1.7"),
        (straight(NEUTRAL, NEUTRAL + way(j1=0.1), 0.2), Code.ACCELERATION_LIMIT, "right_j1 would accelerate"),
        (straight(NEUTRAL, NEUTRAL + way(j1=-0.6, j0=2.0), 4.0), Code.WORKSPACE, "outside the box"),
        (straight(NEUTRAL, FOLDED, 5.0), Code.SELF_COLLISION, "would touch itself"),
        (
            straight(NEUTRAL + way(j0=0.1), NEUTRAL, 3.0),
            Code.START_ELSEWHERE,
            "right_j0 at 0.100",
        ),
        (straight(NEUTRAL, NEUTRAL + WAY, 601.0), Code.INVALID_GOAL, "may take 600 s"),
        (
            ArmGoal(np.array([0.0, 2.0]), np.array([NEUTRAL, NEUTRAL + WAY])),
            Code.ACCELERATION_LIMIT,
            "give velocities",
        ),
        (
            ArmGoal(np.array([0.0, 2.0]), np.array([NEUTRAL, NEUTRAL]), np.array([way(), way(j3=0.2)])),
            Code.NOT_AT_REST,
            "end at rest, right_j3 has 0.200",
        ),
        (
            ArmGoal(np.array([0.0, 2.0]), np.array([NEUTRAL, NEUTRAL]), np.zeros((2, 7)), stamp=5.0),
            Code.INVALID_GOAL,
            "leave the trajectory's stamp at 0",
        ),
    ],
    ids=lambda v: v.name if isinstance(v, Code) else "",
)
def test_motions_are_refused_by_name(goal: ArmGoal, code: Code, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        guard().path(goal, NEUTRAL)
    assert refused.value.code is code


@pytest.mark.parametrize("gap", [0.0, 0.015])
def test_a_motion_begins_where_the_arm_is_and_keeps_its_limits_on_the_way_to_the_path(gap: float) -> None:
    own = guard()
    measured = NEUTRAL + gap * np.array([1, -1, 1, -1, 1, -1, 1])
    path = own.path(straight(NEUTRAL, NEUTRAL + WAY, 2.0), measured)
    positions, velocities = path.commands()
    assert positions[0] == pytest.approx(measured)
    assert positions[-1] == pytest.approx(NEUTRAL + WAY)
    steps = np.abs(np.diff(positions, axis=0)) / PERIOD
    assert steps.max() == pytest.approx(np.abs(velocities).max(), rel=0.02)
    before = (positions[0], np.zeros(7))
    for position, velocity in zip(positions, velocities, strict=True):
        own.step(before, position, velocity)
        before = position, velocity


def test_a_first_point_later_than_the_start_is_reached_smoothly() -> None:
    goal = ArmGoal(np.array([2.0]), np.array([NEUTRAL + WAY]), np.zeros((1, 7)))
    positions, velocities = guard().path(goal, NEUTRAL).commands()
    assert positions[0] == pytest.approx(NEUTRAL)
    assert positions[-1] == pytest.approx(NEUTRAL + WAY)
    assert np.abs(np.diff(velocities, axis=0)).max() < 0.02


@pytest.mark.parametrize(
    ("position", "velocity", "code"),
    [
        (way(j6=1.5), way(), Code.POSITION_LIMIT),
        (way(j0=0.02), way(), Code.VELOCITY_LIMIT),
        (way(), way(j0=2.0), Code.VELOCITY_LIMIT),
        (way(), way(j0=0.3), Code.ACCELERATION_LIMIT),
        (way(j0=np.nan), way(), Code.POSITION_LIMIT),
    ],
)
def test_single_commands_are_checked_again(position: Any, velocity: Any, code: Code) -> None:
    with pytest.raises(Refused, match="next command") as refused:
        guard().step((NEUTRAL, way()), NEUTRAL + position, velocity)
    assert refused.value.code is code


def test_limits_that_the_robot_tells_can_only_be_narrower() -> None:
    own = guard()
    before = own.limits
    own.narrow(before.lower - 1, before.upper - 0.5, before.velocity * 2, own.acceleration / 2)
    assert own.limits.lower == pytest.approx(before.lower)
    assert own.limits.upper == pytest.approx(before.upper - 0.5)
    assert own.limits.velocity == pytest.approx(before.velocity)
    assert own.acceleration[0] == 5.0


def test_boxes_without_an_inside_are_refused() -> None:
    with pytest.raises(ValueError, match="three greater upper bounds"):
        Box(np.zeros(3), np.array([1.0, 0.0, 1.0]))
