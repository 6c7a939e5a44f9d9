"""What a task family is: everything that training and evaluation need to know of it, and nothing of a model.

A family brings its operations, its tasks with a training and a test half, demonstrations of them, an
expert, and worlds to do them in. A planner that learns knows none of this: a new family needs no new code
in a planner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from taskprog.machine import Budget, Demonstration, Domain, Library
from taskprog.tasks.carrying import TEST, TRAIN
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise
from taskprog.tasks.expert import Expert

__all__ = ["TEST", "TRAIN", "Family", "Task", "World"]


class Task(Protocol):
    """One thing to be done. ``str(task)`` is what ``Family.parse`` reads; equal texts are equal tasks."""

    @property
    def half(self) -> str:
        """``TRAIN`` or ``TEST``: the same for all tasks with the same end configuration."""

    @property
    def goal(self) -> str:
        """The end configuration, the same text for all orders of reaching it."""

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The steps (a, b) in order, by name: a is carried onto or into b."""

    def reordered(self, rng: np.random.Generator) -> Task:
        """The same goal reached in another, random order."""


class World(Domain, Protocol):
    """A domain that knows the truth, for scoring only.

    Attributes:
        mishaps: what went wrong so far, in words: "dropped red", "toppled blue", ...
    """

    mishaps: list[str]

    @property
    def relations(self) -> Sequence[tuple[int, int]]:
        """Of the world's task: bodies (a, b), a is to be on or in b."""

    def unmet(self) -> list[str]:
        """The relations of the world's task that do not hold, such as "red>blue"; empty on success."""


class Family(Protocol):
    """A kind of tasks. Implementations are frozen dataclasses whose fields are sizes (how many objects).

    Attributes:
        name: the root program's name.
        names: of the objects in a demonstration.
        receptacles: those of the names whose kind is to take others in or on (containers, trays), which a
            detector tells apart.
        library: its operations.
        offsets: metres above an object to which ``move_to`` may be sent, the classes of its second argument.
        unit: metres, the length in which relations between objects are measured.
        vanishing: whether an object of the demonstration may be absent from an observation.
        budget: of a run, ample for an expert that recovers from mishaps.
    """

    @property
    def name(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def receptacles(self) -> frozenset[str]: ...
    @property
    def library(self) -> Library: ...
    @property
    def offsets(self) -> tuple[float, ...]: ...
    @property
    def unit(self) -> float: ...
    @property
    def vanishing(self) -> bool: ...
    @property
    def budget(self) -> Budget: ...

    def tasks(self, seed: int, n: int, half: str | None = None) -> Sequence[Task]:
        """``n`` tasks of a half with distinct goals; the same seed gives the same tasks.

        Raises:
            ValueError: fewer exist, or there is no such half.
        """

    def parse(self, text: str) -> Task:
        """Read a task.

        Raises:
            ValueError: not of the family's form, or no possible task; says why.
        """

    def reordered(self, task: Task, rng: np.random.Generator) -> Task:
        """The same goal reached in another, random order."""

    def demonstrate(self, task: Task, rng: np.random.Generator, video: VideoConditions) -> Demonstration:
        """A video of the task from a random start, read as a camera would."""

    def world(
        self, task: Task, rng: np.random.Generator, noise: WorldNoise, disturbances: Disturbances
    ) -> World:
        """A random start in which the task is to be done."""

    def expert(self, task: Task) -> Expert:
        """A reactive planner that knows the task; the demonstration only labels its scopes.

        A ``PlannerError`` says that the demonstration shows something else.
        """
