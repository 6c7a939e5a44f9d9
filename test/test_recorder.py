"""The recorder as a node, with real publishers in a DDS domain of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from trace_example import PLACES, example_steps, example_trace

pytest.importorskip("rclpy", reason="needs ROS 2")

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.serialization import deserialize_message
from ros_world import RosWorld, wait_until
from rosgraph_msgs.msg import Clock
from sawyer_ntp.msg import TraceEvent
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from taskprog.machine import Trace
from taskprog.nodes.bag import BagError, BagReader, message_class
from taskprog.nodes.convert import to_stamp
from taskprog.nodes.images import colour_message
from taskprog.nodes.recorder import DESCRIPTION, RecorderNode, Topic
from taskprog.nodes.recorder import TOPICS as RECORDED
from taskprog.nodes.trace_messages import description_message, event_message
from taskprog.view.video import frames_of, reading_video


def recorder(ros: RosWorld, folder: Path, **parameters: Any) -> RecorderNode:
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    node = RecorderNode(
        context=ros.context, parameter_overrides=[Parameter("folder", value=str(folder)), *overrides]
    )
    ros.add(node)
    return node


def publisher(node: Node, topic: Topic) -> Publisher:
    """One that the recorder has found."""
    made = node.create_publisher(message_class(topic.type), topic.name, topic.qos)
    wait_until(lambda: made.get_subscription_count() > 0, f"a subscription to {topic.name}")
    return made


def topic(name: str) -> Topic:
    return next(t for t in RECORDED if t.name == name)


def trace_messages(goal: str = "a1") -> list[TraceEvent]:
    return [event_message(s.event, goal, s.stack, PLACES) for s in example_steps()]


def test_what_was_published_is_in_the_bag_as_it_was(ros: RosWorld, tmp_path: Path) -> None:
    node = recorder(ros, tmp_path)
    talker = ros.node("talker")
    sent: dict[str, list[Any]] = {
        "trace": trace_messages(),
        "joint_states": [JointState(name=["right_j0"], position=[0.1 * i]) for i in range(20)],
        "robot_description": [String(data="<robot/>")],
    }
    for name, messages in sent.items():
        out = publisher(talker, topic(name))
        for message in messages:
            out.publish(message)
    wait_until(lambda: node.recorded == sum(map(len, sent.values())), "everything in the bag")
    assert not (tmp_path / "bag").exists()
    ros.remove(node)
    received: dict[str, list[Any]] = {name: [] for name in sent}
    with BagReader(tmp_path) as bag:
        for message in bag.messages():
            kind = message_class(message.channel.type)
            received[message.channel.topic.strip("/")].append(deserialize_message(message.data, kind))
        latched = {c.topic for c in bag.channels if c.latched}
    assert received == sent
    assert "/robot_description" in latched
    assert "/joint_states" not in latched


def test_each_run_becomes_a_trace_file(ros: RosWorld, tmp_path: Path) -> None:
    node = recorder(ros, tmp_path)
    talker = ros.node("talker")
    describe, out = publisher(talker, DESCRIPTION), publisher(talker, topic("trace"))
    describe.publish(description_message(example_trace(), "a1", Time(), (), 9))
    wait_until(lambda: node.recorded == 1)
    for message in trace_messages():
        out.publish(message)
    wait_until((tmp_path / "trace.jsonl").exists, "the trace, as soon as its run has finished")
    assert Trace.load(tmp_path / "trace.jsonl") == example_trace()
    for message in trace_messages("b2")[:5]:
        out.publish(message)
    wait_until(lambda: node.recorded == 25)
    ros.remove(node)
    assert Trace.load(tmp_path / "trace-2.jsonl").events == example_trace().events[:5]


def test_the_video_has_each_picture_once_with_the_run_drawn_in(ros: RosWorld, tmp_path: Path) -> None:
    node = recorder(ros, tmp_path, video=True)
    talker = ros.node("talker")
    out = publisher(talker, topic("trace"))
    camera = talker.create_publisher(message_class("sensor_msgs/msg/Image"), "camera/color/image_raw", 10)
    wait_until(lambda: camera.get_subscription_count() > 0)
    for message in trace_messages()[:10]:
        out.publish(message)
    wait_until(lambda: node.recorded == 10)
    grey = np.full((240, 320, 3), 120, np.uint8)
    for stamp in (0.1, 0.2, 0.2, 0.3):
        camera.publish(colour_message(grey, to_stamp(stamp), "camera"))
        wait_until(lambda stamp=stamp: node.filmed_until >= stamp, "the picture in the video")  # type: ignore[misc]
    ros.remove(node)
    with reading_video(tmp_path / "execution.mp4") as video:
        assert video.get(cv2.CAP_PROP_FPS) == 10
        frames = list(frames_of(video))
    assert len(frames) == 3
    assert frames[0][:60, :150].min() < 60, "the panel with the call stack"
    assert frames[0].shape == (240, 320, 3)


def test_on_simulated_time_messages_have_its_times(ros: RosWorld, tmp_path: Path) -> None:
    node = recorder(ros, tmp_path, use_sim_time=True)
    talker = ros.node("talker")
    clock = talker.create_publisher(Clock, "/clock", 10)
    wait_until(lambda: clock.get_subscription_count() > 0)
    out = publisher(talker, topic("trace"))
    first, second = trace_messages()[:2]
    out.publish(first)
    wait_until(lambda: node.recorded == 1)
    clock.publish(Clock(clock=Time(sec=12, nanosec=500)))
    wait_until(lambda: node.get_clock().now().nanoseconds > 0)
    out.publish(second)
    wait_until(lambda: node.recorded == 2)
    ros.remove(node)
    with BagReader(tmp_path) as bag:
        assert [m.time for m in bag.messages()] == [12_000_000_500] * 2


def test_a_folder_with_a_recording_is_refused(ros: RosWorld, tmp_path: Path) -> None:
    ros.remove(recorder(ros, tmp_path))
    with pytest.raises(BagError, match="not overwritten"):
        recorder(ros, tmp_path)


def test_without_a_folder_it_says_what_is_missing(ros: RosWorld) -> None:
    with pytest.raises(ValueError, match="parameter folder is empty"):
        RecorderNode(context=ros.context)


def test_a_signal_finishes_the_files(ros: RosWorld, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "taskprog.nodes.recorder", "--ros-args", "-p", f"folder:={tmp_path}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        out = publisher(ros.node("talker"), topic("trace"))
        for message in trace_messages():
            out.publish(message)
        wait_until((tmp_path / "trace.jsonl").exists, "the trace")
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, log
    with BagReader(tmp_path) as bag:
        assert bag.count == len(list(bag.messages())) == 19
