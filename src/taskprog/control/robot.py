"""The seam between primitives and any robot: what an arm with a gripper must offer.

Implemented by the loop-back robot, by the simulated Sawyer in this process, and by the client of the
standard ROS actions (FollowJointTrajectory, GripperCommand) that also drives the real arm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import Outcome

ARM_JOINTS = tuple(f"right_j{i}" for i in range(7))
# Rethink's named pose "neutral", radians: elbow up, tool straight down.
NEUTRAL = np.array([0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161])
GRIPPER_JOINTS = ("right_gripper_l_finger_joint", "right_gripper_r_finger_joint")

# Between the pads, metres: narrow fingers in slot 2 with soft tips; each finger travels 20.833 mm.
GRIPPER_CLOSED_WIDTH = 0.0155
GRIPPER_OPEN_WIDTH = GRIPPER_CLOSED_WIDTH + 2 * 0.020833


def gripper_width(joints: Mapping[str, float]) -> float:
    """Metres between the pads, from joint positions by name in metres.

    Raises:
        KeyError: a finger's joint is missing.
    """
    left, right = (joints[name] for name in GRIPPER_JOINTS)
    return GRIPPER_CLOSED_WIDTH + left - right


@dataclass(frozen=True)
class RobotState:
    """What the robot measures.

    Attributes:
        stamp: seconds on the robot's clock.
        positions: (7,) float64, radians, in the order of ``ARM_JOINTS``.
        velocities: (7,) float64, radians per second.
        gripper_width: metres between the pads.
    """

    stamp: float
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    gripper_width: float


@dataclass(frozen=True)
class JointTrajectory:
    """A timed joint-space path that starts at the present position.

    Attributes:
        times: (K,) float64, seconds from the start, strictly rising, the first is 0.
        positions, velocities, accelerations: (K, 7) float64, radians and their derivatives.

    Raises:
        ValueError: shapes disagree, times do not rise, or a value is not finite.
    """

    times: NDArray[np.float64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    accelerations: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.times), len(ARM_JOINTS))
        for name in ("positions", "velocities", "accelerations"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} must be finite")
        if not np.isfinite(self.times).all() or (np.diff(self.times) <= 0).any():
            raise ValueError("times must be finite and strictly rising")

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return float(self.times[-1])


@dataclass(frozen=True)
class GripperOutcome:
    """How a gripper command ended; ``stalled`` means that something stopped the fingers."""

    outcome: Outcome
    width: float
    stalled: bool


class Robot(Protocol):
    """An arm with a parallel gripper. Calls block until the motion ended; one at a time."""

    def state(self) -> RobotState:
        """The latest measurement.

        Raises:
            taskprog.machine.ObservationError: the robot has been silent for too long.
        """

    def follow(
        self,
        trajectory: JointTrajectory,
        cancel: CancelToken,
        feedback: Callable[[float], None] | None = None,
    ) -> Outcome:
        """Follow a trajectory; ``feedback`` gets the share done, 0 to 1. On cancel: stops and holds."""

    def move_gripper(self, width: float, force: float, cancel: CancelToken) -> GripperOutcome:
        """Move the pads to ``width`` metres apart with at most ``force`` newtons."""
