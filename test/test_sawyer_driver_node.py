"""The driver's ROS 2 face, on a stand-in of the robot that tells what it was asked to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: pip install -e '.[ros]', or source a ROS installation")

from control_msgs.action import FollowJointTrajectory, GripperCommand
from control_msgs.msg import GripperCommand as GripperSetpoint
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from ros_world import TIMEOUT, Background, RosWorld, wait_until
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from taskprog.control.intera.codes import Code
from taskprog.control.robot import ARM_JOINTS, GRIPPER_JOINTS, NEUTRAL, gripper_width
from taskprog.machine import CancelToken
from taskprog.nodes.call import ActionCancelled, ActionRejected, call_action, call_service
from taskprog.nodes.convert import to_duration
from taskprog.nodes.qos import LATCHED
from taskprog.nodes.sawyer_driver import SawyerDriverNode
from taskprog_sim.intera.network import FakeNetwork

WAY = np.array([0.3, 0.1, 0.0, -0.1, 0.0, 0.2, 0.3])


class Client:
    """Somebody who uses the driver."""

    def __init__(self, ros: RosWorld, network: FakeNetwork):
        self.node = ros.node("client")
        self.arm = ActionClient(self.node, FollowJointTrajectory, "arm_controller/follow_joint_trajectory")
        self.gripper = ActionClient(self.node, GripperCommand, "gripper_controller/gripper_cmd")
        self._services = {
            name: self.node.create_client(Trigger, f"sawyer_driver/{name}")
            for name in ("enable", "disable", "stop", "reset")
        }
        self.joints: dict[str, float] = {}
        self.frames: dict[str, Any] = {}
        self.status = ""
        self.description = ""
        self.node.create_subscription(JointState, "joint_states", self._on_joints, 10)
        self.node.create_subscription(TFMessage, "tf", self._on_frames, 10)
        self.node.create_subscription(String, "robot_description", self._on_description, LATCHED)
        self.node.create_subscription(DiagnosticArray, "diagnostics", self._on_status, 10)
        self.change = self.node.create_client(ChangeState, "sawyer_driver/change_state")

    def _on_joints(self, message: JointState) -> None:
        self.joints = dict(zip(message.name, message.position, strict=True))

    def _on_frames(self, message: TFMessage) -> None:
        self.frames |= {t.child_frame_id: t.transform for t in message.transforms}

    def _on_description(self, message: String) -> None:
        self.description = message.data

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(": robot"):
                self.status = status.message

    def call(self, name: str) -> Any:
        return call_service(self._services[name], Trigger.Request(), TIMEOUT)

    def enabled(self) -> None:
        wait_until(lambda: self.status.startswith("DISABLED"), "the connection to the robot")
        response = self.call("enable")
        assert response.success, response.message

    def go(
        self, way: Any = WAY, seconds: float = 1.0, cancel: CancelToken | None = None, **fields: Any
    ) -> Any:
        goal = FollowJointTrajectory.Goal()
        start = np.array([self.joints.get(name, 0.0) for name in ARM_JOINTS])
        goal.trajectory = JointTrajectory(joint_names=list(fields.get("names", ARM_JOINTS)))
        for at, place in ((0.0, start), (seconds, start + WAY)):
            point = JointTrajectoryPoint(positions=place.tolist(), velocities=[0.0] * 7)
            point.time_from_start = to_duration(at)
            goal.trajectory.points.append(point)
        feedback = fields.get("feedback")
        return call_action(self.arm, goal, cancel or CancelToken(), 2 * TIMEOUT, feedback)

    def grip(self, width: float) -> Any:
        goal = GripperCommand.Goal(command=GripperSetpoint(position=width, max_effort=10.0))
        return call_action(self.gripper, goal, CancelToken(), 2 * TIMEOUT)


@pytest.fixture
def network() -> Iterator[FakeNetwork]:
    with FakeNetwork() as network:
        yield network


@pytest.fixture
def driver(ros: RosWorld, network: FakeNetwork) -> SawyerDriverNode:
    # Robot, driver and client share this process and wait for each other, which is not the robot's silence.
    parameters = {"master": network.uri, "state_timeout": 0.8, "joints_timeout": 0.8}
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    node = SawyerDriverNode(context=ros.context, parameter_overrides=overrides)
    ros.add(node)
    return node


@pytest.fixture
def client(ros: RosWorld, network: FakeNetwork, driver: SawyerDriverNode) -> Client:
    client = Client(ros, network)
    wait_until(lambda: set(ARM_JOINTS) <= set(client.joints), "joint states")
    return client


def test_it_shows_the_robot_and_never_enables_it_by_itself(client: Client, network: FakeNetwork) -> None:
    wait_until(lambda: "right_gripper_l_finger" in client.frames, "frames")
    wait_until(lambda: client.description.startswith("<?xml"), "the description")
    # The robot tells of its gripper in messages of their own.
    wait_until(lambda: set(GRIPPER_JOINTS) <= client.joints.keys(), "the gripper's joints")
    assert [client.joints[name] for name in ARM_JOINTS] == pytest.approx(NEUTRAL.tolist())
    assert gripper_width({n: client.joints[n] for n in GRIPPER_JOINTS}) == pytest.approx(0.0572, abs=1e-3)
    wait_until(lambda: client.status.startswith("DISABLED"), "the diagnosis")
    assert client.go().error_code == Code.DISABLED
    assert network.robot.arm.ledger.received == 0
    assert network.robot.arm.ledger.requests["/robot/set_super_enable"] == 0


def test_goals_are_followed_and_the_gripper_moves(client: Client, network: FakeNetwork) -> None:
    client.enabled()
    shares: list[float] = []
    result = client.go(feedback=lambda m: shares.append(m.desired.positions[0]))
    assert (result.error_code, result.error_string) == (0, "")
    assert network.robot.arm.positions == pytest.approx((NEUTRAL + WAY).tolist(), abs=0.005)
    assert shares == sorted(shares)
    assert client.grip(0.03).reached_goal
    assert network.robot.gripper.position == pytest.approx(0.03 - 0.0155)
    network.robot.gripper.object_width = 0.01
    gripped = client.grip(0.0155)
    assert gripped.stalled
    assert gripped.position == pytest.approx(0.0255)


def test_a_cancelled_goal_slows_down_and_holds(client: Client, network: FakeNetwork) -> None:
    client.enabled()
    cancel = CancelToken()

    def at_half(feedback: Any) -> None:
        if abs(feedback.desired.positions[0]) > 0.1:
            cancel.cancel("enough")

    with pytest.raises(ActionCancelled):
        client.go(cancel=cancel, feedback=at_half)
    ledger = network.robot.arm.ledger
    moved = [c for c in ledger.commands if c.mode == 4]
    assert abs(moved[-1].velocity[0]) < 1e-9  # it was told to come to rest ...
    assert ledger.acceleration < 1.0  # ... within the limits
    assert 0.1 < network.robot.arm.positions[0] < 0.29


def test_faults_have_codes_of_their_own(client: Client, network: FakeNetwork) -> None:
    client.enabled()
    running = Background(lambda: client.go(seconds=5.0))
    ledger = network.robot.arm.ledger
    wait_until(lambda: ledger.last_moving > 0, "motion")
    network.robot.press_button()
    assert running.result().error_code == Code.ESTOP
    assert "red button" in client.call("enable").message
    assert "release it first" in client.call("reset").message
    network.robot.assembly.release()
    wait_until(lambda: "was released" in client.status, "the release")
    assert client.call("reset").success
    assert client.go().error_code == Code.DISABLED
    client.enabled()
    assert client.go(seconds=2.0).error_code == 0


def test_stop_and_disable_are_services(client: Client, network: FakeNetwork) -> None:
    client.enabled()
    assert client.call("disable").success
    assert not network.robot.assembly.enabled
    client.enabled()
    assert client.call("stop").success
    assert network.robot.assembly.stopped
    assert "reset" in client.call("enable").message


def test_goals_that_are_no_trajectories_are_rejected(client: Client, network: FakeNetwork) -> None:
    client.enabled()
    with pytest.raises(ActionRejected):
        client.go(names=[*ARM_JOINTS[:6], "elbow"])
    with pytest.raises(ActionRejected):
        client.grip(0.2)
    assert network.robot.arm.ledger.received == 0


def test_deactivated_it_takes_no_goals(client: Client) -> None:
    client.enabled()
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    assert call_service(client.change, request, TIMEOUT).success
    with pytest.raises(ActionRejected):
        client.go()
    assert "inactive" in client.call("enable").message


def test_an_address_that_makes_no_sense_is_a_clear_error(ros: RosWorld) -> None:
    master = Parameter("master", value="robot.local")
    with pytest.raises(ValueError, match="could not be configured"):
        SawyerDriverNode(context=ros.context, parameter_overrides=[master])
