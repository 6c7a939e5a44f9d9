"""What families whose steps each carry one thing onto or into another have in common: nearly everything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from taskprog.machine import Budget, Demonstration, Library
from taskprog.tasks.carrying import GRASP_OFFSET
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise
from taskprog.tasks.demonstrator import demonstrate
from taskprog.tasks.expert import Expert
from taskprog.tasks.family import Task
from taskprog.tasks.scene import Body, Layout
from taskprog.tasks.table_top import CUBE_SIZE, LAYOUT_REGION, Region
from taskprog.tasks.twin import TwinDomain

DECISIONS = 50  # that a run may take for each object; the expert needs at most 9


class CarryingFamily(ABC):
    """Base of families; see ``taskprog.tasks.family.Family``. Subclasses are frozen dataclasses.

    Attributes:
        release: metres above what something is put on or into, to let it go.
    """

    library: ClassVar[Library]
    release: ClassVar[float] = CUBE_SIZE
    unit: ClassVar[float] = CUBE_SIZE
    vanishing: ClassVar[bool] = False

    @property
    @abstractmethod
    def filmed(self) -> Sequence[Body]:
        """What is on the table in a task video; no two have one name."""

    @property
    def movable(self) -> int:
        """How many things can be carried when the task is done."""
        return sum(not body.fixed for body in self.filmed)

    def present(self, rng: np.random.Generator) -> Sequence[Body]:
        """What is on the table when the task is done."""
        return self.filmed

    @property
    def region(self) -> Region:
        """Where things may be."""
        return LAYOUT_REGION

    @abstractmethod
    def layout(self, bodies: Sequence[Body], rng: np.random.Generator) -> Layout:
        """A random start."""

    @abstractmethod
    def tasks(self, seed: int, n: int, half: str | None = None) -> Sequence[Task]:
        """See ``Family``."""

    @property
    def name(self) -> str:
        """See ``Family``."""
        return self.library.root

    @property
    def names(self) -> tuple[str, ...]:
        """See ``Family``."""
        return tuple(body.name for body in self.filmed)

    @property
    def receptacles(self) -> frozenset[str]:
        """See ``Family``."""
        return frozenset(body.name for body in self.filmed if body.wide)

    @property
    def offsets(self) -> tuple[float, ...]:
        """See ``Family``."""
        return (GRASP_OFFSET, self.release)

    @property
    def budget(self) -> Budget:
        """See ``Family``."""
        return Budget(steps=DECISIONS * self.movable, seconds=24 * 3600.0)

    def reordered(self, task: Task, rng: np.random.Generator) -> Task:
        """See ``Family``."""
        return task.reordered(rng)

    def demonstrate(self, task: Task, rng: np.random.Generator, video: VideoConditions) -> Demonstration:
        """See ``Family``."""
        index = {body.name: i for i, body in enumerate(self.filmed)}
        steps = [(index[a], index[b]) for a, b in task.named]
        return demonstrate(steps, self.filmed, self.layout(self.filmed, rng), rng, video)

    def world(
        self,
        task: Task,
        rng: np.random.Generator,
        noise: WorldNoise | None = None,
        disturbances: Disturbances | None = None,
    ) -> TwinDomain:
        """See ``Family``."""
        bodies = self.present(rng)
        target = dict(task.named)
        index = {body.name: i for i, body in enumerate(bodies)}
        relations = [(i, index[target[body.name]]) for i, body in enumerate(bodies) if body.name in target]
        layout = self.layout(bodies, rng)
        return TwinDomain(bodies, layout, rng, noise, disturbances, relations, self.region)

    def expert(self, task: Task) -> Expert:
        """See ``Family``."""
        return Expert(self.library, self.release, task.named, {body.name: body for body in self.filmed})
