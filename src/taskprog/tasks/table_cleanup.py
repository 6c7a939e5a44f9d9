"""Table clean-up: trays are stacked on each other, then cutlery goes onto the topmost.

Nothing here is known to any planner: the family shows that a new one needs no new code there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from taskprog.machine import Library
from taskprog.tasks.carrying import carrying_library, check_half, half_of, parse_steps, text_of
from taskprog.tasks.carrying_family import CarryingFamily
from taskprog.tasks.scene import Body, Layout, scatter
from taskprog.tasks.table_top import CUBE_SIZE, LAYOUT_REGION, Region

LIBRARY = carrying_library("table_cleanup", "pick_and_place", "place")
CUTLERY = ("fork", "knife", "spoon", "ladle")
TRAY_RADIUS, TRAY_HEIGHT = 0.06, CUBE_SIZE  # metres
CUTLERY_RADIUS, CUTLERY_HEIGHT = 0.015, 0.02  # metres
GAP = 0.025  # metres between things at the start
REGION = Region((0.40, 0.80), (-0.40, 0.40), LAYOUT_REGION.z)
TRIES = 100  # draws for each task that is asked for


def tray_names(count: int) -> tuple[str, ...]:
    """The names of so many trays."""
    return tuple(f"tray_{i}" for i in range(count))


def cutlery_names(count: int) -> tuple[str, ...]:
    """The names of so many pieces: after the known ones "cutlery_4", "cutlery_5", ..."""
    return (*CUTLERY[:count], *(f"cutlery_{i}" for i in range(len(CUTLERY), count)))


@dataclass(frozen=True)
class CleanupTask:
    """Names of the trays to be stacked, from the table up, and of the cutlery, in order."""

    trays: tuple[str, ...]
    cutlery: tuple[str, ...]

    def __str__(self) -> str:
        return text_of(self.named)

    @cached_property
    def named(self) -> tuple[tuple[str, str], ...]:
        """See ``Task``."""
        stacked = tuple((upper, lower) for lower, upper in pairwise(self.trays))
        return (*stacked, *((piece, self.trays[-1]) for piece in self.cutlery))

    @property
    def goal(self) -> str:
        """See ``Task``: "tray_1-tray_0+fork+spoon"."""
        return "+".join(("-".join(self.trays), *sorted(self.cutlery)))

    @cached_property
    def half(self) -> str:
        """See ``Task``."""
        return half_of(self.goal)

    def reordered(self, rng: np.random.Generator) -> CleanupTask:
        """See ``Task``: trays can be stacked in one order only, cutlery comes in any."""
        return CleanupTask(self.trays, tuple(self.cutlery[i] for i in rng.permutation(len(self.cutlery))))


@dataclass(frozen=True)
class TableCleanup(CarryingFamily):
    """The family; see ``taskprog.tasks.family.Family``.

    Attributes:
        trays, cutlery: on the table; a task stacks two trays at least, and takes one piece of cutlery.
    """

    trays: int = 4
    cutlery: int = 4

    library: ClassVar[Library] = LIBRARY

    def __post_init__(self) -> None:
        if self.trays < 2 or self.cutlery < 1:
            raise ValueError("table clean-up needs two trays and a piece of cutlery at least")

    @cached_property
    def filmed(self) -> tuple[Body, ...]:
        """See ``CarryingFamily``."""
        trays = (
            Body(name, TRAY_RADIUS, TRAY_HEIGHT, TRAY_HEIGHT / 2, wide=True)
            for name in tray_names(self.trays)
        )
        pieces = (
            Body(name, CUTLERY_RADIUS, CUTLERY_HEIGHT, CUTLERY_HEIGHT / 2)
            for name in cutlery_names(self.cutlery)
        )
        return (*trays, *pieces)

    @property
    def region(self) -> Region:
        """See ``CarryingFamily``."""
        return REGION

    def layout(self, bodies: Sequence[Body], rng: np.random.Generator) -> Layout:
        """See ``CarryingFamily``: everything on the table."""
        return scatter(bodies, self.region, GAP, rng)

    def tasks(self, seed: int, n: int, half: str | None = None) -> list[CleanupTask]:
        """See ``Family``."""
        check_half(half)
        rng = np.random.default_rng(seed)
        tasks: dict[str, CleanupTask] = {}
        for _ in range(TRIES * n):
            if len(tasks) == n:
                break
            trays = rng.permutation(tray_names(self.trays))[: rng.integers(2, self.trays + 1)]
            pieces = rng.permutation(cutlery_names(self.cutlery))[: rng.integers(1, self.cutlery + 1)]
            task = CleanupTask(tuple(trays.tolist()), tuple(pieces.tolist()))
            if half is None or task.half == half:
                tasks.setdefault(task.goal, task)
        if len(tasks) < n:
            raise ValueError(f"found only {len(tasks)} of {n} distinct tasks")
        return list(tasks.values())

    def parse(self, text: str) -> CleanupTask:
        """See ``Family``: "tray_1>tray_0 tray_2>tray_1 fork>tray_2"."""
        trays, cutlery = tray_names(self.trays), cutlery_names(self.cutlery)
        steps = parse_steps(text, (*trays, *cutlery))
        stacked = [step for step in steps if step[0] in trays]
        if not stacked:
            raise ValueError("a task needs a tray on a tray, such as tray_1>tray_0")
        order = (stacked[0][1], *(a for a, _ in stacked))
        task = CleanupTask(order, tuple(a for a, _ in steps if a not in trays))
        if not task.cutlery:
            raise ValueError("a task needs a piece of cutlery, such as fork>tray_1")
        repeated = [name for name in (*order, *task.cutlery) if (*order, *task.cutlery).count(name) > 1]
        if repeated:
            raise ValueError(f"{repeated[0]} is used twice")
        if list(task.named) != steps:
            raise ValueError(f"each tray goes onto the one before, then cutlery onto the top one: {task}")
        return task
