"""Following joint trajectories: what is refused, how motions end, and what a cancelled arm does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from taskprog.control.arm_goal import (
    ArmGoal,
    ArmLimits,
    GoalError,
    ResultCode,
    Tolerances,
    Waypoint,
    make_goal,
)
from taskprog_sim.arm_controller import ArmController, Ending, Motion

PERIOD = 0.01
LIMITS = ArmLimits(("a", "b"), np.array([-2.0, -1.0]), np.array([2.0, 1.0]), np.array([1.0, 2.0]))


def goal(
    end: Sequence[float] = (0.5, -0.5),
    duration: float = 2.0,
    tolerances: Tolerances | None = None,
    stamp: float = 0.0,
    start: Sequence[float] = (0.0, 0.0),
) -> ArmGoal:
    """From ``start`` to ``end``, with rest at both ends."""
    points = [Waypoint(0.0, start, (0.0, 0.0)), Waypoint(duration, end, (0.0, 0.0))]
    return make_goal(LIMITS, LIMITS.joints, points, stamp, tolerances)


class Arm:
    """An arm that does at once what it is told, unless ``blocked`` holds it at a place."""

    def __init__(self) -> None:
        self.controller = ArmController(LIMITS, np.zeros(2))
        self.positions = np.zeros(2)
        self.velocities = np.zeros(2)
        self.now = 10.0
        self.blocked: Callable[[np.ndarray], np.ndarray] = lambda wanted: wanted

    def run(self, motion: Motion | None = None, seconds: float = 10.0) -> list[np.ndarray]:
        """Until the motion ends or ``seconds`` have passed; all positions on the way."""
        path = []
        for _ in range(round(seconds / PERIOD)):
            if motion is not None and motion.result is not None:
                break
            setpoint = self.controller.update(self.now, PERIOD, self.positions, self.velocities)
            reached = self.blocked(setpoint.positions)
            self.velocities = (reached - self.positions) / PERIOD
            self.positions = reached
            self.now += PERIOD
            path.append(self.positions.copy())
        return path


@pytest.fixture
def arm() -> Arm:
    return Arm()


def test_goes_where_it_is_sent_in_the_time_it_is_given(arm: Arm) -> None:
    motion = arm.controller.start(goal(), arm.now)
    path = arm.run(motion)
    assert motion.result is not None
    assert motion.result.ending is Ending.SUCCEEDED
    assert motion.result.code is ResultCode.SUCCESSFUL
    assert arm.positions == pytest.approx([0.5, -0.5])
    assert len(path) * PERIOD == pytest.approx(2.0, abs=3 * PERIOD)
    assert path[99] == pytest.approx([0.25, -0.25])
    assert motion.progress == 1.0


def test_a_first_point_in_the_future_is_reached_smoothly_from_where_the_arm_is(arm: Arm) -> None:
    points = [Waypoint(1.0, (0.2, 0.0), (0.0, 0.0)), Waypoint(2.0, (0.4, 0.0), (0.0, 0.0))]
    motion = arm.controller.start(make_goal(LIMITS, LIMITS.joints, points), arm.now)
    path = arm.run(motion)
    assert np.abs(np.diff(path, axis=0)).max() < LIMITS.velocity[0] * PERIOD
    assert arm.positions == pytest.approx([0.4, 0.0])


def test_joints_may_come_in_any_order(arm: Arm) -> None:
    points = [Waypoint(0.0, (0.0, 0.0)), Waypoint(1.0, (0.3, 0.1))]
    arm.run(arm.controller.start(make_goal(LIMITS, ("b", "a"), points), arm.now))
    assert arm.positions == pytest.approx([0.1, 0.3])


def test_blocked_on_the_way_it_stops_where_it_is_and_says_which_joint(arm: Arm) -> None:
    arm.blocked = lambda wanted: np.minimum(wanted, [0.2, 1.0])
    motion = arm.controller.start(goal(), arm.now)
    arm.run(motion)
    assert motion.result is not None
    assert motion.result.code is ResultCode.PATH_TOLERANCE_VIOLATED
    assert motion.result.ending is Ending.ABORTED
    assert motion.result.message.startswith("a is ")
    assert arm.controller.setpoint.positions[0] == pytest.approx(0.2)
    assert not arm.controller.active


def test_a_path_tolerance_of_the_goal_counts_and_a_negative_one_is_no_limit(arm: Arm) -> None:
    arm.blocked = lambda wanted: wanted + [0.03, 0.0] * (np.abs(wanted[:1]) > 0.2)
    tight = arm.controller.start(goal(tolerances=Tolerances(path={"a": 0.02})), arm.now)
    arm.run(tight)
    assert tight.result is not None
    assert tight.result.code is ResultCode.PATH_TOLERANCE_VIOLATED
    arm = Arm()
    arm.blocked = lambda wanted: np.minimum(wanted, [0.1, 1.0])
    free = arm.controller.start(goal(tolerances=Tolerances(path={"a": -1.0}, goal={"a": -1.0})), arm.now)
    arm.run(free)
    assert free.result is not None
    assert free.result.ending is Ending.SUCCEEDED


def test_short_of_the_goal_it_waits_for_the_goal_time_and_then_gives_up(arm: Arm) -> None:
    arm.blocked = lambda wanted: np.minimum(wanted, [0.46, 1.0])
    motion = arm.controller.start(goal(tolerances=Tolerances(goal_time=0.5)), arm.now)
    began = arm.now
    arm.run(motion)
    assert motion.result is not None
    assert motion.result.code is ResultCode.GOAL_TOLERANCE_VIOLATED
    assert arm.now - began == pytest.approx(2.5, abs=3 * PERIOD)


def test_late_but_within_the_goal_time_is_a_success(arm: Arm) -> None:
    motion = arm.controller.start(goal(tolerances=Tolerances(goal_time=0.5)), arm.now)
    arm.blocked = lambda wanted: np.minimum(wanted, [0.46, 1.0])
    arm.run(seconds=2.2)
    arm.blocked = lambda wanted: wanted
    arm.run(motion)
    assert motion.result is not None
    assert motion.result.ending is Ending.SUCCEEDED


def test_cancelled_it_slows_down_on_its_path_and_holds(arm: Arm) -> None:
    motion = arm.controller.start(goal(), arm.now)
    arm.run(seconds=1.0)
    arm.controller.cancel(arm.now, "enough")
    path = arm.run(motion)
    assert motion.result is not None
    assert motion.result.ending is Ending.CANCELLED
    assert motion.result.message == "enough"
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert (np.diff(steps) < 1e-9).all(), "it must not speed up"
    assert steps[-1] < 0.1 * steps[0]
    assert arm.positions[0] == pytest.approx(-arm.positions[1]), "it must stay on the path"
    held = arm.positions.copy()
    arm.run(seconds=1.0)
    assert (arm.positions == held).all()


def test_cancel_when_nothing_runs_does_nothing_and_the_next_goal_works(arm: Arm) -> None:
    arm.controller.cancel(arm.now)
    motion = arm.controller.start(goal(), arm.now)
    arm.run(motion)
    assert motion.result is not None
    assert motion.result.ending is Ending.SUCCEEDED
    arm.controller.cancel(arm.now)
    assert motion.result.ending is Ending.SUCCEEDED


def test_a_new_goal_takes_over_without_a_jump(arm: Arm) -> None:
    first = arm.controller.start(goal(), arm.now)
    before = arm.run(seconds=1.0)
    points = [Waypoint(1.0, (0.0, 0.0), (0.0, 0.0))]
    second = arm.controller.start(make_goal(LIMITS, LIMITS.joints, points), arm.now)
    after = arm.run(second)
    assert first.result is not None
    assert first.result.ending is Ending.CANCELLED
    assert second.result is not None
    assert second.result.ending is Ending.SUCCEEDED
    velocities = np.diff([*before, *after], axis=0) / PERIOD
    assert np.abs(np.diff(velocities, axis=0)).max() < 0.1
    assert arm.positions == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_trajectory_that_starts_elsewhere_is_refused_and_the_arm_stays(arm: Arm) -> None:
    motion = arm.controller.start(goal(start=(0.1, 0.0)), arm.now)
    assert motion.result is not None
    assert motion.result.code is ResultCode.INVALID_GOAL
    assert "a at 0.100 rad, but it is at 0.000" in motion.result.message
    assert not arm.controller.active


def test_a_first_point_too_far_for_its_time_is_refused(arm: Arm) -> None:
    points = [Waypoint(0.1, (1.0, 0.0), (0.0, 0.0))]
    motion = arm.controller.start(make_goal(LIMITS, LIMITS.joints, points), arm.now)
    assert motion.result is not None
    assert motion.result.code is ResultCode.INVALID_GOAL
    assert "on the way to the first point" in motion.result.message


def test_a_trajectory_of_the_past_is_refused_and_one_of_the_future_waits(arm: Arm) -> None:
    late = arm.controller.start(goal(stamp=arm.now - 3.0), arm.now)
    assert late.result is not None
    assert late.result.code is ResultCode.OLD_HEADER_TIMESTAMP
    early = arm.controller.start(goal(stamp=arm.now + 0.5), arm.now)
    arm.run(seconds=0.5)
    assert np.abs(arm.positions).max() < 1e-3
    arm.run(early)
    assert early.result is not None
    assert early.result.ending is Ending.SUCCEEDED


@pytest.mark.parametrize(
    ("joints", "points", "code", "message"),
    [
        (("a",), [Waypoint(0.0, (0.0,))], ResultCode.INVALID_JOINTS, "must be a, b, each once; got a"),
        (("a", "c"), [Waypoint(0.0, (0.0, 0.0))], ResultCode.INVALID_JOINTS, "got a, c"),
        (("a", "a"), [Waypoint(0.0, (0.0, 0.0))], ResultCode.INVALID_JOINTS, "got a, a"),
        ((), [], ResultCode.INVALID_JOINTS, "got none"),
        (("a", "b"), [], ResultCode.INVALID_GOAL, "no points"),
        (("a", "b"), [Waypoint(0.0, (0.0,))], ResultCode.INVALID_GOAL, "point 0 has 1 positions, not 2"),
        (("a", "b"), [Waypoint(0.0, ())], ResultCode.INVALID_GOAL, "no positions"),
        (("a", "b"), [Waypoint(0.0, (float("nan"), 0.0))], ResultCode.INVALID_GOAL, "must be finite"),
        (("a", "b"), [Waypoint(-1.0, (0.0, 0.0))], ResultCode.INVALID_GOAL, "must rise"),
        (("a", "b"), [Waypoint(1.0, (0.0, 0.0))] * 2, ResultCode.INVALID_GOAL, "must rise"),
        (
            ("a", "b"),
            [Waypoint(0.0, (0.0, 0.0), (0.0, 0.0)), Waypoint(1.0, (0.1, 0.0))],
            ResultCode.INVALID_GOAL,
            "point 1 has 0 velocities",
        ),
        (
            ("a", "b"),
            [Waypoint(0.0, (0.0, 0.0)), Waypoint(9.0, (0.0, 1.2))],
            ResultCode.INVALID_GOAL,
            "b would be at 1.0",
        ),
        (
            ("a", "b"),
            [Waypoint(0.0, (0.0, 0.0)), Waypoint(0.5, (1.0, 0.0))],
            ResultCode.INVALID_GOAL,
            "a would move at 2.00 rad/s",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_reason(
    joints: tuple[str, ...], points: list[Waypoint], code: ResultCode, message: str
) -> None:
    with pytest.raises(GoalError, match=message.replace("(", r"\(")) as caught:
        make_goal(LIMITS, joints, points)
    assert caught.value.code is code


def test_a_tolerance_for_an_unknown_joint_is_refused() -> None:
    with pytest.raises(GoalError, match="unknown joint 'c'") as caught:
        goal(tolerances=Tolerances(goal={"c": 0.1}))
    assert caught.value.code is ResultCode.INVALID_JOINTS
