"""Programs, call stacks and traces, free of ROS, torch and PyBullet."""

from taskprog.machine.batch import BatchPlanner, Separate, run_many
from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import Domain, Observation, ObservationError, Outcome, OutcomeCode
from taskprog.machine.flat import FlatPlanner, flattened
from taskprog.machine.machine import (
    Ask,
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
    "Ask",
    "BatchPlanner",
    "Budget",
    "Call",
    "CancelToken",
    "Decision",
    "Demonstration",
    "Domain",
    "Event",
    "EventKind",
    "FlatPlanner",
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
    "Separate",
    "TaskSpecification",
    "Trace",
    "flattened",
    "run_many",
]
