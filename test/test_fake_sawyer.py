"""The stand-in of the robot keeps the robot's rules, as far as they are known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskprog_sim.intera.arm import (
    JOINTS,
    NEUTRAL,
    POSITION,
    TORQUE,
    TRAJECTORY,
    VELOCITY,
    VELOCITY_MODE,
    Arm,
)
from taskprog_sim.intera.assembly import PRESSED, RELEASED, UNKNOWN, UNPRESSED, Assembly
from taskprog_sim.intera.gripper import RANGE, Gripper

ZERO = [0.0] * 7


def arm() -> Arm:
    made = Arm()
    made.deaf = ""
    return made


def tell(arm: Arm, now: float, mode: int, **fields: Any) -> None:
    names = fields.get("names", JOINTS)
    rows = [fields.get(name, []) for name in ("position", "velocity", "acceleration", "effort")]
    arm.command(now, mode, names, *rows)


def run(arm: Arm, begin: float, seconds: float) -> None:
    for k in range(round(seconds / 0.01)):
        arm.update(begin + 0.01 * k, 0.01)


def moved(joint: int, by: float) -> list[float]:
    place = list(NEUTRAL)
    place[joint] += by
    return place


def test_a_stop_needs_a_reset_and_a_reset_leaves_the_motors_off() -> None:
    robot = Assembly()
    robot.reset()
    assert robot.refused == 1  # nothing to reset
    robot.enable(True)
    robot.press()
    assert (robot.enabled, robot.stopped, robot.button) == (False, True, PRESSED)
    robot.enable(True)
    robot.reset()
    assert robot.refused == 3
    robot.release()
    assert (robot.stopped, robot.button) == (True, RELEASED)
    robot.reset()
    assert (robot.enabled, robot.stopped, robot.button) == (False, False, UNPRESSED)
    robot.stop()
    assert (robot.stopped, robot.button) == (True, UNKNOWN)


def test_position_mode_brings_all_joints_there_together_at_its_share_of_speed() -> None:
    robot = arm()
    target = [q + d for q, d in zip(NEUTRAL, (0.3, 0.1, 0, 0, 0, 0, 0), strict=True)]
    tell(robot, 0.0, POSITION, position=target)
    run(robot, 0.0, 0.3)
    ways = [robot.positions[i] - NEUTRAL[i] for i in (0, 1)]
    assert ways[0] == pytest.approx(3 * ways[1], rel=0.2)
    assert max(map(abs, robot.velocities)) <= 0.31 * VELOCITY[0]
    run(robot, 0.3, 2.0)  # it needs no repeating
    assert robot.positions == pytest.approx(target, abs=1e-3)


def test_velocity_mode_ends_with_its_timeout() -> None:
    robot = arm()
    tell(robot, 0.0, VELOCITY_MODE, velocity=[0.2, *ZERO[1:]])
    run(robot, 0.0, 1.0)
    assert robot.positions[0] == pytest.approx(0.04, abs=0.005)
    assert robot.velocities[0] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("holds", [True, False])
def test_trajectory_mode_follows_and_on_silence_stands_in_either_way(holds: bool) -> None:
    robot = arm()
    robot.holds_on_silence = holds
    for k in range(50):
        tell(robot, 0.01 * k, TRAJECTORY, position=moved(0, 0.004 * k), velocity=ZERO, acceleration=ZERO)
        robot.update(0.01 * k, 0.01)
    assert robot.positions[0] == pytest.approx(0.196, abs=0.02)
    run(robot, 0.5, 1.0)
    assert robot.positions[0] == pytest.approx(0.196, abs=0.005)
    assert robot.ledger.step == pytest.approx(0.004 / (VELOCITY[0] * 0.01))


@pytest.mark.parametrize(
    ("mode", "fields", "reason"),
    [
        (9, {"position": NEUTRAL}, "unknown mode"),
        (POSITION, {"position": NEUTRAL[:6]}, "wrong lengths"),
        (POSITION, {"position": NEUTRAL, "names": JOINTS[:6]}, "wrong names"),
        (TRAJECTORY, {"position": NEUTRAL}, "wrong lengths"),
        (POSITION, {"position": [float("nan")] * 7}, "not finite"),
        (TORQUE, {"effort": ZERO}, "no masses here to push"),
    ],
)
def test_commands_that_make_no_sense_are_refused_and_counted(mode: int, fields: Any, reason: str) -> None:
    robot = arm()
    tell(robot, 0.0, mode, **fields)
    run(robot, 0.0, 0.5)
    assert robot.ledger.refused == {reason: 1}
    assert robot.positions == pytest.approx(NEUTRAL)


def test_without_power_the_brakes_hold() -> None:
    robot = arm()
    tell(robot, 0.0, VELOCITY_MODE, velocity=[1.0, *ZERO[1:]])
    run(robot, 0.0, 0.2)
    before = robot.positions[0]
    robot.deaf = "disabled"
    tell(robot, 0.2, POSITION, position=moved(0, 0.5))
    run(robot, 0.2, 0.5)
    assert robot.ledger.refused == {"disabled": 1}
    assert robot.positions[0] - before < 0.03


def test_the_ledger_knows_what_was_asked_not_what_was_done() -> None:
    robot = arm()
    robot.deaf = "disabled"
    tell(robot, 5.0, TRAJECTORY, position=moved(0, 0.5), velocity=[9.0, *ZERO[1:]], acceleration=ZERO)
    assert robot.ledger.jump == pytest.approx(0.5)
    assert robot.ledger.speed == pytest.approx(9.0 / VELOCITY[0])
    assert robot.ledger.last_moving == 5.0


def test_gripper_commands_count_once_each_stamp_and_need_calibration() -> None:
    def setting(**values: Any) -> str:
        return json.dumps({"signals": {name: {"data": [value]} for name, value in values.items()}})

    gripper = Gripper()
    gripper.command((1, 0), "set", setting(position_m=0.01))
    gripper.update(1.0)
    assert gripper.position == RANGE
    gripper.command((2, 0), "set", setting(calibrate=True))
    gripper.command((2, 0), "set", setting(calibrate=True))
    assert gripper.repeated == 1
    gripper.update(1.0)
    gripper.update(1.0)
    assert gripper.position == pytest.approx(0.01)
    assert list(gripper.seen) == [(1, 0), (2, 0)]
    for nonsense in ("no JSON", "{}", setting(colour=1)):
        gripper.command((3, 0), "set", nonsense)
    assert gripper.refused == 3
