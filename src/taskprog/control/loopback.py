"""A robot without physics that tracks perfectly, on a clock of its own: for tests and rehearsals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.robot import (
    ARM_JOINTS,
    GRIPPER_CLOSED_WIDTH,
    GRIPPER_OPEN_WIDTH,
    NEUTRAL,
    GripperOutcome,
    JointTrajectory,
    RobotState,
)
from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import ObservationError, Outcome, OutcomeCode

START_TOLERANCE = 0.02  # radians between a trajectory's first point and the arm
CYCLE = 0.05  # seconds of the robot's clock between feedbacks and looks at the token
GRIPPER_SPEED = 0.10  # metres per second by which the width changes


@dataclass
class Faults:
    """What goes wrong, until it is set back.

    Attributes:
        silent: measurements stay away.
        outcome: arm and gripper motions end with this, half done.
        miss: (7,) radians by which the arm stops beside its goals.
    """

    silent: bool = False
    outcome: Outcome | None = None
    miss: NDArray[np.float64] | None = None


class LoopbackRobot:
    """Implements ``taskprog.control.robot.Robot``, as fast as ``pause`` lets it.

    Attributes:
        faults: to be set by tests.
        object_width: metres of a thing between the pads, wherever they close; None for nothing.
        followed: every trajectory that was begun.
    """

    def __init__(
        self, positions: NDArray[np.float64] = NEUTRAL, pause: Callable[[float], None] | None = None
    ):
        """``pause`` is called whenever the robot's clock goes on, with the seconds; to be slept, say."""
        self._pause = pause or (lambda seconds: None)
        self.faults = Faults()
        self.object_width: float | None = None
        self.followed: list[JointTrajectory] = []
        self._time = 0.0
        self._positions = np.array(positions, np.float64)
        self._width = GRIPPER_OPEN_WIDTH

    def state(self) -> RobotState:
        """See ``Robot``."""
        if self.faults.silent:
            raise ObservationError("the loop-back robot is silent")
        return RobotState(self._time, self._positions.copy(), np.zeros(len(ARM_JOINTS)), self._width)

    def follow(
        self,
        trajectory: JointTrajectory,
        cancel: CancelToken,
        feedback: Callable[[float], None] | None = None,
    ) -> Outcome:
        """See ``Robot``."""
        gap = float(np.abs(trajectory.positions[0] - self._positions).max())
        if gap > START_TOLERANCE:
            return Outcome(OutcomeCode.INVALID_GOAL, f"the trajectory starts {gap:.3f} rad from the arm")
        self.followed.append(trajectory)
        began = self._time
        for elapsed in np.append(np.arange(CYCLE, trajectory.duration, CYCLE), trajectory.duration):
            if cancel.cancelled:
                return Outcome(OutcomeCode.CANCELLED, cancel.reason)
            if self.faults.outcome is not None and elapsed > trajectory.duration / 2:
                return self.faults.outcome
            self._wait(began + float(elapsed) - self._time)
            self._positions = np.array(
                [np.interp(elapsed, trajectory.times, column) for column in trajectory.positions.T]
            )
            if feedback is not None:
                feedback(float(elapsed) / trajectory.duration)
        if self.faults.miss is not None:
            self._positions = self._positions + self.faults.miss
        return Outcome()

    def move_gripper(self, width: float, force: float, cancel: CancelToken) -> GripperOutcome:
        """See ``Robot``."""
        if not GRIPPER_CLOSED_WIDTH - 1e-6 <= width <= GRIPPER_OPEN_WIDTH + 1e-6:
            refused = Outcome(OutcomeCode.INVALID_GOAL, f"the pads cannot be {width:.4f} m apart")
            return GripperOutcome(refused, self._width, False)
        stopped = self.object_width is not None and width < self.object_width <= self._width + 1e-9
        target = self.object_width if stopped and self.object_width is not None else width
        if self.faults.outcome is not None:
            target = (self._width + target) / 2
        way = target - self._width
        for _ in range(steps := max(1, round(abs(way) / (GRIPPER_SPEED * CYCLE)))):
            if cancel.cancelled:
                return GripperOutcome(Outcome(OutcomeCode.CANCELLED, cancel.reason), self._width, False)
            self._wait(abs(way) / GRIPPER_SPEED / steps)
            self._width += way / steps
        return GripperOutcome(self.faults.outcome or Outcome(), self._width, stopped)

    def _wait(self, seconds: float) -> None:
        self._pause(seconds)
        self._time += seconds
