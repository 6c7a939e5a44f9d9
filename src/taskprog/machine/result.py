"""What a run may spend, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from taskprog.machine.domain import Outcome


@dataclass(frozen=True)
class Budget:
    """Limits of a run; running out of one is an outcome, not an error.

    Attributes:
        steps: decisions.
        seconds: on the domain's clock.
        depth: frames in the call stack.
        failures: primitives failing in a row.
        retries: how often in a row, before that ends the run, what the root called is given up instead, and
            the root decides anew. So a program called for something that is no more does not end the run.
    """

    steps: int = 400
    seconds: float = 600.0
    depth: int = 8
    failures: int = 3
    retries: int = 0


class RunCode(IntEnum):
    """How a run ended. The values are those of the constants in ExecuteTask.action."""

    RETURNED = 0
    CANCELLED = 1
    STEP_BUDGET = 2
    TIME_BUDGET = 3
    DEPTH_BUDGET = 4
    PRIMITIVE_FAILED = 5
    ROBOT_STOPPED = 6
    NO_OBSERVATION = 7
    PLANNER_ERROR = 8


@dataclass(frozen=True)
class RunResult:
    """How a run ended: RETURNED means that the root program returned by itself.

    ``primitive`` is the last outcome where a primitive made the run end.
    """

    code: RunCode
    message: str
    steps: int
    primitives: int
    duration: float
    primitive: Outcome | None = None
