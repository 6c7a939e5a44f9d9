"""Recordings on disk: rosbag2 with MCAP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from sawyer_ntp.msg import StackFrame, TraceEvent

from taskprog.nodes.bag import BagError, BagReader, BagWriter, Channel, message_class, typestore

TRACE = Channel("/trace", "sawyer_ntp/msg/TraceEvent")
LATCHED = Channel("/robot_description", "std_msgs/msg/String", latched=True)


def event(index: int) -> TraceEvent:
    return TraceEvent(index=index, op="move_to", args=["red", "0.045"], stack=[StackFrame(op="pick")])


def write(folder: Path, count: int = 200) -> None:
    writer = BagWriter(folder, [TRACE, LATCHED])
    for i in range(count):
        writer.write("/trace", 1_000_000 * i, serialize_message(event(i)))
    writer.close()


def test_messages_come_back_in_order_with_their_times(tmp_path: Path) -> None:
    write(tmp_path / "bag")
    with BagReader(tmp_path / "bag") as bag:
        assert set(bag.channels) == {TRACE, LATCHED}
        assert (bag.count, bag.start, bag.end) == (200, 0, 199_000_001)
        messages = list(bag.messages())
    assert [m.time for m in messages] == [1_000_000 * i for i in range(200)]
    assert [deserialize_message(m.data, TraceEvent) for m in messages] == [event(i) for i in range(200)]


def test_the_folder_of_a_demo_is_as_good_as_its_bag(tmp_path: Path) -> None:
    write(tmp_path / "bag", 3)
    with BagReader(tmp_path) as bag:
        assert bag.count == 3


def test_others_can_read_it_with_the_definitions_inside(tmp_path: Path) -> None:
    write(tmp_path / "bag", 1)
    with AnyReader([tmp_path / "bag"]) as reader:
        ((connection, _, data),) = reader.messages()
        message = reader.deserialize(data, connection.msgtype)
    assert (message.op, list(message.args), message.stack[0].op) == ("move_to", ["red", "0.045"], "pick")


def test_type_hashes_are_those_of_the_generated_messages() -> None:
    import sawyer_ntp.msg

    for name in ("TraceEvent", "TraceDescription", "DetectedObjects"):
        wanted = getattr(sawyer_ntp.msg, name)
        generated = Path(sawyer_ntp.msg.__file__)
        share = next(
            (p / "share/sawyer_ntp/msg" for p in generated.parents if (p / "share/sawyer_ntp/msg").is_dir()),
            None,
        )
        if share is None:
            pytest.skip("the installed interfaces have no type descriptions")
        hashes = json.loads((share / f"{name}.json").read_text())["type_hashes"]
        official = next(h["hash_string"] for h in hashes if h["type_name"] == f"sawyer_ntp/msg/{name}")
        assert typestore().hash_rihs01(f"sawyer_ntp/msg/{name}") == official
        assert message_class(f"sawyer_ntp/msg/{name}") is wanted


def test_time_never_runs_back(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag", [TRACE])
    for time in (5, 3, 7):
        writer.write("/trace", time, serialize_message(event(time)))
    writer.close()
    with BagReader(tmp_path / "bag") as bag:
        assert [m.time for m in bag.messages()] == [5, 5, 7]


def test_nothing_has_the_name_of_a_bag_before_it_is_complete(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag", [TRACE])
    writer.write("/trace", 0, serialize_message(event(0)))
    assert not (tmp_path / "bag").exists()
    writer.close()
    assert [p.name for p in tmp_path.iterdir()] == ["bag"]


def test_recordings_are_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "bag", 1)
    with pytest.raises(BagError, match="not overwritten"):
        BagWriter(tmp_path / "bag", [TRACE])


def test_unknown_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="unknown message type nobody_msgs/msg/X"):
        BagWriter(tmp_path / "bag", [Channel("/x", "nobody_msgs/msg/X")])
    with pytest.raises(BagError, match="nobody_msgs/msg/X is not installed"):
        message_class("nobody_msgs/msg/X")


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"no recording in .*nowhere"):
        BagReader(tmp_path / "nowhere")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.97])
def test_a_truncated_bag_is_a_clear_error(tmp_path: Path, share: float) -> None:
    write(tmp_path / "bag")
    file = tmp_path / "bag" / "bag.mcap"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BagError, match="damaged"):
        BagReader(tmp_path / "bag")


def test_a_bag_with_fewer_messages_than_it_says_is_a_clear_error(tmp_path: Path) -> None:
    write(tmp_path / "bag", 3)
    index = tmp_path / "bag" / "metadata.yaml"
    index.write_text(index.read_text().replace("message_count: 3", "message_count: 4"))
    with BagReader(tmp_path) as bag, pytest.raises(BagError, match="should hold 4 messages, not 3"):
        list(bag.messages())


def test_bytes_that_changed_are_a_clear_error(tmp_path: Path) -> None:
    write(tmp_path / "bag")
    file = tmp_path / "bag" / "bag.mcap"
    data = bytearray(file.read_bytes())
    data[900:1300] = bytes(400)
    file.write_bytes(data)

    def read() -> None:
        with BagReader(tmp_path / "bag") as bag:
            list(bag.messages())

    with pytest.raises(BagError, match="damaged"):
        read()
