"""What all families here share: tasks whose steps each carry one thing onto or into another.

Their programs have one shape: the root calls a program that carries, which calls one that picks and one
that puts. The primitives are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskprog.machine import NOTHING_HELD, ArgType, Demonstration, Library, Op, OpKind

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
