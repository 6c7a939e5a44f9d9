"""The primitives of programs: move the tool, open and close the gripper, on any ``Robot``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from taskprog.control.cartesian import Landing, along, straight
from taskprog.control.clearance import Obstacle
from taskprog.control.collision import CollisionModel
from taskprog.control.errors import InvalidGoal, MotionError, OutsideWorkspace
from taskprog.control.kinematics import Kinematics, format_point, top_down
from taskprog.control.planning import PathPlanner, Straights
from taskprog.control.robot import (
    GRIPPER_CLOSED_WIDTH,
    GRIPPER_OPEN_WIDTH,
    JointTrajectory,
    Robot,
    RobotState,
)
from taskprog.control.support import floating
from taskprog.control.surroundings import Surroundings
from taskprog.control.trajectory import JointPath, straight_path, time_optimal
from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import ObservationError, Outcome, OutcomeCode
from taskprog.tasks.table_top import WORKSPACE, Region

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Nearer to fully open than this, the pads hold nothing; nearer to fully closed, they have met nothing. The
# thinnest thing to be held is 18 mm wide, 2.5 mm more than closed pads. Metres.
OPEN_TOLERANCE, CLOSED_TOLERANCE = 0.003, 0.0015
# What is held has its centre nearer to the tcp than this, metres.
HELD_RADIUS = 0.035


class Motion(IntEnum):
    """How the tool gets to its goal. The values are those of the constants in MoveTo.action."""

    AUTO = 0  # a short free way: straight up as far as needed, across, straight down as far as needed
    STRAIGHT = 1  # along the straight line, if that is free
    JOINT = 2  # straight in joint space, if that is free


@dataclass(frozen=True)
class ExecutorConfig:
    """How the arm moves.

    Attributes:
        speed: share of the velocity and acceleration limits, (0, 1].
        clearance: metres above the target to come straight down from, at least (AUTO).
        landing: slow end of each descent onto something, so that nothing is pushed over.
        position_tolerance, angle_tolerance: how exactly a goal must be reached, metres and radians.
        grip_force: newtons; more pushes cubes out of place.
        workspace: where the tcp may be sent.
    """

    speed: float = 0.7
    clearance: float = 0.0
    landing: Landing = field(default_factory=lambda: Landing(0.03, 0.10))
    position_tolerance: float = 0.005
    angle_tolerance: float = 0.05
    grip_force: float = 10.0
    workspace: Region = WORKSPACE


@dataclass(frozen=True)
class GripResult:
    """How closing the gripper ended: whether something is held, and metres between the pads."""

    outcome: Outcome
    holding: bool
    width: float


class PrimitiveExecutor:
    """Plans and runs one primitive at a time. Whatever happens in the world is an ``Outcome``."""

    def __init__(
        self,
        robot: Robot,
        kinematics: Kinematics,
        config: ExecutorConfig | None = None,
        arm: CollisionModel | None = None,
    ):
        """``arm`` is by default that of the shipped Sawyer."""
        self.robot = robot
        self.kinematics = kinematics
        self.config = config or ExecutorConfig()
        self._arm = arm or CollisionModel.load()
        self._paths = PathPlanner(kinematics)

    def move_to(
        self,
        position: Vector,
        orientation: Matrix | float,
        motion: Motion = Motion.AUTO,
        cancel: CancelToken | None = None,
        obstacles: Sequence[Obstacle] = (),
        feedback: Callable[[float], None] | None = None,
        clearance: float | None = None,
        speed: float | None = None,
        held: Obstacle | None = None,
    ) -> Outcome:
        """Move the tcp to ``position`` (3,) in metres, frame ``base``.

        Args:
            orientation: of the tool, (3, 3), or the yaw of one that points straight down, radians.
            obstacles: what stands around; with it, what is held, where it is now.
            feedback: gets the share of the motion that is done, 0 to 1.
            clearance, speed: instead of the configuration's.
            held: what is held; by default the obstacle that is between the pads.
        """
        cancel = cancel or CancelToken()
        rotation = top_down(orientation) if isinstance(orientation, float | int) else orientation
        goal = np.asarray(position, np.float64)
        try:
            self._check_goal(goal, rotation)
            state = self.robot.state()
            trajectory = self._plan(
                state,
                goal,
                rotation,
                motion,
                self._surroundings(state, obstacles, held),
                self.config.clearance if clearance is None else clearance,
                self.config.speed if speed is None else speed,
            )
            outcome = self._follow(trajectory, cancel, feedback)
            return self._check_arrival(goal, rotation) if outcome.ok else outcome
        except MotionError as error:
            return Outcome(error.code, str(error))
        except ObservationError as error:
            return Outcome(OutcomeCode.ROBOT_STOPPED, str(error))

    def open_gripper(self, cancel: CancelToken | None = None, retreat: float = 0.0) -> Outcome:
        """Open the gripper, then back off by ``retreat`` metres straight up."""
        cancel = cancel or CancelToken()
        if not retreat >= 0.0:
            return Outcome(OutcomeCode.INVALID_GOAL, f"retreat is {retreat:g} m, it should be 0 or more")
        if cancel.cancelled:
            return Outcome(OutcomeCode.CANCELLED, cancel.reason)
        moved = self.robot.move_gripper(GRIPPER_OPEN_WIDTH, self.config.grip_force, cancel)
        if not moved.outcome.ok:
            return moved.outcome
        if moved.width < GRIPPER_OPEN_WIDTH - OPEN_TOLERANCE:
            return Outcome(
                OutcomeCode.GOAL_TOLERANCE,
                f"the pads stopped {moved.width * 1e3:.1f} mm apart, open is {GRIPPER_OPEN_WIDTH * 1e3:.1f}",
            )
        if retreat == 0.0:
            return Outcome()
        try:
            state = self.robot.state()
            start, rotation = self.kinematics.forward(state.positions)
            goal = start + np.array([0.0, 0.0, retreat])
            path = along(
                self.kinematics,
                state.positions,
                lambda angle: straight(start, goal, angle),
                rotation,
                rotation,
            )
            outcome = self._follow(time_optimal(path, self.kinematics, self.config.speed), cancel)
            return self._check_arrival(goal, rotation) if outcome.ok else outcome
        except MotionError as error:
            return Outcome(error.code, f"backing off: {error}")
        except ObservationError as error:
            return Outcome(OutcomeCode.ROBOT_STOPPED, str(error))

    def close_gripper(self, cancel: CancelToken | None = None) -> GripResult:
        """Close the gripper until something stops it, and keep pressing."""
        cancel = cancel or CancelToken()
        try:
            before = self.robot.state().gripper_width
        except ObservationError as error:
            return GripResult(Outcome(OutcomeCode.ROBOT_STOPPED, str(error)), False, 0.0)
        if cancel.cancelled:
            return GripResult(Outcome(OutcomeCode.CANCELLED, cancel.reason), False, before)
        moved = self.robot.move_gripper(GRIPPER_CLOSED_WIDTH, self.config.grip_force, cancel)
        if not moved.outcome.ok:
            return GripResult(moved.outcome, False, moved.width)
        if moved.width > GRIPPER_CLOSED_WIDTH + CLOSED_TOLERANCE:
            return GripResult(moved.outcome, True, moved.width)
        nothing = Outcome(OutcomeCode.NOTHING_HELD, "the pads met with nothing between them")
        return GripResult(nothing, False, moved.width)

    def _check_goal(self, goal: Vector, rotation: Matrix) -> None:
        if goal.shape != (3,) or not np.isfinite(goal).all():
            raise InvalidGoal(f"the target should be three finite numbers, not {goal.tolist()}")
        if rotation.shape != (3, 3) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4):
            raise InvalidGoal("the orientation should be a rotation matrix")
        x, y, z = (float(v) for v in goal)
        if not self.config.workspace.contains((x, y, z)):
            region = self.config.workspace
            raise OutsideWorkspace(
                f"{format_point(goal)} m is outside the workspace: "
                f"x {region.x[0]:g} to {region.x[1]:g}, y {region.y[0]:g} to {region.y[1]:g}, "
                f"z {region.z[0]:g} to {region.z[1]:g}"
            )

    def _plan(
        self,
        state: RobotState,
        goal: Vector,
        rotation: Matrix,
        motion: Motion,
        around: Surroundings,
        clearance: float,
        speed: float,
    ) -> JointTrajectory:
        kinematics, q = self.kinematics, state.positions
        if not clearance >= 0.0:
            raise InvalidGoal(f"clearance is {clearance:g} m, it should be 0 or more")
        if not 0.0 < speed <= 1.0:
            raise InvalidGoal(f"speed is {speed:g}, it should be in (0, 1]")
        path = self._path(q, goal, rotation, motion, around, clearance, speed)
        trajectory = time_optimal(path, kinematics, speed)
        if motion is not Motion.AUTO:
            here = around.near.contacts(q)
            around.check(around.near, trajectory.positions, here | around.between_fingers(goal))
        return trajectory

    def _path(
        self,
        q: Vector,
        goal: Vector,
        rotation: Matrix,
        motion: Motion,
        around: Surroundings,
        clearance: float,
        speed: float,
    ) -> JointPath:
        kinematics = self.kinematics
        if motion is Motion.STRAIGHT:
            kinematics.inverse(goal, rotation, q)  # a goal that cannot be reached says so first
            start, first = kinematics.forward(q)
            return along(kinematics, q, lambda angle: straight(start, goal, angle), first, rotation)
        if motion is Motion.JOINT:
            return straight_path(q, kinematics.inverse(goal, rotation, q))
        straights = Straights(self.config.landing, clearance, self.config.workspace)
        return self._paths.plan(q, goal, rotation, around, straights, speed)

    def _surroundings(
        self, state: RobotState, obstacles: Sequence[Obstacle], held: Obstacle | None
    ) -> Surroundings:
        width = state.gripper_width
        gripping = GRIPPER_CLOSED_WIDTH + CLOSED_TOLERANCE < width < GRIPPER_OPEN_WIDTH - OPEN_TOLERANCE
        tool, _ = self.kinematics.forward(state.positions)
        if gripping and held is None:
            within = [o for o in obstacles if float(np.linalg.norm(o.centre - tool)) < HELD_RADIUS]
            held = min(within, key=lambda o: float(np.linalg.norm(o.centre - tool)), default=None)
        obstacles = self._real(obstacles, held)
        return Surroundings(self._arm, self.kinematics, state.positions, obstacles, held, gripping, width)

    def _real(self, obstacles: Sequence[Obstacle], held: Obstacle | None) -> list[Obstacle]:
        """The obstacles but for those in mid-air or in the hand: hand or arm were taken for them."""
        if not obstacles:
            return []
        hangs = floating(np.array([o.centre for o in obstacles]), np.array([o.size for o in obstacles]))
        if held is not None:
            hangs |= np.array([np.linalg.norm(o.centre - held.centre) < HELD_RADIUS for o in obstacles])
        return [o for o, in_air in zip(obstacles, hangs, strict=True) if o is held or not in_air]

    def _follow(
        self,
        trajectory: JointTrajectory,
        cancel: CancelToken,
        feedback: Callable[[float], None] | None = None,
    ) -> Outcome:
        if cancel.cancelled:
            return Outcome(OutcomeCode.CANCELLED, cancel.reason)
        return self.robot.follow(trajectory, cancel, feedback)

    def _check_arrival(self, goal: Vector, rotation: Matrix) -> Outcome:
        position, reached = self.kinematics.forward(self.robot.state().positions)
        off = float(np.linalg.norm(position - goal))
        turned = float(np.arccos(np.clip((np.trace(rotation.T @ reached) - 1) / 2, -1.0, 1.0)))
        allowed, allowed_turn = self.config.position_tolerance, self.config.angle_tolerance
        if off <= allowed and turned <= allowed_turn:
            return Outcome()
        return Outcome(
            OutcomeCode.GOAL_TOLERANCE,
            f"the tool stopped {off * 1e3:.1f} mm and {turned:.3f} rad from its goal; "
            f"{allowed * 1e3:g} mm and {allowed_turn:g} rad are allowed",
        )
