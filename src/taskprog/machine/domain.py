"""What a machine acts on: observations of a world and the outcomes of primitives in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeVar

from taskprog.machine.cancel import CancelToken
from taskprog.machine.op import Call


class Stamped(Protocol):
    """What every kind of observation has."""

    @property
    def stamp(self) -> float:
        """Seconds on the domain's clock."""


@dataclass(frozen=True)
class Observation:
    """A table-top as perception and proprioception report it.

    Attributes:
        stamp: seconds on the domain's clock.
        names: names of the N objects.
        positions: (N, 3) float32, metres, frame ``base``, object centres.
        yaws: (N,) float32, radians about z.
        gripper: (3,) float32, metres, frame ``base``, the tool centre point between the pads.
        closed: whether the gripper is closed or closing (not open).
        holding: whether the closed gripper was stopped by something between its pads.
    """

    stamp: float
    names: tuple[str, ...]
    positions: NDArray[np.float32]
    yaws: NDArray[np.float32]
    gripper: NDArray[np.float32]
    closed: bool
    holding: bool


class OutcomeCode(IntEnum):
    """Why a primitive ended. The values are those of the constants in the ROS actions."""

    SUCCEEDED = 0
    UNREACHABLE = 1
    OUTSIDE_WORKSPACE = 2
    JOINT_LIMIT = 3
    TIMEOUT = 4
    GOAL_TOLERANCE = 5
    PATH_TOLERANCE = 6
    ROBOT_STOPPED = 7
    CANCELLED = 8
    INVALID_GOAL = 9
    NOTHING_HELD = 10
    COLLISION = 11
    UNKNOWN_OBJECT = 12


# After these, going on makes no sense: the robot is gone, or somebody told us to stop.
FATAL = frozenset({OutcomeCode.ROBOT_STOPPED, OutcomeCode.CANCELLED})


@dataclass(frozen=True)
class Outcome:
    """How a primitive ended."""

    code: OutcomeCode = OutcomeCode.SUCCEEDED
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether the primitive did what it was asked to."""
        return self.code is OutcomeCode.SUCCEEDED


# The kind of observation that a domain makes and its planners understand: of a table-top, if not said.
Seen = TypeVar("Seen", bound=Stamped, default=Observation)
SeenOut = TypeVar("SeenOut", bound=Stamped, default=Observation, covariant=True)
SeenIn = TypeVar("SeenIn", bound=Stamped, default=Observation, contravariant=True)


class Domain(Protocol[SeenOut]):
    """A world that a machine can observe and act in."""

    def observe(self) -> SeenOut:
        """The present state; taken after the last primitive ended, never before it.

        Raises:
            ObservationError: no fresh observation can be had (camera or robot silent).
        """

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """Run a primitive to its end; returns early, robot stopped, once ``cancel`` is set."""


class ObservationError(RuntimeError):
    """No fresh observation can be had; says which source is silent."""
