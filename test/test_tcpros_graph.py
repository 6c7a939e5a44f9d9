"""Nodes that publish and receive through a master: agreement on types, loss and return of either side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tcpros_world import NUMBER, TEXT, TIMEOUT, Inbox, free_port, repeat_until, wait_until

from tcpros import Master, MessageTypes, Node, RpcError, rpc
from tcpros.frames import encode_header, frame, read_frame, read_header

OTHER = MessageTypes({"std_msgs/UInt16": "uint16 value"})["std_msgs/UInt16"]


@pytest.fixture
def master() -> Iterator[Master]:
    with Master() as master:
        yield master


@pytest.fixture
def nodes(master: Master) -> Iterator[Any]:
    made: list[Node] = []

    def make(name: str, **options: Any) -> Node:
        made.append(Node(name, master.uri, host="127.0.0.1", **options))
        return made[-1]

    yield make
    for node in made:
        node.close()


def connect(uri: str, name: str, **header: str) -> socket.socket:
    """A subscriber's connection to a topic, its header sent."""
    _, host, port = rpc.call(uri, "requestTopic", "/raw", name, [["TCPROS"]])
    sock = socket.create_connection((host, port), TIMEOUT)
    sock.sendall(encode_header({"callerid": "/raw", "topic": name, **header}))
    return sock


@pytest.mark.parametrize("first", ["publisher", "subscriber"])
def test_messages_arrive_in_order_whoever_came_first(nodes: Any, first: str) -> None:
    inbox = Inbox()
    a, b = nodes("/a"), nodes("/b")
    if first == "subscriber":
        b.subscribe("/n", NUMBER, inbox)
    publisher = a.advertise("/n", NUMBER)
    if first == "publisher":
        b.subscribe("/n", NUMBER, inbox)
    wait_until(lambda: publisher.subscribers == ("/b",), "the connection")
    for value in range(100):
        assert publisher.publish(NUMBER(data=value)) == 1
        inbox.wait(lambda data, value=value: value in data)  # type: ignore[misc]
    assert inbox.data == list(range(100))


def test_latched_topics_give_their_last_message_to_those_who_come_late(nodes: Any) -> None:
    publisher = nodes("/a").advertise("/n", NUMBER, latched=True)
    publisher.publish(NUMBER(data=1))
    publisher.publish(NUMBER(data=2))
    inbox = Inbox()
    nodes("/b").subscribe("/n", NUMBER, inbox)
    assert inbox.wait(lambda data: len(data) > 0) == [2]


def test_the_publishers_md5_sum_chooses_the_layout(nodes: Any) -> None:
    inbox = Inbox()
    publisher = nodes("/a").advertise("/n", OTHER)
    nodes("/b").subscribe("/n", (NUMBER, OTHER), lambda m: inbox(NUMBER(data=m.value)))
    repeat_until(
        lambda: publisher.publish(OTHER(value=7)), lambda: len(inbox.messages) > 0, "a message's arrival"
    )


@pytest.mark.parametrize("kinds", [(NUMBER,), (NUMBER, TEXT)], ids=["one", "several"])
def test_unknown_layouts_are_refused_and_named(nodes: Any, kinds: Any) -> None:
    inbox = Inbox()
    publisher = nodes("/a").advertise("/n", OTHER)
    subscriber = nodes("/b").subscribe("/n", kinds, inbox)
    wait_until(lambda: bool(subscriber.problems), "a problem")
    (problem,) = subscriber.problems.values()
    assert OTHER.md5 in problem
    assert NUMBER.md5 in problem
    assert publisher.publish(OTHER(value=1)) == 0
    assert inbox.data == []


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"type": NUMBER.name, "md5sum": OTHER.md5}, f"has md5sum {NUMBER.md5}, not {OTHER.md5}"),
        ({"type": TEXT.name, "md5sum": NUMBER.md5}, f"has type {NUMBER.name}, not {TEXT.name}"),
        ({}, "not none"),
        ({"topic": "/other", "type": "*", "md5sum": "*"}, "'/other' is not published here"),
    ],
)
def test_subscribers_that_disagree_are_told_so(nodes: Any, header: dict[str, str], said: str) -> None:
    node = nodes("/a")
    node.advertise("/n", NUMBER)
    with connect(node.uri, "/n", **header) as sock:
        assert said in read_header(sock)["error"]


