"""The node ``simulator`` as its clients see it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory, GripperCommand
from control_msgs.msg import JointTolerance
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from ros_world import TIMEOUT, RosWorld, wait, wait_until
from rosgraph_msgs.msg import Clock
from sawyer_ntp.srv import CheckTask, Disturb, ResetScene, Step
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from taskprog.control.robot import ARM_JOINTS, GRIPPER_CLOSED_WIDTH, NEUTRAL
from taskprog.machine import CancelToken
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import ActionCancelled, ActionRejected, call_action, call_service
from taskprog.nodes.convert import from_stamp, to_duration
from taskprog.nodes.heartbeat import Heartbeat
from taskprog.nodes.qos import LATCHED
from taskprog.nodes.simulator import EXECUTOR, OPTICAL_FRAME, SimulatorNode
from taskprog.perception.camera import CameraModel

STILL = (0.0,) * 7


class Stack:
    """A simulator, and a client of everything that it offers."""

    def __init__(self, ros: RosWorld, **parameters: Any):
        given = {"camera_width": 64, "camera_height": 48, "pace": "lockstep"} | parameters
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        self.ros = ros
        self.node = ros.node("client")
        self.simulator = SimulatorNode(context=ros.context, parameter_overrides=overrides)
        ros.add(self.simulator)
        self.arm = ActionClient(self.node, FollowJointTrajectory, "arm_controller/follow_joint_trajectory")
        self.gripper = ActionClient(self.node, GripperCommand, "gripper_controller/gripper_cmd")
        self.services: dict[str, Any] = {}
        self.joints: list[JointState] = []
        self.node.create_subscription(JointState, "joint_states", self.joints.append, 10)
        wait_until(lambda: bool(self.joints), "a joint state")
        for client in (self.arm, self.gripper):
            assert client.wait_for_server(TIMEOUT)

    def call(self, kind: Any, name: str, /, **fields: Any) -> Any:
        # Kept: rclpy stumbles over what is destroyed while it spins.
        if name not in self.services:
            self.services[name] = self.node.create_client(kind, name)
        return call_service(self.services[name], kind.Request(**fields), TIMEOUT)

    def step(self, seconds: float) -> float:
        response = self.call(Step, "simulator/step", duration=to_duration(seconds))
        assert response.success, response.message
        return from_stamp(response.stamp)

    def follow(self, goal: FollowJointTrajectory.Goal, cancel: CancelToken | None = None) -> Any:
        return call_action(self.arm, goal, cancel or CancelToken(), TIMEOUT)

    def grip(self, gap: float) -> Any:
        goal = GripperCommand.Goal()
        goal.command.position = gap
        return call_action(self.gripper, goal, CancelToken(), TIMEOUT)

    def position(self, joint: str) -> float:
        """As published for this moment; topics and results do not come in order."""
        now = self.step(0.0)
        wait_until(lambda: from_stamp(self.joints[-1].header.stamp) >= now - 1e-6, "a joint state of now")
        return float(self.joints[-1].position[list(self.joints[-1].name).index(joint)])

    def hear(self, kind: Any, topic: str, qos: Any = 10) -> list[Any]:
        """A list that fills with a topic's messages."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages


@pytest.fixture
def start(ros: RosWorld) -> Callable[..., Stack]:
    return lambda **parameters: Stack(ros, **parameters)


def turn(angle: float, seconds: float = 1.0, start: float = 0.0) -> FollowJointTrajectory.Goal:
    """Turn the first joint from ``start`` (of neutral) to ``angle``, at rest at both ends."""
    goal = FollowJointTrajectory.Goal()
    goal.trajectory.joint_names = list(ARM_JOINTS)
    for time, at in ((0.0, start), (seconds, angle)):
        positions = NEUTRAL.copy()
        positions[0] += at
        goal.trajectory.points.append(
            JointTrajectoryPoint(
                positions=positions.tolist(), velocities=STILL, time_from_start=to_duration(time)
            )
        )
    return goal


