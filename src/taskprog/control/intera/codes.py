"""How a motion of a real arm ends, each way told from the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Code(IntEnum):
    """0 to -5 are those of control_msgs/FollowJointTrajectory; the others are ours.

    -11 to -19 refuse a motion before the arm has moved, -21 and below end one on its way.
    """

    SUCCESSFUL = 0
    INVALID_GOAL = -1
    INVALID_JOINTS = -2
    OLD_HEADER_TIMESTAMP = -3
    PATH_TOLERANCE_VIOLATED = -4
    GOAL_TOLERANCE_VIOLATED = -5
    START_ELSEWHERE = -11
    NOT_AT_REST = -12
    POSITION_LIMIT = -13
    VELOCITY_LIMIT = -14
    ACCELERATION_LIMIT = -15
    WORKSPACE = -16
    SELF_COLLISION = -17
    ESTOP = -21
    DISABLED = -22
    ROBOT_ERROR = -23
    COLLISION = -24
    CUFF = -25
    STALE_STATE = -26
    STALE_JOINTS = -27
    MASTER_LOST = -28
    NOBODY_LISTENS = -29
    TAKEN_OVER = -30
    DRIVER_FAILED = -31


class Refused(ValueError):
    """A motion that is not begun, or a step that is not made; ``code`` says of which kind."""

    def __init__(self, code: Code, message: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Fault:
    """Why the arm may not move now: ``code``, and in words."""

    code: Code
    message: str


@dataclass(frozen=True)
class Ended:
    """How a motion ended; ``cancelled`` says that it was asked to."""

    code: Code = Code.SUCCESSFUL
    message: str = ""
    cancelled: bool = False
