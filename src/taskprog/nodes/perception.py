"""Node ``perception``: cubes, or goods and containers, from the camera's images, tracked, as ``objects``.

Subscribes to ``camera/color/image_raw``, ``camera/depth/image_raw`` and ``camera/color/camera_info``; a
colour and a depth image belong together when their stamps are equal. Publishes ``objects`` for every such
pair, stamped as they are, and ``perception/debug_image`` while somebody looks at it. Images older than the
last one are dropped, unless the node's own clock went back as well (a simulator that began anew): then
everything is forgotten. Images from the future are dropped as well: after one, all others would be old. Why
images are not used, or why none belong together, is said in the log and, until good ones come, in the
node's heartbeat. Service ``perception/forget``: the table was laid anew; what it remembers of hidden things
is no longer true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import Vector3
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sawyer_ntp.msg import DetectedObject, DetectedObjects
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from taskprog.nodes.callback_executor import LongCallbackGroup
from taskprog.nodes.convert import NANO, from_stamp, upright_pose
from taskprog.nodes.heartbeat import Heartbeat
from taskprog.nodes.images import camera_model, colour_message, colour_of, depth_of
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import CAMERA, LATCHED, NEWEST
from taskprog.nodes.sensor_messages import camera_transform
from taskprog.nodes.specification import goods_detector
from taskprog.nodes.spin import run
from taskprog.nodes.transport import roomy_transport
from taskprog.perception.calibration_file import read_calibration
from taskprog.perception.camera import CameraModel, look_at
from taskprog.perception.eyes import AlikeEyes, CubeEyes, Eyes
from taskprog.perception.overlay import draw_tracks
from taskprog.perception.pairing import Pairing
from taskprog.perception.tracking import Track
from taskprog.tasks.table_top import CAMERA_EYE, CAMERA_TARGET

FRAME = "base"
DETECTORS = ("cubes", "goods")
WARN_PERIOD = 5.0  # seconds between warnings of one kind
# Seconds that an image may lie ahead of the node's clock. Simulated time comes apart from the images, 40
# times a simulated second, best effort: at ten times the wall's speed, a thread that waits 30 ms for its turn
# and a few lost messages make 0.4 s. Clocks of a camera and a workstation that agree differ by far less.
MAX_AHEAD = 0.5


class PerceptionNode(Node):
    """Detects and tracks objects in the images of one camera."""

    def __init__(self, **options: Any) -> None:
        super().__init__("perception", **options)
        kind = declare(self, "detector", "cubes", "what is looked for", choices=DETECTORS)
        self._make_eyes: Callable[[CameraModel], Eyes] = (
            CubeEyes if kind == "cubes" else lambda camera: AlikeEyes(goods_detector(camera))
        )
        pose = declare(
            self,
            "camera_pose",
            _as_list(look_at(CAMERA_EYE, CAMERA_TARGET)),
            f"the camera's optical frame in {FRAME}: x y z (metres), qx qy qz qw",
        )
        calibration = declare(
            self, "calibration_file", "", "what taskprog calibrate wrote; its pose takes camera_pose's place"
        )
        self._pose = read_calibration(Path(calibration)).pose if calibration else _as_matrix(pose)
        frame = declare(
            self,
            "camera_frame",
            "",
            f"the camera's optical frame, put into tf at its pose in {FRAME}; empty: others say where it is",
        )
        self._frames = self.create_publisher(TFMessage, "tf_static", LATCHED) if frame else None
        if self._frames is not None:
            stamp = self.get_clock().now().to_msg()
            self._frames.publish(TFMessage(transforms=[camera_transform(stamp, frame, self._pose)]))
        self._eyes: Eyes | None = None
        self._pairing = Pairing[Image]()
        self._last: tuple[int, DetectedObjects] | None = None  # by stamp, nanoseconds
        self._last_at = 0.0  # on the node's clock, when the last image came, seconds
        self._stale: float | None = None  # stamp up to which images show a table that is no more
        self._eyeless = "images, but no camera_info yet"  # why there are no eyes

        self._objects = self.create_publisher(DetectedObjects, "objects", NEWEST)
        self._debug = self.create_publisher(Image, "perception/debug_image", NEWEST)
        # One at a time and in order: the tracker follows time.
        group = LongCallbackGroup()
        for kind, topic, callback in (
            (CameraInfo, "camera/color/camera_info", self._on_info),
            (Image, "camera/color/image_raw", self._on_colour),
            (Image, "camera/depth/image_raw", self._on_depth),
        ):
            self.create_subscription(
                kind,
                topic,
                callback,
                CAMERA,
                callback_group=group,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        self.create_service(Trigger, "perception/forget", self._on_forget, callback_group=group)
        self._heartbeat = Heartbeat(self)

    @property
    def camera(self) -> CameraModel | None:
        """The camera, once its ``camera_info`` has come."""
        return None if self._eyes is None else self._eyes.camera

    def _on_info(self, info: CameraInfo) -> None:
        try:
            new = camera_model(info, self._pose)
            if self.camera is None or not _same(self.camera, new):
                self._eyes = self._make_eyes(new)
        except ValueError as error:
            self._eyeless = str(error)
            self._warn(self._eyeless)

    def _on_forget(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stale = self._last_at = self._now()
        self._last = None
        if self._eyes is not None:
            self._eyes.forget()
        response.success, response.message = True, "all is forgotten"
        return response

    def _on_colour(self, image: Image) -> None:
        self._take(self._pairing.add_colour(_nanoseconds(image), image))

    def _on_depth(self, image: Image) -> None:
        self._take(self._pairing.add_depth(_nanoseconds(image), image))

    def _take(self, pair: tuple[Image, Image] | None) -> None:
        if pair is not None:
            self._see(*pair)
        elif trouble := self._pairing.trouble:
            self._warn(trouble)

    def _see(self, colour: Image, depth: Image) -> None:
        stamp = _nanoseconds(colour)
        taken = from_stamp(colour.header.stamp)
        if self._is_ahead(taken):
            ahead = taken - self._now()
            self._warn(f"an image {ahead:.3f} s ahead of this node's clock is not used: do the clocks agree?")
            return
        if self._last is not None and self._last[0] == stamp:
            self._publish(self._last[1])  # simulated time stands still, late joiners get it again
            return
        if self._last is not None and stamp < self._last[0] and not self._began_anew():
            late = from_stamp(self._last[1].header.stamp) - taken
            self._warn(f"an image {late:.3f} s older than the last one is not used")
            return
        if self._stale is not None and taken <= self._stale and not self._began_anew():
            # Some are always on their way: nothing to warn of in the log, unless no others come.
            self._heartbeat.complaint = "images from before the table was laid anew are not used"
            return
        if self._eyes is None:
            self._warn(self._eyeless)
            return
        try:
            rgb = colour_of(colour)
            tracks = self._eyes.see(rgb, depth_of(depth), taken)
        except ValueError as error:
            self._warn(str(error))
            return
        message = objects_message(tracks, colour.header)
        self._last, self._last_at = (stamp, message), self._now()
        self._publish(message)
        if self._debug.get_subscription_count():
            image = draw_tracks(rgb, self._eyes.camera, tracks)
            self._debug.publish(colour_message(image, colour.header.stamp, colour.header.frame_id))

    def _publish(self, message: DetectedObjects) -> None:
        self._heartbeat.complaint = ""
        self._objects.publish(message)

    def _is_ahead(self, taken: float) -> bool:
        """Whether a stamp in seconds lies in the future; unknown, so no, until simulated time is heard of."""
        now = self._now()
        return now > 0.0 and taken > now + MAX_AHEAD

    def _began_anew(self) -> bool:
        """Whether the node's clock went back since the last image; then nothing is known any more.

        So it is when the clock is heard of only now, and shows that the last image came from the future.
        """
        ahead = self._last is not None and self._is_ahead(from_stamp(self._last[1].header.stamp))
        if self._now() >= self._last_at and not ahead:
            return False
        self._last = self._stale = None
        if self._eyes is not None:
            self._eyes.forget()
        return True

    def _now(self) -> float:
        return float(self.get_clock().now().nanoseconds * 1e-9)

    def _warn(self, text: str) -> None:
        """Say why images are not used, here and to those who wait for objects."""
        self._heartbeat.complaint = text
        self.get_logger().warning(text, throttle_duration_sec=WARN_PERIOD)


def objects_message(tracks: Iterable[Track], image: Header) -> DetectedObjects:
    """Tracks as a message, stamped as the image that they were seen in."""
    message = DetectedObjects(header=Header(stamp=image.stamp, frame_id=FRAME))
    message.objects = [
        DetectedObject(
            name=track.name,
            category=track.category,
            pose=upright_pose(track.position, track.yaw),
            size=Vector3(**dict(zip("xyz", map(float, track.size), strict=True))),
            confidence=float(track.confidence),
            visible=track.visible,
        )
        for track in tracks
    ]
    return message


def _nanoseconds(image: Image) -> int:
    """An image's stamp, exactly."""
    return int(image.header.stamp.sec * NANO + image.header.stamp.nanosec)


def _as_list(pose: NDArray[np.float64]) -> list[float]:
    quaternion = Rotation.from_matrix(pose[:3, :3]).as_quat()
    return [float(value) for value in (*pose[:3, 3], *quaternion)]


def _as_matrix(values: list[float]) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(values[3:])) if len(values) == 7 else 0.0
    if not 0.99 < norm < 1.01:
        raise ValueError(f"camera_pose should be x y z and a unit quaternion qx qy qz qw, not {list(values)}")
    pose = np.eye(4)
    pose[:3, 3] = values[:3]
    pose[:3, :3] = Rotation.from_quat(values[3:]).as_matrix()
    return pose


def _same(a: CameraModel, b: CameraModel) -> bool:
    return (a.width, a.height, a.fx, a.fy, a.cx, a.cy) == (b.width, b.height, b.fx, b.fy, b.cx, b.cy)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point; a wrong parameter is a clear error at start."""
    with roomy_transport():
        return run(PerceptionNode, args, expected=(ValueError,))


if __name__ == "__main__":
    raise SystemExit(main())
