"""Block stacking (Xu et al., section IV-C): tasks, their generator, start layouts, and when a task holds.

Eight cubes, numbered as in ``table_top.CUBES``, or more. A task is a list of placements "a>b", cube a on
cube b; it succeeds when every a is on its b at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Demonstration, Library
from taskprog.tasks.carrying import GRASP_OFFSET as GRASP_OFFSET  # also known from here
from taskprog.tasks.carrying import carrying_library, check_half, half_of
from taskprog.tasks.carrying import transports as transports
from taskprog.tasks.carrying_family import CarryingFamily
from taskprog.tasks.scene import Body, cube_body, scatter
from taskprog.tasks.scene import Layout as Layout  # likewise
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, LAYOUT_SEPARATION
from taskprog.tasks.twin import HEIGHT_TOLERANCE

LIBRARY = carrying_library("block_stacking", "pick_and_place", "place")
# Heights above an object to which `move_to` may be sent: to grasp it, and to put a cube on it.
PLACE_OFFSET = CUBE_SIZE
OFFSETS = (GRASP_OFFSET, PLACE_OFFSET)

CUBE_COUNT = len(CUBE_NAMES)
TABLE = "table"  # where a cube stands that is on no other cube
GAP = LAYOUT_SEPARATION - CUBE_SIZE  # metres between cubes at the start
Pairs = tuple[tuple[int, int], ...]

# Towers a task builds (their heights in cubes), and how many of 2,000 tasks build these. The spread over
# placements and highest towers is that of the NTP authors' 2,000 tasks: 4/43/239/689/904/121 tasks of one
# to six placements, 125/767/1,108 with a highest tower of two/three/four.
SHAPES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((2,), 4),
    ((2, 2), 34),
    ((3,), 9),
    ((2, 2, 2), 70),
    ((2, 3), 139),
    ((4,), 30),
    ((2, 2, 2, 2), 17),
    ((2, 2, 3), 276),
    ((2, 4), 274),
    ((3, 3), 122),
    ((3, 4), 462),
    ((2, 2, 4), 221),
    ((2, 3, 3), 221),
    ((4, 4), 121),
)
MORE_TOWERS = 0.9  # probability of one tower more, in tasks that ``SHAPES`` does not cover


def cube_names(count: int) -> tuple[str, ...]:
    """The names of so many cubes: after the colours "cube_8", "cube_9", ..."""
    return (*CUBE_NAMES[:count], *(f"cube_{i}" for i in range(CUBE_COUNT, count)))


@dataclass(frozen=True)
class StackingTask:
    """Placements (a, b), "cube a on cube b", in the order in which they are made, of so many cubes.

    Raises:
        ValueError: a cube is unknown, moved twice, put on itself, on or from under another one.
    """

    steps: Pairs
    cubes: int = CUBE_COUNT
    towers: tuple[tuple[int, ...], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a task needs at least one placement, such as 2>6")
        tower_of = {cube: [cube] for cube in range(self.cubes)}
        moved: set[int] = set()
        for a, b in self.steps:
            for cube in (a, b):
                if cube not in tower_of:
                    raise ValueError(f"{a}>{b}: no cube {cube}, cubes are 0 to {self.cubes - 1}")
            if a == b:
                raise ValueError(f"{a}>{b}: a cube cannot stand on itself")
            if a in moved:
                raise ValueError(f"{a}>{b}: cube {a} was moved before; each cube is moved at most once")
            if len(tower_of[a]) > 1:
                raise ValueError(f"{a}>{b}: cube {a} already belongs to a tower")
            tower = tower_of[b]
            if tower[-1] != b:
                raise ValueError(f"{a}>{b}: cube {tower[-1]} or another one stands on cube {b}")
            tower.append(a)
            tower_of[a] = tower
            moved.add(a)
        towers = {id(t): tuple(t) for t in tower_of.values() if len(t) > 1}
        object.__setattr__(self, "towers", tuple(sorted(towers.values())))

    @staticmethod
    def parse(text: str, cubes: int = CUBE_COUNT) -> StackingTask:
        """Read "2>6 7>1 3>7".

        Raises:
            ValueError: not of this form, or no possible task; says why.
        """
        steps = []
        for word in text.split():
            a, arrow, b = word.partition(">")
            if not (arrow and a.isascii() and a.isdigit() and b.isascii() and b.isdigit()):
                raise ValueError(f"{word!r} is not a placement such as 2>6")
            steps.append((int(a), int(b)))
        return StackingTask(tuple(steps), cubes)

    def __str__(self) -> str:
        return " ".join(f"{a}>{b}" for a, b in self.steps)

    def describe(self) -> str:
        """In words: "yellow on purple, pink on orange"."""
        return ", ".join(f"{a} on {b}" for a, b in self.named)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The placements by the cubes' names."""
        names = cube_names(self.cubes)
        return tuple((names[a], names[b]) for a, b in self.steps)

    @property
    def relations(self) -> Pairs:
        """All (a, b) with a on b at the end."""
        return tuple(sorted(self.steps))

    @property
    def heights(self) -> tuple[int, ...]:
        """Heights of the towers of two or more cubes, in cubes, rising."""
        return tuple(sorted(len(tower) for tower in self.towers))

    @property
    def tower_height(self) -> int:
        """Height of the highest tower, in cubes."""
        return self.heights[-1]

    @property
    def goal(self) -> str:
        """The towers from the ground up: "0-1-2|4-5"."""
        return "|".join("-".join(map(str, tower)) for tower in self.towers)

    @cached_property
    def half(self) -> str:
        """``train`` or ``test``, from the end configuration alone: all orders of building share a half."""
        return half_of(self.goal)

    def reordered(self, rng: np.random.Generator) -> StackingTask:
        """The same end configuration built in a random order, towers interleaved."""
        queues = [list(zip(tower[1:], tower[:-1], strict=True)) for tower in self.towers]
        steps = []
        while any(queues):
            lengths = np.array([len(queue) for queue in queues])
            chosen = int(rng.choice(len(queues), p=lengths / lengths.sum()))
            steps.append(queues[chosen].pop(0))
        return StackingTask(tuple(steps), self.cubes)


