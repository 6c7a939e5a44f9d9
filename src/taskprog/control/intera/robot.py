"""A Sawyer behind Intera's topics: connection, motors, arm and gripper as one thing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taskprog.control.intera import messages as types
from taskprog.control.intera.arm import Arm
from taskprog.control.intera.codes import Code, Fault
from taskprog.control.intera.feeds import Feeds, Timeouts, describe_stop
from taskprog.control.intera.gripper import Gripper
from taskprog.control.intera.guard import Guard
from taskprog.control.robot import ARM_JOINTS
from tcpros import Message, MessageType, Node, RpcError, Subscriber, Time

Floats = NDArray[np.float64]

MASTER_TIMEOUT = 3.0  # seconds without an answer; it is asked once a second
REQUEST_TIMEOUT = 5.0  # seconds in which the robot must do what it is asked
REQUEST_PERIOD = 0.02  # seconds between copies of a request
COMMAND_TIMEOUT = 0.2  # seconds after which the robot ends a stream of commands that stopped
MAX_MESSAGE = 256 * 1024  # bytes
COMMAND_TOPIC = "/robot/limb/right/joint_command"


class RobotError(RuntimeError):
    """The robot does not do what it was asked; says why and what to do."""


class SawyerRobot:
    """Connected from construction to ``close``; it never enables the motors by itself.

    Attributes:
        arm, gripper, feeds: its parts.
    """

    def __init__(
        self,
        master: str,
        guard: Guard,
        timeouts: Timeouts | None = None,
        host: str | None = None,
        speed_ratio: float = 0.3,
        name: str = "/sawyer_driver",
    ):
        """Connect, as soon as the robot's master answers.

        Args:
            master: address of the robot's master, as http://robot.local:11311/.
            host: of this machine, as the robot reaches it; see ``tcpros.Node``.
            speed_ratio: share of the velocity limits with which the robot goes to a place to hold.

        Raises:
            ValueError, OSError: see ``tcpros.Node``.
        """
        self.feeds = Feeds(timeouts or Timeouts())
        self._guard, self._ratio = guard, speed_ratio
        self._taken = ""
        self._seq = 0
        self._requests = threading.Lock()
        self._subscribers: list[Subscriber] = []
        self._node = Node(name, master, host, self._on_shutdown)
        self.gripper = Gripper(self.fault)
        self._grippers = threading.Lock()
        advertise = self._node.advertise
        self._command = advertise(COMMAND_TOPIC, types.JOINT_COMMAND)
        self._enable = advertise("/robot/set_super_enable", types.BOOL)
        self._reset = advertise("/robot/set_super_reset", types.EMPTY)
        self._stop = advertise("/robot/set_super_stop", types.EMPTY)
        self._speed = advertise("/robot/limb/right/set_speed_ratio", types.FLOAT64, latched=True)
        self._patience = advertise("/robot/limb/right/joint_command_timeout", types.FLOAT64, latched=True)
        for topic, kinds, callback in (
            ("/robot/state", types.ROBOT_STATES, self.feeds.on_state),
            ("/robot/joint_states", (types.JOINT_STATE,), self.feeds.on_joints),
            ("/robot/joint_limits", (types.JOINT_LIMITS,), self._on_limits),
            ("/robot/limb/right/collision_detection_state", (types.COLLISION,), self.feeds.on_collision),
            ("/io/robot/cuff/state", types.DEVICE_STATES, self.feeds.on_cuff),
            ("/io/end_effector/state", types.NODE_STATES, self._on_devices),
        ):
            self._subscribe(topic, kinds, callback)
        self.arm = Arm(self.feeds, guard, self._send, self.fault)

    def close(self) -> None:
        """Stop what moves and disconnect; the motors stay as they are."""
        self.arm.close()
        self._node.close()

    def fault(self) -> Fault | None:
        """Why nothing may move now."""
        if self._taken:
            return Fault(Code.TAKEN_OVER, self._taken)
        fault = self.feeds.fault()
        if fault is not None:
            return fault
        age = self._node.master_age
        if age > MASTER_TIMEOUT:
            return Fault(Code.MASTER_LOST, f"the robot's master has been silent for {age:.1f} s")
        if not self._command.connections:
            text = f"nobody listens to {COMMAND_TOPIC}; can the robot reach {self._node.uri}?"
            return Fault(Code.NOBODY_LISTENS, text)
        return None

    def description(self) -> str:
        """The robot's own URDF, or nothing where it offers none or cannot be asked."""
        try:
            return str(self._node.parameter("/robot_description"))
        except RpcError:
            return ""

    def enable(self) -> None:
        """Power the motors.

        Raises:
            RobotError: it is stopped or does not answer, or another program commands the arm.
        """
        with self._requests:
            state = self._known_state()
            if state.stopped:
                raise RobotError(f"the robot is stopped: {describe_stop(state)}")
            self._alone()
            self._patience.publish(types.FLOAT64(data=COMMAND_TIMEOUT))
            self._speed.publish(types.FLOAT64(data=self._ratio))
            self._ask(
                lambda: self._enable.publish(types.BOOL(data=True)), lambda s: bool(s.enabled), "enable"
            )

    def disable(self) -> None:
        """Take the motors' power, after a motion has come to rest; the brakes hold.

        Raises:
            RobotError: it does not answer.
        """
        with self._requests:
            self.arm.stop("disabled on request", cancelled=False)
            self.arm.wait()
            self._ask(
                lambda: self._enable.publish(types.BOOL(data=False)), lambda s: not s.enabled, "disable"
            )

    def stop(self) -> None:
        """Stop as with the red button, by software; a reset is needed afterwards.

        Raises:
            RobotError: it does not answer.
        """
        self._ask(lambda: self._stop.publish(types.EMPTY()), lambda s: bool(s.stopped), "stop")

    def reset(self) -> None:
        """Clear a stop or an error; leaves the motors without power.

        Raises:
            RobotError: the button is pressed, there is nothing to reset, or it does not answer.
        """
        with self._requests:
            state = self._known_state()
            if state.estop_button == types.BUTTON_PRESSED:
                raise RobotError("the red button is pressed: release it first")
            if not (state.stopped or state.error):
                raise RobotError("the robot is neither stopped nor in error: there is nothing to reset")
            self._ask(
                lambda: self._reset.publish(types.EMPTY()),
                lambda s: not (s.stopped or s.error or s.estop_button or s.estop_source),
                "reset",
            )

    def status(self) -> dict[str, str]:
        """What people want to know, for diagnostics."""
        state, fault = self.feeds.state, self.fault()
        problems = [text for s in self._subscribers for text in s.problems.values()]
        return {
            "may move": "yes" if fault is None else f"no: {fault.message}",
            "enabled": "unknown" if state is None else str(bool(state.enabled)),
            "stopped": "unknown" if state is None else describe_stop(state) if state.stopped else "False",
            "error": "unknown" if state is None else str(bool(state.error)),
            "moving": str(self.arm.moving),
            "commands replaced": str(self._command.replaced),
            "connections": "; ".join(problems) or "good",
        }

    def _known_state(self) -> Message:
        state = self.feeds.state
        if state is None:
            problems = [text for s in self._subscribers for text in s.problems.values()]
            raise RobotError(f"the robot's state is not known: {'; '.join(problems) or 'nothing comes'}")
        return state

    def _alone(self) -> None:
        """One owner of motion: refuse to start beside another program that commands the arm."""
        try:
            publishers, _, _ = self._node.call("getSystemState")
            others = {node for topic, nodes in publishers if topic == COMMAND_TOPIC for node in nodes}
        except (RpcError, TypeError, ValueError) as error:
            raise RobotError(f"the robot's master does not tell who commands the arm: {error}") from error
        others.discard(self._node.name)
        if others:
            raise RobotError(f"{', '.join(sorted(others))} commands the arm as well: end it first")

    def _ask(self, request: Callable[[], Any], done: Callable[[Message], bool], what: str) -> None:
        end = time.monotonic() + REQUEST_TIMEOUT
        while time.monotonic() < end:
            state = self.feeds.state
            if state is not None and done(state):
                return
            if state is not None and state.stopped and what == "enable":
                raise RobotError(f"the robot is stopped: {describe_stop(state)}")
            request()
            time.sleep(REQUEST_PERIOD)
        raise RobotError(f"the robot did not {what} within {REQUEST_TIMEOUT:g} s")

    def _send(self, mode: int, positions: Floats, velocities: Floats, accelerations: Floats) -> int:
        self._seq += 1
        message = types.JOINT_COMMAND(mode=mode, names=list(ARM_JOINTS), position=positions.tolist())
        message.header.seq = self._seq & 0xFFFFFFFF
        message.header.stamp = Time(*divmod(time.time_ns(), 1_000_000_000))
        if mode == types.TRAJECTORY_MODE:
            message.velocity, message.acceleration = velocities.tolist(), accelerations.tolist()
        return self._command.publish(message)

    def _subscribe(
        self, topic: str, kinds: tuple[MessageType, ...], callback: Callable[[Message], None]
    ) -> None:
        self._subscribers.append(self._node.subscribe(topic, kinds, callback, MAX_MESSAGE))

    def _on_shutdown(self, reason: str) -> None:
        self._taken = f"told to end by the robot's master: {reason}"
        self.feeds.alarm()

    def _on_limits(self, message: Message) -> None:
        rows = {
            name: values
            for name, *values in zip(
                message.joint_names,
                message.position_lower,
                message.position_upper,
                message.velocity,
                message.accel,
                strict=False,
            )
        }
        if all(name in rows for name in ARM_JOINTS):
            values = np.array([rows[name] for name in ARM_JOINTS], np.float64)
            if np.isfinite(values).all() and (values[:, 2:] > 0).all():
                self._guard.narrow(*values.T)

    def _on_devices(self, message: Message) -> None:
        """The first device at the end effector is the gripper."""
        with self._grippers:
            if self.gripper.send is not None or not message.devices:
                return
            base = f"/io/end_effector/{message.devices[0].name}"
            command = self._node.advertise(f"{base}/command", types.IO_COMMAND)
            self._subscribe(f"{base}/state", types.DEVICE_STATES, self.gripper.on_state)
            self.gripper.send = command.publish
