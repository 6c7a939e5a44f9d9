"""tcpros at 100 Hz both ways with genuine rospy, beside a link of rospy alone; and under hostile input.

``bench_wire.py latency hostile`` runs some of the parts; without words, both. The first needs Debian's ROS 1.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

# What tests throw at it is thrown here as well, only more of it.
sys.path.insert(0, str(Path(__file__).parent.parent / "test"))

from tcpros_hostile import Trap, answer, header, http, message, throw
from tcpros_world import NUMBER, Inbox, repeat_until

from taskprog.control.intera.messages import JOINT_STATE
from tcpros import Master, Message, Node, RpcError, Time, rpc
from tcpros.frames import encode_header

SECONDS = 60.0
SETTLE = 3.0  # seconds at the start that do not count
HOSTILE = 10_000
JOINTS = [f"right_j{i}" for i in range(7)]
LINK = str(Path(__file__).with_name("rospy_link.py"))


def spawn(master: str, *arguments: str) -> subprocess.Popen[str]:
    """An end of a link, by rospy."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ROS_", "VIRTUAL_ENV"))}
    environment = clean | {"ROS_MASTER_URI": master, "ROS_IP": "127.0.0.1", "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(
        ["/usr/bin/python3", LINK, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )


def show(what: str, taken: list[tuple[int, float]]) -> None:
    """Latencies, and what is missing between the first and the last number."""
    taken = taken[round(100 * SETTLE) :]
    lost = taken[-1][0] - taken[0][0] + 1 - len(taken)
    ms = np.array([latency for _, latency in taken]) * 1e3
    figures = f"{np.median(ms):6.2f} {np.percentile(ms, 99):6.2f} {ms.max():7.2f}"
    print(f"  {what:30} {figures}   {lost} of {lost + len(taken)}", flush=True)


def latency() -> None:
    """A robot's states one way, a driver's commands the other."""
    print("100 Hz on loopback, ms: median, 99th percentile, max; lost")
    ups: list[tuple[int, float]] = []

    def take(m: Message) -> None:
        ups.append((m.header.seq, time.time() - m.header.stamp.secs - 1e-9 * m.header.stamp.nsecs))

    with Master() as master, Node("/driver", master.uri) as node:
        seconds = str(SECONDS + SETTLE + 5.0)
        robot = spawn(master.uri, "both", seconds, "/up")
        reference = [spawn(master.uri, role, seconds, "/reference") for role in ("send", "receive")]
        node.subscribe("/up", JOINT_STATE, take)
        down = node.advertise("/down", JOINT_STATE)
        repeat_until(lambda: None, lambda: len(ups) > 0 and bool(down.subscribers), "the connection")
        began, cpu, due = time.monotonic(), time.process_time(), time.monotonic()
        sent = 0
        while time.monotonic() < began + SECONDS + SETTLE:
            command = JOINT_STATE(
                name=[f"right_j{i}" for i in range(7)], position=[0.1] * 7, velocity=[0.2] * 7
            )
            sent += 1
            command.header.seq = sent
            command.header.stamp = Time(*divmod(time.time_ns(), 1_000_000_000))
            down.publish(command)
            due += 0.01
            time.sleep(max(0.0, due - time.monotonic()))
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        downs, refs = (json.loads(process.communicate()[0]) for process in (robot, reference[1]))
        reference[0].communicate()
        show("rospy to rospy", refs)
        show("rospy to tcpros", ups)
        show("tcpros to rospy", downs)
        print(f"  processor of the tcpros end, with the master: {share:.3f} of a core")


def hostile() -> None:
    """Ports of node and master, callers and subscribers, thrown at in turn."""
    rng = random.Random(0)
    inbox = Inbox()
    began, threads = time.monotonic(), threading.active_count()
    slowest = 0.0
    with Master() as master, Node("/a", master.uri) as a, Node("/b", master.uri) as b:
        publisher = a.advertise("/n", NUMBER)
        b.subscribe("/n", NUMBER, inbox)
        _, _, topics = rpc.call(a.uri, "requestTopic", "/x", "/n", [["TCPROS"]])
        calls = urlsplit(a.uri).port or 0
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for index in range(HOSTILE * 8 // 10):
            at = time.monotonic()
            port, data = ((topics, header), (calls, http), (master.port, http))[index % 3]
            throw(port, data(rng))
            slowest = max(slowest, time.monotonic() - at)
        answers = [answer(rng) for _ in range(HOSTILE // 10)]
        trap = Trap(answers)
        errors = 0
        for _ in answers:
            try:
                rpc.call(f"http://127.0.0.1:{trap.port}/", "getPid", "/x")
            except RpcError:
                errors += 1
        trap.close()
        frames = HOSTILE // 10
        good = encode_header({"type": NUMBER.name, "md5sum": NUMBER.md5})
        trap = Trap([header(rng) if rng.random() < 0.5 else good + message(rng) for _ in range(frames)])
        offer = {"requestTopic": lambda *_: (1, "", ["TCPROS", "127.0.0.1", trap.port])}
        liar = rpc.RpcServer("127.0.0.1", offer)
        subscriber = b.subscribe("/liar", NUMBER, inbox)
        for _ in range(frames):
            try:
                sock, kind = subscriber.open(f"http://127.0.0.1:{liar.port}/")
                with sock:
                    while subscriber.receive(kind, sock):
                        pass
            except (ConnectionError, ValueError, RpcError, OSError):
                pass
        liar.close()
        trap.close()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        repeat_until(lambda: publisher.publish(NUMBER(data=3)), lambda: 3 in inbox.data, "a good message")
    left = threading.active_count() - threads
    print(f"hostile inputs: {HOSTILE} in {time.monotonic() - began:.0f} s; then a good message came through")
    print(f"  answers refused by callers: {errors} of {len(answers)}; threads left: {left}")
    print(
        f"  slowest answer to one {slowest:.2f} s; peak memory grew by {(after - before) / 1024:.1f} MiB",
        flush=True,
    )


def main() -> None:
    """Run the parts that are asked for."""
    parts = {"latency": latency, "hostile": hostile}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
