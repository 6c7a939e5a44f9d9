"""The robot behind ROS as a domain of the machine: perception's objects in, executor's actions out."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sawyer_ntp.action import MoveGripper, MoveTo
from sawyer_ntp.msg import DetectedObjects
from sensor_msgs.msg import JointState

from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics, format_point, top_down, yaw_of
from taskprog.control.manipulation import Manipulation, Target
from taskprog.control.primitives import CLOSED_TOLERANCE
from taskprog.control.robot import (
    ARM_JOINTS,
    GRIPPER_CLOSED_WIDTH,
    GRIPPER_JOINTS,
    GRIPPER_OPEN_WIDTH,
    gripper_width,
)
from taskprog.control.scene_estimate import GRASP_RADIUS, ObjectEstimate
from taskprog.machine import Call, CancelToken, Observation, ObservationError, Outcome, OutcomeCode
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import ActionCancelled, ActionError, ActionRejected, ActionTimeout, call_action
from taskprog.nodes.convert import from_stamp, place_of, to_pose, to_stamp, upright_yaw
from taskprog.nodes.heartbeat import HeartbeatMonitor
from taskprog.nodes.qos import NEWEST
from taskprog.tasks.family import Family
from taskprog.tasks.table_top import WORKSPACE
from taskprog.tasks.twin import RETREAT

FRESH_TIMEOUT = 5.0  # seconds to wait for a new image, of wall time and of the robot's
SLOW = 3.0  # times as much wall time, where the robot's goes more slowly, or stands still
# What moves may be falling: nothing is decided before it lies, or for so many seconds of the robot's time.
STIR_TIMEOUT = 1.0
STIR = 0.015  # metres between two images in a row; less is noise
STANDSTILL = 0.3  # seconds of wall time without a newer image: the robot's time stands still
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
EXECUTOR, PERCEPTION = "executor", "perception"


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
        self._changed = threading.Condition()
        self._objects: DetectedObjects | None = None
        self._objects_before: DetectedObjects | None = None  # of the image before
        self._objects_count = 0
        self._joints: dict[str, float] = {}
        self._joints_stamp = -math.inf
        self._speeds: dict[str, float] = {}
        node.create_subscription(
            DetectedObjects,
            "objects",
            self._on_objects,
            NEWEST,
            callback_group=group,
        )
        node.create_subscription(
            JointState, "joint_states", self._on_joints, qos_profile_sensor_data, callback_group=group
        )
        self._wanted = 0  # number of the first message of perception that belongs to this run
        self._reset()

    def _reset(self) -> None:
        containers = self._family.receptacles if self._family.vanishing else frozenset()
        self._hands = Manipulation(self._family.names, containers)
        self._places: dict[str, tuple[float, float, float]] = {}
        self._closed = False
        self._grip_width = 0.0
        self._found_held = False
        self._motion_end = -math.inf
        self._needed = self._family.receptacles  # to be seen before anything moves

    def begin(self) -> None:
        """Forget the last run; the next observation waits for a camera image taken from now on.

        Raises:
            ObservationError: executor or perception is not there.
        """
        self._reset()
        end = time.monotonic() + FRESH_TIMEOUT
        with self._changed:
            while missing := [p for p in (EXECUTOR, PERCEPTION) if not self._monitor.alive(p)]:
                if time.monotonic() > end:
                    raise ObservationError(f"no sign of life from node {' and '.join(missing)}: running?")
                self._changed.wait(0.1)
        self._grip_width = gripper_width(self._wait_joints())
        self._closed = self._grip_width < GRIPPER_OPEN_WIDTH - LOST_MARGIN
        # A run that was cancelled may have left something in the hand; the first image tells what.
        self._found_held = self._closed and self._grip_width > GRIPPER_CLOSED_WIDTH + CLOSED_TOLERANCE
        with self._changed:
            self._motion_end = self._joints_stamp
            self._wanted = self._objects_count + 1

    @property
    def objects(self) -> DetectedObjects | None:
        """The newest message of perception."""
        with self._changed:
            return self._objects

    @property
    def places(self) -> dict[str, tuple[float, float, float]]:
        """Centres of the objects as last observed, metres, frame ``base``."""
        return dict(self._places)

    # Messages in

    def _on_objects(self, message: DetectedObjects) -> None:
        with self._changed:
            if self._objects is not None and _stamp(self._objects) < _stamp(message):
                self._objects_before = self._objects
            self._objects = message
            self._objects_count += 1
            self._changed.notify_all()

    def _on_joints(self, message: JointState) -> None:
        with self._changed:
            self._joints.update(zip(message.name, message.position, strict=False))
            self._speeds.update(zip(message.name, message.velocity, strict=False))
            if ARM_JOINTS[0] in message.name:
                self._joints_stamp = from_stamp(message.header.stamp)
            self._changed.notify_all()

    def _wait_joints(self) -> dict[str, float]:
        needed = (*ARM_JOINTS, *GRIPPER_JOINTS)
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._joints_stamp >= self._motion_end and all(n in self._joints for n in needed),
                FRESH_TIMEOUT,
            ):
                missing = [n for n in needed if n not in self._joints]
                reason = f"without {', '.join(missing)}" if missing else "none since the last motion"
                raise ObservationError(
                    f"joint_states: {reason} after {FRESH_TIMEOUT:g} s: is the robot running?"
                )
            return dict(self._joints)

    def _wait_objects(self) -> DetectedObjects:
        """The newest message of perception, once it is fit for use."""
        began = time.monotonic()
        with self._changed:
            stamp = self._joints_stamp
            while (reason := self._unfit()) or self._objects is None:
                if not self._monitor.alive(PERCEPTION):
                    raise ObservationError("node perception died: no heartbeat")
                waited = time.monotonic() - began
                own = self._joints_stamp - stamp
                if waited > FRESH_TIMEOUT and (own > FRESH_TIMEOUT or waited > SLOW * FRESH_TIMEOUT):
                    raise ObservationError(reason)
                self._changed.wait(0.2)
            self._needed = frozenset()
            return self._objects

    def _wait_still(self, tool: NDArray[np.float64]) -> None:
        """Wait until nothing moves in the newest image but what is in the hand at ``tool`` (3,)."""
        with self._changed:
            assert self._objects is not None
            began = stamp = _stamp(self._objects)
            while stamp - began < STIR_TIMEOUT and self._stirs(self._objects, tool):
                if not self._changed.wait_for(functools.partial(self._is_newer, stamp), STANDSTILL):
                    return
                stamp = _stamp(self._objects)

    def _is_newer(self, stamp: float) -> bool:
        return self._objects is not None and _stamp(self._objects) > stamp

    def _stirs(self, message: DetectedObjects, tool: NDArray[np.float64]) -> bool:
        """Whether something is elsewhere than in the image before, or is seen no more."""
        if self._objects_before is None:
            return False
        before = {o.name: o for o in self._objects_before.objects if o.visible}
        for now in message.objects:
            then, place = before.get(now.name), place_of(now.pose)
            if then is None or (self._hands.scene.held and math.dist(place, tool) < GRASP_RADIUS):
                continue
            if not now.visible or math.dist(place, place_of(then.pose)) > STIR:
                return True
        return False

    def _unfit(self) -> str:
        """Why the newest message of perception is of no use; empty if it is."""
        message = self._objects
        if (
            message is None
            or self._objects_count < self._wanted
            or _stamp(message) < self._motion_end
            or not message.objects
        ):
            seen = "none" if message is None else f"{len(message.objects)} objects, old"
            return f"no fresh objects from perception within {FRESH_TIMEOUT:g} s (last: {seen}): " + (
                self._monitor.complaint(PERCEPTION) or "is the camera running, and does it see the table?"
            )
        names = {o.name for o in message.objects}
        if missing := sorted(self._needed - names):
            return (
                f"no {', '.join(missing)} in sight within {FRESH_TIMEOUT:g} s, only "
                f"{', '.join(sorted(names))}; the task needs {', '.join(sorted(self._needed))}"
            )
        return ""

    def _tool(self) -> tuple[NDArray[np.float64], float]:
        """Position (3,) and yaw of the tool, from the joints."""
        joints = self._wait_joints()
        position, rotation = self._kinematics.forward(np.array([joints[n] for n in ARM_JOINTS]))
        return position, yaw_of(rotation)

    # Domain

    def observe(self) -> Observation:
        """See ``taskprog.machine.domain.Domain``."""
        needed = self._needed  # none but in a run's first image
        self._wait_objects()
        tool, yaw = self._tool()
        self._wait_still(tool)
        message = self._wait_objects()
        stamp = _stamp(message)
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
        with self._changed:
            width = gripper_width(self._joints)
            left, right = (self._speeds.get(name, 0.0) for name in GRIPPER_JOINTS)
        moves = abs(left - right) > PADS_STILL
        # Thin things are held with the pads hardly apart.
        least = GRIPPER_CLOSED_WIDTH + CLOSED_TOLERANCE
        if width < least or (moves and width < self._grip_width - LOST_MARGIN):
            self._hands.opened(tool, yaw, self._motion_end)
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
            with self._changed:
                self._wanted = self._objects_count + 1
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
        goal = MoveTo.Goal()
        goal.target.header.frame_id = "base"
        goal.target.header.stamp = to_stamp(self._motion_end if math.isfinite(self._motion_end) else 0.0)
        goal.target.pose = to_pose(target.position, top_down(target.yaw))
        result: MoveTo.Result = self._call(self._move_to, goal, cancel)
        self._ended(from_stamp(result.reached.header.stamp))
        return Outcome(OutcomeCode(result.error_code), result.message)

    def _execute_gripper(self, command: int, cancel: CancelToken) -> Outcome:
        tool, yaw = self._tool()
        goal = MoveGripper.Goal()
        goal.command = command
        opening = command == MoveGripper.Goal.OPEN
        goal.retreat = RETREAT if opening else 0.0
        result: MoveGripper.Result = self._call(self._move_gripper, goal, cancel)
        self._ended(from_stamp(result.stamp))
        self._closed = not opening
        if opening:
            self._hands.opened(tool, yaw, self._motion_end)
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

    def _ended(self, stamp: float) -> None:
        self._motion_end = max(self._motion_end, stamp)


def _stamp(message: DetectedObjects) -> float:
    """When its image was taken, seconds."""
    return from_stamp(message.header.stamp)
