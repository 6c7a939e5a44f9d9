"""The robot behind ROS as a domain, with real executor and loop-back robot: goods and containers."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("sawyer_ntp", reason="needs the built interfaces")

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from ros_world import TIMEOUT, Background, RosWorld, wait_until
from sawyer_ntp.msg import DetectedObject, DetectedObjects
from sensor_msgs.msg import JointState

from taskprog.control.drops import TRIES as DROP_TRIES
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH
from taskprog.machine import Call, CancelToken, ObservationError, Outcome, OutcomeCode
from taskprog.nodes import senses
from taskprog.nodes.executor import ExecutorNode
from taskprog.nodes.heartbeat import Heartbeat, HeartbeatMonitor
from taskprog.nodes.loopback_robot import LoopbackRobotNode
from taskprog.nodes.qos import NEWEST
from taskprog.nodes.ros_domain import RosDomain
from taskprog.nodes.senses import EXECUTOR, PERCEPTION
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.goods import CONTAINER_NAMES, CONTAINER_SIZE
from taskprog.tasks.table_top import TABLE_HEIGHT, WORKSPACE

FAMILY = FAMILIES["order_fulfilment"]
RATE = 20.0  # the robot's clock against the wall's
PERIOD = 0.05  # seconds of wall time between messages of perception
EDGE = 0.018  # metres between the pads that hold a block on its edge


@dataclass(frozen=True)
class Seen:
    """Something that perception reports; ``position`` and ``size`` (3,) in metres, frame ``base``."""

    name: str
    category: str
    position: tuple[float, float, float]
    size: tuple[float, float, float]


def good(name: str, x: float, y: float, size: tuple[float, float, float]) -> Seen:
    return Seen(name, name.rsplit("_", 1)[0], (x, y, TABLE_HEIGHT + size[2] / 2), size)


DUCK = good("duck_0", 0.55, 0.1, (0.041, 0.029, 0.038))
BLOCK = good("jenga_0", 0.6, -0.1, (0.09, EDGE, 0.03))
PLACES = ((0.42, 0.38), (0.66, 0.38), (0.42, -0.38), (0.66, -0.38))
BOXES = tuple(
    Seen(name, "container", (*at, TABLE_HEIGHT + CONTAINER_SIZE[2] / 2), CONTAINER_SIZE)
    for name, at in zip(CONTAINER_NAMES, PLACES, strict=True)
)


class Perception(Node):
    """Reports ``things`` at the time of the newest joint state, again and again until it is told to wait.

    Attributes:
        stamp: instead of the newest joint state's.
    """

    def __init__(self, things: tuple[Seen, ...], **options: Any):
        super().__init__("perception", **options)
        self.things = things
        self._waiting = False
        self._turn = threading.Lock()
        self.stamp: Time | None = None
        self._state: JointState | None = None
        self._publisher = self.create_publisher(DetectedObjects, "objects", NEWEST)
        self.create_subscription(JointState, "joint_states", self._on_state, qos_profile_sensor_data)
        self.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._heartbeat = Heartbeat(self)

    def _on_state(self, message: JointState) -> None:
        self._state = message

    def _tick(self) -> None:
        with self._turn:
            if not self._waiting:
                self.publish()

    def wait(self, waiting: bool = True) -> None:
        """Report no more by itself; or again."""
        with self._turn:
            self._waiting = waiting

    def publish(self) -> None:
        """Report once."""
        if self._state is None:
            return
        message = DetectedObjects()
        message.header.frame_id = "base"
        message.header.stamp = self.stamp or self._state.header.stamp
        message.objects = [
            DetectedObject(
                name=thing.name,
                category=thing.category,
                pose=Pose(
                    position=Point(**dict(zip("xyz", thing.position, strict=True))),
                    orientation=Quaternion(w=1.0),
                ),
                size=Vector3(**dict(zip("xyz", thing.size, strict=True))),
                confidence=1.0,
                visible=True,
            )
            for thing in self.things
        ]
        self._publisher.publish(message)


class Cell:
    """A domain with all that it needs."""

    def __init__(self, ros: RosWorld, *things: Seen, boxes: tuple[Seen, ...] = BOXES):
        robot = LoopbackRobotNode(
            context=ros.context,
            parameter_overrides=[Parameter("rate", value=RATE), Parameter("object_width", value=EDGE)],
        )
        self.robot = robot.robot
        self.robot_node = ros.add(robot)
        self.perception = Perception((*things, *boxes), context=ros.context)
        ros.add(self.perception)
        ros.add(ExecutorNode(context=ros.context))
        node = ros.node("planner")
        self._heartbeat = Heartbeat(node)
        monitor = HeartbeatMonitor(node, (EXECUTOR, PERCEPTION))
        self.domain = RosDomain(node, monitor, FAMILY)
        wait_until(lambda: monitor.alive(EXECUTOR) and monitor.alive(PERCEPTION), "signs of life")
        wait_until(lambda: self.domain.objects is not None, "the first objects")

    def execute(self, op: str, *args: str | float) -> Outcome:
        return self.domain.execute(Call(FAMILY.library[op], args), CancelToken())

    def names(self) -> set[str]:
        return set(self.domain.observe().names)

    def newest(self) -> Time:
        """The newest message's stamp."""
        assert self.domain.objects is not None
        return self.domain.objects.header.stamp

    def place(self, name: str) -> np.ndarray:
        seen = self.domain.observe()
        return np.asarray(seen.positions[seen.names.index(name)])


