"""How often a planner does block-stacking tasks on the twin, and what went wrong where it did not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from taskprog.machine import Budget, Event, EventKind, Machine, Planner, RunCode, Trace
from taskprog.tasks.block_stacking import GRASP_OFFSET, LIBRARY, StackingTask, holds, random_layout
from taskprog.tasks.demonstrator import TRACK_NOISE, TrackNoise, demonstrate
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog.tasks.twin import NO_DISTURBANCES, TWIN_NOISE, Disturbances, TwinDomain, TwinNoise

# Why an episode failed; the first that applies.
WRONG_PICK = "wrong pick"  # moved a cube that the task does not move
WRONG_DECISION = "wrong decision"  # put a cube where the task does not want it, or stopped too early
TIMEOUT = "timeout"  # the program did not return by itself
PLANNER_ERROR = "planner error"
DROPPED, TOPPLED = "dropped", "toppled"  # and was not put right before the program returned
CAUSES = (WRONG_PICK, WRONG_DECISION, DROPPED, TOPPLED, TIMEOUT, PLANNER_ERROR)

BUDGET = Budget(steps=400, seconds=3600.0)
VIDEO_LAYOUTS = 10_000_000  # first seed of the layouts in which tasks are demonstrated


@dataclass(frozen=True)
class Episode:
    """One task tried once; ``cause`` is one of ``CAUSES``, or empty on success."""

    task: str
    index: int
    success: bool
    cause: str
    message: str
    failed: tuple[str, ...]
    mishaps: tuple[str, ...]
    decisions: int
    primitives: int


@dataclass(frozen=True)
class Conditions:
    """Of an evaluation: the first seed of all that is random; noise of video and twin; mishaps."""

    seed: int = 0
    tracks: TrackNoise = TRACK_NOISE
    noise: TwinNoise = TWIN_NOISE
    disturbances: Disturbances = NO_DISTURBANCES


def run_episode(task: StackingTask, index: int, planner: Planner, conditions: Conditions) -> Episode:
    """Demonstrate a task in one start layout and let a planner do it in another; seed and index draw both.

    It succeeds if every relation of the task holds at the end and the program returned by itself.
    """
    rng = np.random.default_rng((conditions.seed, index))
    filmed = random_layout(VIDEO_LAYOUTS + conditions.seed + index)
    demonstration = demonstrate(task, filmed, rng, conditions.tracks)
    layout = random_layout(conditions.seed + index)
    domain = TwinDomain(layout, rng, conditions.noise, conditions.disturbances)
    trace = Trace()
    result = Machine(LIBRARY, domain, planner, BUDGET).run(demonstration, trace)
    failed = holds(task, domain.positions)
    success = not failed and result.code is RunCode.RETURNED
    return Episode(
        str(task),
        index,
        success,
        "" if success else cause_of_failure(task, trace.events, result.code, domain.mishaps),
        result.message,
        tuple(f"{a}>{b}" for a, b in failed),
        tuple(domain.mishaps),
        result.steps,
        result.primitives,
    )


def cause_of_failure(
    task: StackingTask, events: Iterable[Event], code: RunCode, mishaps: Sequence[str]
) -> str:
    """The first of ``CAUSES`` that applies."""
    if code is RunCode.PLANNER_ERROR:
        return PLANNER_ERROR
    wanted = {(CUBE_NAMES[a], CUBE_NAMES[b]) for a, b in task.relations}
    for picked, placed in moves(events):
        if (picked, placed) not in wanted:
            return WRONG_DECISION if picked in {a for a, _ in wanted} else WRONG_PICK
    if code is not RunCode.RETURNED:
        return TIMEOUT
    for cause in (DROPPED, TOPPLED):
        if any(mishap.startswith(cause) for mishap in mishaps):
            return cause
    return WRONG_DECISION


def moves(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Which object a run put on which, in order, read from its calls of ``move_to``."""
    picked = ""
    for event in events:
        if event.kind is EventKind.CALL and event.op == "move_to":
            name, height = str(event.args[0]), float(event.args[1])
            if height == GRASP_OFFSET:
                picked = name
            else:
                yield picked, name


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
    """Figures over episodes."""

    n: int
    successes: int
    rate: float
    interval: tuple[float, float]
    causes: dict[str, int]
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
        causes = Counter(e.cause for e in episodes if not e.success)
        return Summary(
            n,
            successes,
            successes / n,
            wilson(successes, n),
            {cause: causes[cause] for cause in CAUSES if causes[cause]},
            sum(e.decisions for e in episodes) / n,
            sum(e.primitives for e in episodes) / n,
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def evaluate(
    tasks: Sequence[StackingTask],
    planner: Planner,
    conditions: Conditions,
    on_episode: Callable[[Episode], None] = lambda episode: None,
) -> list[Episode]:
    """Try every task once."""
    episodes = []
    for index, task in enumerate(tasks):
        episode = run_episode(task, index, planner, conditions)
        on_episode(episode)
        episodes.append(episode)
    return episodes
