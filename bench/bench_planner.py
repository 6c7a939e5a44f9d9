"""CPU time of a planner's decision, by program, and of encoding a task video once a run."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np

from taskprog.machine import Decision, Demonstration, Frame, Machine, Observation
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import LIBRARY, BlockStacking
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise

TASKS = 40


class Stopwatch:
    """Passes a planner's decisions on and takes the CPU time of each call, in milliseconds."""

    def __init__(self, planner: NTPPlanner):
        self._planner = planner
        self.times: dict[str, list[float]] = defaultdict(list)

    def begin(self, specification: Demonstration) -> None:
        """See ``taskprog.machine.Planner``."""
        before = time.thread_time_ns()
        self._planner.begin(specification)
        self.times["encoding a video"].append((time.thread_time_ns() - before) / 1e6)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.Planner``."""
        before = time.thread_time_ns()
        decision = self._planner.decide(frame, observation)
        self.times[f"decision in {frame.op.name}"].append((time.thread_time_ns() - before) / 1e6)
        return decision


def main() -> None:
    """Run tasks on the twin with the shipped policy, one torch thread, batch size 1."""
    watch = Stopwatch(NTPPlanner.load(share_dir() / "models/policies/block_stacking", BlockStacking()))
    began = time.process_time()
    family = BlockStacking()
    for index, task in enumerate(family.tasks(0, TASKS, "test")):
        rng = np.random.default_rng(index)
        video = family.demonstrate(task, rng, VideoConditions())
        Machine(LIBRARY, family.world(task, rng, WorldNoise(), Disturbances()), watch).run(video)
    spent = time.process_time() - began
    print("planner (NTP, CPU ms: median, 90th percentile, n)")
    decisions = [t for what, times in watch.times.items() if what.startswith("decision") for t in times]
    for what, times in [*sorted(watch.times.items()), ("any decision", decisions)]:
        print(f"  {what:28} {np.median(times):7.3f} {np.percentile(times, 90):7.3f} {len(times):6d}")
    print(f"  {'episodes on the twin':28} {TASKS / spent:7.1f} a CPU second")


if __name__ == "__main__":
    main()
