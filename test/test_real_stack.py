"""The whole stack on the driver: a video goes in, and the real robot's stand-in is asked to stack cubes."""

from __future__ import annotations

import array
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: pip install -e '.[ros]', or source a ROS installation")

from rclpy.parameter import Parameter
from ros_world import TIMEOUT, RosWorld, wait_until
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import TaskSpecification
from std_srvs.srv import Trigger

from taskprog.cli.record import record_video
from taskprog.machine import CancelToken
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import call_action, call_service, wait_for_server
from taskprog.nodes.executor import ExecutorNode
from taskprog.nodes.kinematic_cell import KinematicCell
from taskprog.nodes.planner import PlannerNode
from taskprog.nodes.sawyer_driver import SawyerDriverNode
from taskprog.tasks.block_stacking import StackingTask, holds, random_layout
from taskprog_sim.intera.network import FakeNetwork

TASK = StackingTask.parse("2>6")
RUN_TIMEOUT = 100.0  # seconds of wall time


@pytest.mark.slow
def test_a_video_is_done_by_the_robot_behind_the_driver(ros: RosWorld, tmp_path: Path) -> None:
    video = tmp_path / "task.mp4"
    record_video(TASK, 1000, "hand", video)
    with FakeNetwork() as network:
        network.robot.gripper.object_width = 0.045 - 0.0155
        # All nodes share this process and wait for each other, which is not the robot's silence.
        parameters = {"master": network.uri, "state_timeout": 1.0, "joints_timeout": 1.0}
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        ros.add(SawyerDriverNode(context=ros.context, parameter_overrides=overrides))
        table = KinematicCell(random_layout(5).positions, context=ros.context)
        ros.add(table)
        ros.add(ExecutorNode(context=ros.context))
        ros.add(PlannerNode(context=ros.context))
        node = ros.node("client")
        enable = node.create_client(Trigger, "sawyer_driver/enable")
        wait_until(
            lambda: bool(call_service(enable, Trigger.Request(), TIMEOUT).success), "the robot to be enabled"
        )
        client = ActionClient(node, ExecuteTask, "execute_task")
        wait_for_server(client, TIMEOUT)
        film = TaskSpecification(video=array.array("B", video.read_bytes()), label=str(TASK))
        goal = ExecuteTask.Goal(specification=film)
        result = call_action(client, goal, CancelToken(), RUN_TIMEOUT)
        assert result.error_code == ExecuteTask.Result.SUCCEEDED, result.message
        assert holds(TASK, table.positions) == []  # no relation is missing
        ledger = network.robot.arm.ledger
        assert max(ledger.step, ledger.speed, ledger.acceleration) <= 1.0
        assert not ledger.refused
