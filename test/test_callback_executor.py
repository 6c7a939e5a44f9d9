"""The executor of our nodes: who waits for whom, and that nothing is lost at its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from ros_world import TIMEOUT, Background, RosWorld, wait, wait_until
from std_msgs.msg import String
from std_srvs.srv import Trigger

from taskprog.nodes.callback_executor import LongCallbackGroup
from taskprog.nodes.spin import SpinThread


class Worker:
    """A node with a quick subscription ``quick`` and a blocking one ``long``, spun by ``spin``."""

    def __init__(self, ros: RosWorld):
        self.node: Node = rclpy.create_node("worker", context=ros.context)
        self.quick: list[str] = []
        self.long: list[str] = []
        self.threads: set[str] = set()
        self.begun, self.go_on = threading.Event(), threading.Event()
        group = LongCallbackGroup()
        self.node.create_subscription(String, "quick", self._on_quick, 10)
        self.node.create_subscription(String, "long", self._on_long, 10, callback_group=group)
        self.spin = SpinThread(ros.context)
        self.spin.serve(self.node)
        speaker = ros.node("speaker")
        self._topics = {name: speaker.create_publisher(String, name, 10) for name in ("quick", "long")}
        for publisher in self._topics.values():
            wait_until(lambda p=publisher: p.get_subscription_count() > 0, "discovery")  # type: ignore[misc]

    def say(self, topic: str, text: str) -> None:
        self._topics[topic].publish(String(data=text))

    def _on_quick(self, message: String) -> None:
        self.threads.add(threading.current_thread().name)
        if message.data == "bad":
            raise ValueError("a bad message")
        self.quick.append(message.data)

    def _on_long(self, message: String) -> None:
        self.begun.set()
        self.go_on.wait(TIMEOUT)
        self.long.append(message.data)


@pytest.fixture
def worker(ros: RosWorld) -> Iterator[Worker]:
    worker = Worker(ros)
    yield worker
    worker.go_on.set()
    if worker.spin.is_alive():
        worker.spin.stop()
    worker.node.destroy_node()


def test_a_long_callback_keeps_nobody_waiting_but_its_own_group(worker: Worker, ros: RosWorld) -> None:
    worker.node.create_service(Trigger, "ask", lambda request, answer: answer)
    client = ros.node("client").create_client(Trigger, "ask")
    worker.say("long", "first")
    wait(worker.begun, "the long callback")
    worker.say("long", "second")
    for text in ("a", "b"):
        worker.say("quick", text)
    wait_until(lambda: worker.quick == ["a", "b"], "quick callbacks beside the long one")
    assert client.wait_for_service(TIMEOUT)
    assert client.call(Trigger.Request()) is not None
    assert worker.long == []
    worker.go_on.set()
    wait_until(lambda: worker.long == ["first", "second"], "the long ones, in order")


def test_quick_callbacks_run_in_the_thread_that_spins(worker: Worker) -> None:
    worker.say("quick", "a")
    wait_until(lambda: worker.quick == ["a"], "the message")
    assert worker.threads == {worker.spin.name}


def test_an_error_is_noted_and_the_others_are_served_on(worker: Worker) -> None:
    worker.say("quick", "bad")
    wait(worker.spin.failed, "the error")
    assert str(worker.spin.error) == "a bad message"
    worker.say("quick", "good")
    wait_until(lambda: worker.quick == ["good"], "the next message")


def test_an_error_in_the_pool_is_noted_too(worker: Worker, ros: RosWorld) -> None:
    def fail(request: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        worker.begun.set()
        worker.go_on.wait(TIMEOUT)
        raise ZeroDivisionError

    worker.node.create_service(Trigger, "ask", fail, callback_group=ReentrantCallbackGroup())
    client = ros.node("client").create_client(Trigger, "ask")
    assert client.wait_for_service(TIMEOUT)
    client.call_async(Trigger.Request())
    wait(worker.begun, "the callback")
    worker.say("quick", "the last message")
    wait_until(lambda: bool(worker.quick), "the message")
    worker.go_on.set()
    wait(worker.spin.failed, "the error")
    assert isinstance(worker.spin.error, ZeroDivisionError)


def test_the_end_waits_for_what_runs(worker: Worker) -> None:
    worker.say("long", "last")
    wait(worker.begun, "the long callback")
    stopping = Background(lambda: worker.spin.stop(TIMEOUT))
    worker.spin.join(TIMEOUT)
    assert stopping.is_alive()
    worker.go_on.set()
    stopping.result()
    assert worker.long == ["last"]
