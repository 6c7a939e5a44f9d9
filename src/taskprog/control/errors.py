"""Why a motion cannot be planned."""

from __future__ import annotations

from taskprog.machine.domain import OutcomeCode


class MotionError(Exception):
    """A motion that cannot be planned; ``code`` is what the primitive ends with."""

    code = OutcomeCode.INVALID_GOAL


class InvalidGoal(MotionError):
    """The goal itself makes no sense."""


class Unreachable(MotionError):
    """No arm configuration puts the tool there."""

    code = OutcomeCode.UNREACHABLE


class OutsideWorkspace(MotionError):
    """The goal lies outside the region that the tool is allowed in."""

    code = OutcomeCode.OUTSIDE_WORKSPACE


class JointLimit(MotionError):
    """Only configurations beyond a joint's limit would put the tool there."""

    code = OutcomeCode.JOINT_LIMIT


class Blocked(MotionError):
    """Something stands in the way and cannot be passed above."""

    code = OutcomeCode.COLLISION
