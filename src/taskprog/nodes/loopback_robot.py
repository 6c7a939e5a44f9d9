"""Node ``robot``: an arm without physics behind the standard actions, for what is not about physics.

It tracks perfectly. ``rate`` makes its clock, and with it the stamps of ``joint_states``, faster than the
wall's.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectoryPoint

from taskprog.control.loopback import LoopbackRobot
from taskprog.control.robot import (
    ARM_JOINTS,
    GRIPPER_CLOSED_WIDTH,
    GRIPPER_JOINTS,
    GRIPPER_OPEN_WIDTH,
    JointTrajectory,
)
from taskprog.machine import CancelToken, Outcome, OutcomeCode
from taskprog.nodes.controllers import ControllerServers
from taskprog.nodes.convert import from_stamp, to_duration, to_stamp
from taskprog.nodes.heartbeat import Heartbeat
from taskprog.nodes.parameters import declare
from taskprog.nodes.single_goal import Feedback
from taskprog.nodes.spin import run

STATE_PERIOD = 0.05  # seconds of wall time between joint states
LEAD_IN = 1e-3  # seconds within which a first point counts as the start

CODES = {
    OutcomeCode.SUCCEEDED: FollowJointTrajectory.Result.SUCCESSFUL,
    OutcomeCode.CANCELLED: FollowJointTrajectory.Result.SUCCESSFUL,
    OutcomeCode.PATH_TOLERANCE: FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED,
    OutcomeCode.GOAL_TOLERANCE: FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED,
}


class LoopbackRobotNode(Node):
    """Offers ``LoopbackRobot`` through the same topics and actions as the simulator.

    Attributes:
        robot: to set its faults, in tests.
        controllers: what it offers.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("robot", **options)
        rate = declare(self, "rate", 1.0, "seconds of the robot's clock in one of the wall's", 0.01, 1000.0)
        thing = declare(
            self, "object_width", 0.0, "metres of a thing that the pads always close on; 0: none", 0.0, 0.05
        )
        self._rate = rate
        self._began = time.monotonic()
        self.robot = LoopbackRobot(pause=lambda seconds: time.sleep(seconds / rate))
        self.robot.object_width = thing or None
        self._states = self.create_publisher(JointState, "joint_states", QoSProfile(depth=20))
        self.create_timer(STATE_PERIOD, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.controllers = ControllerServers(
            self,
            accept_trajectory=self._accept_trajectory,
            follow=self._follow,
            accept_grip=self._accept_grip,
            grip=self._grip,
        )
        self._heartbeat = Heartbeat(self)

    def destroy_node(self) -> None:
        """Stop what runs, then the node."""
        self.controllers.close()
        super().destroy_node()

    @property
    def _now(self) -> float:
        return (time.monotonic() - self._began) * self._rate

    def _publish(self) -> None:
        if self.robot.faults.silent:
            return
        state = self.robot.state()
        travel = (state.gripper_width - GRIPPER_CLOSED_WIDTH) / 2
        self._states.publish(
            JointState(
                header=Header(stamp=to_stamp(self._now)),
                name=[*ARM_JOINTS, *GRIPPER_JOINTS],
                position=[*state.positions.tolist(), travel, -travel],
                velocity=[0.0] * (len(ARM_JOINTS) + len(GRIPPER_JOINTS)),
            )
        )

    def _accept_trajectory(self, goal: FollowJointTrajectory.Goal) -> str | None:
        try:
            self._trajectory(goal)
        except ValueError as error:
            return str(error)
        return None

    def _trajectory(self, goal: FollowJointTrajectory.Goal) -> JointTrajectory:
        names, points = list(goal.trajectory.joint_names), goal.trajectory.points
        if sorted(names) != sorted(ARM_JOINTS):
            raise ValueError(f"the joints should be {', '.join(ARM_JOINTS)}, not {', '.join(names)}")
        if not points or from_stamp(points[0].time_from_start) > LEAD_IN:
            raise ValueError("the trajectory should start with a point at time 0")
        order = [names.index(name) for name in ARM_JOINTS]
        columns = [
            np.array([p.positions for p in points], np.float64),
            np.array([p.velocities or np.zeros(len(names)) for p in points], np.float64),
            np.array([p.accelerations or np.zeros(len(names)) for p in points], np.float64),
        ]
        times = np.array([from_stamp(p.time_from_start) for p in points])
        return JointTrajectory(times, *(column[:, order] for column in columns))

    def _follow(
        self, goal: FollowJointTrajectory.Goal, cancel: CancelToken, feedback: Feedback
    ) -> FollowJointTrajectory.Result:
        trajectory = self._trajectory(goal)

        def publish(share: float) -> None:
            point = JointTrajectoryPoint(time_from_start=to_duration(share * trajectory.duration))
            feedback.publish(
                FollowJointTrajectory.Feedback(
                    header=Header(stamp=to_stamp(self._now)),
                    joint_names=list(ARM_JOINTS),
                    desired=point,
                    actual=point,
                )
            )

        outcome = self.robot.follow(trajectory, cancel, publish)
        return FollowJointTrajectory.Result(
            error_code=CODES.get(outcome.code, FollowJointTrajectory.Result.INVALID_GOAL),
            error_string=_text(outcome),
        )

    def _accept_grip(self, goal: GripperCommand.Goal) -> str | None:
        if GRIPPER_CLOSED_WIDTH - 1e-6 <= goal.command.position <= GRIPPER_OPEN_WIDTH + 1e-6:
            return None
        return f"the pads cannot be {goal.command.position:.4f} m apart"

    def _grip(
        self, goal: GripperCommand.Goal, cancel: CancelToken, feedback: Feedback
    ) -> GripperCommand.Result:
        moved = self.robot.move_gripper(goal.command.position, goal.command.max_effort, cancel)
        reached = moved.outcome.ok and not moved.stalled
        return GripperCommand.Result(position=moved.width, stalled=moved.stalled, reached_goal=reached)


def _text(outcome: Outcome) -> str:
    return "" if outcome.ok else outcome.message or outcome.code.name


def main(args: list[str] | None = None) -> int:
    """Entry point."""
    return run(LoopbackRobotNode, args, expected=(ValueError,))


if __name__ == "__main__":
    raise SystemExit(main())