def test_follows_a_trajectory_and_the_joint_states_show_it(start: Callable[..., Stack]) -> None:
    stack = start()
    result = stack.follow(turn(0.4))
    assert result.error_code == FollowJointTrajectory.Result.SUCCESSFUL
    assert stack.position("right_j0") == pytest.approx(0.4, abs=0.01)
    stamps = np.array([from_stamp(message.header.stamp) for message in stack.joints])
    assert (np.diff(stamps) >= 0).all()


def test_feedback_tells_where_the_arm_is_and_should_be(start: Callable[..., Stack]) -> None:
    stack = start(pace="realtime")  # rclpy drops what comes with the result
    heard: list[Any] = []
    call_action(stack.arm, turn(0.4, 2.0), CancelToken(), TIMEOUT, feedback=heard.append)
    assert len(heard) > 5
    for message in heard:
        assert list(message.joint_names) == list(ARM_JOINTS)
        error = np.array(message.desired.positions) - np.array(message.actual.positions)
        assert np.array(message.error.positions) == pytest.approx(error)


def test_cancelled_the_arm_stops_holds_and_takes_the_next_goal(start: Callable[..., Stack]) -> None:
    stack = start(pace="fast")
    token = CancelToken()
    with pytest.raises(ActionCancelled):
        call_action(
            stack.arm, turn(1.0, 60.0), token, TIMEOUT, feedback=lambda message: token.cancel("enough")
        )
    stopped = stack.position("right_j0")
    assert 0.0 < stopped < 0.9
    stack.step(1.0)
    assert stack.position("right_j0") == pytest.approx(stopped, abs=0.01)
    assert stack.follow(turn(stopped + 0.1, start=stopped)).error_code == 0


def test_a_new_trajectory_preempts_the_old_one(start: Callable[..., Stack]) -> None:
    stack = start(pace="fast")
    moving = threading.Event()
    first = stack.arm.send_goal_async(turn(1.0, 120.0), lambda message: moving.set())
    wait(moving, "the first motion")
    goal = turn(0.2, 3.0)
    del goal.trajectory.points[0]  # from wherever it is
    assert stack.follow(goal).error_code == 0
    assert stack.position("right_j0") == pytest.approx(0.2, abs=0.01)
    done = threading.Event()
    answer = first.result().get_result_async()
    answer.add_done_callback(lambda _: done.set())
    wait(done, "the first goal's result")
    assert answer.result().status == GoalStatus.STATUS_ABORTED
    assert "preempted" in answer.result().result.error_string


def test_tolerances_of_the_goal_count_and_have_their_codes(start: Callable[..., Stack]) -> None:
    stack = start()
    goal = turn(0.4)
    goal.path_tolerance = [JointTolerance(name="right_j0", position=1e-7)]
    result = stack.follow(goal)
    assert result.error_code == FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
    assert "right_j0" in result.error_string
    here = stack.position("right_j0")
    goal = turn(here + 0.2, start=here)
    goal.goal_tolerance = [JointTolerance(name="right_j0", position=1e-9)]
    goal.goal_time_tolerance = to_duration(0.1)
    result = stack.follow(goal)
    assert result.error_code == FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED


def test_what_cannot_be_started_has_its_code_and_nonsense_is_rejected(start: Callable[..., Stack]) -> None:
    stack = start()
    result = stack.follow(turn(0.6, start=0.5))
    assert result.error_code == FollowJointTrajectory.Result.INVALID_GOAL
    assert "starts with right_j0 at 0.500 rad" in result.error_string
    stack.step(3.0)
    old = turn(0.1)
    old.trajectory.header.stamp.sec = 1
    assert stack.follow(old).error_code == FollowJointTrajectory.Result.OLD_HEADER_TIMESTAMP
    wrong = turn(0.1)
    wrong.trajectory.joint_names[0] = "elbow"
    for goal in (wrong, FollowJointTrajectory.Goal(), turn(99.0)):
        with pytest.raises(ActionRejected):
            stack.follow(goal)
    assert stack.follow(turn(0.1)).error_code == 0


