"""The robot behind ROS as a domain of the machine: perception's objects in, executor's actions out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sawyer_ntp.action import MoveGripper, MoveTo
from sawyer_ntp.msg import DetectedObjects

from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics, format_point, top_down, yaw_of
from taskprog.control.manipulation import Manipulation, Target
from taskprog.control.primitives import CLOSED_TOLERANCE
from taskprog.control.robot import ARM_JOINTS, GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH
from taskprog.control.scene_estimate import ObjectEstimate
from taskprog.machine import Call, CancelToken, Observation, ObservationError, Outcome, OutcomeCode
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import ActionCancelled, ActionError, ActionRejected, ActionTimeout, call_action
from taskprog.nodes.convert import from_stamp, place_of, to_pose, to_stamp, upright_yaw
from taskprog.nodes.heartbeat import HeartbeatMonitor
from taskprog.nodes.senses import EXECUTOR, Senses, stamp_of
from taskprog.tasks.family import Family
from taskprog.tasks.table_top import WORKSPACE
from taskprog.tasks.twin import RETREAT

MOTION_TIMEOUT = 60.0  # seconds of wall time for one primitive
# Metres that pads which still move have come nearer to each other when what they held counts as lost.
LOST_MARGIN = 0.006
PADS_STILL = 0.005  # metres a second
QUARTER = math.pi / 2  # radians, between the turns of the tool in which a receptacle is to be reached
ASIDE_TRIES = 6  # places on the table that are tried for what is in the way
REFUSED = frozenset(
    {
        OutcomeCode.COLLISION,
        OutcomeCode.UNREACHABLE,
        OutcomeCode.JOINT_LIMIT,
        OutcomeCode.OUTSIDE_WORKSPACE,
    }
)  # codes of what is said before anything moves


class RosDomain:
    """Observes through ``objects`` and ``joint_states``, acts through ``move_to`` and ``move_gripper``."""

    def __init__(self, node: Node, monitor: HeartbeatMonitor, family: Family):
        group = ReentrantCallbackGroup()
        self._node = node
        self._monitor = monitor
        self._family = family
        self._kinematics = Kinematics.load()
        self._move_to = ActionClient(node, MoveTo, "move_to", callback_group=group)
        self._move_gripper = ActionClient(node, MoveGripper, "move_gripper", callback_group=group)
        self._senses = Senses(node, monitor, group)
        self._reset()

    def _reset(self) -> None:
        containers = self._family.receptacles if self._family.vanishing else frozenset()
        self._hands = Manipulation(self._family.names, containers)
        self._places: dict[str, tuple[float, float, float]] = {}
        self._closed = False
        self._grip_width = 0.0
        self._found_held = False

    def begin(self) -> None:
        """Forget the last run; the next observation waits for a camera image taken from now on.

        Raises:
            ObservationError: executor or perception is not there.
        """
        self._reset()
        self._senses.begin(self._family.receptacles)
        self._grip_width, _ = self._senses.grip
        self._closed = self._grip_width < GRIPPER_OPEN_WIDTH - LOST_MARGIN
        # A run that was cancelled may have left something in the hand; the first image tells what.
        self._found_held = self._closed and self._grip_width > GRIPPER_CLOSED_WIDTH + CLOSED_TOLERANCE

    @property
    def objects(self) -> DetectedObjects | None:
        """The newest message of perception."""
        return self._senses.objects

    @property
    def places(self) -> dict[str, tuple[float, float, float]]:
        """Centres of the objects as last observed, metres, frame ``base``."""
        return dict(self._places)

    def _tool(self) -> tuple[NDArray[np.float64], float]:
        """Position (3,) and yaw of the tool, from the joints."""
        joints = self._senses.wait_joints()
        position, rotation = self._kinematics.forward(np.array([joints[n] for n in ARM_JOINTS]))
        return position, yaw_of(rotation)

    # Domain

    def observe(self) -> Observation:
        """See ``taskprog.machine.domain.Domain``."""
        needed = self._senses.needed
        self._senses.wait_objects()
        tool, yaw = self._tool()
        self._senses.wait_still(None if self._hands.scene.held is None else tool)
        message = self._senses.wait_objects()
        stamp = stamp_of(message)
        estimates = self._estimates(message, stamp)
        self._hands.see(estimates)
        self._check_reach([o for o in estimates if o.name in needed], yaw)
        if self._found_held:
            self._hands.closed(tool, yaw, True)
            self._found_held = False
        if self._hands.scene.held is not None:
            self._watch_grip(tool, yaw)
        objects = self._hands.observed(tool, yaw)
        self._places = {
            o.name: (float(o.position[0]), float(o.position[1]), float(o.position[2])) for o in objects
        }
        return Observation(
            stamp,
            tuple(o.name for o in objects),
            np.array([o.position for o in objects], np.float32).reshape(-1, 3),
            np.array([o.yaw for o in objects], np.float32),
            tool.astype(np.float32),
            self._closed,
            self._hands.scene.held is not None,
        )

    def _watch_grip(self, tool: NDArray[np.float64], yaw: float) -> None:
        """Notice that what was held has slipped out of the hand."""
        width, speed = self._senses.grip
        # Thin things are held with the pads hardly apart.
        least = GRIPPER_CLOSED_WIDTH + CLOSED_TOLERANCE
        if width < least or (speed > PADS_STILL and width < self._grip_width - LOST_MARGIN):
            self._hands.opened(tool, yaw, self._senses.motion_end)
        else:
            self._grip_width = min(self._grip_width, width)  # it may have turned between the pads

    def _check_reach(self, receptacles: Sequence[ObjectEstimate], yaw: float) -> None:
        """Raise ObservationError unless the tool gets over each of them, at a yaw or turned by quarters."""
        for bed in receptacles:
            place = bed.position + [0.0, 0.0, max(self._family.offsets)]
            where = f"{bed.name} at {format_point(bed.position)} m cannot be reached, and the task needs it: "
            if not WORKSPACE.contains(tuple(place.tolist())):
                raise ObservationError(f"{where}{format_point(place)} m, above it, is outside the workspace")
            if reason := self._unreachable(place, [yaw + k * QUARTER for k in range(4)]):
                raise ObservationError(where + reason)

    def _unreachable(self, place: NDArray[np.float64], yaws: Sequence[float]) -> str:
        """Why the tool cannot be at a place (3,) at any of some yaws; empty if it can."""
        reason = ""
        for yaw in yaws:
            try:
                self._kinematics.inverse(place, top_down(yaw))
            except MotionError as error:
                reason = str(error)
            else:
                return ""
        return reason

    def _estimates(self, message: DetectedObjects, stamp: float) -> list[ObjectEstimate]:
        """What the planner knows of what perception reports."""
        estimates = []
        for o in message.objects:
            name = self._hands.name_of(o.name, o.category)
            if name is not None:
                position = np.array(place_of(o.pose))
                yaw = upright_yaw(o.pose)
                size = np.array([o.size.x, o.size.y, o.size.z])
                estimates.append(ObjectEstimate(name, position, yaw, o.visible, stamp, size, o.name))
        return estimates

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.domain.Domain``."""
        outcome = self._execute(call, cancel)
        if not outcome.ok:
            # Seen again, things may look otherwise. Where time stands still, the same image comes again.
            self._senses.want_another()
        return outcome

    def _execute(self, call: Call, cancel: CancelToken) -> Outcome:
        try:
            match call.op.name:
                case "move_to":
                    name, height = call.args
                    return self._execute_move(str(name), float(height), cancel)
                case "open_gripper":
                    return self._execute_gripper(MoveGripper.Goal.OPEN, cancel)
                case "close_gripper":
                    return self._execute_gripper(MoveGripper.Goal.CLOSE, cancel)
                case other:
                    return Outcome(OutcomeCode.INVALID_GOAL, f"the robot has no primitive {other!r}")
        except ActionCancelled as error:
            return Outcome(OutcomeCode.CANCELLED, str(error))
        except ActionRejected as error:
            return Outcome(OutcomeCode.INVALID_GOAL, str(error))
        except ActionTimeout as error:
            return Outcome(OutcomeCode.TIMEOUT, str(error))
        except ActionError as error:
            return Outcome(OutcomeCode.ROBOT_STOPPED, str(error))
        except ObservationError as error:
            return Outcome(OutcomeCode.ROBOT_STOPPED, str(error))

    def _execute_move(self, name: str, height: float, cancel: CancelToken) -> Outcome:
        uncovered = self._uncover(name, cancel) if height <= 0.0 else Outcome()
        return self._go(name, height, cancel) if uncovered.ok else uncovered

    def _go(self, name: str, height: float, cancel: CancelToken) -> Outcome:
        outcome = Outcome()
        try:
            for _ in range(self._hands.ways(name)):
                target = self._hands.target(name, height, *self._tool())
                outcome = self._move(target, cancel)
                if outcome.code not in REFUSED or not self._hands.refused(outcome.code, outcome.message):
                    break
        except MotionError as error:
            return Outcome(error.code, str(error))
        return outcome

    def _uncover(self, name: str, cancel: CancelToken) -> Outcome:
        """Put onto the table what lies on an object: no program knows how, and it cannot be taken so."""
        for _ in self._family.names:
            upper = self._hands.on_top(name, self._tool()[0])
            if upper is None:
                return Outcome()
            self._node.get_logger().info(f"{upper} lies on {name}, and is put aside")
            outcome = self._put_aside(upper, cancel)
            if not outcome.ok:
                return Outcome(outcome.code, f"{upper} lies on {name}: {outcome.message}")
            self.observe()
        return Outcome(OutcomeCode.COLLISION, f"something lies on {name} however much is put aside")

    def _put_aside(self, name: str, cancel: CancelToken) -> Outcome:
        outcome = self._go(name, 0.0, cancel)
        if not outcome.ok:
            return outcome
        outcome = self._execute_gripper(MoveGripper.Goal.CLOSE, cancel)
        if outcome.ok:
            outcome = Outcome(OutcomeCode.COLLISION, "there is no free place on the table")
            for target in self._hands.aside(*self._tool())[:ASIDE_TRIES]:
                outcome = self._move(target, cancel)
                if outcome.code not in REFUSED:
                    break
        if outcome.ok:
            return self._execute_gripper(MoveGripper.Goal.OPEN, cancel)
        if outcome.code in REFUSED or outcome.code is OutcomeCode.NOTHING_HELD:
            self._execute_gripper(MoveGripper.Goal.OPEN, cancel)  # nothing was lifted
        return outcome

    def _move(self, target: Target, cancel: CancelToken) -> Outcome:
        goal, end = MoveTo.Goal(), self._senses.motion_end
        goal.target.header.frame_id = "base"
        goal.target.header.stamp = to_stamp(end if math.isfinite(end) else 0.0)
        goal.target.pose = to_pose(target.position, top_down(target.yaw))
        result: MoveTo.Result = self._call(self._move_to, goal, cancel)
        self._senses.moved(from_stamp(result.reached.header.stamp))
        return Outcome(OutcomeCode(result.error_code), result.message)

    def _execute_gripper(self, command: int, cancel: CancelToken) -> Outcome:
        tool, yaw = self._tool()
        goal = MoveGripper.Goal()
        goal.command = command
        opening = command == MoveGripper.Goal.OPEN
        goal.retreat = RETREAT if opening else 0.0
        result: MoveGripper.Result = self._call(self._move_gripper, goal, cancel)
        self._senses.moved(from_stamp(result.stamp))
        self._closed = not opening
        if opening:
            self._hands.opened(tool, yaw, self._senses.motion_end)
        else:
            self._grip_width = result.width
            self._hands.closed(tool, yaw, bool(result.holding))
        return Outcome(OutcomeCode(result.error_code), result.message)

    def _call(self, client: ActionClient, goal: Any, cancel: CancelToken) -> Any:
        return call_action(
            client,
            goal,
            cancel,
            MOTION_TIMEOUT,
            alive=lambda: self._monitor.alive(EXECUTOR),
        )
