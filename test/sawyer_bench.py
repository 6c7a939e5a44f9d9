"""A driver's robot on the stand-in's network, without ROS 2: what tests and benchmarks of it share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tcpros_world import wait_until

from taskprog.control.arm_goal import ArmGoal, Tolerances
from taskprog.control.collision import CollisionModel
from taskprog.control.intera.arm import Motion
from taskprog.control.intera.codes import Code, Ended
from taskprog.control.intera.feeds import Timeouts
from taskprog.control.intera.guard import Box, Guard
from taskprog.control.intera.robot import SawyerRobot
from taskprog.control.kinematics import Kinematics
from taskprog_sim.intera.network import FakeNetwork

Floats = NDArray[np.float64]

BOX = Box(np.array([-0.3, -1.0, -0.15]), np.array([1.2, 1.0, 1.4]))
WAY = np.array([0.4, 0.1, 0.0, -0.1, 0.0, 0.2, 0.3])
# Threads share two cores with whatever else runs: stalls of a test's process are not the robot's.
PATIENT = Timeouts(0.5, 0.5)


@lru_cache(maxsize=1)
def models() -> tuple[Kinematics, CollisionModel]:
    return Kinematics.load(), CollisionModel.load()


def guard() -> Guard:
    kinematics, collision = models()
    return Guard(kinematics, BOX, collision.free)


def straight(start: Floats, end: Floats, seconds: float, tolerances: Tolerances | None = None) -> ArmGoal:
    """From rest to rest, by a cubic polynomial."""
    times = np.array([0.0, seconds])
    return ArmGoal(times, np.array([start, end]), np.zeros((2, 7)), tolerances=tolerances or Tolerances())


class Bench:
    """The robot and its driver's core."""

    def __init__(self, network: FakeNetwork, robot: SawyerRobot):
        self.network, self.robot = network, robot

    def enable(self) -> None:
        """As an operator: once it can be, and until commands can get there."""
        wait_until(lambda: self.code is Code.DISABLED, "the connection")
        self.robot.enable()
        wait_until(lambda: self.robot.fault() is None, "readiness")
        wait_until(lambda: self.robot.gripper.width is not None, "the gripper's state")

    @property
    def code(self) -> Code | None:
        fault = self.robot.fault()
        return None if fault is None else fault.code

    @property
    def place(self) -> Floats:
        measured = self.robot.feeds.arm()
        assert measured is not None
        return measured[0]

    def start(self, way: Floats = WAY, seconds: float = 2.0, tolerances: Tolerances | None = None) -> Motion:
        return self.robot.arm.start(straight(self.place, self.place + way, seconds, tolerances))

    def half_way(self, way: Floats = WAY, seconds: float = 2.0) -> Motion:
        """A motion that has got to its quickest part."""
        motion = self.start(way, seconds)
        wait_until(lambda: motion.progress > 0.45, "half the way")
        return motion


def ended(motion: Motion) -> Ended:
    assert motion.done.wait(10.0), "the motion goes on"
    assert motion.ended is not None
    return motion.ended


@contextmanager
def bench(timeouts: Timeouts = PATIENT, old: bool = False) -> Iterator[Bench]:
    with FakeNetwork(old=old) as network:
        robot = SawyerRobot(network.uri, guard(), timeouts)
        try:
            yield Bench(network, robot)
        finally:
            robot.close()
