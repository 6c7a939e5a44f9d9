"""Is the task done? Judged from the truth about the scene, which nobody but a scorer may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.tasks.block_stacking import StackingTask, holds
from taskprog.tasks.goods import CONTAINER_NAMES, CONTAINER_SIZE, CONTAINER_WALL
from taskprog.tasks.order_fulfilment import OrderFulfilment, OrderTask
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim.scene_description import BLOCK_STACKING, kind_of

Task = StackingTask | OrderTask


class Truth(Protocol):
    """What a scorer may ask of a world; things are meant by their indices in ``names``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the N things."""

    def positions(self) -> NDArray[np.float64]:
        """(N, 3) centres, metres."""

    def orientations(self) -> NDArray[np.float64]:
        """(N, 4) quaternions, x y z w."""

    def touching(self, above: int, below: int) -> bool:
        """Whether two things are in contact."""

    def held(self, index: int) -> bool:
        """Whether a thing is between the gripper's fingers, touching both."""


@dataclass(frozen=True)
class Verdict:
    """What was so all the time that a judge looked.

    Attributes:
        right: steps that are done: "2>6", "duck_0>container_2".
        failed: steps that are not.
        wrong: what is in another container than it should be: "duck_1>container_0".
        outside: names of the objects that are in no container, or held there.
    """

    right: tuple[str, ...]
    failed: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether all is as it should be."""
        return not self.failed


class Judge(Protocol):
    """Watches a world for a while."""

    def observe(self, world: Truth) -> None:
        """Look at the world now."""

    @property
    def verdict(self) -> Verdict:
        """Of all looks together."""


def read_task(text: str, family: str) -> Task:
    """A task from text: "2>6 7>1", cubes by number or by name, or "duck>container_2 bear>container_0 ...".

    Raises:
        ValueError: nothing of this kind is in the family's scenes, or no possible task.
    """
    if family != BLOCK_STACKING:
        return OrderFulfilment().parse(text)
    numbers = {name: str(index) for index, name in enumerate(CUBE_NAMES)}
    words = [">".join(numbers.get(cube, cube) for cube in word.split(">")) for word in text.split()]
    return StackingTask.parse(" ".join(words))


def make_judge(task: Task) -> Judge:
    """Who judges this task."""
    return OrderJudge(task) if isinstance(task, OrderTask) else StackingJudge(task)


class StackingJudge:
    """Does every "a on b" of a task hold the whole time?"""

    def __init__(self, task: StackingTask):
        self._task = task
        self._failed: set[tuple[int, int]] = set()

    def observe(self, world: Truth) -> None:
        """See ``Judge``: on top by position, in contact, and not in the gripper."""
        self._failed.update(holds(self._task, world.positions()))
        for above, below in self._task.relations:
            if not world.touching(above, below) or world.held(above):
                self._failed.add((above, below))

    @property
    def verdict(self) -> Verdict:
        """See ``Judge``; in the task's order."""
        text = {relation: "{}>{}".format(*relation) for relation in self._task.relations}
        return Verdict(
            tuple(word for relation, word in text.items() if relation not in self._failed),
            tuple(word for relation, word in text.items() if relation in self._failed),
        )


class OrderJudge:
    """In which container was every object the whole time, and let go?

    What is round may rock for a long time in the place where it is: that is no fault.
    """

    def __init__(self, task: OrderTask):
        self._target = dict(task.named)
        self._seen: dict[str, set[str]] = {}  # by object: containers, or "" where it is in none

    def observe(self, world: Truth) -> None:
        """See ``Judge``."""
        positions, orientations = world.positions(), world.orientations()
        boxes = [index for index, name in enumerate(world.names) if name in CONTAINER_NAMES]
        for index, name in enumerate(world.names):
            if index in boxes:
                continue
            free = not world.held(index)
            inside = [b for b in boxes if is_inside(positions[index], positions[b], orientations[b])]
            self._seen.setdefault(name, set()).add(world.names[inside[0]] if inside and free else "")

    @property
    def verdict(self) -> Verdict:
        """See ``Judge``; in the order of the world's names."""
        right, failed, wrong, outside = [], [], [], []
        for name, seen in self._seen.items():
            target = self._target[kind_of(name)]
            step = f"{name}>{target}"
            if seen == {target}:
                right.append(step)
                continue
            failed.append(step)
            if "" in seen:
                outside.append(name)
            else:
                wrong += [f"{name}>{box}" for box in sorted(seen - {target})]
        return Verdict(tuple(right), tuple(failed), tuple(wrong), tuple(outside))


def is_inside(point: NDArray[np.float64], box: NDArray[np.float64], orientation: Sequence[float]) -> bool:
    """Whether a point (3,) lies between the inner walls, floor and rim of a container.

    Args:
        box: (3,) the container's centre.
        orientation: its quaternion, x y z w.
    """
    local = np.abs(Rotation.from_quat(orientation).inv().apply(point - box))
    half = np.array(CONTAINER_SIZE) / 2 - (CONTAINER_WALL, CONTAINER_WALL, 0.0)
    return bool((local < half).all())