def test_gripper_closes_on_nothing_and_refuses_what_it_cannot_do(start: Callable[..., Stack]) -> None:
    stack = start()
    result = stack.grip(GRIPPER_CLOSED_WIDTH)
    assert result.reached_goal
    assert not result.stalled
    assert result.position == pytest.approx(GRIPPER_CLOSED_WIDTH, abs=1e-3)
    assert stack.position("right_gripper_l_finger_joint") == pytest.approx(0.0, abs=1e-3)
    with pytest.raises(ActionRejected):
        stack.grip(0.2)


def test_reset_puts_everything_back_and_names_the_scenes_that_exist(start: Callable[..., Stack]) -> None:
    stack = start()
    refused = stack.call(ResetScene, "simulator/reset", scene="kitchen", seed=1)
    assert not refused.success
    assert "unknown scene 'kitchen'; known: block_stacking, order_fulfilment" in refused.message
    stack.follow(turn(0.4))
    before = stack.step(0.0)
    accepted = stack.call(ResetScene, "simulator/reset", seed=1)
    assert accepted.success
    assert "seed 1" in accepted.message
    assert stack.step(0.1) > before, "time must not go back"
    assert stack.position("right_j0") == pytest.approx(0.0, abs=0.01)


def test_steps_advance_time_exactly_and_pause_holds_it(start: Callable[..., Stack]) -> None:
    stack = start()
    begin = stack.step(0.0)
    assert stack.step(0.5) == pytest.approx(begin + 0.5, abs=1e-8)
    assert stack.call(SetBool, "simulator/pause", data=True).success
    assert stack.step(0.25) == pytest.approx(begin + 0.75, abs=1e-8)
    assert stack.call(SetBool, "simulator/pause", data=False).success
    refused = stack.call(Step, "simulator/step", duration=to_duration(-1.0))
    assert not refused.success
    assert "0 to 3600 s" in refused.message


def test_task_is_checked_by_name_or_number(start: Callable[..., Stack]) -> None:
    stack = start()
    for text in ("2>6", "yellow>purple"):
        answer = stack.call(CheckTask, "simulator/check_task", task=text, stable_for=to_duration(0.1))
        assert not answer.success
        assert list(answer.failed) == ["2>6"]
    nonsense = stack.call(CheckTask, "simulator/check_task", task="2>banana")
    assert not nonsense.success
    assert "banana" in nonsense.message


def test_a_reset_brings_another_scene_with_as_many_objects_as_asked_for(start: Callable[..., Stack]) -> None:
    stack = start(scene="order_fulfilment", objects=5)
    text = "duck>container_2 lego>container_0 jenga>container_1 bear>container_3"
    for objects, expected in ((0, 5), (9, 9)):
        assert stack.call(ResetScene, "simulator/reset", seed=1, objects=objects).success
        answer = stack.call(CheckTask, "simulator/check_task", task=text, stable_for=to_duration(0.1))
        assert not answer.success
        assert f"0 of {expected} right" in answer.message
        assert len(answer.failed) == len(answer.outside) == expected
        assert "duck_0>container_2" in answer.failed
        assert not answer.right
        assert not answer.wrong
    nonsense = stack.call(CheckTask, "simulator/check_task", task="2>6")
    assert not nonsense.success
    assert "no '2'" in nonsense.message
    refused = stack.call(ResetScene, "simulator/reset", objects=41)
    assert not refused.success
    assert "4 to 40 objects, not 41" in refused.message


def test_disturbances_say_what_they_did_or_why_not(start: Callable[..., Stack]) -> None:
    stack = start()
    before = stack.step(0.0)
    blind = stack.call(Disturb, "simulator/disturb", kind="blind_camera", duration=to_duration(0.5))
    assert blind.success, blind.message
    assert stack.step(0.0) == pytest.approx(before + 0.5, abs=0.01)
    refused = stack.call(Disturb, "simulator/disturb", kind="knock_out")
    assert not refused.success
    assert "nothing is held" in refused.message
    assert stack.call(Disturb, "simulator/disturb", kind="move_object", name="red", seed=3).success


