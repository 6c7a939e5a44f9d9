"""Recordings played back onto the topics."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from trace_example import PLACES, example_steps

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.serialization import serialize_message
from ros_world import RosWorld, wait_until
from rosgraph_msgs.msg import Clock
from sawyer_ntp.msg import TraceEvent
from std_msgs.msg import String

from taskprog.cli.main import main
from taskprog.nodes.bag import BagReader, BagWriter, Channel
from taskprog.nodes.qos import EVERY_EVENT, LATCHED
from taskprog.nodes.replay import CLOCK, Replayer
from taskprog.nodes.trace_messages import event_message

SECOND = 1_000_000_000
START = 100 * SECOND


def messages() -> list[TraceEvent]:
    return [event_message(s.event, "a1", s.stack, PLACES) for s in example_steps()]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The example run, an event every tenth of a second, and a robot description before it."""
    writer = BagWriter(
        tmp_path / "bag",
        [
            Channel("/trace", "sawyer_ntp/msg/TraceEvent"),
            Channel("/robot_description", "std_msgs/msg/String", True),
        ],
    )
    writer.write("/robot_description", START, serialize_message(String(data="<robot/>")))
    for i, message in enumerate(messages()):
        writer.write("/trace", START + i * SECOND // 10, serialize_message(message))
    writer.close()
    return tmp_path


def test_everything_is_published_again_in_order_with_the_clock(ros: RosWorld, recording: Path) -> None:
    listener = ros.node("listener")
    events: list[TraceEvent] = []
    times: list[int] = []
    listener.create_subscription(TraceEvent, "trace", events.append, EVERY_EVENT)
    listener.create_subscription(
        Clock, "/clock", lambda m: times.append(m.clock.sec * SECOND + m.clock.nanosec), CLOCK
    )
    talker = ros.node("talker")
    with BagReader(recording) as bag:
        replayer = Replayer(talker, bag)
        wait_until(replayer.heard)
        counts: list[int] = []
        assert replayer.play(10.0, threading.Event(), counts.append)
    wait_until(lambda: len(events) == 19 and START + 18 * SECOND // 10 in times, "all events")
    assert events == messages()
    assert counts == list(range(1, 21))
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] == START + 18 * SECOND // 10


def test_what_was_latched_reaches_those_who_come_late(ros: RosWorld, recording: Path) -> None:
    talker = ros.node("talker")
    with BagReader(recording) as bag:
        Replayer(talker, bag).play(1000.0, threading.Event())
    descriptions: list[String] = []
    ros.node("listener").create_subscription(String, "robot_description", descriptions.append, LATCHED)
    wait_until(lambda: len(descriptions) == 1, "the description")
    assert descriptions[0].data == "<robot/>"


def test_it_can_be_stopped_in_the_middle(ros: RosWorld, recording: Path) -> None:
    stop = threading.Event()
    counts: list[int] = []

    def count(so_far: int) -> None:
        counts.append(so_far)
        if so_far == 5:
            stop.set()

    with BagReader(recording) as bag:
        assert not Replayer(ros.node("talker"), bag).play(100.0, stop, count)
    assert counts[-1] == 5


def test_a_rate_must_be_positive(ros: RosWorld, recording: Path) -> None:
    with BagReader(recording) as bag, pytest.raises(ValueError, match="positive"):
        Replayer(ros.node("talker"), bag).play(0.0, threading.Event())


def test_the_command_plays_to_the_end(ros: RosWorld, recording: Path) -> None:
    assert main(["replay", str(recording), "--rate", "20"]) == 0


def test_the_command_says_what_is_wrong(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(tmp_path / "nowhere")]) == 2
    assert "no recording in" in capsys.readouterr().err
    assert main(["replay", str(recording), "--rate", "0"]) == 2
    assert "--rate 0: should be positive" in capsys.readouterr().err
    file = recording / "bag" / "bag.mcap"
    file.write_bytes(file.read_bytes()[:-100])
    assert main(["replay", str(recording)]) == 2
    assert "damaged" in capsys.readouterr().err