def test_a_missing_container_is_named_before_anything_moves(ros: RosWorld) -> None:
    cell = Cell(ros, DUCK, boxes=tuple(box for box in BOXES if box.name != "container_2"))
    cell.domain.begin()
    with pytest.raises(ObservationError, match="no container_2 in sight"):
        cell.domain.observe()
    assert cell.robot.followed == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ((0.66, 0.55, BOXES[1].position[2]), "is outside the workspace"),
        ((0.85, 0.50, 0.20), "out of reach"),  # within the workspace
    ],
)
def test_a_container_that_cannot_be_reached_is_named_before_anything_moves(
    ros: RosWorld, place: tuple[float, float, float], reason: str
) -> None:
    cell = Cell(ros, DUCK, boxes=(BOXES[0], replace(BOXES[1], position=place), *BOXES[2:]))
    cell.domain.begin()
    with pytest.raises(ObservationError, match=f"container_1 at .* cannot be reached, .*{reason}"):
        cell.domain.observe()
    assert cell.robot.followed == []


def test_a_container_that_comes_into_sight_in_time_is_there(ros: RosWorld) -> None:
    cell = Cell(ros, DUCK, boxes=BOXES[1:])
    cell.domain.begin()
    observation = Background(cell.names)
    cell.perception.things = (DUCK, *BOXES)
    assert observation.result() == {"duck", *CONTAINER_NAMES}
    # Later on, an arm may be before it.
    cell.perception.things = (DUCK, *BOXES[1:])
    wait_until(lambda: cell.names() == {"duck", *CONTAINER_NAMES[1:]}, "the container's being hidden")


def test_images_from_before_the_run_are_not_used(ros: RosWorld) -> None:
    cell = Cell(ros, DUCK)
    cell.perception.wait()
    cell.perception.stamp = Time(sec=0, nanosec=1)
    cell.perception.publish()
    wait_until(lambda: cell.newest() == cell.perception.stamp, "the old image")
    cell.perception.wait(False)
    cell.domain.begin()
    with pytest.raises(ObservationError, match=r"no fresh objects from perception .* old"):
        cell.domain.observe()
    assert cell.robot.followed == []


