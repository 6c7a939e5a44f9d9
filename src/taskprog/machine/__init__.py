"""Programs, call stacks and traces, free of ROS, torch and PyBullet."""

from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import Domain, Observation, ObservationError, Outcome, OutcomeCode
from taskprog.machine.machine import (
    Budget,
    Decision,
    Frame,
    Machine,
    Planner,
    PlannerError,
    RunCode,
    RunResult,
)
from taskprog.machine.op import ArgType, Call, Library, Op, OpKind
from taskprog.machine.specification import NOTHING_HELD, Demonstration, Scope, TaskSpecification
from taskprog.machine.trace import Event, EventKind, Trace

__all__ = [
    "NOTHING_HELD",
    "ArgType",
    "Budget",
    "Call",
    "CancelToken",
    "Decision",
    "Demonstration",
    "Domain",
    "Event",
    "EventKind",
    "Frame",
    "Library",
    "Machine",
    "Observation",
    "ObservationError",
    "Op",
    "OpKind",
    "Outcome",
    "OutcomeCode",
    "Planner",
    "PlannerError",
    "RunCode",
    "RunResult",
    "Scope",
    "TaskSpecification",
    "Trace",
]
