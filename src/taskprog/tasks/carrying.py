"""What all families here share: tasks whose steps each carry one thing onto or into another.

Their programs have one shape: the root calls a program that carries, which calls one that picks and one
that puts. The primitives are the same everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from taskprog.machine import NOTHING_HELD, ArgType, Demonstration, Library, Op, OpKind

TRAIN, TEST = "train", "test"
GRASP_OFFSET = 0.0  # metres above an object to which `move_to` goes to grasp it
Steps = Sequence[tuple[str, str]]  # (a, b), a onto or into b, by name, in order


def carrying_library(root: str, carry: str, put: str) -> Library:
    """``root`` > ``carry`` > pick, ``put`` > move_to, close_gripper, open_gripper."""
    return Library(
        root,
        (
            Op(root, OpKind.PROGRAM, (), (carry,)),
            Op(carry, OpKind.PROGRAM, (), ("pick", put)),
            Op("pick", OpKind.PROGRAM, (), ("move_to", "close_gripper", "open_gripper")),
            Op(put, OpKind.PROGRAM, (), ("move_to", "open_gripper")),
            Op("move_to", OpKind.PRIMITIVE, (ArgType.OBJECT, ArgType.METRES)),
            Op("close_gripper", OpKind.PRIMITIVE),
            Op("open_gripper", OpKind.PRIMITIVE),
        ),
    )


def text_of(steps: Steps) -> str:
    """Steps as a task's text: "duck>container_2 bear>container_0"."""
    return " ".join(f"{a}>{b}" for a, b in steps)


def parse_steps(text: str, known: Collection[str]) -> list[tuple[str, str]]:
    """The inverse of ``text_of``, for the names that are known.

    Raises:
        ValueError: not of this form, or an unknown name; says which.
    """
    steps = []
    for word in text.split():
        a, _, b = word.partition(">")
        if not (a and b):
            raise ValueError(f"{word!r} is not a step such as duck>container_2")
        for name in (a, b):
            if name not in known:
                raise ValueError(f"{word}: no {name!r}, known are {', '.join(known)}")
        steps.append((a, b))
    return steps


def check_half(half: str | None) -> None:
    """Raises ``ValueError`` unless ``half`` is a half, or None for both."""
    if half not in (None, TRAIN, TEST):
        raise ValueError(f"half is {half!r}, should be {TRAIN!r}, {TEST!r} or None")


def half_of(goal: str) -> str:
    """``TRAIN`` or ``TEST``, from a goal's text alone."""
    return TRAIN if hashlib.sha256(goal.encode()).digest()[0] % 2 == 0 else TEST


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


def steps_into(demonstration: Demonstration, receptacles: Collection[str]) -> tuple[tuple[str, str], ...]:
    """What a demonstration shows: (what is carried, the receptacle nearest to where it ends), in order."""
    names = demonstration.names
    beds = [index for index, name in enumerate(names) if name in receptacles]
    steps = []
    for carry in transports(demonstration):
        after = demonstration.positions[min(carry.stop, len(demonstration) - 1)]
        aside = np.hypot(*(after[beds, :2] - after[carry.held, :2]).T)
        steps.append((names[carry.held], names[beds[int(aside.argmin())]]))
    return tuple(steps)
