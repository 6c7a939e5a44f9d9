"""Order fulfilment (Xu et al., section IV-B): objects of each category go into that category's container.

A task says which container each category goes into, and in which order the video shows it, with one object
a category. When it is done there may be many. The container of a category may be that of another one, too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from taskprog.machine import Library
from taskprog.tasks.carrying import TEST, TRAIN, carrying_library, check_half, parse_steps, text_of
from taskprog.tasks.carrying_family import CarryingFamily
from taskprog.tasks.scene import Body, Layout, scatter
from taskprog.tasks.table_top import LAYOUT_REGION, Region

LIBRARY = carrying_library("order_fulfilment", "pick_and_drop", "drop")
CATEGORIES = ("duck", "lego", "jenga", "bear", "apple", "cup", "ball", "book")
RELEASE = 0.10  # metres above a container's centre
OBJECT_SIZE = 0.04  # metres
CONTAINER_RADIUS, CONTAINER_HEIGHT, WALL = 0.07, 0.08, 0.005  # metres
JITTER = 0.08  # metres by which a container may stand aside of its usual place, along x and along y
ROWS = (0.76, 0.42)  # metres, usual x of containers; the second row only where the first is too short
ROW_LENGTH = 4
SPACING = 0.24  # metres along y between the usual places of a row
GAP = 0.02  # metres between things at the start
REGION = Region((0.34, 0.86), (-0.46, 0.46), LAYOUT_REGION.z)
CROWD = 0.35  # share of the table that things may cover before it has to be wider
MANY = 100_000  # assignments; so many are listed, of more some are drawn


def category_names(count: int) -> tuple[str, ...]:
    """The names of so many categories: after the known ones "category_8", "category_9", ..."""
    return (*CATEGORIES[:count], *(f"category_{i}" for i in range(len(CATEGORIES), count)))


def container_names(count: int) -> tuple[str, ...]:
    """The names of so many containers."""
    return tuple(f"container_{i}" for i in range(count))


@dataclass(frozen=True)
class OrderTask:
    """Which container each category goes into.

    Attributes:
        assignment: container of each category, by index.
        order: the categories in the order of the video.
        containers: how many there are.
    """

    assignment: tuple[int, ...]
    order: tuple[int, ...]
    containers: int

    def __str__(self) -> str:
        return text_of(self.named)

    @cached_property
    def named(self) -> tuple[tuple[str, str], ...]:
        """See ``Task``."""
        categories, containers = category_names(len(self.assignment)), container_names(self.containers)
        return tuple((categories[c], containers[self.assignment[c]]) for c in self.order)

    @property
    def goal(self) -> str:
        """See ``Task``: the steps in the order of the categories."""
        return text_of(sorted(self.named))

    @property
    def half(self) -> str:
        """See ``Task``: those that shift all categories by the same number of containers are for training.

        They are as few as can be so that every category goes into every container once.
        """
        shifts = {(box - category) % self.containers for category, box in enumerate(self.assignment)}
        return TRAIN if len(shifts) == 1 else TEST

    def reordered(self, rng: np.random.Generator) -> OrderTask:
        """See ``Task``: the categories are shown in another order."""
        order = tuple(rng.permutation(len(self.order)).tolist())
        return OrderTask(self.assignment, order, self.containers)


@dataclass(frozen=True)
class OrderFulfilment(CarryingFamily):
    """The family; see ``taskprog.tasks.family.Family``.

    Attributes:
        categories, containers: how many of each.
        objects: on the table when a task is done, at least one a category.
        even: as many of each category as can be; otherwise the spread is random, at least one each.
    """

    categories: int = 4
    containers: int = 4
    objects: int = 4
    even: bool = True

    library: ClassVar[Library] = LIBRARY
    release: ClassVar[float] = RELEASE
    vanishing: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.categories < 1 or self.containers < 2:
            raise ValueError("order fulfilment needs a category and two containers at least")
        if self.objects < self.categories:
            raise ValueError(f"{self.objects} objects are too few for {self.categories} categories")

    @cached_property
    def filmed(self) -> tuple[Body, ...]:
        """See ``CarryingFamily``: one object a category, and the containers."""
        return (*(_object(name) for name in category_names(self.categories)), *self._boxes)

    @cached_property
    def _boxes(self) -> tuple[Body, ...]:
        floor = WALL - CONTAINER_HEIGHT / 2
        return tuple(
            Body(name, CONTAINER_RADIUS, CONTAINER_HEIGHT, floor, fixed=True, wide=True, hides=True)
            for name in container_names(self.containers)
        )

    @property
    def movable(self) -> int:
        """See ``CarryingFamily``."""
        return self.objects

    def present(self, rng: np.random.Generator) -> tuple[Body, ...]:
        """See ``CarryingFamily``: all objects, category by category, and the containers."""
        names, more = category_names(self.categories), self.objects - self.categories
        if self.even:
            counts = np.full(self.categories, more // self.categories)
            counts[rng.permutation(self.categories)[: more % self.categories]] += 1
        else:
            counts = rng.multinomial(more, np.full(self.categories, 1 / self.categories))
        objects = [_object(name) for name, count in zip(names, counts, strict=True) for _ in range(count + 1)]
        return (*objects, *self._boxes)

    @cached_property
    def region(self) -> Region:
        """See ``CarryingFamily``: wider for more things than a table usually holds."""
        covered = (
            self.objects * (OBJECT_SIZE + GAP) ** 2 + self.containers * (2 * CONTAINER_RADIUS + GAP) ** 2
        )
        wide = math.pi / 4 * covered / CROWD / (REGION.x[1] - REGION.x[0]) / 2
        row = SPACING * (self._row - 1) / 2 + JITTER
        reach = max(REGION.y[1], wide, row)
        return Region(REGION.x, (-reach, reach), REGION.z)

    @property
    def _row(self) -> int:
        return self.containers if self.containers <= ROW_LENGTH else math.ceil(self.containers / len(ROWS))

    def layout(self, bodies: Sequence[Body], rng: np.random.Generator) -> Layout:
        """See ``CarryingFamily``: containers near their usual places, objects anywhere else."""
        first = len(bodies) - self.containers
        boxes, objects = bodies[first:], bodies[:first]
        layout = scatter([*boxes, *objects], self.region, GAP, rng, self._places(rng))
        order = np.roll(np.arange(len(bodies)), -self.containers)
        return Layout(layout.positions[order], layout.yaws[order])

    def _places(self, rng: np.random.Generator) -> list[tuple[float, float]]:
        """Of the containers: usual ones, moved a little, none too near to another."""
        row = self._row
        usual = np.array(
            [(ROWS[i // row], SPACING * (i % row - (row - 1) / 2)) for i in range(self.containers)]
        )
        while True:
            moved = usual + rng.uniform(-JITTER, JITTER, usual.shape)
            apart = np.hypot(*(moved[:, None] - moved[None]).transpose(2, 0, 1))
            if (apart + np.eye(len(moved)) >= 2 * CONTAINER_RADIUS + GAP).all():
                return [(x, y) for x, y in moved.tolist()]

    def tasks(self, seed: int, n: int, half: str | None = None) -> list[OrderTask]:
        """See ``Family``. The training half are ``containers`` tasks, the test half all others."""
        check_half(half)
        rng = np.random.default_rng(seed)
        count = self.containers**self.categories
        exist = {TRAIN: self.containers, TEST: count - self.containers, None: count}[half]
        if n > exist:
            raise ValueError(f"only {exist} tasks exist, not {n}")
        return [
            OrderTask(assignment, tuple(rng.permutation(self.categories).tolist()), self.containers)
            for assignment in self._assignments(rng, n, half)
        ]

    def _assignments(self, rng: np.random.Generator, n: int, half: str | None) -> list[tuple[int, ...]]:
        shifts = range(self.containers)
        trained = [tuple((c + k) % self.containers for c in range(self.categories)) for k in shifts]
        if half == TRAIN:
            return [trained[i] for i in rng.permutation(len(trained))[:n]]
        left_out = set(trained) if half == TEST else set()
        if self.containers**self.categories <= MANY:
            every = [a for a in itertools.product(shifts, repeat=self.categories) if a not in left_out]
            return [every[i] for i in rng.permutation(len(every))[:n]]
        drawn: dict[tuple[int, ...], None] = {}
        while len(drawn) < n:
            assignment = tuple(rng.integers(self.containers, size=self.categories).tolist())
            if assignment not in left_out:
                drawn[assignment] = None
        return list(drawn)

    def parse(self, text: str) -> OrderTask:
        """See ``Family``: "duck>container_2 lego>container_0 jenga>container_1 bear>container_3"."""
        categories, containers = category_names(self.categories), container_names(self.containers)
        boxes: dict[int, int] = {}
        for a, b in parse_steps(text, (*categories, *containers)):
            if a not in categories or b not in containers:
                raise ValueError(f"{a}>{b}: a category goes into a container")
            if categories.index(a) in boxes:
                raise ValueError(f"{a}>{b}: {a} has a container already")
            boxes[categories.index(a)] = containers.index(b)
        missing = [name for c, name in enumerate(categories) if c not in boxes]
        if missing:
            raise ValueError(f"no container for {', '.join(missing)}")
        assignment = tuple(boxes[c] for c in range(self.categories))
        return OrderTask(assignment, tuple(boxes), self.containers)


def _object(category: str) -> Body:
    return Body(category, OBJECT_SIZE / 2, OBJECT_SIZE, OBJECT_SIZE / 2)
