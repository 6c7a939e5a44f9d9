"""The whole stand-in: joints, motors, gripper and cuff behind Intera's topics, on any ROS 1 transport."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from taskprog.control.intera import messages as types
from taskprog_sim.intera.arm import ACCELERATION, JOINTS, LOWER, NEUTRAL, UPPER, VELOCITY, Arm
from taskprog_sim.intera.assembly import Assembly
from taskprog_sim.intera.gripper import NAME, Gripper
from tcpros import Message, MessageType, Time

PERIOD = 0.01  # seconds
GRIPPER_JOINTS = ("right_gripper_l_finger_joint", "right_gripper_r_finger_joint")


class Link(Protocol):
    """A ROS 1 node: tcpros's or rospy's."""

    def advertise(self, topic: str, kind: MessageType, latched: bool) -> Callable[[Message], object]:
        """Publish a topic; what is returned sends a message."""

    def subscribe(self, topic: str, kind: MessageType, callback: Callable[[Any], None]) -> None:
        """Receive a topic; ``callback`` gets messages with the type's fields."""


@dataclass
class Faults:
    """What goes wrong, until it is set back.

    Attributes:
        frozen: topics that are no longer published; "*" for all.
        drop: every so many-th joint state is lost; 0 for none.
        delay: seconds by which joint states come late.
        collision: the flag is up.
        cuff: a person holds the cuff; commands are not obeyed.
    """

    frozen: frozenset[str] = frozenset()
    drop: int = 0
    delay: float = 0.0
    collision: bool = False
    cuff: bool = False


def parameters(description: str, version: str = "5.3.0.0") -> Mapping[str, Any]:
    """Of the robot's master."""
    return {
        "/manifest/robot_class": "sawyer",
        "/manifest/robot_software/version/HLR_VERSION_STRING": version,
        "/robot_config/assembly_names": ["head", "right", "torso"],
        "/robot_config/right_config/joint_names": list(JOINTS),
        "/robot_config/joint_config/joint_acceleration_limit": dict(zip(JOINTS, ACCELERATION, strict=True)),
        "/named_poses/right/poses/neutral": list(NEUTRAL),
        "/robot_description": description,
    }


