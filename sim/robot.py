"""The simulated Sawyer in this process: ``taskprog.control.robot.Robot`` without ROS."""

from __future__ import annotations

from collections.abc import Callable

from taskprog.control.arm_goal import ArmGoal, ResultCode
from taskprog.control.robot import GripperOutcome, JointTrajectory, RobotState
from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import Outcome, OutcomeCode
from taskprog_sim.arm_controller import ArmResult, Ending
from taskprog_sim.bullet import TIME_STEP
from taskprog_sim.camera import Image
from taskprog_sim.simulation import Simulation
from taskprog_sim.world import World

FEEDBACK_STEPS = 24  # a tenth of a second

OUTCOMES = {
    ResultCode.INVALID_GOAL: OutcomeCode.INVALID_GOAL,
    ResultCode.INVALID_JOINTS: OutcomeCode.INVALID_GOAL,
    ResultCode.OLD_HEADER_TIMESTAMP: OutcomeCode.INVALID_GOAL,
    ResultCode.PATH_TOLERANCE_VIOLATED: OutcomeCode.PATH_TOLERANCE,
    ResultCode.GOAL_TOLERANCE_VIOLATED: OutcomeCode.GOAL_TOLERANCE,
}


class SimRobot:
    """Moves the arm of a ``World`` as fast as it can be computed; every call steps the world.

    Calls must come from the thread that owns the world; a ``CancelToken`` may be set from any.
    """

    def __init__(
        self, world: World, on_frame: Callable[[Image], None] | None = None, frame_rate: float = 10.0
    ):
        """``on_frame`` gets a picture ``frame_rate`` times a simulated second while the robot moves."""
        self.simulation = Simulation(world)
        self._on_frame = on_frame
        self._frame_steps = max(round(1.0 / (frame_rate * TIME_STEP)), 1)
        self._steps = 0

    def state(self) -> RobotState:
        """The present measurement."""
        readings = self.simulation.readings()
        return RobotState(
            self.simulation.time,
            readings.arm_positions.copy(),
            readings.arm_velocities.copy(),
            readings.gripper_width,
        )

    def follow(
        self,
        trajectory: JointTrajectory,
        cancel: CancelToken,
        feedback: Callable[[float], None] | None = None,
    ) -> Outcome:
        """Follow a trajectory; ``feedback`` gets the share done, 0 to 1. On cancel: slows down and holds."""
        goal = ArmGoal(
            trajectory.times, trajectory.positions, trajectory.velocities, trajectory.accelerations
        )
        motion = self.simulation.follow(goal)
        while motion.result is None:
            if cancel.cancelled:
                self.simulation.arm.cancel(self.simulation.time, cancel.reason)
            self._advance(FEEDBACK_STEPS - self._steps % FEEDBACK_STEPS)
            if feedback is not None and self._steps % FEEDBACK_STEPS == 0:
                feedback(motion.progress)
        return _outcome(motion.result)

    def move_gripper(self, width: float, force: float, cancel: CancelToken) -> GripperOutcome:
        """Move the pads to ``width`` metres apart with at most ``force`` newtons."""
        try:
            motion = self.simulation.move_gripper(width, force)
        except ValueError as error:
            return GripperOutcome(
                Outcome(OutcomeCode.INVALID_GOAL, str(error)), self.state().gripper_width, False
            )
        while motion.result is None:
            if cancel.cancelled:
                self.simulation.cancel_gripper()
            else:
                self._advance(1)
        result = motion.result
        outcome = Outcome(OutcomeCode.CANCELLED, cancel.reason) if result.cancelled else Outcome()
        return GripperOutcome(outcome, result.width, result.stalled)

    def wait(self, seconds: float) -> None:
        """Let simulated time go on while the robot holds still."""
        end = self._steps + round(seconds / TIME_STEP)
        while self._steps < end:
            self._advance(end - self._steps)

    def _advance(self, steps: int) -> None:
        """Let at most so many steps go by, and take the pictures that are due."""
        if self._on_frame is not None:
            steps = min(steps, self._frame_steps - self._steps % self._frame_steps)
        self._steps += self.simulation.advance(steps)
        if self._on_frame is not None and self._steps % self._frame_steps == 0:
            self._on_frame(self.simulation.world.camera.render())


def _outcome(result: ArmResult) -> Outcome:
    if result.ending is Ending.SUCCEEDED:
        return Outcome()
    if result.ending is Ending.CANCELLED:
        return Outcome(OutcomeCode.CANCELLED, result.message)
    return Outcome(OUTCOMES[result.code], result.message)
