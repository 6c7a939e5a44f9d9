"""CPU time of a step of the call stack machine: all, and without planner and domain, which is its own."""

from __future__ import annotations

from taskprog.planners.checkpoint import CheckpointError
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.planners.npi.presets import policy_folder
from taskprog.planners.npi.speed import step_times

LENGTHS = {"addition": 500, "sorting": 25, "addition_recursive": 500, "sorting_recursive": 25}


def main() -> None:
    """Oracle planners, and NPIs where they are shipped."""
    print("machine (CPU us a step, the quickest of three runs)")
    for name, length in LENGTHS.items():
        environment = ENVIRONMENTS[name]
        try:
            folder = policy_folder(environment)
        except CheckpointError:  # none is shipped
            npi = None
        else:
            npi = NPIPlanner.load(folder, environment)
        times = step_times(environment, length, npi)
        print(f"  {name:20}" + "".join(f"  {what} {spent:6.2f}" for what, spent in times.items()))


if __name__ == "__main__":
    main()
