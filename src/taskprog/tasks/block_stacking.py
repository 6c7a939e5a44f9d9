"""Block stacking (Xu et al., section IV-C): tasks, their generator, start layouts, and when a task holds.

Eight cubes, numbered as in ``table_top.CUBES``. A task is a list of placements "a>b", cube a on cube b;
it succeeds when every a is on its b at the end.
"""

from __future__ import annotations

import csv
import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, ArgType, Demonstration, Library, Op, OpKind
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, LAYOUT_REGION, LAYOUT_SEPARATION, TABLE_HEIGHT

LIBRARY = Library(
    "block_stacking",
    (
        Op("block_stacking", OpKind.PROGRAM, (), ("pick_and_place",)),
        Op("pick_and_place", OpKind.PROGRAM, (), ("pick", "place")),
        Op("pick", OpKind.PROGRAM, (), ("move_to", "close_gripper", "open_gripper")),
        Op("place", OpKind.PROGRAM, (), ("move_to", "open_gripper")),
        Op("move_to", OpKind.PRIMITIVE, (ArgType.OBJECT, ArgType.METRES)),
        Op("close_gripper", OpKind.PRIMITIVE),
        Op("open_gripper", OpKind.PRIMITIVE),
    ),
)
# Heights above an object to which `move_to` may be sent: to grasp it, and to put a cube on it.
GRASP_OFFSET, PLACE_OFFSET = 0.0, CUBE_SIZE
OFFSETS = (GRASP_OFFSET, PLACE_OFFSET)

CUBE_COUNT = len(CUBE_NAMES)
TABLE = "table"  # where a cube stands that is on no other cube
TRAIN, TEST = "train", "test"
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