def test_a_subscriber_may_leave_the_type_open(nodes: Any) -> None:
    node = nodes("/a")
    publisher = node.advertise("/n", NUMBER)
    with connect(node.uri, "/n", type="*", md5sum="*") as sock:
        header = read_header(sock)
        assert (header["type"], header["md5sum"], header["callerid"]) == (NUMBER.name, NUMBER.md5, "/a")
        wait_until(lambda: publisher.subscribers == ("/raw",), "the connection")
        publisher.publish(NUMBER(data=5))
        assert read_frame(sock, 100, TIMEOUT, TIMEOUT) == b"\x05\x00"
    wait_until(lambda: publisher.subscribers == (), "its leaving to be seen")


def test_a_publisher_that_dies_and_returns_is_found_again(master: Master, nodes: Any) -> None:
    inbox = Inbox()
    subscriber = nodes("/b").subscribe("/n", NUMBER, inbox)
    for value in (1, 2):
        node = Node("/a", master.uri, host="127.0.0.1")
        publisher = node.advertise("/n", NUMBER)
        repeat_until(
            lambda p=publisher, v=value: p.publish(NUMBER(data=v)),  # type: ignore[misc]
            lambda v=value: v in inbox.data,  # type: ignore[misc]
            f"message {value}'s arrival",
        )
        node.close()
        wait_until(lambda: subscriber.publishers == (), "the loss to be seen")


def test_a_connection_that_breaks_is_made_again(nodes: Any) -> None:
    inbox = Inbox()
    publisher = nodes("/a").advertise("/n", NUMBER)
    nodes("/b").subscribe("/n", NUMBER, inbox)
    for value in (1, 2):
        repeat_until(
            lambda v=value: publisher.publish(NUMBER(data=v)),  # type: ignore[misc]
            lambda v=value: v in inbox.data,  # type: ignore[misc]
            f"message {value}'s arrival",
        )
        for connection in publisher.connections:
            connection.sock.shutdown(socket.SHUT_RDWR)


def test_messages_that_cannot_be_read_break_the_connection_not_the_node(nodes: Any) -> None:
    inbox = Inbox()
    publisher = nodes("/a").advertise("/n", NUMBER)
    subscriber = nodes("/b").subscribe("/n", NUMBER, inbox, max_message=1000)
    for junk in (b"too long for a number", bytes(2000)):
        wait_until(lambda: len(publisher.connections) == 1, "the connection")
        with publisher._sender.lock:
            (connection,) = publisher.connections
            publisher._sender.offer(connection, frame(junk))
        wait_until(lambda: bool(subscriber.problems), "a problem")
        seen = len(inbox.data)
        repeat_until(
            lambda: publisher.publish(NUMBER(data=1)),
            lambda n=seen: len(inbox.data) > n,  # type: ignore[misc]
            "the connection's return",
        )
        assert not subscriber.problems


def test_who_cannot_keep_up_gets_the_newest_message_and_holds_nobody_up(nodes: Any) -> None:
    node = nodes("/a")
    publisher = node.advertise("/t", TEXT)
    inbox = Inbox()
    nodes("/b").subscribe("/t", TEXT, inbox)
    with connect(node.uri, "/t", type=TEXT.name, md5sum=TEXT.md5) as slow:
        read_header(slow)
        wait_until(lambda: len(publisher.subscribers) == 2, "both connections")
        filler = "x" * 100_000
        for index in range(200):  # 20 MB, more than any socket buffers
            publisher.publish(TEXT(data=f"{index} {filler}"))
        assert publisher.replaced > 50
        inbox.wait(
            lambda data: str(data[-1:]).startswith("['199 ")
        )  # the quick one got the last all the same
        received: list[int] = []
        while not received or received[-1] != 199:
            data = read_frame(slow, 200_000, TIMEOUT, TIMEOUT)
            assert data is not None
            received.append(int(TEXT.decode(data).data.split()[0]))
        assert received == sorted(set(received))
        assert len(received) < 150


def test_nodes_register_again_after_the_master_has_restarted_empty() -> None:
    port = free_port()
    inbox = Inbox()
    with (
        Master(port) as master,
        Node("/a", master.uri, "127.0.0.1") as a,
        Node("/b", master.uri, "127.0.0.1") as b,
    ):
        publisher = a.advertise("/n", NUMBER)
        b.subscribe("/n", NUMBER, inbox)
        wait_until(lambda: publisher.subscribers == ("/b",), "the connection")
        master.close()
        publisher.publish(NUMBER(data=1))  # topics need no master
        inbox.wait(lambda data: data == [1])
        wait_until(lambda: a.master_age > 1.5, "the loss to be seen")
        with Master(port) as second:
            wait_until(lambda: _registered(second) == {"/a", "/b"}, "the registrations")
            wait_until(lambda: a.master_age < 1.0, "the return to be seen")
            third = Inbox()
            with Node("/c", second.uri) as c:
                c.subscribe("/n", NUMBER, third)
                repeat_until(
                    lambda: publisher.publish(NUMBER(data=2)), lambda: 2 in third.data, "a newcomer's message"
                )
            a.close()
            b.close()


