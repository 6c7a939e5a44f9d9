"""Planners of one run each, asked side by side: how tests and benchmarks evaluate experts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from taskprog.machine import Ask, Decision, Demonstration, Planner, PlannerError


class Separate:
    """A ``BatchPlanner`` that gives each run the next one of some planners."""

    def __init__(self, planners: Sequence[Planner]):
        self._left: Iterator[Planner] = iter(planners)
        self._asked: list[Planner] = []
        self._failed: dict[int, PlannerError] = {}

    def begin_many(self, specifications: Sequence[Demonstration]) -> None:
        """See ``BatchPlanner``."""
        self._asked = [next(self._left) for _ in specifications]
        self._failed = {}
        for run, (planner, specification) in enumerate(zip(self._asked, specifications, strict=True)):
            try:
                planner.begin(specification)
            except PlannerError as error:
                self._failed[run] = error

    def decide_many(self, asks: Sequence[Ask]) -> list[Decision | PlannerError]:
        """See ``BatchPlanner``."""
        return [self._decide(ask) for ask in asks]

    def _decide(self, ask: Ask) -> Decision | PlannerError:
        if ask.run in self._failed:
            return self._failed[ask.run]
        try:
            return self._asked[ask.run].decide(ask.frame, ask.observation)
        except PlannerError as error:
            return error
