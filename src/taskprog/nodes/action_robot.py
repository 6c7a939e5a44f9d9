"""Any arm with the standard actions, as a ``taskprog.control.robot.Robot``: the executor's way to its robot.

Uses ``arm_controller/follow_joint_trajectory``, ``gripper_controller/gripper_cmd`` (position: metres between
the pads) and ``joint_states``. Waiting is bounded by wall time, since a robot that died may have
taken its clock with it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from control_msgs.msg import GripperCommand as GripperSetpoint
from numpy.typing import NDArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from taskprog.control.intera.codes import Code
from taskprog.control.robot import (
    ARM_JOINTS,
    GRIPPER_JOINTS,
    GripperOutcome,
    JointTrajectory,
    RobotState,
    gripper_width,
)
from taskprog.machine import CancelToken, ObservationError, Outcome, OutcomeCode
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import (
    ActionCancelled,
    ActionEnded,
    ActionError,
    ActionRejected,
    ActionTimeout,
    call_action,
    wait_for_server,
)
from taskprog.nodes.convert import from_stamp, to_duration

# Seconds of wall time.
POLL_PERIOD = 0.1
RESEND = 0.6  # within which even a robot whose clock stands still repeats its joint states
SILENCE = 3.5  # without joint states, after which the robot counts as dead; they come at least twice a second
FRESH_TIMEOUT = 3.0  # to wait for joint states from after a motion
SERVER_TIMEOUT = 3.0  # to wait for the robot's action servers
MOTION_TIMEOUT, MOTION_SLOWNESS = 20.0, 4.0  # a motion may take 20 s and 4 times its duration
GRIPPER_TIMEOUT = 20.0
SAME_WIDTH = 0.001  # metres
SAME_POSITION = 0.002  # radians
AT_REST = 0.05  # radians per second

OUTCOMES = {
    FollowJointTrajectory.Result.INVALID_GOAL: OutcomeCode.INVALID_GOAL,
    FollowJointTrajectory.Result.INVALID_JOINTS: OutcomeCode.INVALID_GOAL,
    FollowJointTrajectory.Result.OLD_HEADER_TIMESTAMP: OutcomeCode.INVALID_GOAL,
    FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED: OutcomeCode.PATH_TOLERANCE,
    FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED: OutcomeCode.GOAL_TOLERANCE,
    # Refused by the driver of a real arm before anything moved.
    **dict.fromkeys((Code.START_ELSEWHERE, Code.NOT_AT_REST), OutcomeCode.INVALID_GOAL),
    **dict.fromkeys(
        (Code.POSITION_LIMIT, Code.VELOCITY_LIMIT, Code.ACCELERATION_LIMIT), OutcomeCode.JOINT_LIMIT
    ),
    Code.WORKSPACE: OutcomeCode.OUTSIDE_WORKSPACE,
    Code.SELF_COLLISION: OutcomeCode.COLLISION,
}


@dataclass(frozen=True)
class _Rest:
    """How a measurement shows that it was made after a motion's end; an action's result has no stamp.

    Attributes:
        since: time.monotonic() of the motion's end.
        until: time.monotonic() after which any that was received since the end does: something may have
            moved the arm. Before, only one that shows arm and pads where they came to rest; the last states
            may overtake the result.
        positions, width: where arm and pads came to rest, if known.
    """

    since: float
    until: float
    positions: NDArray[np.float64] | None = None
    width: float | None = None

    def shown_by(self, state: RobotState, heard: float) -> bool:
        """Whether ``state``, received at ``heard`` (time.monotonic()), does."""
        newer = heard >= self.since
        if time.monotonic() > self.until:
            return newer
        if np.abs(state.velocities).max() >= AT_REST:
            return False
        if self.positions is None and self.width is None:
            return newer
        if self.width is not None and abs(state.gripper_width - self.width) > SAME_WIDTH:
            return False
        return self.positions is None or bool(np.abs(state.positions - self.positions).max() <= SAME_POSITION)


class ActionRobot:
    """Drives the robot for a node that is spun in other threads than those that call here."""

    def __init__(self, node: Node, on_state: Callable[[RobotState], None] | None = None):
        """``on_state`` gets every measurement, in an executor's thread."""
        group = ReentrantCallbackGroup()
        self._on_state = on_state
        self._arm = ActionClient(
            node, FollowJointTrajectory, "arm_controller/follow_joint_trajectory", callback_group=group
        )
        self._gripper = ActionClient(
            node, GripperCommand, "gripper_controller/gripper_cmd", callback_group=group
        )
        self._changed = threading.Condition()
        self._joints: dict[str, float] = {}
        self._state: RobotState | None = None
        self._heard = -math.inf  # time.monotonic() of the last measurement
        self._rest = _Rest(-math.inf, -math.inf)
        node.create_subscription(
            JointState,
            "joint_states",
            self._on_joint_states,
            qos_profile_sensor_data,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )

    def state(self) -> RobotState:
        """The latest measurement, from after the last motion. See ``Robot``."""
        end = time.monotonic() + FRESH_TIMEOUT
        with self._changed:
            while (
                self._state is None or not self._rest.shown_by(self._state, self._heard) or not self._alive()
            ):
                dead = math.isfinite(self._heard) and not self._alive()
                if dead or time.monotonic() > end:
                    raise ObservationError(f"joint_states: {self._silence()}: is the robot running?")
                self._changed.wait(POLL_PERIOD)
            return self._state

    def follow(
        self,
        trajectory: JointTrajectory,
        cancel: CancelToken,
        feedback: Callable[[float], None] | None = None,
    ) -> Outcome:
        """See ``Robot``."""
        goal = FollowJointTrajectory.Goal(trajectory=_message(trajectory))

        def on_feedback(message: FollowJointTrajectory.Feedback) -> None:
            if feedback is not None:
                share = from_stamp(message.desired.time_from_start) / trajectory.duration
                feedback(min(max(share, 0.0), 1.0))

        limit = MOTION_TIMEOUT + MOTION_SLOWNESS * trajectory.duration
        outcome, result = self._call(self._arm, goal, cancel, limit, on_feedback)
        if result is None:
            return outcome
        if result.error_code == FollowJointTrajectory.Result.SUCCESSFUL:
            self._ended(positions=trajectory.positions[-1])
            return outcome
        code = OUTCOMES.get(result.error_code, OutcomeCode.ROBOT_STOPPED)
        return Outcome(code, result.error_string or f"the arm reports error {result.error_code}")

    def move_gripper(self, width: float, force: float, cancel: CancelToken) -> GripperOutcome:
        """See ``Robot``."""
        goal = GripperCommand.Goal(command=GripperSetpoint(position=width, max_effort=force))
        outcome, result = self._call(self._gripper, goal, cancel, GRIPPER_TIMEOUT)
        if result is not None:
            self._ended(width=result.position)
            return GripperOutcome(outcome, result.position, result.stalled)
        with self._changed:
            return GripperOutcome(outcome, self._state.gripper_width if self._state else 0.0, False)

    def _call(
        self,
        client: ActionClient,
        goal: Any,
        cancel: CancelToken,
        timeout: float,
        feedback: Callable[[Any], None] | None = None,
    ) -> tuple[Outcome, Any]:
        """How it ended, and the action's result where there is one to look at."""
        if cancel.cancelled:
            return Outcome(OutcomeCode.CANCELLED, cancel.reason), None
        try:
            wait_for_server(client, SERVER_TIMEOUT)
            result = call_action(client, goal, cancel, timeout, feedback, self.alive)
        except ActionEnded as error:
            # Ended by the robot, by us, or by somebody else who drives the same robot.
            self._ended()
            if cancel.cancelled and isinstance(error, ActionCancelled):
                return Outcome(OutcomeCode.CANCELLED, cancel.reason), None
            reason = getattr(error.result, "error_string", "")
            return Outcome(OutcomeCode.ROBOT_STOPPED, f"{error}{': ' if reason else ''}{reason}"), None
        except ActionRejected as error:
            return Outcome(OutcomeCode.INVALID_GOAL, str(error)), None
        except ActionTimeout as error:
            code = OutcomeCode.TIMEOUT if self.alive() else OutcomeCode.ROBOT_STOPPED
            return Outcome(code, str(error)), None
        except ActionError as error:
            silence = "" if self.alive() else f" ({self._silence()})"
            return Outcome(OutcomeCode.ROBOT_STOPPED, f"{error}{silence}"), None
        self._ended()
        return Outcome(), result

    def _ended(self, positions: NDArray[np.float64] | None = None, width: float | None = None) -> None:
        """A motion ended, with the arm or the pads there."""
        with self._changed:
            now = time.monotonic()
            self._rest = _Rest(now, now + RESEND, positions, width)

    def _alive(self) -> bool:
        return time.monotonic() - self._heard < SILENCE

    def alive(self) -> bool:
        """Whether joint states come in."""
        with self._changed:
            return self._alive()

    def _silence(self) -> str:
        age = time.monotonic() - self._heard
        if math.isfinite(age):
            return f"the last one came {age:.1f} s ago"
        missing = [name for name in (*ARM_JOINTS, *GRIPPER_JOINTS) if name not in self._joints]
        return f"so far without {', '.join(missing)}" if self._joints else "none so far"

    def _on_joint_states(self, message: JointState) -> None:
        with self._changed:
            self._joints.update(zip(message.name, message.position, strict=False))
            if ARM_JOINTS[0] not in message.name or not self._complete():
                return  # the gripper's own message, or the rest is still to come
            speeds = dict(zip(message.name, message.velocity, strict=False))
            state = RobotState(
                from_stamp(message.header.stamp),
                np.array([self._joints[name] for name in ARM_JOINTS]),
                np.array([speeds.get(name, 0.0) for name in ARM_JOINTS]),
                gripper_width(self._joints),
            )
            self._state, self._heard = state, time.monotonic()
            self._changed.notify_all()
        if self._on_state is not None:
            self._on_state(state)

    def _complete(self) -> bool:
        return all(name in self._joints for name in (*ARM_JOINTS, *GRIPPER_JOINTS))


def _message(trajectory: JointTrajectory) -> JointTrajectoryMessage:
    return JointTrajectoryMessage(
        joint_names=list(ARM_JOINTS),
        points=[
            JointTrajectoryPoint(
                positions=positions.tolist(),
                velocities=velocities.tolist(),
                accelerations=accelerations.tolist(),
                time_from_start=to_duration(float(when)),
            )
            for when, positions, velocities, accelerations in zip(
                trajectory.times,
                trajectory.positions,
                trajectory.velocities,
                trajectory.accelerations,
                strict=True,
            )
        ],
    )
