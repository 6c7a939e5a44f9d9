"""What is to be seen of a run."""

from __future__ import annotations

from collections import Counter
from math import dist

import pytest
from trace_example import OBJECTS, PLACES, example_steps

from taskprog.view import scene
from taskprog.view.scene import SeenObject, arc_between, colour_of, finished_moves, held_object, trace_shapes
from taskprog.view.shapes import Shape, ShapeKind, box_edges

MOVING, GRASPED, CARRYING, PLACED = 4, 7, 10, 15  # events so far


def of(shapes: list[Shape], namespace: str) -> list[Shape]:
    return [s for s in shapes if s.namespace == namespace]


@pytest.mark.parametrize("count", range(20))
def test_every_shape_has_a_name_of_its_own(count: int) -> None:
    keys = Counter(s.key for s in trace_shapes(example_steps(count), OBJECTS))
    assert [key for key, n in keys.items() if n > 1] == []


def test_objects_are_cubes_in_their_colours_and_fade_when_hidden() -> None:
    hidden = SeenObject("green", (0.6, 0.2, 0.0), 0.4, visible=False)
    red, green = of(trace_shapes([], [OBJECTS[0], hidden]), scene.OBJECTS)
    assert (red.kind, red.points, red.size) == (ShapeKind.CUBE, (OBJECTS[0].position,), 0.045)
    assert red.colour[:3] == colour_of("red")[:3]
    assert green.yaw == 0.4
    assert green.colour[3] < red.colour[3]


def test_a_running_move_shows_its_target_an_arrow_to_it_and_the_object() -> None:
    shapes = trace_shapes(example_steps(CARRYING), OBJECTS)
    x, y, z = PLACES["green"]
    target = pytest.approx((x, y, z + 0.045))
    (ghost,) = of(shapes, scene.TARGET)
    assert ghost.points[0] == target
    assert ghost.colour[:3] == colour_of("red")[:3], "the ghost is of the cube that will be there"
    arrow = next(s for s in of(shapes, scene.HEADING) if s.kind is ShapeKind.ARROW)
    assert arrow.points[1] == target
    (frame,) = of(shapes, scene.HIGHLIGHT)
    assert max(dist(p, PLACES["green"]) for p in frame.points) < 0.06


def test_nothing_is_headed_for_between_moves() -> None:
    shapes = trace_shapes(example_steps(GRASPED), OBJECTS)
    assert not of(shapes, scene.HEADING) + of(shapes, scene.TARGET) + of(shapes, scene.HIGHLIGHT)


def test_finished_moves_are_numbered_and_those_at_one_place_share_a_label() -> None:
    steps = example_steps()
    moves = finished_moves(steps)
    assert [(m.number, m.ok) for m in moves] == [(1, True), (3, False), (4, True)]
    shapes = trace_shapes(steps, OBJECTS)
    assert [s.text for s in of(shapes, scene.NUMBERS)] == ["1", "3 4"]
    assert [s.colour for s in of(shapes, scene.STEPS)] == [scene.GREEN, scene.RED, scene.GREEN]
    assert of(shapes, scene.PATH)[0].points == tuple(m.target for m in moves)


def test_what_is_held_follows_from_the_primitives() -> None:
    assert held_object(example_steps(MOVING)) == ""
    assert held_object(example_steps(CARRYING)) == "red"
    assert held_object(example_steps(PLACED)) == ""


def test_call_stack_lines_stand_below_one_another_and_do_not_overlap() -> None:
    lines = of(trace_shapes(example_steps(CARRYING), OBJECTS), scene.STACK)
    assert [s.text.split()[0] for s in lines] == [
        "step",
        "block_stacking",
        "pick_and_place",
        "place",
        "move_to(green,",
    ]
    heights = [s.points[0][2] for s in lines]
    for upper, lower, shape in zip(heights, heights[1:], lines, strict=False):
        assert upper - lower > shape.size


def test_an_arc_rises_above_both_its_ends() -> None:
    arc = arc_between((0.5, -0.2, 0.0), (0.6, 0.3, 0.1))
    assert arc[0] == (0.5, -0.2, 0.0)
    assert arc[-1] == (0.6, 0.3, 0.1)
    assert max(z for _, _, z in arc) > 0.1


def test_a_box_has_twelve_edges_of_its_size() -> None:
    ends = box_edges((1.0, 2.0, 3.0), 0.5, 0.3)
    lengths = [dist(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    assert lengths == pytest.approx([0.5] * 12)


@pytest.mark.parametrize(
    ("kind", "points", "size", "message"),
    [
        (ShapeKind.ARROW, 1, 0.1, "2 points are wanted, not 1"),
        (ShapeKind.SPHERE, 2, 0.1, "1 points are wanted, not 2"),
        (ShapeKind.PATH, 1, 0.1, "2 or more points"),
        (ShapeKind.SEGMENTS, 3, 0.1, "pairs"),
        (ShapeKind.CUBE, 1, 0.0, "positive"),
    ],
)
def test_shapes_that_cannot_be_drawn_are_refused(
    kind: ShapeKind, points: int, size: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Shape(kind, "x", 0, scene.WHITE, ((0.0, 0.0, 0.0),) * points, size)
