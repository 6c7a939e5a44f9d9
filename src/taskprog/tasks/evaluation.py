"""How often a planner does a family's tasks, and what went wrong where it did not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from taskprog.machine import (
    Ask,
    BatchPlanner,
    Decision,
    Demonstration,
    Library,
    Machine,
    PlannerError,
    RunCode,
    RunResult,
    TaskSpecification,
    run_many,
)
from taskprog.tasks.conditions import Conditions
from taskprog.tasks.family import Family, Task, World
from taskprog.tasks.faults import (
    NO_RETURN,
    PLANNER_ERROR,
    WRONG_ARGUMENT,
    WRONG_PROGRAM,
    WRONG_SCOPE,
    Fault,
    Kept,
    first_fault,
)

MANIPULATION = "manipulation"  # all was decided as the expert would, yet the goal is not reached
CAUSES = (WRONG_PROGRAM, WRONG_ARGUMENT, WRONG_SCOPE, NO_RETURN, MANIPULATION, PLANNER_ERROR)


@dataclass(frozen=True)
class Episode:
    """One task tried once.

    Attributes:
        task: its text.
        index: of the task in what was evaluated.
        success: every relation held at the end, and the program returned by itself.
        cause: one of ``CAUSES``: the first decision that was not the expert's; empty on success.
        detail: more of it in words, such as "pick: move_to with another object".
        message: how the run ended.
        relations: of the task: every object of order fulfilment has one, every placement of a stack.
        unmet: those that did not hold at the end.
        mishaps: what went wrong in the world.
    """

    task: str
    index: int
    success: bool
    cause: str
    detail: str
    message: str
    relations: int
    unmet: tuple[str, ...]
    mishaps: tuple[str, ...]
    decisions: int
    primitives: int


def evaluate(
    family: Family,
    tasks: Sequence[Task],
    planner: BatchPlanner,
    conditions: Conditions | None = None,
    library: Library | None = None,
    batch: int = 256,
    on_episode: Callable[[Episode], None] = lambda episode: None,
    first: int = 0,
) -> list[Episode]:
    """Try every task once: demonstrate it from one random start and have it done from another.

    Starts, noise and mishaps follow from the conditions' seed and the task's index; the video has random
    numbers of its own, so that another video of the same tasks leaves their starts as they are.

    Args:
        library: the planner's; default: the family's. Flat planners have ``flattened(family.library)``.
        batch: runs side by side.
        on_episode: is called with each episode, in order.
        first: index of the first task, where these are a part of more.
    """
    conditions, library = conditions or Conditions(), library or family.library
    episodes: list[Episode] = []
    for start in range(0, len(tasks), batch):
        chunk = tasks[start : start + batch]
        videos, worlds = [], []
        for index, task in enumerate(chunk, first + start):
            filming, doing = (
                np.random.default_rng((conditions.seed, index, use)) for use in (1, 2)
            )  # no 0: seeds that end in it are equal to shorter ones
            videos.append(family.demonstrate(task, filming, conditions.video))
            worlds.append(family.world(task, doing, conditions.noise, conditions.disturbances))
        keeper = _Keeper(planner, len(chunk))
        machines = [Machine(library, world, budget=family.budget) for world in worlds]
        results = run_many(machines, videos, keeper)
        for k, task in enumerate(chunk):
            index = first + start + k
            episode = _episode(family, task, index, library, videos[k], worlds[k], results[k], keeper.kept[k])
            on_episode(episode)
            episodes.append(episode)
    return episodes


class _Keeper:
    """A planner that passes on another's decisions and keeps them, run by run."""

    def __init__(self, planner: BatchPlanner, runs: int):
        self._planner = planner
        self.kept: list[Kept] = [[] for _ in range(runs)]

    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        self._planner.begin_many(specifications)

    def decide_many(self, asks: Sequence[Ask]) -> list[Decision | PlannerError]:
        decisions = self._planner.decide_many(asks)
        for ask, decision in zip(asks, decisions, strict=True):
            self.kept[ask.run].append((ask.frame, ask.observation, decision))
        return decisions


def _episode(
    family: Family,
    task: Task,
    index: int,
    library: Library,
    video: Demonstration,
    world: World,
    result: RunResult,
    kept: Kept,
) -> Episode:
    unmet = tuple(world.unmet())
    success = not unmet and result.code is RunCode.RETURNED
    fault = Fault("", "")
    if not success:
        fault = first_fault(family.expert(task), library, video, kept) or _otherwise(result, world)
    return Episode(
        str(task),
        index,
        success,
        fault.cause,
        fault.detail,
        result.message,
        len(world.relations),
        unmet,
        tuple(world.mishaps),
        result.steps,
        result.primitives,
    )


def _otherwise(result: RunResult, world: World) -> Fault:
    """Why a run failed whose decisions were the expert's."""
    if result.code is RunCode.PLANNER_ERROR:
        return Fault(PLANNER_ERROR, "")
    if result.code is not RunCode.RETURNED:
        return Fault(NO_RETURN, result.code.name.lower().replace("_", " "))
    return Fault(MANIPULATION, world.mishaps[-1].rsplit(" ", 1)[0] if world.mishaps else "put down beside")


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a proportion; at the default 95 % of such intervals hold the true rate."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


@dataclass(frozen=True)
class Summary:
    """Figures over episodes; ``causes`` and ``details`` count failures, the most frequent detail first.

    ``met`` is the share of all episodes' relations that held at the end, returned by itself or not.
    """

    n: int
    successes: int
    rate: float
    interval: tuple[float, float]
    met: float
    causes: dict[str, int]
    details: dict[str, int]
    decisions: float  # mean an episode
    primitives: float  # mean an episode

    @staticmethod
    def of(episodes: Sequence[Episode]) -> Summary:
        """Sum up.

        Raises:
            ValueError: there is no episode.
        """
        n = len(episodes)
        if n == 0:
            raise ValueError("no episodes to sum up")
        successes = sum(e.success for e in episodes)
        failures = [e for e in episodes if not e.success]
        causes = Counter(e.cause for e in failures)
        return Summary(
            n,
            successes,
            successes / n,
            wilson(successes, n),
            1 - sum(len(e.unmet) for e in episodes) / max(1, sum(e.relations for e in episodes)),
            {cause: causes[cause] for cause in CAUSES if causes[cause]},
            dict(Counter(e.detail for e in failures if e.detail).most_common()),
            sum(e.decisions for e in episodes) / n,
            sum(e.primitives for e in episodes) / n,
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)