def test_camera_frames_clock_and_description_reach_who_comes_late(start: Callable[..., Stack]) -> None:
    stack = start()
    stack.step(0.5)
    colour = stack.hear(Image, "camera/color/image_raw", qos_profile_sensor_data)
    depth = stack.hear(Image, "camera/depth/image_raw")
    infos = stack.hear(CameraInfo, "camera/depth/camera_info")
    clock = stack.hear(Clock, "/clock")
    description = stack.hear(String, "robot_description", LATCHED)
    static = stack.hear(TFMessage, "tf_static", LATCHED)
    moving = stack.hear(TFMessage, "tf")
    for messages in (colour, depth, infos, clock, description, static, moving):
        wait_until(lambda messages=messages: bool(messages), "a message")  # type: ignore[misc]
    model = CameraModel.table_top(64, 48)
    assert (colour[0].encoding, colour[0].width, colour[0].height) == ("rgb8", 64, 48)
    assert len(colour[0].data) == 64 * 48 * 3
    assert depth[0].encoding == "32FC1"
    distances = np.frombuffer(depth[0].data, np.float32).reshape(48, 64)
    assert 0.5 < distances[40, 32] < 2.0
    assert (infos[0].k[0], infos[0].k[2], infos[0].k[5]) == (model.fx, model.cx, model.cy)
    assert colour[0].header.frame_id == OPTICAL_FRAME
    assert from_stamp(colour[0].header.stamp) == pytest.approx(0.5)
    assert from_stamp(clock[0].clock) == pytest.approx(0.5)
    assert "<robot" in description[0].data
    frames = {t.child_frame_id: t.header.frame_id for t in (*static[0].transforms, *moving[0].transforms)}
    assert frames[OPTICAL_FRAME] == "base"
    frame = "tcp"
    while frame != "base":
        frame = frames[frame]


def test_frames_are_left_to_others_when_asked(start: Callable[..., Stack]) -> None:
    stack = start(publish_tf=False)
    static = stack.hear(TFMessage, "tf_static", LATCHED)
    wait_until(lambda: bool(static), "a message")
    assert [t.child_frame_id for t in static[0].transforms] == [OPTICAL_FRAME]
    moving = stack.hear(TFMessage, "tf")
    wait_until(lambda: stack.simulator.count_subscribers("tf") > 0, "the simulator to know its listener")
    before = len(stack.joints)
    stack.step(0.5)
    wait_until(lambda: len(stack.joints) > before, "a joint state")
    assert not moving


def test_the_arm_stops_when_the_executor_dies(start: Callable[..., Stack]) -> None:
    stack = start(pace="fast")
    executor = stack.ros.node(EXECUTOR)
    Heartbeat(executor)
    wait_until(lambda: stack.simulator._monitor.alive(EXECUTOR), "the executor's heartbeat")
    moving, done = threading.Event(), threading.Event()
    sent = stack.arm.send_goal_async(turn(1.0, 1000.0), lambda message: moving.set())
    wait(moving, "the motion")
    stack.ros.remove(executor)
    answer = sent.result().get_result_async()
    answer.add_done_callback(lambda _: done.set())
    wait(done, "the end of the motion")
    assert answer.result().status == GoalStatus.STATUS_ABORTED
    assert "executor has gone silent" in answer.result().result.error_string


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"scene": "kitchen"}, "unknown scene 'kitchen'; known: block_stacking"),
        ({"scene": "order_fulfilment", "objects": 3}, "takes 4 to 40 objects, not 3"),
        ({"objects": 7}, "has 8 objects, not 7"),
        ({"pace": "slow"}, "one of realtime, fast, lockstep"),
        ({"camera_width": 3}, "camera_width"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_bad_parameter_is_a_clear_error_at_the_start(
    start: Callable[..., Stack], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        start(**parameters)
