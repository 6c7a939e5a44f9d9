"""The driver's core with a robot whose every byte comes from genuine ROS 1: rosmaster, rospy and genpy."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import genuine_ros1
import pytest
from sawyer_bench import PATIENT, WAY, ended, guard, straight
from tcpros_world import wait_until

from taskprog.control.intera.codes import Code
from taskprog.control.intera.robot import SawyerRobot
from taskprog.control.robot import NEUTRAL
from taskprog.machine import CancelToken

ROBOT = str(Path(__file__).with_name("rospy_sawyer.py"))


def ask(process: subprocess.Popen[bytes], request: str) -> Any:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{request}\n".encode())
    process.stdin.flush()
    return json.loads(process.stdout.readline())


@genuine_ros1.needed
def test_motions_gripper_and_faults(tmp_path: Path) -> None:
    with (
        genuine_ros1.master(tmp_path) as uri,
        genuine_ros1.process(uri, tmp_path, ROBOT, talks=True) as process,
    ):
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == "ready"
        robot = SawyerRobot(uri, guard(), PATIENT)
        try:
            wait_until(lambda: getattr(robot.fault(), "code", None) is Code.DISABLED, "the connection")
            robot.enable()
            wait_until(lambda: robot.fault() is None, "readiness")
            assert ended(robot.arm.start(straight(NEUTRAL, NEUTRAL + WAY, 1.0))).code is Code.SUCCESSFUL
            report = ask(process, "report")
            assert report["positions"] == pytest.approx((NEUTRAL + WAY).tolist(), abs=0.003)
            assert report["received"] >= 100
            assert report["most"] <= 1.0
            assert report["refused"] == {}
            robot.gripper.move(0.03, CancelToken())
            assert ask(process, "report")["opening"] == pytest.approx(0.03 - 0.0155)
            motion = robot.arm.start(straight(NEUTRAL + WAY, NEUTRAL, 4.0))
            wait_until(lambda: motion.progress > 0.2, "motion")
            ask(process, "press_button")
            assert ended(motion).code is Code.ESTOP
        finally:
            robot.close()
