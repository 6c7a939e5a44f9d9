"""A run as shapes: the objects, the call stack, where the arm is heading, the moves that it made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import dist

from taskprog.machine import EventKind, OutcomeCode
from taskprog.tasks.table_top import CUBE_SIZE, CUBES
from taskprog.view.shapes import Colour, Shape, ShapeKind, box_edges
from taskprog.view.step import Point, Step, signature

OBJECTS = "objects"
HIGHLIGHT = "highlight"
TARGET = "target"
HEADING = "heading"
STACK = "stack"
PATH = "path"
STEPS = "steps"
NUMBERS = "step_numbers"

GOLD: Colour = (1.0, 0.78, 0.1, 1.0)
GREEN: Colour = (0.25, 0.85, 0.4, 1.0)
RED: Colour = (1.0, 0.25, 0.2, 1.0)
WHITE: Colour = (0.95, 0.95, 0.95, 1.0)
GREY: Colour = (0.6, 0.6, 0.6, 1.0)
LINE: Colour = (0.55, 0.75, 1.0, 0.9)

# The call stack stands to the left of the table, seen from the camera.
STACK_TOP: Point = (0.60, -0.68, 0.42)
STACK_SPACING = 0.055
TEXT_HEIGHT = 0.036
SAME_PLACE = 0.02  # metres: steps closer together share one number label
ARC_HEIGHT = 0.12
ARC_POINTS = 17

_COLOURS = {cube.name: cube.rgb for cube in CUBES}


@dataclass(frozen=True)
class SeenObject:
    """An object as perception reports it: centre in ``base``, metres; yaw, radians; edge, metres."""

    name: str
    position: Point
    yaw: float = 0.0
    size: float = CUBE_SIZE
    visible: bool = True


@dataclass(frozen=True)
class Move:
    """A primitive with a target that has ended."""

    number: int  # among all primitives of the run, from 1
    target: Point
    ok: bool


def finished_moves(steps: Sequence[Step]) -> list[Move]:
    """The moves that ended, in order."""
    ended = [s for s in steps if s.event.kind is EventKind.OUTCOME]
    return [
        Move(number, s.target, s.event.outcome == OutcomeCode.SUCCEEDED.name)
        for number, s in enumerate(ended, start=1)
        if s.target is not None
    ]


def held_object(steps: Sequence[Step]) -> str:
    """Name of the object between the pads, from the primitives that ended; empty if none."""
    held, near = "", ""
    for step in steps:
        if step.event.kind is not EventKind.OUTCOME:
            continue
        near = step.target_object or near
        if step.event.op == "close_gripper" and step.event.outcome == OutcomeCode.SUCCEEDED.name:
            held = near
        elif step.event.op == "open_gripper":
            held = ""
    return held


def colour_of(name: str, opacity: float = 1.0) -> Colour:
    """The paint of the object called ``name``; grey for one that we have no name of."""
    return (*_COLOURS.get(name, GREY[:3]), opacity)


def trace_shapes(steps: Sequence[Step], objects: Sequence[SeenObject]) -> list[Shape]:
    """Everything that is to be seen of a run, after the last of ``steps``.

    The shapes' namespaces are this module's constants. The work grows with the number of steps.
    """
    shapes = [*_objects(objects), *_moves(finished_moves(steps))]
    if steps:
        shapes += _stack(steps[-1])
        if steps[-1].event.kind is EventKind.CALL and steps[-1].target is not None:
            shapes += _heading(steps, steps[-1].target, {o.name: o for o in objects})
    return shapes


def _objects(objects: Sequence[SeenObject]) -> list[Shape]:
    return [
        Shape(
            ShapeKind.CUBE,
            OBJECTS,
            i,
            colour_of(o.name, 0.85 if o.visible else 0.35),
            (o.position,),
            o.size,
            o.yaw,
        )
        for i, o in enumerate(objects)
    ]


def _heading(steps: Sequence[Step], target: Point, objects: dict[str, SeenObject]) -> list[Shape]:
    """From the last place to the target: an arc that ends in an arrow, and a ghost of what will be there."""
    moves = finished_moves(steps)
    start = moves[-1].target if moves else (target[0], target[1], target[2] + 2 * ARC_HEIGHT)
    arc = arc_between(start, target)
    held = held_object(steps)
    seen = objects.get(steps[-1].target_object)
    yaw = seen.yaw if seen else 0.0
    shapes = [
        Shape(ShapeKind.PATH, HEADING, 0, GOLD, arc[:-2], 0.006),
        Shape(ShapeKind.ARROW, HEADING, 1, GOLD, (arc[-3], target), 0.008),
        Shape(
            ShapeKind.CUBE,
            TARGET,
            0,
            colour_of(held, 0.4) if held else (*GOLD[:3], 0.3),
            (target,),
            CUBE_SIZE * 1.04,
            yaw,
        ),
    ]
    if seen:
        edges = box_edges(seen.position, seen.size * 1.15, seen.yaw)
        shapes.append(Shape(ShapeKind.SEGMENTS, HIGHLIGHT, 0, GOLD, edges, 0.004))
    return shapes


def arc_between(start: Point, end: Point) -> tuple[Point, ...]:
    """(ARC_POINTS points) from ``start`` to ``end``, over ``ARC_HEIGHT`` metres above both."""
    points = []
    for k in range(ARC_POINTS):
        t = k / (ARC_POINTS - 1)
        x, y, z = (a + t * (b - a) for a, b in zip(start, end, strict=True))
        points.append((x, y, z + 4 * ARC_HEIGHT * t * (1 - t)))
    return tuple(points)


def _moves(moves: Sequence[Move]) -> list[Shape]:
    shapes = []
    if len(moves) > 1:
        shapes.append(Shape(ShapeKind.PATH, PATH, 0, LINE, tuple(m.target for m in moves), 0.003))
    places: list[tuple[Point, list[int]]] = []
    for i, move in enumerate(moves):
        colour = GREEN if move.ok else RED
        shapes.append(Shape(ShapeKind.SPHERE, STEPS, i, colour, (move.target,), 0.018))
        for place, numbers in places:
            if dist(place, move.target) < SAME_PLACE:
                numbers.append(move.number)
                break
        else:
            places.append((move.target, [move.number]))
    for i, ((x, y, z), numbers) in enumerate(places):
        text = " ".join(map(str, numbers))
        shapes.append(Shape(ShapeKind.TEXT, NUMBERS, i, WHITE, ((x, y, z + 0.035),), 0.022, text=text))
    return shapes


def stack_lines(step: Step) -> list[tuple[str, Colour]]:
    """The call stack as lines of text, root first, and last what just happened; with their colours."""
    event = step.event
    callers = step.stack[: event.depth] if event.kind is EventKind.CALL else step.stack
    lines = [(f"{entry.op} {entry.scope}", WHITE) for entry in callers]
    if event.kind is EventKind.CALL:
        lines.append((f"{signature(event.op, event.args)} {event.scope}", GOLD))
    elif event.kind is EventKind.OUTCOME:
        ok = event.outcome == OutcomeCode.SUCCEEDED.name
        said = signature(event.op, event.args)
        lines.append((f"{said}: done" if ok else f"{said}: {event.outcome}", GREEN if ok else RED))
    elif event.kind is EventKind.FINISH:
        lines.append((f"finished: {event.outcome}", GREEN if event.outcome == "RETURNED" else RED))
    return lines


def _stack(step: Step) -> list[Shape]:
    x, y, z = STACK_TOP
    lines = [(f"step {step.event.step}", GREY), *stack_lines(step)]
    return [
        Shape(ShapeKind.TEXT, STACK, i, colour, ((x, y, z - i * STACK_SPACING),), TEXT_HEIGHT, text=text)
        for i, (text, colour) in enumerate(lines)
    ]
