"""Whatever is thrown at a node, a master or their callers: they live on and serve those who mean well."""

from __future__ import annotations

import random
from urllib.parse import urlsplit

import pytest
from tcpros_hostile import Trap, answer, header, http, message, throw
from tcpros_world import NUMBER, Inbox, repeat_until, wait_until

from tcpros import Master, Node, RpcError, rpc
from tcpros.frames import encode_header, frame


def test_ports_survive_what_is_thrown_at_them() -> None:
    rng = random.Random(0)
    inbox = Inbox()
    with Master() as master, Node("/a", master.uri) as a, Node("/b", master.uri) as b:
        publisher = a.advertise("/n", NUMBER)
        b.subscribe("/n", NUMBER, inbox)
        _, _, topics = rpc.call(a.uri, "requestTopic", "/x", "/n", [["TCPROS"]])
        calls = urlsplit(a.uri).port
        assert calls is not None
        for _ in range(80):
            throw(topics, header(rng))
            throw(calls, http(rng))
            throw(master.port, http(rng))
        repeat_until(lambda: publisher.publish(NUMBER(data=3)), lambda: 3 in inbox.data, "a good message")
        wait_until(lambda: publisher.subscribers == ("/b",), "the others' leaving")
        assert rpc.call(a.uri, "getPublications", "/x") == [["/n", NUMBER.name]]


def test_callers_get_a_clear_error_from_whatever_answers() -> None:
    rng = random.Random(1)
    answers = [answer(rng) for _ in range(100)]
    trap = Trap(answers)
    for _ in answers:
        with pytest.raises(RpcError, match="getPid at http:"):
            rpc.call(f"http://127.0.0.1:{trap.port}/", "getPid", "/x")
    trap.close()


def test_subscribers_survive_what_publishers_send() -> None:
    rng = random.Random(2)
    good = encode_header({"type": NUMBER.name, "md5sum": NUMBER.md5})
    answers = [header(rng) if rng.random() < 0.5 else good + message(rng) for _ in range(6)]
    trap = Trap([*answers, good + frame(b"\x2a\x00")])
    inbox = Inbox()
    offer = {"requestTopic": lambda *a: (1, "", ["TCPROS", "127.0.0.1", trap.port])}
    liar = rpc.RpcServer("127.0.0.1", offer)
    with Master() as master, Node("/b", master.uri) as node:
        node.subscribe("/n", NUMBER, inbox)
        rpc.call(
            master.uri, "registerPublisher", "/liar", "/n", NUMBER.name, f"http://127.0.0.1:{liar.port}/"
        )
        inbox.wait(lambda data: 42 in data)
    liar.close()
    trap.close()
