"""CPU time of a planner's decision, by program, without and with torch; of a run's beginning; of episodes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from taskprog.machine import Ask, Decision, Frame, Machine, Observation, PlannerError, TaskSpecification
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import LIBRARY, BlockStacking
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise
from taskprog.tasks.evaluation import evaluate

TASKS = 40
MANY, BATCH = 512, 256  # episodes decided in batches


class Stopwatch:
    """Passes a planner's decisions on and takes the CPU time of each, in milliseconds.

    Attributes:
        begins: of each run's beginning, in which its video is encoded.
        times: of each decision, by program.
        decisions: those of the latest run.
    """

    def __init__(self, planner: NTPPlanner):
        self._planner = planner
        self.begins: list[float] = []
        self.times: dict[str, list[float]] = defaultdict(list)
        self.decisions: list[Decision] = []

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        before = time.thread_time_ns()
        self._planner.begin(specification)
        self.begins.append((time.thread_time_ns() - before) / 1e6)
        self.decisions = []

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.Planner``."""
        before = time.thread_time_ns()
        decision = self._decide(frame, observation)
        self.times[frame.op.name].append((time.thread_time_ns() - before) / 1e6)
        self.decisions.append(decision)
        return decision

    def _decide(self, frame: Frame, observation: Observation) -> Decision:
        return self._planner.decide(frame, observation)


class TorchStopwatch(Stopwatch):
    """Has decisions made with torch, as batches of one."""

    def _decide(self, frame: Frame, observation: Observation) -> Decision:
        (decision,) = self._planner.decide_many([Ask(frame, observation)])
        if isinstance(decision, PlannerError):
            raise decision
        return decision


class BatchStopwatch:
    """Passes batches of decisions on and takes the CPU seconds of all, the videos' encoding with them."""

    def __init__(self, planner: NTPPlanner):
        self._planner = planner
        self.spent = 0.0

    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        """See ``taskprog.machine.BatchPlanner``."""
        before = time.process_time()
        self._planner.begin_many(specifications)
        self.spent += time.process_time() - before

    def decide_many(self, asks: Sequence[Ask]) -> list[Decision | PlannerError]:
        """See ``taskprog.machine.BatchPlanner``."""
        before = time.process_time()
        decisions = self._planner.decide_many(asks)
        self.spent += time.process_time() - before
        return decisions


def batches(family: BlockStacking, planner: NTPPlanner) -> None:
    """Try many tasks at once, and say how many a CPU second that is, and what takes the time."""
    watch = BatchStopwatch(planner)
    before = time.process_time()
    episodes = evaluate(family, family.tasks(1, MANY, "test"), watch, batch=BATCH)
    spent = time.process_time() - before
    done = sum(episode.success for episode in episodes)
    print(
        f"  {f'episodes, {BATCH} at once':28} {MANY / spent:7.1f} a CPU second; networks "
        f"{watch.spent / spent:.0%}, videos, twin and machine the rest; {done} of {MANY} done"
    )


def show(what: str, *columns: list[float]) -> None:
    """A line: median and 90th percentile of each column, then how many."""
    figures = " ".join(f"{np.median(times):7.3f} {np.percentile(times, 90):7.3f}" for times in columns)
    print(f"  {what:28} {figures:31} {len(columns[0]):6d}")


def main() -> None:
    """Run tasks on the twin with the shipped policy, each twice; one torch thread, batch size 1."""
    family = BlockStacking()
    planner = NTPPlanner.load(share_dir() / "models/policies/block_stacking", family)
    quick, torch = Stopwatch(planner), TorchStopwatch(planner)
    spent, same = 0.0, 0
    for index, task in enumerate(family.tasks(0, TASKS, "test")):
        for watch in (torch, quick):
            began = time.process_time()
            rng = np.random.default_rng(index)
            video = family.demonstrate(task, rng, VideoConditions())
            Machine(LIBRARY, family.world(task, rng, WorldNoise(), Disturbances()), watch).run(video)
        spent += time.process_time() - began  # the second's, without torch
        same += quick.decisions == torch.decisions
    print("planner (NTP, CPU ms: median and 90th percentile, then of the same with torch; n)")
    show("beginning a run", quick.begins)
    for name, times in sorted(quick.times.items()):
        show(f"decision in {name}", times, torch.times[name])
    show("any decision", *([t for times in w.times.values() for t in times] for w in (quick, torch)))
    print(f"  {'episodes decided the same':28} {same:7d} of {TASKS}")
    print(f"  {'episodes, one after another':28} {TASKS / spent:7.1f} a CPU second")
    batches(family, planner)


if __name__ == "__main__":
    main()
