"""Node ``perception`` without a camera: cubes on a table that follow the tool once the pads close on them.

For rehearsals with an arm that has no physics either: the loop-back robot, or a stand-in of the real one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sawyer_ntp.msg import DetectedObject, DetectedObjects
from sensor_msgs.msg import JointState

from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import ARM_JOINTS, GRIPPER_JOINTS, GRIPPER_OPEN_WIDTH, gripper_width
from taskprog.nodes.heartbeat import Heartbeat
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import NEWEST
from taskprog.nodes.spin import run
from taskprog.tasks.block_stacking import random_layout
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE

PERIOD = 0.1  # seconds of wall time between messages
GRASP_RADIUS = 0.02  # metres


class KinematicCell(Node):
    """Stands in for camera and table, publishing ``objects``.

    Attributes:
        positions: (8, 3) cube centres, metres, frame ``base``.
        silent: while set, nothing is published.
    """

    def __init__(self, positions: NDArray[np.float64] | None = None, **options: Any):
        """``positions``: where the cubes are; None for a layout by parameter ``seed``."""
        super().__init__("perception", **options)
        seed = declare(self, "seed", 0, "of the cubes' places", minimum=0)
        self.positions = (random_layout(seed).positions if positions is None else positions).copy()
        self.silent = False
        self._held: int | None = None
        self._kinematics = Kinematics.load()
        self._state: JointState | None = None
        self._publisher = self.create_publisher(DetectedObjects, "objects", NEWEST)
        self.create_subscription(JointState, "joint_states", self._on_state, qos_profile_sensor_data)
        self.create_timer(PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._heartbeat = Heartbeat(self)

    def _on_state(self, message: JointState) -> None:
        self._state = message
        joints = dict(zip(message.name, message.position, strict=True))
        if not {*ARM_JOINTS, *GRIPPER_JOINTS} <= joints.keys():
            return
        tool, _ = self._kinematics.forward(np.array([joints[n] for n in ARM_JOINTS]))
        closed = gripper_width(joints) < GRIPPER_OPEN_WIDTH - 0.008
        if not closed:
            self._held = None
        elif self._held is None:
            distances = np.linalg.norm(self.positions - tool, axis=1)
            if distances.min() < GRASP_RADIUS:
                self._held = int(distances.argmin())
        if self._held is not None:
            self.positions[self._held] = tool

    def _publish(self) -> None:
        if self._state is None or self.silent:
            return
        message = DetectedObjects()
        message.header.frame_id = "base"
        message.header.stamp = self._state.header.stamp
        message.objects = [
            DetectedObject(
                name=name,
                category="cube",
                pose=Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=1.0)),
                size=Vector3(x=CUBE_SIZE, y=CUBE_SIZE, z=CUBE_SIZE),
                confidence=1.0,
                visible=True,
            )
            for name, (x, y, z) in zip(CUBE_NAMES, self.positions.tolist(), strict=True)
        ]
        self._publisher.publish(message)


def main(args: list[str] | None = None) -> int:
    """Entry point."""
    return run(KinematicCell, args, expected=(ValueError,))


if __name__ == "__main__":
    raise SystemExit(main())
