"""Node ``executor``: the primitives ``move_to`` and ``move_gripper`` as actions, on any standard arm."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sawyer_ntp.action import MoveGripper, MoveTo
from sawyer_ntp.msg import DetectedObject, DetectedObjects
from std_msgs.msg import Header

from taskprog.control.clearance import Obstacle, Shape
from taskprog.control.kinematics import Kinematics
from taskprog.control.primitives import ExecutorConfig, Motion, PrimitiveExecutor
from taskprog.control.robot import RobotState
from taskprog.machine import CancelToken, ObservationError, OutcomeCode
from taskprog.nodes.action_robot import ActionRobot
from taskprog.nodes.convert import from_pose, from_stamp, place_of, to_pose, to_stamp, upright_yaw
from taskprog.nodes.heartbeat import Heartbeat, HeartbeatMonitor
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import NEWEST
from taskprog.nodes.single_goal import Feedback, SingleGoalServer
from taskprog.nodes.spin import run

BASE = "base"
PLANNER = "planner"
FINE = (OutcomeCode.SUCCEEDED, OutcomeCode.CANCELLED)  # nothing failed
CONTAINER = "container"  # category of what is open above
MAX_RETREAT = 0.5  # metres
WIDTH_STEP = 0.002  # metres between two feedbacks of a gripper
OLD = 5.0  # seconds of the node's clock after which what stood around may stand elsewhere
WARN_PERIOD = 10.0  # seconds between warnings of one kind


class ExecutorNode(Node):
    """Runs one primitive at a time and stops the arm when whoever asked for it is lost."""

    def __init__(self, **options: Any) -> None:
        super().__init__("executor", **options)
        defaults = ExecutorConfig()
        config = ExecutorConfig(
            speed=declare(
                self,
                "speed",
                defaults.speed,
                "share of the arm's limits of speed and acceleration",
                0.01,
                1.0,
            ),
            clearance=declare(
                self,
                "clearance",
                defaults.clearance,
                "metres above a target from which the tool comes straight down",
                0.0,
                0.5,
            ),
            grip_force=declare(self, "grip_force", defaults.grip_force, "newtons a finger", 1.0, 20.0),
        )
        self._kinematics = Kinematics.load()
        self._robot = ActionRobot(self, self._on_state)
        self._primitives = PrimitiveExecutor(self._robot, self._kinematics, config)
        self._moving = threading.Lock()  # the two actions share one arm
        self._obstacles: tuple[Obstacle, ...] = ()
        self._seen: float | None = None  # stamp of the obstacles, seconds
        self._gripper_feedback: Feedback | None = None
        self._shown_width = math.inf
        self.create_subscription(
            DetectedObjects,
            "objects",
            self._on_objects,
            NEWEST,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        self._move_server = SingleGoalServer(
            self,
            MoveTo,
            "move_to",
            accept=self._accept_move,
            execute=self._move,
            failure=lambda text: MoveTo.Result(error_code=MoveTo.Result.ROBOT_STOPPED, message=text),
        )
        self._grip_server = SingleGoalServer(
            self,
            MoveGripper,
            "move_gripper",
            accept=self._accept_grip,
            execute=self._grip,
            failure=lambda text: MoveGripper.Result(
                error_code=MoveGripper.Result.ROBOT_STOPPED, message=text
            ),
        )
        self._heartbeat = Heartbeat(self)
        self._monitor = HeartbeatMonitor(self, (PLANNER,), lost=self._on_lost)
        self.get_logger().info(f"ready; speed {config.speed:g}, clearance {config.clearance:g} m")

    def destroy_node(self) -> None:
        """Stop a running goal, then the node."""
        self._move_server.close()
        self._grip_server.close()
        super().destroy_node()

    def _on_lost(self, name: str) -> None:
        if self._move_server.busy or self._grip_server.busy:
            self.get_logger().error(f"{name} has gone silent: stopping the arm")
        self._move_server.cancel(f"{name} has gone silent")
        self._grip_server.cancel(f"{name} has gone silent")

    # What stands around

    def _on_objects(self, message: DetectedObjects) -> None:
        if message.header.frame_id != BASE:
            self.get_logger().warning(
                f"objects in frame {message.header.frame_id!r} ignored, they should be in {BASE!r}",
                throttle_duration_sec=WARN_PERIOD,
            )
            return
        self._obstacles = tuple(_obstacle(o) for o in message.objects)
        self._seen = from_stamp(message.header.stamp)

    def _outdated(self) -> str:
        """What to say of obstacles that were seen too long ago; empty if they are new, or none ever came.

        An arm without a camera may move, so they are no reason to refuse.
        """
        age = 0.0 if self._seen is None else self.get_clock().now().nanoseconds * 1e-9 - self._seen
        return f"what stands around was last seen {age:.1f} s ago" if age > OLD else ""

    # move_to

    def _accept_move(self, goal: MoveTo.Goal) -> str | None:
        if goal.target.header.frame_id not in ("", BASE):
            return f"unknown frame {goal.target.header.frame_id!r}; targets are in {BASE!r}"
        try:
            from_pose(goal.target.pose)
        except ValueError as error:
            return f"target: {error}"
        if goal.motion not in list(Motion):
            return f"motion is {goal.motion}; it should be " + ", ".join(
                f"{m.value} ({m.name})" for m in Motion
            )
        if not 0.0 <= goal.clearance < math.inf:
            return f"clearance is {goal.clearance} m; it should be positive, or 0 for the default"
        if not 0.0 <= goal.speed <= 1.0:
            return f"speed is {goal.speed}; it should be in (0, 1], or 0 for the default"
        return self._busy()

    def _busy(self) -> str | None:
        return "busy with another primitive" if self._moving.locked() else None

    def _move(self, goal: MoveTo.Goal, cancel: CancelToken, feedback: Feedback) -> MoveTo.Result:
        position, rotation = from_pose(goal.target.pose)
        if not self._moving.acquire(blocking=False):
            return MoveTo.Result(error_code=MoveTo.Result.INVALID_GOAL, message="busy with another primitive")
        try:
            if outdated := self._outdated():
                self.get_logger().warning(
                    f"{outdated}: is the camera running?", throttle_duration_sec=WARN_PERIOD
                )
            outcome = self._primitives.move_to(
                position,
                rotation,
                Motion(goal.motion),
                cancel,
                self._obstacles,
                lambda share: feedback.publish(MoveTo.Feedback(progress=share)),
                goal.clearance or None,
                goal.speed or None,
            )
            failed = outcome.code not in FINE
            message = f"{outcome.message}; {outdated}" if failed and outdated else outcome.message
            result = MoveTo.Result(error_code=int(outcome.code), message=message)
            state = self._final_state()
        finally:
            self._moving.release()
        if state is not None:
            header = Header(frame_id=BASE, stamp=to_stamp(state.stamp))
            pose = to_pose(*self._kinematics.forward(state.positions))
            result.reached = PoseStamped(header=header, pose=pose)
        self._log("move_to", outcome.code, message)
        return result

    # move_gripper

    def _accept_grip(self, goal: MoveGripper.Goal) -> str | None:
        if goal.command not in (MoveGripper.Goal.OPEN, MoveGripper.Goal.CLOSE):
            return f"command is {goal.command}; it should be 0 (OPEN) or 1 (CLOSE)"
        if not 0.0 <= goal.retreat <= MAX_RETREAT:
            return f"retreat is {goal.retreat} m; it should be 0 to {MAX_RETREAT:g}"
        if goal.retreat > 0.0 and goal.command != MoveGripper.Goal.OPEN:
            return "only an opening gripper retreats"
        return self._busy()

    def _grip(self, goal: MoveGripper.Goal, cancel: CancelToken, feedback: Feedback) -> MoveGripper.Result:
        if not self._moving.acquire(blocking=False):
            return MoveGripper.Result(
                error_code=MoveGripper.Result.INVALID_GOAL, message="busy with another primitive"
            )
        try:
            self._gripper_feedback, self._shown_width = feedback, math.inf
            if goal.command == MoveGripper.Goal.OPEN:
                outcome, holding = self._primitives.open_gripper(cancel, goal.retreat), False
            else:
                grip = self._primitives.close_gripper(cancel)
                outcome, holding = grip.outcome, grip.holding
            state = self._final_state()
        finally:
            self._gripper_feedback = None
            self._moving.release()
        result = MoveGripper.Result(error_code=int(outcome.code), message=outcome.message, holding=holding)
        if state is not None:
            result.width, result.stamp = state.gripper_width, to_stamp(state.stamp)
        self._log("open" if goal.command == MoveGripper.Goal.OPEN else "close", outcome.code, outcome.message)
        return result

    def _on_state(self, state: RobotState) -> None:
        feedback = self._gripper_feedback
        if feedback is not None and abs(state.gripper_width - self._shown_width) > WIDTH_STEP:
            self._shown_width = state.gripper_width
            feedback.publish(MoveGripper.Feedback(width=state.gripper_width))

    def _final_state(self) -> RobotState | None:
        """Where the robot ended up; None if it is silent."""
        try:
            return self._robot.state()
        except ObservationError:
            return None

    def _log(self, what: str, code: OutcomeCode, message: str) -> None:
        if code not in FINE:
            self.get_logger().warning(f"{what}: {code.name}: {message}")


def _obstacle(seen: DetectedObject) -> Obstacle:
    return Obstacle(
        np.array(place_of(seen.pose)),
        np.array([seen.size.x, seen.size.y, seen.size.z]),
        bool(seen.visible),
        str(seen.name),
        upright_yaw(seen.pose),
        Shape.CONTAINER if seen.category == CONTAINER else Shape.BOX,
    )


def main(args: list[str] | None = None) -> int:
    """Entry point."""
    return run(ExecutorNode, args, expected=(ValueError, OSError))


if __name__ == "__main__":
    raise SystemExit(main())
