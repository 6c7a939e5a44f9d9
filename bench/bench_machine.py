"""CPU time of a step of the call stack machine: all, and without planner and domain, which is its own."""

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
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.resources import share_dir
from taskprog.tasks.environment import Environment, Workplace
from taskprog.tasks.scratch_pad.pad import Symbols

RUNS = 3
LENGTHS = {"addition": 500, "sorting": 25, "addition_recursive": 500, "sorting_recursive": 25}


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


SEEN, DONE = Symbols(0.0, ()), Outcome()


def step_time(
    environment: Environment,
    planner: Planner[Symbols],
    domain: Workplace | Nowhere | None = None,
    traced: bool = False,
) -> tuple[float, int]:
    """Microseconds of CPU time a step of the quickest of some runs, and how many steps a run had."""
    best, steps = np.inf, 0
    for _ in range(RUNS):
        problem = environment.problem(np.random.default_rng(0), LENGTHS[environment.name])
        machine = Machine(environment.library, domain or problem.pad, planner, problem.budget)
        trace = Trace() if traced else None
        began = time.process_time()
        result = machine.run(problem.call, trace)
        spent = time.process_time() - began
        if result.code is not RunCode.RETURNED:
            raise RuntimeError(f"{environment.name}: {result.message}")
        best, steps = min(best, spent / result.steps * 1e6), result.steps
    return best, steps


def main() -> None:
    """Oracle planners, and NPIs where they are shipped."""
    print("machine (CPU us a step, the quickest of three runs; steps a run)")
    for name in LENGTHS:
        environment = ENVIRONMENTS[name]
        kept = Kept(environment.expert())
        problem = environment.problem(np.random.default_rng(0), LENGTHS[name])
        Machine(environment.library, problem.pad, kept, problem.budget).run(problem.call)
        own, steps = step_time(environment, Replayed(kept.decisions), Nowhere())
        oracle, _ = step_time(environment, environment.expert())
        traced, _ = step_time(environment, environment.expert(), traced=True)
        print(f"  {name:20} machine alone {own:6.2f}  with oracle and pad {oracle:6.2f}", end="")
        print(f"  and a trace {traced:6.2f}", end="")
        folder = share_dir() / "models/policies" / name
        if folder.is_dir():
            npi, _ = step_time(environment, NPIPlanner.load(folder, environment))
            print(f"  with NPI and pad {npi:6.1f}", end="")
        print(f"  {steps:7d}")


if __name__ == "__main__":
    main()
