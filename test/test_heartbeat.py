"""Nodes notice that another one lives, died, or came back."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from ros_world import RosWorld, wait, wait_until

from taskprog.nodes.heartbeat import TOPIC, Heartbeat, HeartbeatMonitor
from taskprog.nodes.qos import LATCHED

TIMEOUT = 0.8  # longer than the period, shorter than the default, so that the test is quick


def test_life_and_death(ros: RosWorld) -> None:
    lost: list[str] = []
    died = threading.Event()

    def on_lost(name: str) -> None:
        lost.append(name)
        died.set()

    monitor = HeartbeatMonitor(ros.node("watcher"), ("executor", "perception"), TIMEOUT, on_lost)
    assert not monitor.alive("executor")
    executor = ros.node("executor")
    Heartbeat(executor)
    wait_until(lambda: monitor.alive("executor"), "the first heartbeat")
    assert not monitor.alive("perception")
    ros.remove(executor)
    wait(died, "the loss")
    assert lost == ["executor"]
    assert not monitor.alive("executor")
    Heartbeat(ros.node("executor"))
    wait_until(lambda: monitor.alive("executor"), "the return")


def test_while_the_watcher_stands_still_silence_does_not_count(ros: RosWorld) -> None:
    lost: list[str] = []
    clock = [0.0]
    watcher = rclpy.create_node("watcher", context=ros.context)  # not spun: the test looks
    monitor = HeartbeatMonitor(watcher, ("executor",), 4.0, lost.append, lambda: clock[0])
    alive = DiagnosticStatus(name="/executor")
    monitor._on_beat(DiagnosticArray(status=[alive]))
    clock[0] = 10.0  # ten seconds without a look
    assert monitor.alive("executor")
    monitor._look()
    assert lost == []
    assert monitor.alive("executor")
    for _ in range(6):
        clock[0] += 0.5
        monitor._look()
    assert lost == []
    clock[0] += 0.5
    monitor._look()
    assert lost == ["executor"]
    assert not monitor.alive("executor")


def test_a_heartbeat_is_not_pushed_out_by_anothers(ros: RosWorld) -> None:
    """All nodes send on one topic, and a busy watcher reads late."""
    watcher = rclpy.create_node("watcher", context=ros.context)  # spun by the test
    monitor = HeartbeatMonitor(watcher, ("executor",))
    for name in ("executor", "planner", "perception"):
        beats = ros.node(name).create_publisher(DiagnosticArray, "diagnostics", LATCHED)
        wait_until(lambda beats=beats: beats.get_subscription_count() > 0, "discovery")  # type: ignore[misc]
        beats.publish(DiagnosticArray(status=[DiagnosticStatus(name=f"/{name}")]))
        assert beats.wait_for_all_acked(Duration(seconds=TIMEOUT))
    single = SingleThreadedExecutor(context=ros.context)
    single.add_node(watcher)
    for _ in range(10):
        single.spin_once(timeout_sec=0.0)
    assert monitor.alive("executor")
    single.shutdown()


def test_those_who_come_late_hear_at_once(ros: RosWorld) -> None:
    Heartbeat(ros.node("executor"))
    monitor = HeartbeatMonitor(ros.node("watcher"), ("executor",))
    wait_until(lambda: monitor.alive("executor"), "the latched heartbeat")


def test_a_node_that_cannot_work_says_why_until_it_can_again(ros: RosWorld) -> None:
    heartbeat = Heartbeat(ros.node("perception"))
    monitor = HeartbeatMonitor(ros.node("watcher"), ("perception",))
    statuses: list[DiagnosticStatus] = []
    listener = ros.node("listener")
    listener.create_subscription(DiagnosticArray, TOPIC, lambda m: statuses.extend(m.status), LATCHED)
    assert monitor.complaint("perception") == ""
    heartbeat.complaint = "the lens is covered"
    wait_until(lambda: monitor.complaint("perception") == "the lens is covered", "the complaint")
    assert monitor.alive("perception")
    wait_until(lambda: statuses[-1].level == DiagnosticStatus.WARN, "the warning")
    assert statuses[-1].message == "the lens is covered"
    heartbeat.complaint = ""
    wait_until(lambda: monitor.complaint("perception") == "", "the complaint's end")
    wait_until(lambda: statuses[-1].level == DiagnosticStatus.OK, "the warning's end")


def test_namespaces_keep_robots_apart(ros: RosWorld) -> None:
    left = HeartbeatMonitor(ros.node("watcher", namespace="left"), ("executor",))
    right = HeartbeatMonitor(ros.node("watcher", namespace="right"), ("executor",))
    Heartbeat(ros.node("executor", namespace="right"))
    wait_until(lambda: right.alive("executor"), "the heartbeat")
    assert not left.alive("executor")


def test_unwatched_name_is_an_error(ros: RosWorld) -> None:
    monitor = HeartbeatMonitor(ros.node("watcher"), ("executor",))
    with pytest.raises(KeyError, match="only executor"):
        monitor.alive("planner")
    with pytest.raises(KeyError, match="only executor"):
        monitor.complaint("planner")