def test_where_the_robots_time_goes_slowly_an_image_is_waited_for_longer(
    ros: RosWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that is blind for some simulated seconds is so for more of the wall's."""
    cell = Cell(ros, DUCK)
    cell.perception.wait()
    cell.domain.begin()
    ros.remove(cell.robot_node)  # no joint states any more: its time stands still
    monkeypatch.setattr(senses, "FRESH_TIMEOUT", 0.0)
    monkeypatch.setattr(senses, "SLOW", math.inf)
    observation = Background(cell.names)
    cell.perception.publish()
    assert "duck" in observation.result()


def test_a_refused_approach_is_tried_in_another_way_at_once(ros: RosWorld) -> None:
    """A block whose middle lies outside the workspace, and one of its ends within."""
    middle = 0.295
    cell = Cell(ros, replace(BLOCK, position=(middle, *BLOCK.position[1:])))
    cell.domain.begin()
    cell.domain.observe()
    outcome = cell.execute("move_to", "jenga", 0.0)
    assert outcome.ok, outcome.message
    observation = cell.domain.observe()
    assert middle + 0.005 < observation.gripper[0] < middle + 0.04
    np.testing.assert_allclose(cell.place("jenga"), observation.gripper, atol=0.005)


def pushed(cell: Cell, y: float) -> None:
    """Push the container that was seen second away, and see it there, ``y`` metres aside of the robot."""
    x, _, z = BOXES[1].position
    cell.domain.begin()
    cell.domain.observe()
    moved = replace(BOXES[1], position=(x, y, z))
    cell.perception.things = (DUCK, BOXES[0], moved, *BOXES[2:])
    wait_until(lambda: abs(cell.place("container_1")[1] - y) < 0.001, "the container's new place")


def test_a_refused_drop_is_tried_at_the_next_spot_at_once(ros: RosWorld) -> None:
    """A container that was pushed away until its middle lay outside the workspace, and a part within."""
    cell = Cell(ros, DUCK)
    pushed(cell, 0.52)
    outcome = cell.execute("move_to", "container_1", FAMILY.offsets[-1])
    assert outcome.ok, outcome.message
    observation = cell.domain.observe()
    assert 0.52 - 0.06 < observation.gripper[1] <= WORKSPACE.y[1]
    np.testing.assert_allclose(cell.place("container_1")[:2], observation.gripper[:2], atol=0.005)


def test_a_drop_that_is_refused_everywhere_is_given_up_by_the_containers_name(ros: RosWorld) -> None:
    cell = Cell(ros, DUCK)
    pushed(cell, 0.60)
    outcome = cell.execute("move_to", "container_1", FAMILY.offsets[-1])
    assert outcome.code is OutcomeCode.OUTSIDE_WORKSPACE
    assert "container_1 at " in outcome.message
    assert f"all {DROP_TRIES} spots" in outcome.message
    assert "outside the workspace" in outcome.message
    assert cell.robot.followed == []


def test_what_cannot_be_reached_at_all_ends_with_the_reason(ros: RosWorld) -> None:
    cell = Cell(ros, replace(DUCK, position=(1.2, *DUCK.position[1:])))
    cell.domain.begin()
    for _ in range(3):
        assert "duck" in cell.names()
        outcome = cell.execute("move_to", "duck", 0.0)
        assert outcome.code is OutcomeCode.OUTSIDE_WORKSPACE
        assert "outside the workspace" in outcome.message
    assert "could not be grasped in" in outcome.message
    assert cell.robot.followed == []


def test_after_a_failure_the_next_image_is_waited_for(ros: RosWorld) -> None:
    """It shows what was missed in the last one; where time stands still, it is the same one again."""
    cell = Cell(ros)
    cell.domain.begin()
    assert "duck" not in cell.names()
    cell.perception.wait()
    cell.perception.stamp = Time(sec=cell.newest().sec + 1000)
    cell.perception.publish()
    wait_until(lambda: cell.newest() == cell.perception.stamp, "the last image")
    assert cell.execute("move_to", "duck", 0.0).code is OutcomeCode.UNKNOWN_OBJECT
    observation = Background(cell.names)
    cell.perception.things = (DUCK, *BOXES)
    cell.perception.stamp = Time(sec=cell.newest().sec + 1)
    cell.perception.publish()
    assert "duck" in observation.result()
    assert cell.execute("move_to", "bear", 0.0).code is OutcomeCode.UNKNOWN_OBJECT
    observation = Background(cell.names)
    cell.perception.publish()
    assert "duck" in observation.result()


class Fall:
    """Perception sees the duck somewhere else every tenth of a second."""

    def __init__(self, cell: Cell):
        cell.domain.begin()
        cell.perception.wait()
        self._cell = cell
        self._second = cell.newest().sec + 1000
        self._images = 0

    def see(self, x: float) -> None:
        self._images += 1
        perception = self._cell.perception
        perception.things = (replace(DUCK, position=(x, *DUCK.position[1:])), *BOXES)
        perception.stamp = Time(sec=self._second, nanosec=10**8 * self._images)
        perception.publish()
        wait_until(lambda: self._cell.newest() == perception.stamp, "the image")


def test_nothing_is_decided_while_something_falls(ros: RosWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senses, "STANDSTILL", TIMEOUT)
    cell = Cell(ros, DUCK)
    fall = Fall(cell)
    fall.see(0.50)
    fall.see(0.55)
    place = Background(lambda: cell.place("duck"))
    fall.see(0.60)
    fall.see(0.65)
    fall.see(0.65)
    assert place.result()[0] == pytest.approx(0.65)


def test_what_moves_on_and_on_or_time_that_stands_still_keeps_nobody_waiting(
    ros: RosWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = Cell(ros, DUCK)
    fall = Fall(cell)
    fall.see(0.50)
    fall.see(0.55)
    assert cell.place("duck")[0] == pytest.approx(0.55)
    monkeypatch.setattr(senses, "STANDSTILL", TIMEOUT)
    monkeypatch.setattr(senses, "STIR_TIMEOUT", 0.25)
    place = Background(lambda: cell.place("duck"))
    for x in (0.60, 0.65, 0.60):
        fall.see(x)
    assert place.result()[0] == pytest.approx(0.60)


def test_the_loss_of_a_thin_thing_is_noticed(ros: RosWorld) -> None:
    """A block on its edge holds the pads hardly farther apart than nothing does."""
    cell = Cell(ros, BLOCK)
    cell.domain.begin()
    cell.domain.observe()
    assert cell.execute("move_to", "jenga", 0.0).ok
    assert cell.execute("close_gripper").ok
    assert cell.domain.observe().holding
    cell.robot.object_width = None
    cell.robot.move_gripper(GRIPPER_CLOSED_WIDTH, 10.0, CancelToken())
    wait_until(lambda: not cell.domain.observe().holding, "the loss")


def test_what_turns_between_the_pads_is_still_held(ros: RosWorld) -> None:
    """A brick that was taken across its corners lies flat between the pads after a while."""
    cell = Cell(ros, DUCK)
    cell.domain.begin()
    cell.domain.observe()
    cell.robot.object_width = 0.043
    assert cell.execute("move_to", "duck", 0.0).ok
    assert cell.execute("close_gripper").ok
    assert cell.domain.observe().holding
    cell.robot.object_width = 0.035
    cell.robot.move_gripper(GRIPPER_CLOSED_WIDTH, 10.0, CancelToken())
    assert cell.execute("move_to", "container_1", FAMILY.offsets[-1]).ok
    assert cell.domain.observe().holding
    cell.robot.object_width = None
    cell.robot.move_gripper(GRIPPER_CLOSED_WIDTH, 10.0, CancelToken())
    wait_until(lambda: not cell.domain.observe().holding, "the loss")


def test_a_thin_thing_in_the_hand_at_the_start_is_found(ros: RosWorld) -> None:
    cell = Cell(ros, BLOCK)
    cell.domain.begin()
    cell.domain.observe()
    assert cell.execute("move_to", "jenga", 0.0).ok
    assert cell.execute("close_gripper").ok
    cell.domain.begin()
    assert cell.domain.observe().holding
