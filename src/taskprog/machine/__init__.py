"""Programs, call stacks and traces, free of ROS, torch and PyBullet."""

from taskprog.machine.batch import BatchPlanner, Separate, run_many
from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import (
    Domain,
    Observation,
    ObservationError,
    Outcome,
    OutcomeCode,
    Seen,
    SeenIn,
    SeenOut,
    Stamped,
)
from taskprog.machine.flat import FlatPlanner, flattened
from taskprog.machine.machine import (
    Ask,
    Decision,
    Frame,
    Machine,
    Planner,
    PlannerError,
    demonstration_of,
)
from taskprog.machine.op import ArgType, Call, Library, Op, OpKind
from taskprog.machine.result import Budget, RunCode, RunResult
from taskprog.machine.specification import NO_SCOPE, NOTHING_HELD, Demonstration, Scope, TaskSpecification
from taskprog.machine.trace import Event, EventKind, Trace

__all__ = [
    "NOTHING_HELD",
    "NO_SCOPE",
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
    "Seen",
    "SeenIn",
    "SeenOut",
    "Separate",
    "Stamped",
    "TaskSpecification",
    "Trace",
    "demonstration_of",
    "flattened",
    "run_many",
]
