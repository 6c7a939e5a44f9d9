"""CPU time of a step of the call stack machine: by itself, with an oracle planner, with an NPI."""

from __future__ import annotations

import time

import numpy as np

from taskprog.machine import (
    Call,
    CancelToken,
    Decision,
    Frame,
    Machine,
    Outcome,
    Planner,
    RunCode,
    TaskSpecification,
    Trace,
)
from taskprog.tasks.environment import Environment, Workplace
from taskprog.tasks.scratch_pad.pad import DONE, Symbols

RUNS = 3  # of which the quickest counts
MACHINE, ORACLE, TRACED, NPI = "machine alone", "with oracle and pad", "and a trace", "with NPI and pad"


def step_times(
    environment: Environment, length: int, npi: Planner[Symbols] | None = None
) -> dict[str, float]:
    """Microseconds of CPU time a step, on a random problem of a length.

    Returns:
        ``MACHINE``: the stack machine, with a planner and a domain that take no time; ``ORACLE``: with the
        expert and the pad; ``TRACED``: these, and the trace is kept; ``NPI``: with this one, if there is one.

    Raises:
        RuntimeError: a program did not return by itself.
    """
    kept = Kept(environment.expert())
    _run(environment, length, kept)
    times = {
        MACHINE: _quickest(environment, length, Replayed(kept.decisions), Nowhere()),
        ORACLE: _quickest(environment, length, environment.expert()),
        TRACED: _quickest(environment, length, environment.expert(), traced=True),
    }
    if npi is not None:
        times[NPI] = _quickest(environment, length, npi)
    return times


class Replayed:
    """A planner that makes decisions once made by another, in no time."""

    def __init__(self, decisions: list[Decision]):
        self._decisions = decisions
        self._left = iter(decisions)

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        self._left = iter(self._decisions)

    def decide(self, frame: Frame, observation: Symbols) -> Decision:
        """See ``taskprog.machine.Planner``."""
        return next(self._left)


class Kept:
    """A planner that keeps another's decisions."""

    def __init__(self, planner: Planner[Symbols]):
        self._planner = planner
        self.decisions: list[Decision] = []

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        self._planner.begin(specification)

    def decide(self, frame: Frame, observation: Symbols) -> Decision:
        """See ``taskprog.machine.Planner``."""
        self.decisions.append(self._planner.decide(frame, observation))
        return self.decisions[-1]


class Nowhere:
    """A domain in which nothing happens, in no time."""

    def observe(self) -> Symbols:
        """See ``taskprog.machine.Domain``."""
        return SEEN

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``."""
        return DONE


SEEN = Symbols(0.0, ())


def _quickest(
    environment: Environment,
    length: int,
    planner: Planner[Symbols],
    domain: Nowhere | None = None,
    traced: bool = False,
) -> float:
    return min(_run(environment, length, planner, domain, traced) for _ in range(RUNS))


def _run(
    environment: Environment,
    length: int,
    planner: Planner[Symbols],
    domain: Workplace | Nowhere | None = None,
    traced: bool = False,
) -> float:
    """Microseconds a step of one run."""
    problem = environment.problem(np.random.default_rng(0), length)
    machine = Machine(environment.library, domain or problem.pad, planner, problem.budget)
    trace = Trace() if traced else None
    began = time.process_time()
    result = machine.run(problem.call, trace)
    spent = time.process_time() - began
    if result.code is not RunCode.RETURNED:
        raise RuntimeError(f"{environment.name}, length {length}: {result.message}")
    return spent / result.steps * 1e6