def generate_tasks(seed: int, n: int, half: str | None = None) -> list[StackingTask]:
    """``BlockStacking().tasks``: of eight cubes, spread as ``SHAPES`` says."""
    return BlockStacking().tasks(seed, n, half)


def random_layout(seed: int) -> Layout:
    """All cubes on the table, inside ``LAYOUT_REGION``, centres at least ``LAYOUT_SEPARATION`` apart."""
    family = BlockStacking()
    return family.layout(family.filmed, np.random.default_rng(seed))


def is_on(
    a: NDArray[np.floating], b: NDArray[np.floating], height_tolerance: float = HEIGHT_TOLERANCE
) -> bool:
    """Whether a cube centred at ``a`` (3,) stands on one at ``b`` (3,): less than half a cube aside."""
    dx, dy, dz = (float(v) for v in a - b)
    return math.hypot(dx, dy) < CUBE_SIZE / 2 and abs(dz - CUBE_SIZE) < height_tolerance


def holds(task: StackingTask, positions: NDArray[np.floating]) -> list[tuple[int, int]]:
    """The relations (a, b) of a task that do not hold for cubes at ``positions`` (8, 3)."""
    return [(a, b) for a, b in task.relations if not is_on(positions[a], positions[b])]


def demonstrated_steps(demonstration: Demonstration) -> tuple[tuple[str, str], ...]:
    """What a demonstration shows: (name of the cube moved, name of what it ends on), in order."""
    names = demonstration.names
    steps = []
    for transport in transports(demonstration):
        after = demonstration.positions[min(transport.stop, len(demonstration) - 1)]
        below = [
            names[k]
            for k in range(len(names))
            if k != transport.held and is_on(after[transport.held], after[k], CUBE_SIZE / 2)
        ]
        steps.append((names[transport.held], below[0] if below else TABLE))
    return tuple(steps)


@dataclass(frozen=True)
class BlockStacking(CarryingFamily):
    """The family; see ``taskprog.tasks.family.Family``.

    Attributes:
        cubes: on the table.
        tallest: height in cubes that no tower of a generated task exceeds.
        shortest: height in cubes that the highest tower of a generated task has at least.
    """

    cubes: int = CUBE_COUNT
    tallest: int = 4
    shortest: int = 2

    library: ClassVar[Library] = LIBRARY
    release: ClassVar[float] = PLACE_OFFSET

    def __post_init__(self) -> None:
        if not 2 <= self.shortest <= self.tallest <= self.cubes:
            raise ValueError(f"no towers of {self.shortest} to {self.tallest} of {self.cubes} cubes")

    @cached_property
    def filmed(self) -> tuple[Body, ...]:
        """See ``CarryingFamily``: the cubes."""
        return tuple(cube_body(name) for name in cube_names(self.cubes))

    def layout(self, bodies: Sequence[Body], rng: np.random.Generator) -> Layout:
        """See ``CarryingFamily``: all cubes on the table."""
        return scatter(bodies, self.region, GAP, rng)

    def tasks(self, seed: int, n: int, half: str | None = None) -> list[StackingTask]:
        """See ``Family``. Towers are built in turn."""
        check_half(half)
        rng = np.random.default_rng(seed)
        tasks: dict[tuple[tuple[int, ...], ...], StackingTask] = {}
        for _ in range(1000 + 20 * n):
            if len(tasks) == n:
                break
            shape = self._shape(rng)
            cubes = iter(rng.permutation(self.cubes).tolist())
            steps: list[tuple[int, int]] = []
            for height in shape:
                tower = [next(cubes) for _ in range(height)]
                steps += zip(tower[1:], tower[:-1], strict=True)
            task = StackingTask(tuple(steps), self.cubes)
            if half is None or task.half == half:
                tasks.setdefault(task.towers, task)
        if len(tasks) < n:
            raise ValueError(f"found only {len(tasks)} of {n} distinct tasks")
        return list(tasks.values())

    def _shape(self, rng: np.random.Generator) -> list[int]:
        """Heights of the towers of a random task, in random order."""
        if (self.cubes, self.tallest) == (CUBE_COUNT, 4):
            known = [(shape, weight) for shape, weight in SHAPES if max(shape) >= self.shortest]
            weights = np.array([weight for _, weight in known], np.float64)
            chosen = rng.choice(len(known), p=weights / weights.sum())
            return list(rng.permutation(known[int(chosen)][0]))
        shape = [int(rng.integers(self.shortest, self.tallest + 1))]
        while self.cubes - sum(shape) >= 2 and rng.uniform() < MORE_TOWERS:
            shape.append(int(rng.integers(2, min(shape[0], self.cubes - sum(shape)) + 1)))
        return list(rng.permutation(shape))

    def parse(self, text: str) -> StackingTask:
        """See ``Family``: "2>6 7>1 3>7"."""
        return StackingTask.parse(text, self.cubes)
