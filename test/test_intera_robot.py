"""The driver's core on a stand-in of the robot: judged by what the robot was asked to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sawyer_bench import WAY, Bench, bench, ended, straight
from tcpros_world import wait_until

from taskprog.control.arm_goal import Tolerances
from taskprog.control.intera import messages as types
from taskprog.control.intera import robot as robot_module
from taskprog.control.intera.codes import Code, Refused
from taskprog.control.intera.feeds import Timeouts
from taskprog.control.intera.gripper import GripperError
from taskprog.control.intera.robot import RobotError
from taskprog.control.robot import NEUTRAL
from taskprog.machine import CancelToken
from taskprog_sim.intera.ledger import Command
from tcpros import Node


def since(b: Bench, at: float) -> list[Command]:
    return [command for command in b.network.robot.arm.ledger.commands if command.at > at]


@pytest.mark.parametrize("old", [False, True], ids=["5.3", "5.1"])
def test_motions_arrive_within_the_limits_on_both_layouts(old: bool) -> None:
    with bench(old=old) as b:
        b.enable()
        assert ended(b.start(seconds=0.8)).code is Code.SUCCESSFUL
        ledger = b.network.robot.arm.ledger
        assert b.network.robot.arm.positions == pytest.approx((NEUTRAL + WAY).tolist(), abs=0.003)
        assert max(ledger.speed, ledger.step) == pytest.approx(0.43, abs=0.02)
        assert ledger.acceleration < 1.0
        assert ledger.jump < 1e-9
        assert not ledger.refused
        # Then it is held for a while in position mode, and left alone.
        wait_until(lambda: [c.mode for c in ledger.commands].count(types.POSITION_MODE) == 50, "holding")
        assert ledger.commands[-1].position == pytest.approx((NEUTRAL + WAY).tolist())


FAULTS: dict[Code, Callable[[Bench], float]] = {
    Code.ESTOP: lambda b: b.network.robot.press_button(),
    Code.DISABLED: lambda b: b.network.robot.disable(),
    Code.COLLISION: lambda b: b.network.robot.collide(),
    Code.STALE_STATE: lambda b: b.network.robot.freeze("/robot/state"),
    Code.STALE_JOINTS: lambda b: b.network.robot.freeze("/robot/joint_states"),
}


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: code.name)
def test_faults_end_motions_each_with_its_code(code: Code) -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way()
        at = FAULTS[code](b)
        assert ended(motion).code is code
        last = b.network.robot.arm.ledger.last_moving
        assert not [c for c in since(b, max(at, last)) if c.mode != types.POSITION_MODE]
        here = np.array(b.network.robot.arm.positions)
        with pytest.raises(Refused) as refused:
            b.robot.arm.start(straight(here, here + WAY, 2.0))
        assert refused.value.code is code


def test_after_a_collision_the_arm_is_not_pushed_on() -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way()
        b.network.robot.collide()
        ended(motion)
        commands = b.network.robot.arm.ledger.commands
        wait_until(lambda: commands[-1].mode == types.POSITION_MODE, "holding")
        wanted = next(c for c in reversed(commands) if c.mode == types.TRAJECTORY_MODE)
        assert commands[-1].position[0] < wanted.position[0] - 0.001  # the arm lags behind what it is told


def test_a_person_at_the_cuff_is_left_alone() -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way()
        b.network.robot.faults.cuff = True
        assert ended(motion).code is Code.CUFF
        assert b.network.robot.arm.ledger.commands[-1].mode == types.TRAJECTORY_MODE


def test_a_lost_master_ends_motions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robot_module, "MASTER_TIMEOUT", 1.3)
    with bench() as b:
        b.enable()
        motion = b.start(seconds=8.0)
        b.network.master.close()
        assert ended(motion).code is Code.MASTER_LOST


def test_a_second_driver_takes_over_and_the_first_one_lets_go() -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way()
        with Node("/sawyer_driver", b.network.uri) as second:
            second.advertise(robot_module.COMMAND_TOPIC, types.JOINT_COMMAND)
            assert ended(motion).code is Code.TAKEN_OVER


def test_cancelling_slows_down_within_the_limits_and_holds() -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way(way=np.array([0.8, 0, 0, 0, 0, 0, 1.0]), seconds=0.9)
        b.robot.arm.stop("enough")
        end = ended(motion)
        assert (end.code, end.cancelled, end.message) == (Code.SUCCESSFUL, True, "enough")
        ledger = b.network.robot.arm.ledger
        wait_until(lambda: ledger.commands[-1].mode == types.POSITION_MODE, "all of the motion's commands")
        stream = [c for c in ledger.commands if c.mode == types.TRAJECTORY_MODE]
        assert stream[-1].velocity == pytest.approx([0.0] * 7)
        assert ledger.acceleration <= 1.0
        wait_until(lambda: len(since(b, stream[-1].at)) == 50, "holding")
        assert all(c.position == stream[-1].position for c in since(b, stream[-1].at))
        assert ended(b.start()).code is Code.SUCCESSFUL


@pytest.mark.parametrize("holds", [False, True], ids=["persists", "holds"])
def test_the_arm_stands_after_an_abort_whatever_silence_means_to_the_robot(holds: bool) -> None:
    with bench() as b:
        b.network.robot.arm.holds_on_silence = holds
        b.enable()
        motion = b.half_way()
        b.network.robot.collide()
        ended(motion)
        wait_until(lambda: max(map(abs, b.network.robot.arm.velocities)) < 1e-3, "rest")
        assert b.network.robot.arm.positions[0] < 0.35


def test_what_is_in_the_way_ends_a_motion() -> None:
    with bench() as b:
        b.enable()
        motion = b.start(tolerances=Tolerances(path={"right_j0": 0.1}))
        b.network.robot.arm._step = lambda dt: None  # type: ignore[method-assign]
        assert ended(motion).code is Code.PATH_TOLERANCE_VIOLATED
        commands = b.network.robot.arm.ledger.commands
        wait_until(lambda: commands[-1].mode == types.POSITION_MODE, "holding")
        assert commands[-1].position[0] == b.network.robot.arm.positions[0]  # it does not push on


def test_feeds_with_nonsense_count_as_silent() -> None:
    with bench(Timeouts(0.5, 0.2)) as b:
        b.enable()
        motion = b.start(seconds=4.0)
        with b.network.robot.lock:
            b.network.robot.arm._step = lambda dt: None  # type: ignore[method-assign]
            b.network.robot.arm.positions[2] = float("nan")
        assert ended(motion).code is Code.STALE_JOINTS


def test_late_and_lost_feeds_within_the_limits_do_no_harm() -> None:
    with bench() as b:
        b.network.robot.faults.drop, b.network.robot.faults.delay = 3, 0.03
        b.enable()
        assert ended(b.start()).code is Code.SUCCESSFUL


def test_after_a_reboot_nothing_moves_until_it_is_enabled_again() -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way()
        b.network.reboot()
        assert ended(motion).code in (Code.NOBODY_LISTENS, Code.STALE_STATE, Code.STALE_JOINTS)
        wait_until(lambda: b.code is Code.DISABLED, "the robot's return")
        assert b.network.robot.arm.ledger.received == 0
        b.enable()
        assert ended(b.start()).code is Code.SUCCESSFUL


def test_enabling_has_its_rules() -> None:
    with bench() as b:
        wait_until(lambda: b.code is Code.DISABLED, "the connection")
        with pytest.raises(RobotError, match="nothing to reset"):
            b.robot.reset()
        b.robot.stop()
        with pytest.raises(RobotError, match="not by the button; reset"):
            b.robot.enable()
        b.robot.reset()
        assert not b.network.robot.assembly.enabled
        with Node("/other", b.network.uri) as other:
            other.advertise(robot_module.COMMAND_TOPIC, types.JOINT_COMMAND)
            with pytest.raises(RobotError, match="/other commands the arm as well"):
                b.robot.enable()
        b.robot.enable()
        b.robot.disable()
        assert not b.network.robot.assembly.enabled


def test_the_gripper_answers_by_time_stamp_and_each_command_counts_once() -> None:
    with bench() as b:
        b.enable()
        gripper = b.network.robot.gripper
        gripper.object_width = 0.02
        done = b.robot.gripper.move(0.0155, CancelToken())
        assert done.stalled
        assert done.width == pytest.approx(0.0355)
        assert not b.robot.gripper.move(0.05, CancelToken()).stalled
        assert gripper.refused == 0
        gripper.fail()
        with pytest.raises(GripperError, match="reports an error"):
            b.robot.gripper.move(0.03, CancelToken())


def test_a_gripper_that_does_not_answer_is_asked_again_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("taskprog.control.intera.gripper.ACKNOWLEDGED", 0.35)
    with bench() as b:
        b.enable()
        b.robot.gripper.move(0.04, CancelToken())
        b.network.robot.gripper.answers = False
        asked = b.network.robot.arm.ledger.requests["/io/end_effector/right_gripper/command"]
        with pytest.raises(GripperError, match="no answer to setting position_m"):
            b.robot.gripper.move(0.03, CancelToken())
        assert b.network.robot.arm.ledger.requests["/io/end_effector/right_gripper/command"] >= asked + 3


def test_an_error_of_its_own_ends_the_motion_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda arguments: None)
    with bench() as b:
        b.enable()
        motion = b.half_way()
        monkeypatch.setattr(b.robot.arm, "_advance", lambda motion: 1 / 0)
        assert ended(motion).code is Code.DRIVER_FAILED
        with pytest.raises(Refused, match="shutting down"):
            b.start()


def test_goals_may_follow_upon_each_other_at_once() -> None:
    with bench() as b:
        b.enable()
        motion = b.half_way(way=np.array([0.8, 0, 0, 0, 0, 0, 1.0]), seconds=0.9)
        b.robot.arm.stop("another one comes")
        for _ in range(3):
            assert ended(motion).code is Code.SUCCESSFUL
            motion = b.start(way=-0.3 * WAY, seconds=0.4)  # while the arm still settles
        assert ended(motion).code is Code.SUCCESSFUL
