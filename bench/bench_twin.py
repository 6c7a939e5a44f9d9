"""CPU time of an episode on the twin, by task family: video, world, machine and expert, no networks."""

from __future__ import annotations

import time

from taskprog.machine import Separate
from taskprog.tasks.conditions import Conditions, Disturbances
from taskprog.tasks.evaluation import Summary, evaluate
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import Family
from taskprog.tasks.order_fulfilment import OrderFulfilment

EPISODES = 200
MISHAPS = Disturbances(failed_grasp=0.08, drop=0.08, misplace=0.06, meddle=0.04)


def main() -> None:
    """Let the expert do tasks of every family, with and without mishaps."""
    print(f"twin (expert, {EPISODES} episodes each: success, CPU ms an episode, decisions)")
    families: list[Family] = [*FAMILIES.values(), OrderFulfilment(objects=40)]
    for family in families:
        tasks = family.tasks(0, EPISODES, "test")
        for what, disturbances in (("", Disturbances()), (", mishaps", MISHAPS)):
            experts = Separate([family.expert(task) for task in tasks])
            began = time.process_time()
            episodes = evaluate(family, tasks, experts, Conditions(disturbances=disturbances))
            spent = (time.process_time() - began) / EPISODES * 1e3
            summary = Summary.of(episodes)
            size = f", {family.objects} objects" if isinstance(family, OrderFulfilment) else ""
            name = f"{family.name}{size}{what}"
            print(f"  {name:40} {summary.rate:6.3f} {spent:7.2f} {summary.decisions:7.1f}")


if __name__ == "__main__":
    main()
