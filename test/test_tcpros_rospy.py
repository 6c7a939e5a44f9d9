"""The same wire as genuine rospy: messages both ways, with our master and with the genuine one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import genuine_ros1
import pytest
from tcpros_world import TEXT, Inbox, repeat_until

from taskprog.control.intera.messages import JOINT_STATE
from tcpros import Master, Message, Node

ECHO = str(Path(__file__).with_name("rospy_echo.py"))


@contextmanager
def some_master(kind: str, folder: Path) -> Iterator[str]:
    if kind == "ours":
        with Master() as master:
            yield master.uri
        return
    with genuine_ros1.master(folder) as uri:
        yield uri


@genuine_ros1.needed
@pytest.mark.parametrize("master", ["ours", "genuine"])
def test_messages_go_both_ways(master: str, tmp_path: Path) -> None:
    words, pongs = Inbox(), list[Message]()
    with (
        some_master(master, tmp_path) as uri,
        genuine_ros1.process(uri, tmp_path, ECHO),
        Node("/ours", uri) as node,
    ):
        node.subscribe("/word", TEXT, words)
        node.subscribe("/pong", JOINT_STATE, pongs.append)
        ping = node.advertise("/ping", JOINT_STATE)
        sent = JOINT_STATE(name=["right_j0", "Gelenk ä"], position=[0.1, -2.5], effort=[float("inf")])
        sent.header.stamp = (12, 34)
        repeat_until(lambda: ping.publish(sent), lambda: len(pongs) > 0, "the way there and back")
        assert words.wait(lambda data: len(data) > 0) == ["latched"]
        got = pongs[0]
        assert (got.name, got.position, got.effort) == (sent.name, sent.position, sent.effort)
        assert tuple(got.header.stamp) == (12, 34)
        assert "/echo" in ping.subscribers
