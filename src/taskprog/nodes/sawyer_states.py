"""What a real Sawyer measures, as joint states and frames, and its description."""

from __future__ import annotations

import time

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from tf2_msgs.msg import TFMessage

from taskprog.control.frame_tree import FrameTree
from taskprog.control.intera.robot import SawyerRobot
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_JOINTS
from taskprog.nodes.convert import to_stamp
from taskprog.nodes.qos import LATCHED, STATES
from taskprog.nodes.sensor_messages import transform_message
from taskprog.resources import share_dir

DESCRIPTION_PATIENCE = 3.0  # seconds after which the shipped description stands in for the robot's


class StatePublisher:
    """Publishes ``joint_states``, ``tf``, ``tf_static`` and ``robot_description`` for a node."""

    def __init__(self, node: Node, publish_tf: bool):
        self._node, self._publish_tf = node, publish_tf
        self._tree: FrameTree | None = None
        urdf = share_dir() / "models" / "sawyer" / "sawyer.urdf"
        self._shipped = urdf.read_text(encoding="utf-8")
        self._began = 0.0
        self._joints = node.create_publisher(JointState, "joint_states", STATES)
        self._frames = node.create_publisher(TFMessage, "tf", STATES)
        self._static = node.create_publisher(TFMessage, "tf_static", LATCHED)
        self._description = node.create_publisher(String, "robot_description", LATCHED)

    def begin(self) -> None:
        """A robot is going to be connected, perhaps another one than before."""
        self._began, self._tree = time.monotonic(), None

    def publish(self, robot: SawyerRobot) -> None:
        """Publish what is measured; what is stale is not repeated, so that others notice."""
        joints = robot.feeds.joints()
        if joints is None:
            return
        width = robot.gripper.width
        if width is not None and GRIPPER_JOINTS[0] not in joints:
            travel = (width - GRIPPER_CLOSED_WIDTH) / 2
            joints |= dict(zip(GRIPPER_JOINTS, ((travel, 0.0), (-travel, 0.0)), strict=True))
        # Our clock: the robot's is its own, and everything else here goes by ours.
        stamp = self._node.get_clock().now().to_msg()
        self._joints.publish(
            JointState(
                header=Header(stamp=stamp),
                name=list(joints),
                position=[position for position, _ in joints.values()],
                velocity=[velocity for _, velocity in joints.values()],
            )
        )
        self._describe(robot)
        if self._publish_tf and self._tree is not None:
            poses = self._tree.moving(_Known({name: position for name, (position, _) in joints.items()}))
            self._frames.publish(
                TFMessage(
                    transforms=[
                        transform_message(stamp, p.parent, p.child, p.translation, p.rotation) for p in poses
                    ]
                )
            )

    def _describe(self, robot: SawyerRobot) -> None:
        """Publish the robot's own description once it can be had, or ours if it offers none."""
        if self._tree is not None:
            return
        text = robot.description()
        if not text and time.monotonic() - self._began < DESCRIPTION_PATIENCE:
            return
        try:
            self._tree = FrameTree(text or self._shipped)
        except ValueError as error:
            self._node.get_logger().error(f"the robot's description: {error}; ours stands in for it")
            text, self._tree = "", FrameTree(self._shipped)
        self._description.publish(String(data=text or self._shipped))
        if self._publish_tf:
            stamp = to_stamp(0.0)
            self._static.publish(
                TFMessage(
                    transforms=[
                        transform_message(stamp, p.parent, p.child, p.translation, p.rotation)
                        for p in self._tree.fixed
                    ]
                )
            )


class _Known(dict[str, float]):
    """Joint positions; 0 for those that nobody measures."""

    def __missing__(self, name: str) -> float:
        return 0.0
