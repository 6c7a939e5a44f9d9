"""Many runs side by side: one call of a batch planner decides for all that are waiting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol

from taskprog.machine.domain import Seen, SeenIn
from taskprog.machine.machine import Ask, Decision, Machine, Planner, PlannerError
from taskprog.machine.result import RunResult
from taskprog.machine.specification import TaskSpecification
from taskprog.machine.trace import Trace


class BatchPlanner(Protocol[SeenIn]):
    """Who chooses the next calls of many runs at once; ``Ask.run`` is the run's index in ``begin_many``."""

    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        """New runs start with these specifications."""

    def decide_many(self, asks: Sequence[Ask[SeenIn]]) -> list[Decision | PlannerError]:
        """A decision for each ask, in order, or why there is none."""


class Separate(Generic[Seen]):
    """A batch planner that gives each run, over all batches, the next one of some planners."""

    def __init__(self, planners: Sequence[Planner[Seen]]):
        self._left: Iterator[Planner[Seen]] = iter(planners)
        self._asked: list[Planner[Seen]] = []
        self._failed: dict[int, PlannerError] = {}

    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        """See ``BatchPlanner``."""
        self._asked = [next(self._left) for _ in specifications]
        self._failed = {}
        for run, (planner, specification) in enumerate(zip(self._asked, specifications, strict=True)):
            try:
                planner.begin(specification)
            except PlannerError as error:
                self._failed[run] = error

    def decide_many(self, asks: Sequence[Ask[Seen]]) -> list[Decision | PlannerError]:
        """See ``BatchPlanner``."""
        return [self._decide(ask) for ask in asks]

    def _decide(self, ask: Ask[Seen]) -> Decision | PlannerError:
        if ask.run in self._failed:
            return self._failed[ask.run]
        try:
            return self._asked[ask.run].decide(ask.frame, ask.observation)
        except PlannerError as error:
            return error


def run_many(
    machines: Sequence[Machine[Seen]],
    specifications: Sequence[TaskSpecification],
    planner: BatchPlanner[Seen],
    traces: Sequence[Trace] | None = None,
) -> list[RunResult]:
    """Run every machine to its end, as ``Machine.run`` would; their own planners are not asked.

    Args:
        traces: to write into; without them nothing is written, which takes a third of the time off.

    Raises:
        ValueError: the arguments' lengths differ.
    """
    chosen = traces if traces is not None else [None] * len(machines)
    runs = [
        machine.steps(specification, trace)
        for machine, specification, trace in zip(machines, specifications, chosen, strict=True)
    ]
    results: dict[int, RunResult] = {}
    waiting: list[Ask[Seen]] = []

    def proceed(index: int, decision: Decision | PlannerError | None) -> None:
        try:
            if decision is None:
                ask = next(runs[index])
            elif isinstance(decision, PlannerError):
                ask = runs[index].throw(decision)
            else:
                ask = runs[index].send(decision)
        except StopIteration as stopped:
            results[index] = stopped.value
        else:
            waiting.append(Ask(ask.frame, ask.observation, index))

    for index in range(len(runs)):
        proceed(index, None)
    planner.begin_many(specifications)
    while waiting:
        asks, waiting = waiting, []
        for ask, decision in zip(asks, planner.decide_many(asks), strict=True):
            proceed(ask.run, decision)
    return [results[index] for index in range(len(runs))]
