"""How often a planner computes the right result, and what went wrong where it did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from taskprog.machine import BatchPlanner, Machine, RunCode, RunResult, run_many
from taskprog.tasks.environment import Environment, Problem
from taskprog.tasks.evaluation import wilson

EVALUATED = 2  # ends the seeds of problems; those of training end in another number
WRONG = "wrong result"  # the root program returned, with something else on the pad than there should be


@dataclass(frozen=True)
class Computation:
    """One problem tried once; ``cause`` is empty on success, else ``WRONG`` or the run's code."""

    success: bool
    cause: str
    decisions: int
    primitives: int


@dataclass(frozen=True)
class Summary:
    """Figures over problems of one length, as ``taskprog.tasks.evaluation.Summary`` has them of tasks."""

    length: int
    n: int
    successes: int
    rate: float
    interval: tuple[float, float]
    causes: dict[str, int]
    details: dict[str, int]
    decisions: float
    primitives: float

    @staticmethod
    def of(length: int, computations: Sequence[Computation]) -> Summary:
        """Count.

        Raises:
            ValueError: there are none.
        """
        n = len(computations)
        if n == 0:
            raise ValueError("no problems to sum up")
        successes = sum(each.success for each in computations)
        causes = Counter(each.cause for each in computations if not each.success)
        return Summary(
            length,
            n,
            successes,
            successes / n,
            wilson(successes, n),
            dict(causes.most_common()),
            {},
            sum(each.decisions for each in computations) / n,
            sum(each.primitives for each in computations) / n,
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def evaluate(
    environment: Environment,
    planner: BatchPlanner[Any],
    length: int,
    n: int,
    seed: int,
    batch: int = 128,
    on_problem: Callable[[Computation], None] = lambda computation: None,
) -> list[Computation]:
    """Try ``n`` random problems of a length for the root program, ``batch`` side by side."""
    result = []
    for first in range(0, n, batch):
        problems = [
            environment.problem(np.random.default_rng((seed, length, index, EVALUATED)), length)
            for index in range(first, min(first + batch, n))
        ]
        machines = [Machine(environment.library, p.pad, budget=p.budget) for p in problems]
        runs = run_many(machines, [p.call for p in problems], planner)
        for problem, run in zip(problems, runs, strict=True):
            result.append(_computation(problem, run))
            on_problem(result[-1])
    return result


def _computation(problem: Problem[Any], run: RunResult) -> Computation:
    if run.code is not RunCode.RETURNED:
        return Computation(False, run.code.name.lower().replace("_", " "), run.steps, run.primitives)
    right = not problem.pad.wrong()
    return Computation(right, "" if right else WRONG, run.steps, run.primitives)
