"""A node as a process: it ends on a signal with its goal stopped, and its exit status tells how it went."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.action import ActionClient
from ros_world import TIMEOUT, Background, RosWorld
from sawyer_ntp.action import MoveTo

from taskprog.machine import CancelToken
from taskprog.nodes import call

NODE = """
import sys
from rclpy.node import Node
from sawyer_ntp.action import MoveTo
from taskprog.nodes.heartbeat import Heartbeat
from taskprog.nodes.single_goal import SingleGoalServer
from taskprog.nodes.spin import run

class Arm(Node):
    def __init__(self):
        if "--broken" in sys.argv:
            raise ValueError("no arm there")
        super().__init__("arm")
        self.server = SingleGoalServer(
            self, MoveTo, "move_to", accept=lambda goal: None, execute=self.execute,
            failure=lambda text: MoveTo.Result(error_code=7, message=text),
        )
        self.heartbeat = Heartbeat(self)
        if "--crash" in sys.argv:
            self.create_timer(0.01, lambda: 1 // 0)
        print("up", flush=True)

    def execute(self, goal, cancel, feedback):
        print("started", flush=True)
        cancel.wait(30.0)
        print("stopped:", cancel.reason, flush=True)
        return MoveTo.Result(error_code=8, message=cancel.reason)

sys.exit(run(Arm, expected=(ValueError,)))
"""


@contextmanager
def arm(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", NODE, *arguments]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_idle_node_ends_cleanly(ros: RosWorld, number: signal.Signals) -> None:
    with arm() as process:
        assert line(process) == "up"
        process.send_signal(number)
        output, errors = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, output, errors) == (0, "", "")


def test_signal_stops_the_running_goal_first(ros: RosWorld) -> None:
    client = ActionClient(ros.node("client"), MoveTo, "move_to")
    with arm() as process:
        assert line(process) == "up"
        call.wait_for_server(client, TIMEOUT)
        goal = Background(lambda: call.call_action(client, MoveTo.Goal(), CancelToken(), TIMEOUT))
        assert line(process) == "started"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)  # as a terminal and a launcher together do
        output, errors = process.communicate(timeout=TIMEOUT)
        assert (process.returncode, output, errors) == (0, "stopped: the node is shutting down\n", "")
        assert goal.result().message == "the node is shutting down"


def test_node_that_cannot_start_says_why(ros: RosWorld) -> None:
    with arm("--broken") as process:
        output, errors = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, output, errors) == (1, "", "error: no arm there\n")


def test_exception_in_a_callback_ends_the_process(ros: RosWorld) -> None:
    with arm("--crash") as process:
        _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert "ZeroDivisionError" in errors
