"""Plain moves of a simulated robot for tests of the simulator: straight in joint space, no planning."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import JointTrajectory
from taskprog.machine import CancelToken
from taskprog.tasks.table_top import CUBE_SIZE
from taskprog_sim.robot import SimRobot
from taskprog_sim.world import World

PEAK_SPEED = 0.6  # radians per second
ABOVE = 0.12  # metres between a cube and where the tool comes down from


def joint_move(start: NDArray[np.float64], end: NDArray[np.float64]) -> JointTrajectory:
    """At rest at both ends, straight in between, no joint faster than ``PEAK_SPEED``."""
    duration = max(15 / 8 * float(np.abs(end - start).max()) / PEAK_SPEED, 0.2)
    zeros = np.zeros((2, 7))
    return JointTrajectory(np.array([0.0, duration]), np.stack([start, end]), zeros, zeros)


def tool_down(yaw: float) -> NDArray[np.float64]:
    """(3, 3) of a tool that points down, its x axis turned by ``yaw``."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])


class Mover:
    """Picks and places cubes of a world by contact."""

    def __init__(self, world: World):
        self.world = world
        self.robot = SimRobot(world)
        self.kinematics = Kinematics.load()

    def go(self, position: NDArray[np.float64], yaw: float) -> None:
        """Send the tool to a place, from wherever it is."""
        here = self.robot.state().positions
        there = self.kinematics.inverse(position, tool_down(yaw), here)
        outcome = self.robot.follow(joint_move(here, there), CancelToken())
        assert outcome.ok, outcome.message

    def pick(self, cube: int) -> float:
        """Grasp a cube and lift it; the tool's yaw."""
        poses = self.world.poses()
        position = poses.positions[cube]
        *_, z, w = poses.quaternions[cube]
        yaw = math.remainder(2 * math.atan2(z, w), math.pi / 2)
        above = position + [0.0, 0.0, ABOVE]
        self.go(above, yaw)
        self.go(position, yaw)
        closed = self.robot.move_gripper(0.0155, 10.0, CancelToken())
        assert closed.outcome.ok
        self.go(above, yaw)
        return yaw

    def place(self, position: NDArray[np.float64], yaw: float) -> None:
        """Put down what is held with its centre at ``position``, and back up."""
        self.go(position + [0.0, 0.0, ABOVE], yaw)
        self.go(position + [0.0, 0.0, 0.002], yaw)
        opened = self.robot.move_gripper(0.057, 10.0, CancelToken())
        assert opened.outcome.ok
        self.go(position + [0.0, 0.0, ABOVE + CUBE_SIZE], yaw)
