"""The two controllers that every robot here offers, simulated or real, as action servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from control_msgs.msg import JointTolerance
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectoryPoint

from taskprog.control.arm_goal import (
    ArmGoal,
    ArmLimits,
    GoalError,
    ResultCode,
    Tolerances,
    Waypoint,
    make_goal,
)
from taskprog.control.robot import ARM_JOINTS
from taskprog.machine import CancelToken
from taskprog.nodes.convert import from_stamp, to_duration, to_stamp
from taskprog.nodes.single_goal import Feedback, SingleGoalServer

Follow = Callable[[FollowJointTrajectory.Goal, CancelToken, Feedback], FollowJointTrajectory.Result]
Grip = Callable[[GripperCommand.Goal, CancelToken, Feedback], GripperCommand.Result]
Setpoint = tuple[NDArray[np.float64], NDArray[np.float64]]  # positions and velocities, (7,) each


class ControllerServers:
    """``arm_controller/follow_joint_trajectory`` and ``gripper_controller/gripper_cmd``; a newer goal
    preempts the running one. A gripper's position is the gap between the pads, metres.

    Args:
        accept_trajectory, accept_grip: goal -> reason to reject it, or None.
        follow, grip: carry a goal out, see ``SingleGoalServer``.
    """

    def __init__(
        self,
        node: Node,
        *,
        accept_trajectory: Callable[[FollowJointTrajectory.Goal], str | None],
        follow: Follow,
        accept_grip: Callable[[GripperCommand.Goal], str | None],
        grip: Grip,
    ):
        self._logger = node.get_logger()
        self._arm = SingleGoalServer(
            node,
            FollowJointTrajectory,
            "arm_controller/follow_joint_trajectory",
            accept=accept_trajectory,
            execute=follow,
            failure=lambda text: FollowJointTrajectory.Result(
                error_code=int(ResultCode.INVALID_GOAL), error_string=text
            ),
            preempt=True,
            # A cancelled motion has no code of its own.
            succeeded=lambda result: result.error_code == 0 and not result.error_string,
        )
        self._gripper = SingleGoalServer(
            node,
            GripperCommand,
            "gripper_controller/gripper_cmd",
            accept=accept_grip,
            execute=grip,
            failure=lambda text: GripperCommand.Result(),
            preempt=True,
            succeeded=lambda result: bool(result.reached_goal or result.stalled),
        )

    def cancel(self, reason: str) -> None:
        """Stop what runs, from inside the node."""
        self._arm.cancel(reason)
        self._gripper.cancel(reason)

    def on_lost(self, name: str) -> None:
        """Stop what runs since the node of this name, which asked for it, has gone silent."""
        reason = f"{name} has gone silent"
        if self._arm.busy or self._gripper.busy:
            self._logger.error(f"{reason}: stopping the arm")
        self.cancel(reason)

    def close(self) -> None:
        """Take no more goals, stop what runs and wait for its end; see ``SingleGoalServer``."""
        self._arm.close()
        self._gripper.close()


def arm_goal(limits: ArmLimits, goal: FollowJointTrajectory.Goal) -> ArmGoal:
    """What an action's goal asks of the arm.

    Raises:
        GoalError: it makes no sense, or is beyond the limits.
    """
    if goal.multi_dof_trajectory.points:
        raise GoalError(ResultCode.INVALID_GOAL, "the arm has no joints of several degrees of freedom")
    return make_goal(
        limits,
        goal.trajectory.joint_names,
        [
            Waypoint(from_stamp(p.time_from_start), p.positions, p.velocities, p.accelerations)
            for p in goal.trajectory.points
        ],
        from_stamp(goal.trajectory.header.stamp),
        Tolerances(
            _tolerances(goal.path_tolerance),
            _tolerances(goal.goal_tolerance),
            from_stamp(goal.goal_time_tolerance),
        ),
    )


def reason_to_reject(limits: ArmLimits, goal: FollowJointTrajectory.Goal) -> str | None:
    """Why ``arm_goal`` would refuse a goal; None if it would not."""
    try:
        arm_goal(limits, goal)
    except GoalError as error:
        return f"{error.code.name}: {error}"
    return None


def arm_feedback(
    stamp: float, at: float, desired: Setpoint, actual: Setpoint
) -> FollowJointTrajectory.Feedback:
    """Feedback at a time on the node's clock, ``at`` seconds after the trajectory's start."""
    time_from_start = to_duration(at)

    def point(positions: NDArray[np.float64], velocities: NDArray[np.float64]) -> JointTrajectoryPoint:
        return JointTrajectoryPoint(
            positions=positions.tolist(), velocities=velocities.tolist(), time_from_start=time_from_start
        )

    return FollowJointTrajectory.Feedback(
        header=Header(stamp=to_stamp(stamp)),
        joint_names=list(ARM_JOINTS),
        desired=point(*desired),
        actual=point(*actual),
        error=point(desired[0] - actual[0], desired[1] - actual[1]),
    )


def _tolerances(messages: Sequence[JointTolerance]) -> dict[str, float]:
    return {message.name: float(message.position) for message in messages}