class FakeSawyer:
    """The robot; alive from construction to ``close``.

    Attributes:
        arm, assembly, gripper: its parts; change them with ``lock`` held.
        faults: to be set at any time.
    """

    def __init__(self, link: Link, old: bool = False):
        """``old``: speak as Intera 5.0 and 5.1 do."""
        table = types.OLD_TYPES if old else types.TYPES
        self.lock = threading.RLock()
        self.arm, self.assembly, self.gripper = Arm(), Assembly(), Gripper()
        self.faults = Faults()
        self._state = types.ROBOT_STATES[1 if old else 0]
        self._device = table["intera_core_msgs/IODeviceStatus"]
        self._node = table["intera_core_msgs/IONodeStatus"]
        self._component = table["intera_core_msgs/IOComponentStatus"]
        self._data = table["intera_core_msgs/IODataStatus"]
        self._senders: dict[str, Callable[[Message], object]] = {}
        self._late: deque[tuple[float, Message]] = deque()
        self._ticks = 0
        for topic, kind, latched in (
            ("/robot/state", self._state, False),
            ("/robot/joint_states", types.JOINT_STATE, False),
            ("/robot/joint_limits", types.JOINT_LIMITS, True),
            ("/robot/limb/right/collision_detection_state", types.COLLISION, False),
            ("/robot/limb/right/endpoint_state", types.ENDPOINT_STATE, False),
            ("/io/robot/cuff/state", self._device, True),
            ("/io/end_effector/state", self._node, True),
            (f"/io/end_effector/{NAME}/state", self._device, True),
        ):
            self._senders[topic] = link.advertise(topic, kind, latched)
        for topic, kind, callback in (
            ("/robot/set_super_enable", types.BOOL, lambda m: self.assembly.enable(bool(m.data))),
            ("/robot/set_super_reset", types.EMPTY, lambda m: self.assembly.reset()),
            ("/robot/set_super_stop", types.EMPTY, lambda m: self.assembly.stop()),
            ("/robot/limb/right/joint_command", types.JOINT_COMMAND, self._on_command),
            ("/robot/limb/right/joint_command_timeout", types.FLOAT64, self._on_timeout),
            ("/robot/limb/right/set_speed_ratio", types.FLOAT64, self._on_ratio),
            (f"/io/end_effector/{NAME}/command", types.IO_COMMAND, self._on_gripper),
        ):
            link.subscribe(topic, kind, self._counted(topic, callback))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake sawyer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End of life; the link stays."""
        self._stop.set()
        self._thread.join()

    def press_button(self) -> float:
        """The red button; time.monotonic() of it."""
        return self._do(self.assembly.press)

    def disable(self) -> float:
        """The motors go off, as if another program had asked for it; time.monotonic() of it."""
        return self._do(lambda: self.assembly.enable(False))

    def collide(self, flag: bool = True) -> float:
        """The robot says that it has hit something; time.monotonic() of it."""

        def change() -> None:
            self.faults.collision = flag

        return self._do(change)

    def freeze(self, *topics: str) -> float:
        """Publish these no more, or nothing at all if none is named; time.monotonic() of it."""

        def change() -> None:
            self.faults.frozen = frozenset(topics or ("*",))

        return self._do(change)

    def _do(self, change: Callable[[], None]) -> float:
        with self.lock:
            change()
            return time.monotonic()

    def _counted(self, topic: str, callback: Callable[[Any], None]) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            with self.lock:
                self.arm.ledger.requests[topic] += 1
                callback(message)

        return receive

    def _on_command(self, m: Any) -> None:
        self._obey()
        now = time.monotonic()
        self.arm.command(now, m.mode, m.names, m.position, m.velocity, m.acceleration, m.effort)

    def _on_timeout(self, message: Any) -> None:
        self.arm.timeout = min(max(message.data, 0.0), 1.0)

    def _on_ratio(self, message: Any) -> None:
        self.arm.ratio = min(max(message.data, 0.0), 1.0)

    def _on_gripper(self, m: Any) -> None:
        self.gripper.command((m.time.secs, m.time.nsecs), m.op, m.args)

    def _obey(self) -> None:
        self.arm.deaf = "disabled" if not self.assembly.enabled else "cuff" if self.faults.cuff else ""

    def _run(self) -> None:
        due = before = time.monotonic()
        while not self._stop.is_set():
            now = time.monotonic()
            with self.lock:
                self._obey()
                self.arm.update(now, min(now - before, 0.1))
                self.gripper.update(min(now - before, 0.1))
                self._publish(now)
            before, due = now, max(due + PERIOD, now)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _publish(self, now: float) -> None:
        stamp = Time(*divmod(time.time_ns(), 1_000_000_000))
        if self._ticks % 100 == 0:
            self._send(
                "/robot/joint_limits",
                types.JOINT_LIMITS(
                    joint_names=list(JOINTS),
                    position_lower=list(LOWER),
                    position_upper=list(UPPER),
                    velocity=list(VELOCITY),
                    accel=list(ACCELERATION),
                    effort=[80.0, 80.0, 40.0, 40.0, 9.0, 9.0, 9.0],
                ),
            )
            device = self._component(name=NAME)
            self._send("/io/end_effector/state", self._node(time=stamp, devices=[device]))
        self._send("/robot/state", self._state_message())
        self._send(
            "/robot/limb/right/collision_detection_state",
            types.COLLISION(collision_state=self.faults.collision),
        )
        self._send_joints(now, stamp)
        if self._ticks % 10 == 0:
            held = int(self.faults.cuff)
            cuff = [("right_cuff", held), ("right_button_lower", 0), ("right_button_upper", 0)]
            rows = [(name, '{"type":"int"}', f"[ {value} ]") for name, value in cuff]
            self._send("/io/robot/cuff/state", self._device_message(stamp, "cuff", rows))
        if self.gripper.changed:
            self.gripper.changed = False
            message = self._device_message(stamp, NAME, self.gripper.signals())
            message.commands = [Time(*pair) for pair in self.gripper.seen]
            self._send(f"/io/end_effector/{NAME}/state", message)
        self._ticks += 1

    def _send_joints(self, now: float, stamp: Time) -> None:
        # The head and the torso come along, the gripper's fingers in messages of their own.
        message = types.JOINT_STATE(
            name=["head_pan", *JOINTS, "torso_t0"],
            position=[0.0, *self.arm.positions, 0.0],
            velocity=[0.0, *self.arm.velocities, 0.0],
            effort=[0.0] * 9,
        )
        message.header.stamp = stamp
        if not self.faults.drop or self._ticks % self.faults.drop:
            self._late.append((now + self.faults.delay, message))
        while self._late and self._late[0][0] <= now:
            self._send("/robot/joint_states", self._late.popleft()[1])
        if self._ticks % 5 == 0:
            travel = self.gripper.position / 2
            self._send(
                "/robot/joint_states",
                types.JOINT_STATE(name=list(GRIPPER_JOINTS), position=[travel, -travel], velocity=[0.0, 0.0]),
            )

    def _state_message(self) -> Message:
        a = self.assembly
        message = self._state(
            ready=a.enabled,
            enabled=a.enabled,
            stopped=a.stopped,
            error=a.error,
            estop_button=a.button,
            estop_source=a.source,
        )
        if "homed" in message.__slots__:
            message.homed = True
        return message

    def _device_message(self, stamp: Time, name: str, rows: list[tuple[str, str, str]]) -> Message:
        message = self._device(time=stamp)
        message.device.name = name
        message.signals = [self._data(name=n, format=f, data=d) for n, f, d in rows]
        return message

    def _send(self, topic: str, message: Message) -> None:
        if not self.faults.frozen & {topic, "*"}:
            self._senders[topic](message)
