"""The executor node with the loop-back robot behind real actions: each way that a goal can go."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Point, Pose, PoseStamped, Vector3
from rcl_interfaces.msg import Log
from rclpy.parameter import Parameter
from ros_world import TIMEOUT, Background, RosWorld, wait, wait_until
from sawyer_ntp.action import MoveGripper, MoveTo
from sawyer_ntp.msg import DetectedObject, DetectedObjects
from std_msgs.msg import Header

from taskprog.control.kinematics import top_down
from taskprog.machine import CancelToken, Outcome, OutcomeCode
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import ActionRejected, call_action, wait_for_server
from taskprog.nodes.convert import from_pose, from_stamp, to_pose, to_stamp
from taskprog.nodes.executor import ExecutorNode
from taskprog.nodes.heartbeat import TOPIC
from taskprog.nodes.loopback_robot import LoopbackRobotNode
from taskprog.nodes.qos import EVERY_EVENT, LATCHED, NEWEST

GOAL = np.array([0.6, 0.1, -0.05])
# The robot's clock against the wall's: a motion takes a fraction of a second, some seconds, or half a minute.
FAST, SLOW, CRAWLING = 20.0, 0.5, 0.1


def target(position: Any = GOAL, yaw: float = 0.5, **fields: Any) -> MoveTo.Goal:
    pose = PoseStamped(header=Header(frame_id="base"), pose=to_pose(np.asarray(position), top_down(yaw)))
    return MoveTo.Goal(target=pose, **fields)


class Bench:
    """Executor, robot (a node here unless it runs elsewhere) and a client."""

    def __init__(self, ros: RosWorld, rate: float = FAST, robot: bool = True):
        self.ros = ros
        if robot:
            self.robot_node = LoopbackRobotNode(
                context=ros.context, parameter_overrides=[Parameter("rate", value=rate)]
            )
            ros.add(self.robot_node)
        self.executor = ExecutorNode(context=ros.context)
        ros.add(self.executor)
        self.node = ros.node("client")
        self.move_client = ActionClient(self.node, MoveTo, "move_to")
        self.grip_client = ActionClient(self.node, MoveGripper, "move_gripper")
        for client in (self.move_client, self.grip_client):
            wait_for_server(client, TIMEOUT)
        if robot:
            self.wait_robot()

    def wait_robot(self) -> None:
        """Until the executor hears it."""
        wait_until(self.executor._robot.alive, "the robot's first joint states")

    def move(
        self,
        goal: MoveTo.Goal,
        cancel: CancelToken | None = None,
        feedback: Callable[[MoveTo.Feedback], None] | None = None,
    ) -> MoveTo.Result:
        result: MoveTo.Result = call_action(
            self.move_client, goal, cancel or CancelToken(), TIMEOUT, feedback
        )
        return result

    def grip(self, command: int, retreat: float = 0.0) -> MoveGripper.Result:
        goal = MoveGripper.Goal(command=command, retreat=retreat)
        result: MoveGripper.Result = call_action(self.grip_client, goal, CancelToken(), TIMEOUT)
        return result

    def move_slowly(self) -> tuple[Background, threading.Event, CancelToken]:
        """A move in the background, the event of its first progress, and the token that cancels it."""
        moving, token = threading.Event(), CancelToken()

        def on_feedback(feedback: MoveTo.Feedback) -> None:
            if feedback.progress > 0:
                moving.set()

        task = Background(lambda: self.move(target(), token, on_feedback))
        return task, moving, token


def test_move_to_arrives_and_says_where(ros: RosWorld) -> None:
    bench = Bench(ros)
    shares: list[float] = []
    result = bench.move(target(), feedback=lambda f: shares.append(f.progress))
    assert result.error_code == MoveTo.Result.SUCCEEDED, result.message
    position, rotation = from_pose(result.reached.pose)
    np.testing.assert_allclose(position, GOAL, atol=1e-3)
    np.testing.assert_allclose(rotation, top_down(0.5), atol=1e-2)
    assert result.reached.header.frame_id == "base"
    assert from_stamp(result.reached.header.stamp) > 0
    assert shares
    assert shares == sorted(shares)


def test_gripper_reports_what_it_holds(ros: RosWorld) -> None:
    bench = Bench(ros)
    empty = bench.grip(MoveGripper.Goal.CLOSE)
    assert empty.error_code == MoveGripper.Result.NOTHING_HELD
    assert not empty.holding
    assert bench.grip(MoveGripper.Goal.OPEN).error_code == MoveGripper.Result.SUCCEEDED
    bench.robot_node.robot.object_width = 0.045
    full = bench.grip(MoveGripper.Goal.CLOSE)
    assert full.error_code == MoveGripper.Result.SUCCEEDED
    assert full.holding
    assert full.width == pytest.approx(0.045, abs=1e-4)
    before = bench.robot_node.robot.state().positions
    opened = bench.grip(MoveGripper.Goal.OPEN, retreat=0.1)
    assert opened.error_code == MoveGripper.Result.SUCCEEDED
    assert not opened.holding
    assert np.abs(bench.robot_node.robot.state().positions - before).max() > 0.05


def test_bad_goals_are_rejected_and_the_next_one_works(ros: RosWorld) -> None:
    bench = Bench(ros)
    elsewhere, crooked, nowhere = target(), target(), target((0.6, math.nan, 0.0))
    elsewhere.target.header.frame_id = "kitchen"
    crooked.target.pose.orientation.w += 2.0
    for goal in (
        elsewhere,
        crooked,
        nowhere,
        target(motion=3),
        target(speed=1.5),
        target(speed=-0.5),
        target(speed=math.nan),
        target(clearance=-0.1),
    ):
        with pytest.raises(ActionRejected):
            bench.move(goal)
    with pytest.raises(ActionRejected):
        bench.grip(7)
    with pytest.raises(ActionRejected):
        bench.grip(MoveGripper.Goal.OPEN, retreat=-1.0)
    assert bench.move(target()).error_code == MoveTo.Result.SUCCEEDED


def test_codes_come_through(ros: RosWorld) -> None:
    bench = Bench(ros)
    for goal, code in (
        (target((0.6, 0.0, -0.3)), MoveTo.Result.OUTSIDE_WORKSPACE),
        (target((0.88, 0.48, 0.45)), MoveTo.Result.UNREACHABLE),
    ):
        result = bench.move(goal)
        assert result.error_code == code
        assert result.message
    for outcome, code in (
        (OutcomeCode.PATH_TOLERANCE, MoveTo.Result.PATH_TOLERANCE),
        (OutcomeCode.GOAL_TOLERANCE, MoveTo.Result.GOAL_TOLERANCE),
    ):
        bench.robot_node.robot.faults.outcome = Outcome(outcome, "something is in the way")
        result = bench.move(target(GOAL + [0.0, 0.01 * code, 0.0]))
        assert result.error_code == code
        assert result.message == "something is in the way"
    bench.robot_node.robot.faults.outcome = None
    assert bench.move(target()).error_code == MoveTo.Result.SUCCEEDED


def test_detected_objects_are_passed_above(ros: RosWorld) -> None:
    bench = Bench(ros)
    publisher = bench.node.create_publisher(DetectedObjects, "objects", NEWEST)
    wait_until(lambda: publisher.get_subscription_count() > 0)
    assert bench.move(target((0.6, -0.2, -0.05))).error_code == MoveTo.Result.SUCCEEDED
    size = Vector3(x=0.045, y=0.045, z=0.045)
    objects = [
        DetectedObject(
            name="blue", pose=Pose(position=Point(x=x, y=y, z=z)), size=size, visible=True, confidence=1.0
        )
        for x, y, z in ((0.6, 0.1, -0.05), (0.6, 0.1, 0.0))
    ]
    message = DetectedObjects(header=Header(frame_id="base"), objects=objects)
    publisher.publish(message)
    wait_until(lambda: len(bench.executor._obstacles) == 2)
    result = bench.move(target())
    assert result.error_code == MoveTo.Result.COLLISION
    assert "blue" in result.message


@pytest.mark.parametrize(("age", "told"), [(60.0, True), (0.0, False)], ids=["old", "new"])
def test_obstacles_seen_long_ago_are_told_of_where_a_motion_fails(
    ros: RosWorld, age: float, told: bool
) -> None:
    bench = Bench(ros)
    warnings: list[str] = []
    bench.node.create_subscription(Log, "/rosout", lambda log: warnings.append(log.msg), EVERY_EVENT)
    publisher = bench.node.create_publisher(DetectedObjects, "objects", NEWEST)
    wait_until(lambda: publisher.get_subscription_count() > 0)
    size = Vector3(x=0.045, y=0.045, z=0.045)
    seen = DetectedObject(name="red", pose=Pose(position=Point(x=0.6, y=-0.3, z=-0.05)), size=size)
    now = bench.node.get_clock().now().nanoseconds * 1e-9
    publisher.publish(
        DetectedObjects(header=Header(frame_id="base", stamp=to_stamp(now - age)), objects=[seen])
    )
    wait_until(lambda: len(bench.executor._obstacles) == 1)
    assert bench.move(target()).error_code == MoveTo.Result.SUCCEEDED, "nothing is refused"
    result = bench.move(target((0.6, 0.0, -0.3)))
    assert result.error_code == MoveTo.Result.OUTSIDE_WORKSPACE
    assert ("what stands around was last seen" in result.message) == told
    wait_until(lambda: any("OUTSIDE_WORKSPACE" in text for text in warnings), "the log")
    assert sum("is the camera running?" in text for text in warnings) == told, "once, not for each motion"


def test_cancel_stops_the_robot_and_the_next_goal_works(ros: RosWorld) -> None:
    bench = Bench(ros, SLOW)
    task, moving, token = bench.move_slowly()
    wait(moving, "the arm's motion")
    token.cancel("changed my mind")
    result = task.result()
    assert result.error_code == MoveTo.Result.CANCELLED
    stopped = bench.robot_node.robot.state().positions
    here, rotation = from_pose(result.reached.pose)
    assert np.linalg.norm(here - GOAL) > 0.02
    again = bench.move(MoveTo.Goal(target=PoseStamped(pose=to_pose(here, rotation))))
    assert again.error_code == MoveTo.Result.SUCCEEDED
    np.testing.assert_allclose(bench.robot_node.robot.state().positions, stopped, atol=0.02)


def test_a_second_goal_is_rejected_while_one_runs(ros: RosWorld) -> None:
    bench = Bench(ros, SLOW)
    task, moving, token = bench.move_slowly()
    wait(moving, "the arm's motion")
    with pytest.raises(ActionRejected):
        bench.move(target())
    with pytest.raises(ActionRejected):
        bench.grip(MoveGripper.Goal.CLOSE)
    token.cancel()
    assert task.result().error_code == MoveTo.Result.CANCELLED


def test_a_robot_that_dies_ends_the_goal(ros: RosWorld) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "taskprog.nodes.loopback_robot", "--ros-args", "-p", f"rate:={SLOW}"],
        env={**os.environ, "ROS_DOMAIN_ID": str(ros.domain)},
    )
    try:
        bench = Bench(ros, robot=False)
        bench.wait_robot()
        task, moving, _ = bench.move_slowly()
        wait(moving, "the arm's motion")
        process.send_signal(signal.SIGKILL)
        result = task.result()
        assert result.error_code == MoveTo.Result.ROBOT_STOPPED
        assert result.message
        result = bench.move(target())
        assert result.error_code == MoveTo.Result.ROBOT_STOPPED
        assert "joint_states" in result.message
    finally:
        process.kill()
        process.wait(TIMEOUT)


def test_a_robot_that_falls_silent_ends_the_goal(ros: RosWorld) -> None:
    bench = Bench(ros, SLOW)
    task, moving, _ = bench.move_slowly()
    wait(moving, "the arm's motion")
    bench.robot_node.robot.faults.silent = True
    assert task.result().error_code == MoveTo.Result.ROBOT_STOPPED


def test_without_a_robot_goals_end_with_an_error(ros: RosWorld) -> None:
    bench = Bench(ros, robot=False)
    result = bench.move(target())
    assert result.error_code == MoveTo.Result.ROBOT_STOPPED
    assert "none so far" in result.message


def test_somebody_else_taking_the_arm_stops_the_primitive(ros: RosWorld) -> None:
    bench = Bench(ros, SLOW)
    task, moving, _ = bench.move_slowly()
    wait(moving, "the arm's motion")
    bench.robot_node.controllers.cancel("taken over")
    result = task.result()
    assert result.error_code == MoveTo.Result.ROBOT_STOPPED
    assert "taken over" in result.message


def test_a_lost_planner_stops_the_arm(ros: RosWorld) -> None:
    bench = Bench(ros, CRAWLING)
    publisher = bench.node.create_publisher(DiagnosticArray, TOPIC, LATCHED)
    publisher.publish(DiagnosticArray(status=[DiagnosticStatus(name="/planner", level=DiagnosticStatus.OK)]))
    wait_until(lambda: bench.executor._monitor.alive("planner"), "the planner's heartbeat")
    task, moving, _ = bench.move_slowly()
    wait(moving, "the arm's motion")
    result = task.result()
    assert result.error_code == MoveTo.Result.CANCELLED
    assert "planner" in result.message


def test_client_sees_the_right_status(ros: RosWorld) -> None:
    bench = Bench(ros)
    done = threading.Event()
    statuses: list[int] = []

    def on_result(future: Any) -> None:
        statuses.append(future.result().status)
        done.set()

    for goal, status in (
        (target(), GoalStatus.STATUS_SUCCEEDED),
        (target((0.6, 0.0, -0.3)), GoalStatus.STATUS_ABORTED),
    ):
        done.clear()
        bench.move_client.send_goal_async(goal).add_done_callback(
            lambda future: future.result().get_result_async().add_done_callback(on_result)
        )
        wait(done, "the result")
        assert statuses[-1] == status
