"""Node ``sawyer_driver``: a real Sawyer, which speaks ROS 1, behind the interface of the simulated one.

A lifecycle node. Configured, it is connected to the robot; active, it takes goals. Neither powers the motors:
that is service ``sawyer_driver/enable``, and somebody has to call it. Further services are ``disable``,
``stop`` (as the red button does) and ``reset``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory, GripperCommand
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger

from taskprog.control.arm_goal import ArmLimits
from taskprog.control.collision import CollisionModel
from taskprog.control.intera.arm import Motion
from taskprog.control.intera.codes import Code, Refused
from taskprog.control.intera.feeds import Timeouts
from taskprog.control.intera.gripper import GripperError
from taskprog.control.intera.guard import Box, Guard
from taskprog.control.intera.robot import RobotError, SawyerRobot
from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import ARM_JOINTS
from taskprog.machine import CancelToken
from taskprog.nodes.controllers import ControllerServers, arm_feedback, arm_goal, reason_to_reject
from taskprog.nodes.heartbeat import TOPIC, Heartbeat, HeartbeatMonitor
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import LATCHED
from taskprog.nodes.sawyer_states import StatePublisher
from taskprog.nodes.single_goal import Feedback
from taskprog.nodes.spin import run

EXECUTOR = "executor"
FEEDBACK_PERIOD = 0.05  # seconds
DIAGNOSTICS_PERIOD = 0.5
# Only what a goal is made of is judged with these; the guard knows the limits.
ANY = np.full(len(ARM_JOINTS), np.inf)
UNLIMITED = ArmLimits(ARM_JOINTS, -ANY, ANY, ANY)
INACTIVE = "the driver is inactive: it is activated by its lifecycle"


class SawyerDriverNode(LifecycleNode):
    """Between ROS 2 and the robot; all motion is in ``taskprog.control.intera``."""

    def __init__(self, **options: Any) -> None:
        """Declare parameters and offer everything; the robot is contacted on configuring.

        Raises:
            ValueError: a parameter is out of its range.
        """
        super().__init__("sawyer_driver", **options)
        self._master = declare(
            self, "master", "", "address of the robot's ROS 1 master, as http://robot.local:11311/"
        )
        self._host = declare(
            self, "host", "", "this machine's address as the robot reaches it; empty: found out"
        )
        box = declare(
            self,
            "workspace",
            [-0.3, -1.0, -0.15, 1.2, 1.0, 1.4],
            "where the tool may be in base: x y z from, x y z to, metres",
        )
        if len(box) != 6:
            raise ValueError(f"workspace should have 6 numbers, not {len(box)}")
        self._box = Box(np.array(box[:3]), np.array(box[3:]))
        self._timeouts = Timeouts(
            declare(self, "state_timeout", 0.1, "seconds without /robot/state", 0.02, 1.0),
            declare(self, "joints_timeout", 0.1, "seconds without /robot/joint_states", 0.02, 1.0),
        )
        self._ratio = declare(
            self, "speed_ratio", 0.3, "share of the arm's speed to a place to hold", 0.01, 1.0
        )
        rate = declare(self, "state_rate", 50.0, "joint states and frames a second", 1.0, 200.0)
        publish_tf = declare(self, "publish_tf", True, "publish the robot's frames; off: another node does")
        autostart = declare(self, "autostart", True, "configure and activate at start; never enables")

        self._robot: SawyerRobot | None = None
        self._active = False
        self._states = StatePublisher(self, publish_tf)
        self._diagnostics = self.create_publisher(DiagnosticArray, TOPIC, LATCHED)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        for period, callback in ((1 / rate, self._on_state), (DIAGNOSTICS_PERIOD, self._diagnose)):
            self.create_timer(period, callback, callback_group=MutuallyExclusiveCallbackGroup(), clock=steady)
        self._offer()
        Heartbeat(self)
        self._monitor = HeartbeatMonitor(self, (EXECUTOR,), lost=self._controllers.on_lost)
        if autostart:
            if self.trigger_configure() is not TransitionCallbackReturn.SUCCESS:
                raise ValueError("the driver could not be configured; see above for the reason")
            self.trigger_activate()

    def _offer(self) -> None:
        self._controllers = ControllerServers(
            self,
            accept_trajectory=self._accept_trajectory,
            follow=self._follow,
            accept_grip=self._accept_grip,
            grip=self._grip,
        )
        group = ReentrantCallbackGroup()  # a stop must not wait behind an enable
        for name, act in (
            ("enable", lambda robot: robot.enable()),
            ("disable", lambda robot: robot.disable()),
            ("stop", lambda robot: robot.stop()),
            ("reset", lambda robot: robot.reset()),
        ):
            self.create_service(
                Trigger, f"sawyer_driver/{name}", self._service(name, act), callback_group=group
            )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Connect to the robot; its master may come later."""
        kinematics = Kinematics.load()
        guard = Guard(kinematics, self._box, CollisionModel.load().free)
        try:
            self._robot = SawyerRobot(self._master, guard, self._timeouts, self._host or None, self._ratio)
        except (ValueError, OSError) as error:
            self.get_logger().error(f"parameter master {self._master!r}: {error}")
            return TransitionCallbackReturn.FAILURE
        self._states.begin()
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take goals from now on."""
        self._active = True
        self.get_logger().info("active; the motors are enabled by service sawyer_driver/enable alone")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop what moves and take no more goals; the motors stay as they are."""
        self._active = False
        self._controllers.cancel("the driver was deactivated")
        if self._robot is not None:
            self._robot.arm.stop("the driver was deactivated", cancelled=False)
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Disconnect."""
        robot, self._robot = self._robot, None
        if robot is not None:
            robot.close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop what moves, and disconnect."""
        self._active = False
        return self.on_cleanup(state)

    def destroy_node(self) -> None:
        """Stop the arm, disconnect, and take the node down."""
        self._controllers.close()
        robot, self._robot = self._robot, None
        if robot is not None:
            robot.close()
        super().destroy_node()

    def _service(self, name: str, act: Callable[[SawyerRobot], None]) -> Callable[[Any, Any], Any]:
        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            robot = self._robot
            try:
                if robot is None or (name == "enable" and not self._active):
                    raise RobotError(INACTIVE)
                act(robot)
                response.success, response.message = True, f"{name}: done"
            except RobotError as error:
                response.message = str(error)
            self.get_logger().info(f"{name}: {response.message}")
            return response

        return answer

    def _accept_trajectory(self, goal: FollowJointTrajectory.Goal) -> str | None:
        if not self._active:
            return INACTIVE
        return reason_to_reject(UNLIMITED, goal)

    def _follow(
        self, goal: FollowJointTrajectory.Goal, cancel: CancelToken, feedback: Feedback
    ) -> FollowJointTrajectory.Result:
        robot = self._robot
        if robot is None or cancel.cancelled:
            return FollowJointTrajectory.Result(error_string=cancel.reason or INACTIVE)
        try:
            motion = robot.arm.start(arm_goal(UNLIMITED, goal))
        except Refused as refused:
            self.get_logger().warning(f"{refused.code.name}: {refused}")
            return _result(refused.code, str(refused))
        remove = cancel.on_cancel(lambda: robot.arm.stop(cancel.reason))
        try:
            while not motion.done.wait(FEEDBACK_PERIOD):
                feedback.publish(self._feedback(robot, motion))
        finally:
            remove()
        assert motion.ended is not None
        if motion.ended.code is not Code.SUCCESSFUL:
            self.get_logger().error(f"{motion.ended.code.name}: {motion.ended.message}")
        return _result(motion.ended.code, motion.ended.message)

    def _feedback(self, robot: SawyerRobot, motion: Motion) -> FollowJointTrajectory.Feedback:
        now = self.get_clock().now().nanoseconds * 1e-9
        measured = robot.feeds.arm() or motion.setpoint
        return arm_feedback(now, max(motion.time, 0.0), motion.setpoint, measured)

    def _accept_grip(self, goal: GripperCommand.Goal) -> str | None:
        robot = self._robot
        if robot is None or not self._active:
            return INACTIVE
        try:
            robot.gripper.check(goal.command.position, goal.command.max_effort)
        except ValueError as error:
            return str(error)
        return None

    def _grip(
        self, goal: GripperCommand.Goal, cancel: CancelToken, feedback: Feedback
    ) -> GripperCommand.Result:
        robot = self._robot
        if robot is None or cancel.cancelled:
            return GripperCommand.Result()
        try:
            done = robot.gripper.move(goal.command.position, cancel)
        except GripperError as error:
            self.get_logger().error(f"gripper: {error}")
            return GripperCommand.Result(position=robot.gripper.width or 0.0)
        return GripperCommand.Result(
            position=done.width,
            stalled=done.stalled,
            reached_goal=not done.stalled and not done.cancelled,
        )

    def _on_state(self) -> None:
        robot = self._robot
        if robot is not None:
            self._states.publish(robot)

    def _diagnose(self) -> None:
        robot = self._robot
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        status = DiagnosticStatus(name=f"{self.get_fully_qualified_name()}: robot", hardware_id=self._master)
        if robot is None:
            status.level, status.message = DiagnosticStatus.STALE, "not connected"
        else:
            fault = robot.fault()
            resting = fault is not None and fault.code in (Code.DISABLED, Code.CUFF)
            status.level = DiagnosticStatus.WARN if resting else DiagnosticStatus.ERROR
            if fault is None:
                status.level = DiagnosticStatus.OK
            status.message = "ready" if fault is None else f"{fault.code.name}: {fault.message}"
            status.values = [KeyValue(key=k, value=v) for k, v in robot.status().items()]
        message.status = [status]
        self._diagnostics.publish(message)


def _result(code: Code, text: str) -> FollowJointTrajectory.Result:
    return FollowJointTrajectory.Result(error_code=int(code), error_string=text)


def main(args: list[str] | None = None) -> int:
    """Entry point; an address or a parameter that makes no sense is a clear error at start."""
    return run(SawyerDriverNode, args, expected=(ValueError, OSError))


if __name__ == "__main__":
    raise SystemExit(main())
