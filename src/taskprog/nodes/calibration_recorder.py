"""Images of a standing arm with its joint positions, from the topics of camera and robot."""

from __future__ import annotations

import threading
import time

import numpy as np
from numpy.typing import NDArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState

from taskprog.control.robot import ARM_JOINTS
from taskprog.nodes.images import colour_of
from taskprog.perception.intrinsics import Intrinsics

STILL = 0.002  # radians that a joint may move while a view is taken
HOLD = 1.0  # seconds of wall time that the arm must stand; longer than an image takes from lens to here


class CaptureError(RuntimeError):
    """No view could be taken; the message says why."""


class CalibrationRecorder:
    """Takes views on demand. The node must be spun in another thread."""

    def __init__(
        self,
        node: Node,
        image: str = "camera/color/image_raw",
        camera_info: str = "camera/color/camera_info",
        joint_states: str = "joint_states",
    ):
        """Subscribe; the names are those of the topics."""
        self._changed = threading.Condition()
        self._image: tuple[float, Image] | None = None
        self._info: CameraInfo | None = None
        self._joints: list[tuple[float, NDArray[np.float64]]] = []
        self._topics: list[str] = []
        group = ReentrantCallbackGroup()
        for kind, topic, callback in (
            (Image, image, self._on_image),
            (CameraInfo, camera_info, self._on_info),
            (JointState, joint_states, self._on_joints),
        ):
            # Best effort hears publishers of either kind; a lost image is followed by another.
            subscription = node.create_subscription(
                kind, topic, callback, qos_profile_sensor_data, callback_group=group
            )
            self._topics.append(subscription.topic_name)

    def _on_image(self, message: Image) -> None:
        with self._changed:
            self._image = (time.monotonic(), message)
            self._changed.notify_all()

    def _on_info(self, message: CameraInfo) -> None:
        with self._changed:
            self._info = message
            self._changed.notify_all()

    def _on_joints(self, message: JointState) -> None:
        joints = dict(zip(message.name, message.position, strict=False))
        if not all(name in joints for name in ARM_JOINTS):
            return  # a gripper's or head's own message
        now = time.monotonic()
        with self._changed:
            self._joints = [state for state in self._joints if now - state[0] < 2 * HOLD]
            self._joints.append((now, np.array([joints[name] for name in ARM_JOINTS])))
            self._changed.notify_all()

    def wait_ready(self, timeout: float) -> Intrinsics:
        """Wait until all topics have spoken; the camera's lens.

        Raises:
            CaptureError: a topic is silent for ``timeout`` seconds of wall time.
            ValueError: camera_info describes no camera that we can calibrate.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._silent(), timeout)
            silent, info = self._silent(), self._info
        if silent or info is None:
            raise CaptureError(f"nothing came within {timeout:g} s on {', '.join(silent)}")
        if any(info.r) and not np.allclose(np.reshape(info.r, (3, 3)), np.eye(3), atol=1e-6):
            raise ValueError(
                "camera_info turns the image to rectify it (its r is not the identity), as stereo pairs do:"
                " the rectified camera would be another one than is calibrated; use the colour camera"
            )
        return Intrinsics.of((info.width, info.height), info.k, info.distortion_model, info.d)

    def _silent(self) -> list[str]:
        heard = (self._image, self._info, self._joints)
        return [topic for topic, value in zip(self._topics, heard, strict=True) if not value]

    def capture(
        self, hold: float = HOLD, timeout: float = 5.0
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """An image (H, W, 3) RGB and the joint positions (7,), the arm standing for ``hold`` seconds before.

        Raises:
            CaptureError: the arm moves, or image or joint states do not come within ``timeout`` seconds.
            ValueError: the image's encoding is not one that we read.
        """
        start = time.monotonic()
        with self._changed:
            came = self._changed.wait_for(lambda: self._since(start + hold), hold + timeout)
            image, states = self._image, [q for at, q in self._joints if at >= start]
        if not came or image is None:
            silent = ", ".join((self._topics[0], self._topics[2]))
            raise CaptureError(f"no new image or joint states within {timeout:g} s on {silent}")
        moved = float(np.ptp(states, axis=0).max())
        if moved > STILL:
            raise CaptureError(
                f"the arm moved by {moved:.4f} rad while the view was taken, more than {STILL:g}:"
                " let it stand still first"
            )
        return colour_of(image[1]), np.mean(states, axis=0)

    def _since(self, moment: float) -> bool:
        """Whether an image and, after it, joint states came since."""
        return (
            self._image is not None and bool(self._joints) and moment <= self._image[0] <= self._joints[-1][0]
        )
