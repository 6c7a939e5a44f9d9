"""A perception node with a camera's publishers around it, and images for them."""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from cube_scene import CubeScene, scattered
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_world import TIMEOUT, RosWorld, wait_until
from rosgraph_msgs.msg import Clock
from sawyer_ntp.msg import DetectedObjects
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from taskprog.nodes.convert import to_stamp
from taskprog.nodes.heartbeat import HeartbeatMonitor
from taskprog.nodes.images import colour_message
from taskprog.nodes.perception import PerceptionNode
from taskprog.nodes.qos import CAMERA, NEWEST
from taskprog.perception.camera import CameraModel

Pictures = tuple[NDArray[np.uint8], NDArray[np.float32]]
SceneImages = tuple[CameraModel, Callable[[int], Pictures]]


def info_of(camera: CameraModel) -> CameraInfo:
    info = CameraInfo(width=camera.width, height=camera.height)
    info.k = np.array([camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1.0])
    return info


def depth_message(depth: NDArray[np.float32], stamp: Time) -> Image:
    height, width = depth.shape
    message = Image(header=Header(stamp=stamp), height=height, width=width, encoding="32FC1", step=4 * width)
    message.data.frombytes(depth.tobytes())
    return message


class Rig:
    """A camera's publishers and a listener around a perception node."""

    def __init__(self, ros: RosWorld, **parameters: object) -> None:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.perception = PerceptionNode(context=ros.context, parameter_overrides=overrides)
        ros.add(self.perception)
        node = ros.node("camera")
        self.node: Node = node
        self.info = node.create_publisher(CameraInfo, "camera/color/camera_info", CAMERA)
        self.colour = node.create_publisher(Image, "camera/color/image_raw", CAMERA)
        self.depth = node.create_publisher(Image, "camera/depth/image_raw", CAMERA)
        self.clock = node.create_publisher(Clock, "/clock", NEWEST)
        self.objects: Queue[DetectedObjects] = Queue()
        node.create_subscription(DetectedObjects, "objects", self.objects.put, NEWEST)
        self._monitor = HeartbeatMonitor(node, ("perception",))
        wait_until(self._connected, "discovery")

    def _connected(self) -> bool:
        publishers = (self.info, self.colour, self.depth)
        return (
            all(publisher.get_subscription_count() for publisher in publishers)
            and self.node.count_publishers("objects") > 0
            and self.perception.count_subscribers("objects") > 0
        )

    def send(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], seconds: float) -> None:
        self.colour.publish(colour_message(rgb, to_stamp(seconds), "camera"))
        self.depth.publish(depth_message(depth, to_stamp(seconds)))

    def calibrate(self, camera: CameraModel) -> None:
        """Send camera_info until the node has taken it."""

        def taken() -> bool:
            self.info.publish(info_of(camera))
            return self.perception.camera is not None and self.perception.camera.width == camera.width

        wait_until(taken, "camera_info")

    def now(self) -> float:
        """Seconds on the wall's clock."""
        return float(self.node.get_clock().now().nanoseconds * 1e-9)

    def set_clock(self, seconds: int) -> None:
        """Set simulated time, and wait until the node has heard of it."""

        def taken() -> bool:
            self.clock.publish(Clock(clock=Time(sec=seconds)))
            return int(self.perception.get_clock().now().nanoseconds * 1e-9) == seconds

        wait_until(taken, "the clock")

    def complaint(self) -> str:
        """The complaint of the node's last heartbeat."""
        return self._monitor.complaint("perception")

    def wait_complaint(self, text: str) -> None:
        """Until the node's heartbeat has a complaint with ``text``; with an empty one, until it has none."""

        def heard() -> bool:
            return text in self.complaint() if text else self.complaint() == ""

        wait_until(heard, f"the complaint {text!r}")

    def next(self) -> DetectedObjects:
        return self.objects.get(timeout=TIMEOUT)


@pytest.fixture(scope="module")
def scene_images() -> SceneImages:
    with CubeScene(320, 240) as scene:
        images = []
        for hidden in (0, 1):
            places, yaws = scattered(0)
            scene.place(places[: 8 - hidden], yaws[: 8 - hidden])
            images.append(scene.render())
        return scene.camera, lambda hidden: images[hidden]
