"""Our own renderer: shapes over pictures, the overlay of a run, and the picture of a call tree."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from trace_example import OBJECTS, example_steps, example_trace

from taskprog.files import written_whole
from taskprog.machine import Trace
from taskprog.perception.camera import CameraModel
from taskprog.view.overlay import draw_overlay
from taskprog.view.render import Picture, draw_shapes, empty_scene, orbit
from taskprog.view.scene import trace_shapes
from taskprog.view.shapes import Colour, Shape, ShapeKind
from taskprog.view.step import Point
from taskprog.view.tree_picture import PITCH, draw_tree, save_tree_picture

RED: Colour = (1.0, 0.0, 0.0, 1.0)
BLUE: Colour = (0.0, 0.0, 1.0, 1.0)
CAMERA = CameraModel.table_top(320, 240)


def black() -> Picture:
    return np.zeros((240, 320, 3), np.uint8)


def sphere(centre: Point, colour: Colour, size: float = 0.05) -> Shape:
    return Shape(ShapeKind.SPHERE, "s", 0, colour, (centre,), size)


def pixel(picture: Picture, point: Point) -> list[int]:
    ((u, v),), _ = CAMERA.project([point])
    return [int(c) for c in picture[round(float(v)), round(float(u))]]


def test_a_sphere_is_where_the_camera_sees_it_and_as_large() -> None:
    picture, centre = black(), (0.6, 0.1, 0.0)
    draw_shapes(picture, CAMERA, [sphere(centre, RED, 0.2)])
    assert pixel(picture, centre) == [0, 0, 255]
    _, (depth,) = CAMERA.project([centre])
    radius = CAMERA.fx * 0.1 / depth
    assert (picture[..., 2] > 127).sum() == pytest.approx(np.pi * radius**2, rel=0.1)


@pytest.mark.parametrize("order", [1, -1])
def test_the_nearer_of_two_hides_the_other_in_whatever_order_they_come(order: int) -> None:
    picture = black()
    toward = CAMERA.origin - np.array([0.6, 0.0, 0.0])
    x, y, z = (float(c) for c in np.array([0.6, 0.0, 0.0]) + 0.2 * toward)
    shapes = [sphere((0.6, 0.0, 0.0), BLUE), sphere((x, y, z), RED)][::order]
    draw_shapes(picture, CAMERA, shapes)
    assert pixel(picture, (0.6, 0.0, 0.0)) == [0, 0, 255]


def test_opacity_mixes_with_what_is_behind() -> None:
    picture = black() + 100
    draw_shapes(picture, CAMERA, [sphere((0.6, 0.0, 0.0), (1.0, 0.0, 0.0, 0.5))])
    assert pixel(picture, (0.6, 0.0, 0.0)) == pytest.approx([50, 50, 178], abs=1)
    assert picture[0, 0].tolist() == [100, 100, 100]


def test_a_cube_shows_its_top_brighter_than_its_side() -> None:
    picture = black()
    draw_shapes(picture, CAMERA, [Shape(ShapeKind.CUBE, "c", 0, RED, ((0.6, 0.0, 0.0),), 0.1)])
    top, side = pixel(picture, (0.6, 0.0, 0.05)), pixel(picture, (0.65, 0.0, 0.0))
    assert top[2] > side[2] > 50


@pytest.mark.parametrize("kind", list(ShapeKind))
def test_what_is_behind_the_camera_is_left_out(kind: ShapeKind) -> None:
    picture = black()
    two = kind in (ShapeKind.ARROW, ShapeKind.PATH, ShapeKind.SEGMENTS)
    behind = ((3.0, 0.0, 1.0), (4.0, 0.0, 1.0))[: 1 + two]
    draw_shapes(picture, CAMERA, [Shape(kind, "x", 0, RED, behind, 0.1, text="x")])
    assert not picture.any()


@pytest.mark.parametrize("kind", [ShapeKind.PATH, ShapeKind.SEGMENTS, ShapeKind.ARROW])
def test_lines_run_from_end_to_end(kind: ShapeKind) -> None:
    picture, ends = black(), ((0.5, -0.2, 0.0), (0.6, 0.3, 0.1))
    draw_shapes(picture, CAMERA, [Shape(kind, "x", 0, RED, ends, 0.01)])
    for share in (0.02, 0.3, 0.5, 0.95):
        x, y, z = (float(a + share * (b - a)) for a, b in zip(*ends, strict=True))
        assert pixel(picture, (x, y, z))[2] > 200


def test_text_is_centred() -> None:
    picture = black()
    text = Shape(ShapeKind.TEXT, "t", 0, RED, ((0.6, 0.0, 0.0),), 0.05, text="HHHH")
    draw_shapes(picture, CAMERA, [text])
    v, u = np.nonzero(picture[..., 2] > 100)
    ((wanted_u, wanted_v),), _ = CAMERA.project([(0.6, 0.0, 0.0)])
    assert (u.min() + u.max()) / 2 == pytest.approx(wanted_u, abs=2)
    assert (v.min() + v.max()) / 2 == pytest.approx(wanted_v, abs=2)


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(240, 320, 3\)"):
        draw_shapes(np.zeros((480, 640, 3), np.uint8), CAMERA, [])


def test_an_orbit_camera_has_its_target_in_the_middle() -> None:
    camera = orbit((0.6, 0.1, 0.0), 1.5, 30, 25, (400, 300))
    ((u, v),), (depth,) = camera.project([(0.6, 0.1, 0.0)])
    assert (u, v, depth) == pytest.approx((200, 150, 1.5))
    picture = empty_scene(camera)
    before = picture.copy()
    draw_shapes(picture, camera, trace_shapes(example_steps(10), OBJECTS))
    assert (picture != before).any()


def test_the_overlay_marks_target_and_object_and_leaves_the_rest_of_the_picture() -> None:
    picture = black() + 100
    draw_overlay(picture, CAMERA, example_steps(10), OBJECTS, 4.5)
    changed = (picture != 100).any(axis=2)
    panel = changed[:80]
    assert panel.any()
    ((u, v),), _ = CAMERA.project([(0.6, 0.2, -0.0325)])
    assert changed[round(float(v)), round(float(u))]
    assert changed.mean() < 0.35


def test_the_overlay_waits_where_nothing_has_begun() -> None:
    picture = black() + 100
    draw_overlay(picture, CAMERA, [], OBJECTS)
    assert (picture[:20] != 100).any()
    assert (picture[100:] == 100).all()


def test_a_tree_picture_has_a_line_a_call_and_marks_the_failed_one() -> None:
    picture = draw_tree(example_trace())
    calls = sum(e.kind.value == "call" for e in example_trace().events)
    assert picture.shape[0] > calls * PITCH
    red = (picture[..., 2] > 200) & (picture[..., 1] < 100)
    assert 0 < np.ptp(np.nonzero(red)[0]) < PITCH


def test_a_tree_picture_is_written_whole(tmp_path: Path) -> None:
    save_tree_picture(example_trace(), tmp_path / "deep" / "tree.png")
    assert cv2.imread(str(tmp_path / "deep" / "tree.png")) is not None
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["tree.png"]


def test_what_cannot_be_a_tree_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no call"):
        draw_tree(Trace())
    with pytest.raises(ValueError, match=r"\.png"):
        save_tree_picture(example_trace(), tmp_path / "tree.doc")


def test_a_file_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with written_whole(tmp_path / "x.txt") as partial:
            partial.write_text("half")
            raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        fail()
    assert list(tmp_path.iterdir()) == []
