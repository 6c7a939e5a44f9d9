"""Is the task done? Judged from the truth about the cubes, which nobody but a scorer may see."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.block_stacking import StackingTask, holds
from taskprog.tasks.table_top import CUBE_NAMES

Relation = tuple[int, int]


class Truth(Protocol):
    """What a scorer may ask of a world."""

    def positions(self) -> NDArray[np.float64]:
        """(8, 3) centres of the cubes, metres."""

    def touching(self, above: int, below: int) -> bool:
        """Whether two cubes are in contact."""

    def held(self, cube: int) -> bool:
        """Whether a cube is between the gripper's fingers, touching both."""


def read_task(text: str) -> StackingTask:
    """A task from text such as "2>6 7>1", cubes by number or by name ("yellow>purple").

    Raises:
        ValueError: no such cube, or no possible task.
    """
    numbers = {name: str(index) for index, name in enumerate(CUBE_NAMES)}
    words = [">".join(numbers.get(cube, cube) for cube in word.split(">")) for word in text.split()]
    return StackingTask.parse(" ".join(words))


class StabilityCheck:
    """Watches a world for a while: does every "a on b" of a task hold the whole time?"""

    def __init__(self, task: StackingTask):
        self._task = task
        self._failed: set[Relation] = set()

    def observe(self, world: Truth) -> None:
        """Look at the world now: on top by position, in contact, and not in the gripper."""
        self._failed.update(holds(self._task, world.positions()))
        for above, below in self._task.relations:
            if not world.touching(above, below) or world.held(above):
                self._failed.add((above, below))

    @property
    def failed(self) -> list[Relation]:
        """The relations that did not hold at some time, in the task's order."""
        return [relation for relation in self._task.relations if relation in self._failed]
