"""The simulated world as a domain whose observations are the truth: to film and to test primitives in."""

from __future__ import annotations

import math

import numpy as np

from taskprog.control.clearance import Obstacle
from taskprog.control.grasp import PLACE_GAP, Footprint, grasps
from taskprog.control.kinematics import Kinematics, yaw_of
from taskprog.control.primitives import PrimitiveExecutor
from taskprog.machine import Call, CancelToken, Observation, Outcome, OutcomeCode
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE
from taskprog.tasks.twin import RETREAT
from taskprog_sim.robot import SimRobot


class TruthDomain:
    """``taskprog.machine.Domain`` in process: the real primitives, contact physics, and perfect eyes."""

    def __init__(self, robot: SimRobot):
        self._robot = robot
        self._world = robot.simulation.world
        self._kinematics = Kinematics.load()
        self._executor = PrimitiveExecutor(robot, self._kinematics)
        self._closed = False
        self._holding = False
        self.placed = 0  # times that something was let go of

    def observe(self) -> Observation:
        """See ``taskprog.machine.Domain``."""
        tool, _ = self._kinematics.forward(self._robot.state().positions)
        return Observation(
            self._world.time,
            CUBE_NAMES,
            self._world.positions().astype(np.float32),
            np.array(self._yaws(), np.float32),
            tool.astype(np.float32),
            self._closed,
            self._holding,
        )

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``."""
        match call.op.name, call.args:
            case "move_to", (str(name), float(height)):
                return self._move_to(CUBE_NAMES.index(name), height, cancel)
            case "close_gripper", ():
                grip = self._executor.close_gripper(cancel)
                self._closed, self._holding = True, grip.holding
                return grip.outcome
            case "open_gripper", ():
                outcome = self._executor.open_gripper(cancel, RETREAT if self._holding else 0.0)
                self.placed += self._holding
                self._closed = self._holding = False
                return outcome
            case name, _:
                return Outcome(OutcomeCode.INVALID_GOAL, f"the robot has no primitive {name!r}")

    def _move_to(self, cube: int, height: float, cancel: CancelToken) -> Outcome:
        positions = self._world.positions()
        tool, rotation = self._kinematics.forward(self._robot.state().positions)
        gap = PLACE_GAP if height > 0.0 else 0.0
        target = positions[cube] + np.array([0.0, 0.0, height + gap])
        held = int(np.linalg.norm(positions - tool, axis=1).argmin()) if self._holding else -1
        others = [k for k in range(len(positions)) if k not in (cube, held)]
        size, yaws = np.full(3, CUBE_SIZE), self._yaws()
        around = [Footprint(positions[k], yaws[k], size) for k in others]
        yaw = grasps(Footprint(target, yaws[cube], size), around, yaw_of(rotation))[0].yaw
        obstacles = [
            Obstacle(p, size, name=name, yaw=turn)
            for p, name, turn in zip(positions, CUBE_NAMES, yaws, strict=True)
        ]
        return self._executor.move_to(target, yaw, cancel=cancel, obstacles=obstacles)

    def _yaws(self) -> list[float]:
        return [2 * math.atan2(z, w) for _, _, z, w in self._world.poses().quaternions.tolist()]
