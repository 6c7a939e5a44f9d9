"""Processor time that a node spends on each message it hears: our executor beside rclpy's.

The node is like our executor and planner: two action servers, two action clients, heartbeats. Its callback
does nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

import rclpy
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient, ActionServer
from rclpy.executors import Executor, MultiThreadedExecutor
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import JointState

from taskprog.cli.supervisor import isolated_environment
from taskprog.nodes.callback_executor import THREADS, CallbackExecutor
from taskprog.nodes.heartbeat import Heartbeat, HeartbeatMonitor
from taskprog.nodes.qos import STATES

RATE = 50.0  # messages a second
SECONDS = 20.0
START_TIMEOUT = 30.0  # seconds until the first message
EXECUTORS: dict[str, type[Executor]] = {
    "ours": CallbackExecutor,
    "MultiThreadedExecutor": MultiThreadedExecutor,
}


def listen(kind: str, results: multiprocessing.Queue[tuple[str, float, int]]) -> None:
    """Hear messages for some seconds; how much processor time each took."""
    rclpy.init()
    node = rclpy.create_node(kind.lower())
    heard = 0
    started = threading.Event()

    def hear(message: JointState) -> None:
        nonlocal heard
        heard += 1
        started.set()

    node.create_subscription(JointState, "joint_states", hear, STATES)
    _ = [ActionServer(node, FollowJointTrajectory, f"{kind}_{i}", lambda goal: None) for i in range(2)]
    _ = [ActionClient(node, FollowJointTrajectory, f"{kind}_{i}") for i in range(2)]
    _ = Heartbeat(node), HeartbeatMonitor(node, ("ours", "multithreadedexecutor"))
    executor = EXECUTORS[kind](THREADS)
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    if not started.wait(START_TIMEOUT):
        os._exit(1)
    began, before = time.process_time(), heard
    time.sleep(SECONDS)
    used, taken = time.process_time() - began, heard - before
    results.put((kind, used / taken * 1e3, taken))
    results.close()
    results.join_thread()
    os._exit(0)  # the spinning thread has no end of its own


def main() -> None:
    """Measure and print."""
    os.environ.update(isolated_environment())
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[str, float, int]] = context.Queue()
    listeners = [context.Process(target=listen, args=(kind, results)) for kind in EXECUTORS]
    for process in listeners:
        process.start()
    rclpy.init()
    publisher = rclpy.create_node("speaker").create_publisher(JointState, "joint_states", STATES)
    message = JointState(name=[f"joint_{i}" for i in range(9)], position=[0.0] * 9)
    while any(process.is_alive() for process in listeners):
        publisher.publish(message)
        time.sleep(1.0 / RATE)
    if any(process.exitcode for process in listeners):
        raise SystemExit("a listener heard nothing, or failed")
    table = Table(title=f"a node that hears {RATE:g} messages a second")
    table.add_column("executor")
    table.add_column("processor ms a message", justify="right")
    table.add_column("messages", justify="right")
    for kind, each, taken in sorted(results.get() for _ in EXECUTORS):
        table.add_row(kind, f"{each:.2f}", str(taken))
    Console().print(table)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