def _registered(master: Master) -> set[str]:
    publishers, subscribers, _ = rpc.call(master.uri, "getSystemState", "/test")
    return {node for table in (publishers, subscribers) for _, nodes in table for node in nodes}


def test_nodes_may_come_before_their_master() -> None:
    port = free_port()
    inbox = Inbox()
    uri = f"http://127.0.0.1:{port}/"
    with Node("/a", uri) as a, Node("/b", uri) as b:
        publisher = a.advertise("/n", NUMBER)
        b.subscribe("/n", NUMBER, inbox)
        with Master(port):
            wait_until(lambda: publisher.subscribers == ("/b",), "the connection")
            a.close()
            b.close()


def test_a_publisher_that_comes_during_a_registration_is_not_lost(nodes: Any) -> None:
    """The master tells of it before its answer, which does not have it yet, is read."""
    a = nodes("/a")
    publisher = a.advertise("/n", NUMBER)
    inbox = Inbox()

    def register(caller: str, topic: str, kind: str, uri: str) -> tuple[int, str, list[str]]:
        rpc.call(uri, "publisherUpdate", "/master", topic, [a.uri])
        return rpc.SUCCESS, "", []

    methods: dict[str, Callable[..., tuple[int, str, Any]]] = {
        "registerSubscriber": register,
        "lookupNode": lambda caller, name: (rpc.SUCCESS, "", b.uri),
        "unregisterSubscriber": lambda caller, topic, uri: (rpc.SUCCESS, "", 1),
    }
    master = rpc.RpcServer("127.0.0.1", methods)
    with Node("/b", f"http://127.0.0.1:{master.port}/", host="127.0.0.1") as b:
        b.subscribe("/n", NUMBER, inbox)
        repeat_until(lambda: publisher.publish(NUMBER(data=1)), lambda: 1 in inbox.data, "a message")
    master.close()


def test_a_newer_node_of_the_same_name_takes_the_name(nodes: Any) -> None:
    evicted: list[str] = []
    old = nodes("/a", on_shutdown=evicted.append)
    old.advertise("/n", NUMBER)
    new = nodes("/a")
    new.advertise("/n", NUMBER)
    wait_until(lambda: len(evicted) == 1, "the old one's notice")
    assert "same name" in evicted[0]
    assert new.call("lookupNode", "/a") == new.uri


def test_closing_takes_back_registrations_and_ends_threads(master: Master) -> None:
    before = threading.active_count()
    with Node("/a", master.uri) as a, Node("/b", master.uri) as b:
        publisher = a.advertise("/n", NUMBER)
        b.subscribe("/n", NUMBER, lambda message: None)
        wait_until(lambda: publisher.subscribers == ("/b",), "the connection")
    assert _registered(master) == set()
    wait_until(lambda: threading.active_count() <= before + 1, "the threads' end")


def test_parameters(master: Master, nodes: Any) -> None:
    node = nodes("/a")
    node.call("setParam", "/robot/config/joints", ["j0", "j1"])
    assert node.parameter("/robot/config/joints") == ["j0", "j1"]
    assert node.parameter("/robot") == {"config": {"joints": ["j0", "j1"]}}
    with pytest.raises(rpc.RpcRefused, match=r"\[/robot/name\] is not set"):
        node.parameter("/robot/name")


def test_addresses_and_names_that_make_no_sense_are_refused(master: Master) -> None:
    with pytest.raises(ValueError, match="should look like http://host:11311/"):
        Node("/a", "robot.local")
    with pytest.raises(ValueError, match="should look like /driver"):
        Node("a", master.uri)
    with pytest.raises(ValueError, match="set ROS_IP"):
        Node("/a", "http://192.0.2.1:11311/", host="127.0.0.1")
    with Node("/a", master.uri) as node, pytest.raises(ValueError, match="should be a full one"):
        node.advertise("n", NUMBER)


def test_calls_end_in_time_whatever_the_other_end_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(RpcError, match="no complete message in time"):
            rpc.call(uri, "getPid", "/a", timeout=0.05)
    with pytest.raises(RpcError, match="Connection refused"):
        rpc.call(f"http://127.0.0.1:{free_port()}/", "getPid", "/a")
