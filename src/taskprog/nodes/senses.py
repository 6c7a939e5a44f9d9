"""What robot and perception say, and waiting until it is new enough to decide on."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Set

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sawyer_ntp.msg import DetectedObjects
from sensor_msgs.msg import JointState

from taskprog.control.robot import ARM_JOINTS, GRIPPER_JOINTS, gripper_width
from taskprog.control.scene_estimate import GRASP_RADIUS
from taskprog.machine import ObservationError
from taskprog.nodes.convert import from_stamp, place_of
from taskprog.nodes.heartbeat import HeartbeatMonitor
from taskprog.nodes.qos import NEWEST

FRESH_TIMEOUT = 5.0  # seconds to wait for a new image, of wall time and of the robot's
SLOW = 3.0  # times as much wall time, where the robot's goes more slowly, or stands still
# What moves may be falling: nothing is decided before it lies, or for so many seconds of the robot's time.
STIR_TIMEOUT = 1.0
STIR = 0.015  # metres between two images in a row; less is noise
STANDSTILL = 0.3  # seconds of wall time without a newer image: the robot's time stands still
EXECUTOR, PERCEPTION = "executor", "perception"


class Senses:
    """The newest of ``objects`` and ``joint_states``; its methods may be called from any thread."""

    def __init__(self, node: Node, monitor: HeartbeatMonitor, group: ReentrantCallbackGroup) -> None:
        self._monitor = monitor
        self._changed = threading.Condition()
        self._objects: DetectedObjects | None = None
        self._objects_before: DetectedObjects | None = None  # of the image before
        self._count = 0  # of messages of perception
        self._wanted = 0  # number of the first of them that will do
        self._needed: Set[str] = frozenset()  # what must be seen in it
        self._joints: dict[str, float] = {}
        self._joints_stamp = -math.inf
        self._speeds: dict[str, float] = {}
        self._motion_end = -math.inf
        node.create_subscription(DetectedObjects, "objects", self._on_objects, NEWEST, callback_group=group)
        node.create_subscription(
            JointState, "joint_states", self._on_joints, qos_profile_sensor_data, callback_group=group
        )

    def begin(self, needed: Set[str]) -> None:
        """Forget the last run; the next objects are those of a camera image taken from now on.

        Args:
            needed: names that must be among them.

        Raises:
            ObservationError: executor or perception is not there, or the robot says nothing.
        """
        self._needed, self._motion_end = needed, -math.inf
        end = time.monotonic() + FRESH_TIMEOUT
        with self._changed:
            while missing := [p for p in (EXECUTOR, PERCEPTION) if not self._monitor.alive(p)]:
                if time.monotonic() > end:
                    raise ObservationError(f"no sign of life from node {' and '.join(missing)}: running?")
                self._changed.wait(0.1)
        self.wait_joints()
        with self._changed:
            self._motion_end = self._joints_stamp
        self.want_another()

    def want_another(self) -> None:
        """Objects of a message that has come already will not do."""
        with self._changed:
            self._wanted = self._count + 1

    def moved(self, end: float) -> None:
        """The robot moved until ``end``, seconds of its clock: joints and images from before will not do."""
        self._motion_end = max(self._motion_end, end)

    @property
    def motion_end(self) -> float:
        """When the robot last came to rest, seconds of its clock; -inf before the first run."""
        return self._motion_end

    @property
    def needed(self) -> Set[str]:
        """What must be among the next objects; nothing but in a run's first image."""
        return self._needed

    @property
    def objects(self) -> DetectedObjects | None:
        """The newest message of perception."""
        with self._changed:
            return self._objects

    @property
    def grip(self) -> tuple[float, float]:
        """Between the pads, metres, and how fast they approach each other or part, metres a second."""
        with self._changed:
            left, right = (self._speeds.get(name, 0.0) for name in GRIPPER_JOINTS)
            return gripper_width(self._joints), abs(left - right)

    def wait_joints(self) -> dict[str, float]:
        """Positions of the joints by name, metres or radians, of after the last motion.

        Raises:
            ObservationError: they do not come.
        """
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

    def wait_objects(self) -> DetectedObjects:
        """The newest message of perception, once it is fit for use.

        Raises:
            ObservationError: none comes that is, with what the last one lacks.
        """
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

    def wait_still(self, hand: NDArray[np.float64] | None) -> None:
        """Wait until nothing moves in the newest image, but not for ever.

        Args:
            hand: (3,) metres, frame ``base``, where things may move, as they are held there; None if none is.
        """
        with self._changed:
            assert self._objects is not None
            began = stamp = stamp_of(self._objects)
            while stamp - began < STIR_TIMEOUT and self._stirs(self._objects, hand):
                if not self._changed.wait_for(functools.partial(self._is_newer, stamp), STANDSTILL):
                    return
                stamp = stamp_of(self._objects)

    def _on_objects(self, message: DetectedObjects) -> None:
        with self._changed:
            if self._objects is not None and stamp_of(self._objects) < stamp_of(message):
                self._objects_before = self._objects
            self._objects = message
            self._count += 1
            self._changed.notify_all()

    def _on_joints(self, message: JointState) -> None:
        with self._changed:
            self._joints.update(zip(message.name, message.position, strict=False))
            self._speeds.update(zip(message.name, message.velocity, strict=False))
            if ARM_JOINTS[0] in message.name:
                self._joints_stamp = from_stamp(message.header.stamp)
            self._changed.notify_all()

    def _is_newer(self, stamp: float) -> bool:
        return self._objects is not None and stamp_of(self._objects) > stamp

    def _stirs(self, message: DetectedObjects, hand: NDArray[np.float64] | None) -> bool:
        """Whether something is elsewhere than in the image before, or is seen no more."""
        if self._objects_before is None:
            return False
        before = {o.name: o for o in self._objects_before.objects if o.visible}
        for now in message.objects:
            then, place = before.get(now.name), place_of(now.pose)
            if then is None or (hand is not None and math.dist(place, hand) < GRASP_RADIUS):
                continue
            if not now.visible or math.dist(place, place_of(then.pose)) > STIR:
                return True
        return False

    def _unfit(self) -> str:
        """Why the newest message of perception is of no use; empty if it is."""
        message = self._objects
        if (
            message is None
            or self._count < self._wanted
            or stamp_of(message) < self._motion_end
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


def stamp_of(message: DetectedObjects) -> float:
    """When its image was taken, seconds."""
    return from_stamp(message.header.stamp)
