"""A trace's events together with what only the moment of their making knows: call stack and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from taskprog.machine import Event, EventKind, Scope

Point = tuple[float, float, float]


class StackEntry(NamedTuple):
    """A program in the call stack, and the part of the specification that it may see."""

    op: str
    scope: Scope


@dataclass(frozen=True)
class Step:
    """One event as viewers need it.

    Attributes:
        event: what happened.
        stack: the call stack after the event, root first, with or without what was just called.
        target: where the tool centre point is heading, metres, frame ``base``; None if nowhere.
        target_object: name of the object that the target was derived from; empty if none.
    """

    event: Event
    stack: tuple[StackEntry, ...] = ()
    target: Point | None = None
    target_object: str = ""


def stack_after(stack: tuple[StackEntry, ...], event: Event) -> tuple[StackEntry, ...]:
    """The call stack after ``event``, given the one before it."""
    match event.kind:
        case EventKind.CALL:
            return (*stack[: event.depth], StackEntry(event.op, event.scope))
        case EventKind.OUTCOME | EventKind.RETURN:
            return stack[: event.depth]
        case EventKind.FINISH:
            return ()


def steps_of(events: Iterable[Event]) -> list[Step]:
    """Events with their call stacks; targets are unknown to a trace file."""
    stack: tuple[StackEntry, ...] = ()
    steps = []
    for event in events:
        stack = stack_after(stack, event)
        steps.append(Step(event, stack))
    return steps


def target_of(event: Event, places: Mapping[str, Point]) -> Point | None:
    """Where a call of the form ``move_to(object, metres)`` is heading: so far above the object's centre.

    None for other calls, and for an object that is not in ``places`` (centres in ``base``, metres).
    """
    match event.args:
        case (str(name), float(height)) if name in places:
            x, y, z = places[name]
            return x, y, z + height
    return None


def signature(op: str, args: Iterable[str | float]) -> str:
    """A call for people: ``move_to(red, +45 mm)``."""
    shown = ", ".join(f"{a * 1e3:+.0f} mm" if isinstance(a, float) else a for a in args)
    return f"{op}({shown})" if shown else op
