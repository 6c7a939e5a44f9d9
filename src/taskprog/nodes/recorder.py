"""Node ``recorder``: keeps a run: MCAP rosbag2, the trace as JSON lines, and a video of the execution.

It records from its start to its end. Files take their names when they are complete, a trace as soon as its
run has finished. Times are ROS time: simulated where ``use_sim_time`` is set.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from sawyer_ntp.msg import DetectedObjects, TraceDescription, TraceEvent
from sensor_msgs.msg import Image

from taskprog.machine import Trace
from taskprog.nodes.bag import BagError, BagWriter, Channel, message_class
from taskprog.nodes.convert import from_stamp
from taskprog.nodes.images import colour_of
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import EVERY_EVENT, LATCHED
from taskprog.nodes.spin import run
from taskprog.nodes.trace_messages import seen_objects, step_from_message, trace_from_message
from taskprog.view.execution_video import ExecutionVideo

# From any publisher, reliable or not; a few seconds may wait.
STREAM = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
# Large images get lost unless they are sent reliably, as the simulator does; for a camera driver that sends
# best effort, override it: qos_overrides./camera/color/image_raw.subscription.reliability.
IMAGES = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
EARLY = 1000  # messages kept at most until the clock runs


@dataclass(frozen=True, eq=False)
class Topic:
    """A relative topic name, its type, and how it is subscribed to."""

    name: str
    type: str
    qos: QoSProfile


TRACE = Topic("trace", "sawyer_ntp/msg/TraceEvent", EVERY_EVENT)
DESCRIPTION = Topic("trace_description", "sawyer_ntp/msg/TraceDescription", LATCHED)
OBJECTS = Topic("objects", "sawyer_ntp/msg/DetectedObjects", STREAM)
COLOUR = Topic("camera/color/image_raw", "sensor_msgs/msg/Image", IMAGES)
DEPTH = Topic("camera/depth/image_raw", "sensor_msgs/msg/Image", IMAGES)
TOPICS = (
    TRACE,
    DESCRIPTION,
    Topic("trace_markers", "visualization_msgs/msg/MarkerArray", LATCHED),
    OBJECTS,
    Topic("joint_states", "sensor_msgs/msg/JointState", STREAM),
    Topic("tf", "tf2_msgs/msg/TFMessage", STREAM),
    Topic("tf_static", "tf2_msgs/msg/TFMessage", LATCHED),
    Topic("robot_description", "std_msgs/msg/String", LATCHED),
)
CAMERA_TOPICS = (
    COLOUR,
    Topic("camera/color/camera_info", "sensor_msgs/msg/CameraInfo", IMAGES),
    DEPTH,
    Topic("camera/depth/camera_info", "sensor_msgs/msg/CameraInfo", IMAGES),
)


class RecorderNode(Node):
    """Writes ``bag/``, ``trace.jsonl`` and ``execution.mp4`` into one folder."""

    def __init__(self, **options: Any) -> None:
        super().__init__("recorder", **options)
        folder = declare(self, "folder", "", "where the recording goes; it must not hold one already")
        video = declare(self, "video", False, "also write execution.mp4: the camera's pictures and the trace")
        images = declare(self, "images", False, "also record the camera's images in the bag: 20 MB a second")
        fps = declare(self, "fps", 10.0, "pictures a second of the video", minimum=1.0, maximum=60.0)
        if not folder:
            raise ValueError("parameter folder is empty; it should name the folder to record to")
        self._folder = Path(folder)
        if video and (self._folder / "execution.mp4").exists():
            raise ValueError(f"{self._folder} holds a recording already; recordings are not overwritten")
        recorded = TOPICS + (CAMERA_TOPICS if images else ())
        self._topics = {topic: self.resolve_topic_name(topic.name) for topic in recorded}
        self._bag = BagWriter(
            self._folder / "bag",
            [Channel(name, topic.type, topic.qos is LATCHED) for topic, name in self._topics.items()],
        )
        self._video = ExecutionVideo(self._folder / "execution.mp4", fps) if video else None
        self._traces = TraceFiles(self._folder)
        self._early: deque[tuple[Topic, bytes]] = deque(maxlen=EARLY)
        self._lock = threading.Lock()
        self._open = True
        for topic in recorded if not video or images else (*recorded, COLOUR):
            self.create_subscription(
                message_class(topic.type),
                topic.name,
                partial(self._on_message, topic),
                topic.qos,
                raw=True,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        self.get_logger().info(f"recording to {self._folder}")

    @property
    def recorded(self) -> int:
        """Messages so far that the bag holds, or will once the clock runs."""
        return self._bag.count + len(self._early)

    @property
    def filmed_until(self) -> float:
        """Stamp of the last picture in the video, seconds; -inf without one."""
        return float("-inf") if self._video is None else self._video.stamp

    def _on_message(self, topic: Topic, data: bytes) -> None:
        with self._lock:
            if not self._open:
                return
            if topic in self._topics:
                self._keep(topic, data)
            self._follow(topic, data)

    def _keep(self, topic: Topic, data: bytes) -> None:
        now = self.get_clock().now().nanoseconds
        if now == 0:  # simulated time has not begun
            self._early.append((topic, data))
            return
        self._write_early(now)
        self._bag.write(self._topics[topic], now, data)

    def _write_early(self, now: int) -> None:
        while self._early:
            topic, data = self._early.popleft()
            self._bag.write(self._topics[topic], now, data)

    def _follow(self, topic: Topic, data: bytes) -> None:
        """What trace files and video need to know."""
        if topic is DESCRIPTION:
            self._traces.describe(deserialize_message(data, TraceDescription))
        elif topic is TRACE:
            message = deserialize_message(data, TraceEvent)
            self._traces.add(message)
            if self._video is not None:
                self._video.step(step_from_message(message))
        elif self._video is not None and topic is OBJECTS:
            self._video.objects = seen_objects(deserialize_message(data, DetectedObjects))
        elif self._video is not None and topic is COLOUR:
            self._film(self._video, deserialize_message(data, Image))

    def _film(self, video: ExecutionVideo, image: Image) -> None:
        try:
            picture = cv2.cvtColor(colour_of(image), cv2.COLOR_RGB2BGR)
            video.picture(np.asarray(picture, np.uint8), from_stamp(image.header.stamp))
        except ValueError as error:
            self.get_logger().warning(f"a picture is not in the video: {error}", throttle_duration_sec=5.0)

    def destroy_node(self) -> None:
        """Finish all files, then the node."""
        with self._lock:
            if self._open:
                self._open = False
                self._write_early(0)
                self._bag.close()
                self._traces.close()
                if self._video is not None:
                    self._video.close()
                self.get_logger().info(f"recorded {self.recorded} messages to {self._folder}")
        super().destroy_node()


class TraceFiles:
    """The traces of all runs: ``trace.jsonl`` of the first, ``trace-2.jsonl`` of the second, and so on."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._count = 0
        self._descriptions: dict[str, TraceDescription] = {}
        self._messages: list[TraceEvent] = []

    def describe(self, message: TraceDescription) -> None:
        """Take in what a run is about; only the last one is kept."""
        self._descriptions = {message.goal_id: message}

    def add(self, message: TraceEvent) -> None:
        """Take in an event; the last one of a run writes its file."""
        if self._messages and message.goal_id != self._messages[0].goal_id:
            self.close()
        self._messages.append(message)
        if message.kind == TraceEvent.FINISH:
            self.close()

    def close(self) -> None:
        """Write the present run, finished or not."""
        if not self._messages:
            return
        self._count += 1
        description = self._descriptions.get(self._messages[0].goal_id)
        trace = Trace() if description is None else trace_from_message(description)
        trace.events = [step_from_message(m).event for m in self._messages]
        name = "trace.jsonl" if self._count == 1 else f"trace-{self._count}.jsonl"
        trace.save(self._folder / name)
        self._messages.clear()


def main(args: Sequence[str] | None = None) -> int:
    """Entry point."""
    return run(RecorderNode, args, expected=(BagError, ValueError))


if __name__ == "__main__":
    raise SystemExit(main())