@dataclass(frozen=True)
class StackingTask:
    """Placements (a, b), "cube a on cube b", in the order in which they are made.

    Raises:
        ValueError: a cube is unknown, moved twice, put on itself, on or from under another one.
    """

    steps: Pairs
    towers: tuple[tuple[int, ...], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("a task needs at least one placement, such as 2>6")
        tower_of = {cube: [cube] for cube in range(CUBE_COUNT)}
        moved: set[int] = set()
        for a, b in self.steps:
            for cube in (a, b):
                if cube not in tower_of:
                    raise ValueError(f"{a}>{b}: no cube {cube}, cubes are 0 to {CUBE_COUNT - 1}")
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
    def parse(text: str) -> StackingTask:
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
        return StackingTask(tuple(steps))

    def __str__(self) -> str:
        return " ".join(f"{a}>{b}" for a, b in self.steps)

    def describe(self) -> str:
        """In words: "yellow on purple, pink on orange"."""
        return ", ".join(f"{CUBE_NAMES[a]} on {CUBE_NAMES[b]}" for a, b in self.steps)

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

    @cached_property
    def half(self) -> str:
        """``train`` or ``test``, from the end configuration alone: all orders of building share a half."""
        canonical = "|".join("-".join(map(str, tower)) for tower in self.towers)
        return TRAIN if hashlib.sha256(canonical.encode()).digest()[0] % 2 == 0 else TEST

    def reordered(self, rng: np.random.Generator) -> StackingTask:
        """The same end configuration built in a random order, towers interleaved."""
        queues = [list(zip(tower[1:], tower[:-1], strict=True)) for tower in self.towers]
        steps = []
        while any(queues):
            lengths = np.array([len(queue) for queue in queues])
            chosen = int(rng.choice(len(queues), p=lengths / lengths.sum()))
            steps.append(queues[chosen].pop(0))
        return StackingTask(tuple(steps))


def generate_tasks(seed: int, n: int, half: str | None = None) -> list[StackingTask]:
    """``n`` tasks with distinct end configurations, spread as ``SHAPES`` says, towers built in turn.

    Args:
        half: keep only tasks of this half; None keeps both.

    Raises:
        ValueError: an unknown half, or more tasks than can be found.
    """
    if half not in (None, TRAIN, TEST):
        raise ValueError(f"half is {half!r}, should be {TRAIN!r}, {TEST!r} or None")
    rng = np.random.default_rng(seed)
    shapes = [shape for shape, _ in SHAPES]
    weights = np.array([weight for _, weight in SHAPES], np.float64)
    tasks: dict[tuple[tuple[int, ...], ...], StackingTask] = {}
    for _ in range(1000 + 20 * n):
        if len(tasks) == n:
            break
        shape = rng.permutation(shapes[rng.choice(len(shapes), p=weights / weights.sum())])
        cubes = iter(rng.permutation(CUBE_COUNT).tolist())
        steps: list[tuple[int, int]] = []
        for height in shape:
            tower = [next(cubes) for _ in range(height)]
            steps += zip(tower[1:], tower[:-1], strict=True)
        task = StackingTask(tuple(steps))
        if half is None or task.half == half:
            tasks.setdefault(task.towers, task)
    if len(tasks) < n:
        raise ValueError(f"found only {len(tasks)} of {n} distinct tasks")
    return list(tasks.values())


def read_task_file(path: Path) -> list[StackingTask]:
    """Read tasks from CSV: lines starting with # are comments, the header is ``task,steps``.

    Raises:
        OSError: the file cannot be read.
        ValueError: not such a file, or a line holds no possible task; names the line.
    """
    tasks: list[StackingTask] = []
    header: list[str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        row = next(csv.reader([line]))
        if header is None:
            header = row
            if header != ["task", "steps"]:
                raise ValueError(f"{path}, line {number}: the header should be task,steps, not {line!r}")
            continue
        try:
            _, steps = row
            tasks.append(StackingTask.parse(steps))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if not tasks:
        raise ValueError(f"{path}: no tasks in it")
    return tasks


@dataclass(frozen=True)
class Layout:
    """Where the cubes start.

    Attributes:
        positions: (8, 3) float64, metres, frame ``base``, cube centres.
        yaws: (8,) float64, radians about z.
    """

    positions: NDArray[np.float64]
    yaws: NDArray[np.float64]


def random_layout(seed: int) -> Layout:
    """All cubes on the table, inside ``LAYOUT_REGION``, centres at least ``LAYOUT_SEPARATION`` apart."""
    rng = np.random.default_rng(seed)
    low = np.array([LAYOUT_REGION.x[0], LAYOUT_REGION.y[0]])
    high = np.array([LAYOUT_REGION.x[1], LAYOUT_REGION.y[1]])
    placed = np.empty((0, 2))
    misses = 0
    while len(placed) < CUBE_COUNT:
        spot = rng.uniform(low, high)
        if (np.linalg.norm(placed - spot, axis=1) >= LAYOUT_SEPARATION).all():
            placed = np.vstack([placed, spot])
        elif (misses := misses + 1) % 200 == 0:
            placed = np.empty((0, 2))  # a crowded start: begin again
    positions = np.column_stack([placed, np.full(CUBE_COUNT, TABLE_HEIGHT + CUBE_SIZE / 2)])
    return Layout(positions, rng.uniform(-math.pi, math.pi, CUBE_COUNT))


HEIGHT_TOLERANCE = 0.010  # metres


def is_on(
    a: NDArray[np.floating], b: NDArray[np.floating], height_tolerance: float = HEIGHT_TOLERANCE
) -> bool:
    """Whether a cube centred at ``a`` (3,) stands on one at ``b`` (3,): less than half a cube aside."""
    dx, dy, dz = (float(v) for v in a - b)
    return math.hypot(dx, dy) < CUBE_SIZE / 2 and abs(dz - CUBE_SIZE) < height_tolerance


def holds(task: StackingTask, positions: NDArray[np.floating]) -> list[tuple[int, int]]:
    """The relations (a, b) of a task that do not hold for cubes at ``positions`` (8, 3)."""
    return [(a, b) for a, b in task.relations if not is_on(positions[a], positions[b])]


@dataclass(frozen=True)
class Transport:
    """One carry in a demonstration: ``held`` is the object's index, frames [start, stop) show it held."""

    held: int
    start: int
    stop: int


def transports(demonstration: Demonstration) -> list[Transport]:
    """The carries of a demonstration, in order."""
    result: list[Transport] = []
    start = 0
    held = demonstration.held.tolist()
    for i in range(1, len(held) + 1):
        if i == len(held) or held[i] != held[start]:
            if held[start] != NOTHING_HELD:
                result.append(Transport(held[start], start, i))
            start = i
    return result


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
