"""Round trip of primitives through executor and robot, against a bare action of the robot in the same run.

Three processes: this client, the executor, and the loop-back robot, whose clock runs so fast that motions
take no time. What is left is planning, the actions, and waiting for the joint states that show a motion's
end. Rounds of the compared things alternate, so that a busy machine slows all of them alike. Wall time.
"""

from __future__ import annotations

import functools
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from control_msgs.action import GripperCommand
from control_msgs.msg import GripperCommand as GripperSetpoint
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rich.console import Console
from rich.table import Table
from sawyer_ntp.action import MoveGripper, MoveTo

from taskprog.cli.supervisor import NodeSpec, Supervisor, isolated_environment
from taskprog.control.cartesian import Landing
from taskprog.control.collision import CollisionModel
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.planning import PathPlanner, Straights
from taskprog.control.robot import GRIPPER_OPEN_WIDTH, NEUTRAL
from taskprog.control.surroundings import Surroundings
from taskprog.control.trajectory import time_optimal
from taskprog.machine import CancelToken
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import call_action, wait_for_server
from taskprog.nodes.convert import to_pose
from taskprog.tasks.table_top import WORKSPACE

ROUNDS = 60
RATE = 1000.0  # seconds of the robot's clock in one of the wall's
TIMEOUT = 30.0
HERE, THERE = np.array([0.55, -0.20, 0.0]), np.array([0.65, 0.20, 0.0])


def milliseconds(work: Callable[[], Any]) -> float:
    """Wall time that it takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


class Client:
    """Calls actions of one node that spins in the background."""

    def __init__(self, node: Node):
        self.bare = ActionClient(node, GripperCommand, "gripper_controller/gripper_cmd")
        self.move = ActionClient(node, MoveTo, "move_to")
        self.grip = ActionClient(node, MoveGripper, "move_gripper")
        for client in (self.bare, self.move, self.grip):
            wait_for_server(client, TIMEOUT)

    def bare_action(self) -> None:
        """The robot's own gripper action: nothing to do, since it is open."""
        goal = GripperCommand.Goal(command=GripperSetpoint(position=GRIPPER_OPEN_WIDTH))
        call_action(self.bare, goal, CancelToken(), TIMEOUT)

    def open_gripper(self) -> None:
        """The same through the executor."""
        result = call_action(self.grip, MoveGripper.Goal(), CancelToken(), TIMEOUT)
        if result.error_code:
            raise RuntimeError(result.message)

    def move_to(self, position: NDArray[np.float64]) -> None:
        """There on a free path."""
        goal = MoveTo.Goal(target=PoseStamped(pose=to_pose(position, top_down(0.0))))
        result = call_action(self.move, goal, CancelToken(), TIMEOUT)
        if result.error_code:
            raise RuntimeError(result.message)


def rounds(client: Client) -> dict[str, list[float]]:
    """Times of everything, in turn."""
    client.move_to(HERE)
    times: dict[str, list[float]] = {
        "bare action": [],
        "open_gripper": [],
        "move_to": [],
        "planning alone": [],
    }
    kinematics = Kinematics.load()
    for index in range(ROUNDS):
        goal = THERE if index % 2 == 0 else HERE
        times["bare action"].append(milliseconds(client.bare_action))
        times["open_gripper"].append(milliseconds(client.open_gripper))
        times["move_to"].append(milliseconds(functools.partial(client.move_to, goal)))
        times["planning alone"].append(milliseconds(functools.partial(plan, kinematics, goal)))
    return times


def plan(kinematics: Kinematics, goal: NDArray[np.float64]) -> None:
    """What ``move_to`` computes: a free path, and its fastest trajectory."""
    around = Surroundings(CollisionModel.load(), kinematics, NEUTRAL, [], None, False, GRIPPER_OPEN_WIDTH)
    straights = Straights(Landing(0.03, 0.10), 0.0, WORKSPACE)
    path = PathPlanner(kinematics).plan(NEUTRAL, goal, top_down(0.0), around, straights, 0.7)
    time_optimal(path, kinematics, 0.7)


def main() -> None:
    """Measure and print."""
    os.environ.update(isolated_environment())
    nodes = [NodeSpec("loopback_robot", {"rate": RATE}), NodeSpec("executor")]
    with tempfile.TemporaryDirectory() as folder, Supervisor(nodes, Path(folder)):
        rclpy.init()
        node = rclpy.create_node("bench")
        executor = MultiThreadedExecutor(2)
        executor.add_node(node)
        thread = threading.Thread(target=_spin, args=(executor,), daemon=True)
        thread.start()
        times = rounds(Client(node))
        executor.shutdown()
        thread.join()
        rclpy.try_shutdown()
    bare = statistics.median(times["bare action"])
    table = Table(title=f"executor: wall time of {ROUNDS} rounds")
    for column in ("what", "median ms", "90th percentile ms", "bare actions"):
        table.add_column(column)
    for name, values in times.items():
        median = statistics.median(values)
        table.add_row(
            name, f"{median:.1f}", f"{float(np.percentile(values, 90)):.1f}", f"{median / bare:.1f}x"
        )
    Console().print(table)


def _spin(executor: MultiThreadedExecutor) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        return


if __name__ == "__main__":
    main()
