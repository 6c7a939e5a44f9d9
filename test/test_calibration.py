"""A camera's pose from views of a board: rendered through a lens, and what goes wrong at a real arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from board_scene import LENS, BoardRenderer, Cell, Image, cell, off, rigid, tool_at
from numpy.typing import NDArray

from taskprog.perception.board import KINDS, Board, BoardNotSeen, BoardView
from taskprog.perception.calibration import ArmView, CalibrationError, calibrate
from taskprog.perception.hand_eye import inverse
from taskprog.perception.intrinsics import Intrinsics

Floats = NDArray[np.float64]
BOARDS = {"charuco": Board(), "apriltag": Board("apriltag", marker=0.036)}
SCENES = {kind: cell(board) for kind, board in BOARDS.items()}


def drawn(scene: Cell, tool: Floats, noise: float = 0.1, seed: int = 0) -> BoardView:
    """Corners as a camera would find them, ``noise`` pixels off, without an image."""
    board, pose = scene.board, scene.seen(tool)
    v, u = np.mgrid[1 : board.rows, 1 : board.columns]
    points = np.stack([u.ravel() * board.square, v.ravel() * board.square, np.zeros(u.size)], axis=1)
    pixels = LENS.project(points @ pose[:3, :3].T + pose[:3, 3])
    return BoardView(points, pixels + np.random.default_rng(seed).normal(0, noise, pixels.shape), pose)


def drawn_views(scene: Cell, count: int = 10, seed: int = 0) -> list[ArmView]:
    tools = [tool_at(joints) for joints in scene.arm_poses(count, np.random.default_rng(seed))]
    return [ArmView(f"{k}.png", tool, drawn(scene, tool, seed=k)) for k, tool in enumerate(tools)]


@pytest.fixture(scope="module")
def images() -> Callable[[str], list[tuple[Floats, Image]]]:
    """Tool poses and rendered images of each kind of board."""
    made: dict[str, list[tuple[Floats, Image]]] = {}

    def of(kind: str) -> list[tuple[Floats, Image]]:
        if kind not in made:
            rng = np.random.default_rng(3)
            scene, renderer = SCENES[kind], BoardRenderer(BOARDS[kind], LENS)
            tools = [tool_at(joints) for joints in scene.arm_poses(7, rng)]
            made[kind] = [(tool, renderer.render(scene.seen(tool), rng)) for tool in tools]
        return made[kind]

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_rendered_images_give_the_cameras_pose(
    kind: str, images: Callable[[str], list[tuple[Floats, Image]]]
) -> None:
    views = [
        ArmView(str(k), tool, BOARDS[kind].see(image, LENS)) for k, (tool, image) in enumerate(images(kind))
    ]
    result = calibrate(views, LENS)
    millimetres, degrees = off(result.pose, SCENES[kind].camera)
    assert millimetres < 2.0
    assert degrees < 0.3
    # Where the board is in the hand comes out as well, and its size.
    assert off(result.board, SCENES[kind].held)[0] < 2.0
    assert abs(result.scale - 1.0) < 0.003
    assert result.rms < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_corners_are_found_where_they_are(
    kind: str, images: Callable[[str], list[tuple[Floats, Image]]]
) -> None:
    misses = []
    for tool, image in images(kind):
        view, pose = BOARDS[kind].see(image, LENS), SCENES[kind].seen(tool)
        misses.append(view.pixels - LENS.project(view.points @ pose[:3, :3].T + pose[:3, 3]))
    miss = np.concatenate(misses)
    assert np.abs(miss.mean(axis=0)).max() < 0.1  # half a pixel would turn the camera
    assert np.sqrt(np.mean(miss**2)) < 0.3


def test_a_camera_on_the_hand_sees_a_board_on_the_table() -> None:
    standing = SCENES["charuco"]
    # The same views with base and hand in each other's place.
    views = [replace(view, tool=inverse(view.tool)) for view in drawn_views(standing)]
    result = calibrate(views, LENS, "tcp")
    assert result.frame == "tcp"
    assert off(result.pose, standing.camera)[0] < 2.0
    assert off(result.board, standing.held)[0] < 2.0


def test_a_tilt_that_looks_mirrored_does_not_matter() -> None:
    views = drawn_views(SCENES["charuco"])
    wrong = inverse(rigid(np.array([0.3, 0.9, 0.0]), np.zeros(3)))
    for k in (0, 4, 7):
        pose = views[k].board.pose.copy()
        pose[:3, :3] = pose[:3, :3] @ wrong[:3, :3]
        views[k] = replace(views[k], board=replace(views[k].board, pose=pose))
    assert off(calibrate(views, LENS).pose, SCENES["charuco"].camera)[0] < 2.0


def test_the_error_told_is_the_error_made_by_an_arm_that_is_off() -> None:
    scene = SCENES["charuco"]
    made, told, poses = [], [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        views = [
            replace(view, tool=view.tool @ rigid(rng.normal(0, 0.002, 3), rng.normal(0, 0.001, 3)))
            for view in drawn_views(scene, 12, seed)
        ]
        result = calibrate(views, LENS)
        places = np.array([view.board.pose[:, 3] for view in views])
        made.append(np.mean(np.sum((places @ (result.pose - scene.camera).T) ** 2, axis=1)))
        told.append(result.error**2)
        poses.append(off(result.pose, scene.camera)[0])
    ratio = np.sqrt(np.mean(told) / np.mean(made))
    assert 0.5 < ratio < 2.0
    assert np.mean(poses) < 3.5  # millimetres; by corners alone, as if the arm were exact, it is 5


def test_too_few_views_are_refused() -> None:
    with pytest.raises(CalibrationError, match="5 views show the board; at least 6"):
        calibrate(drawn_views(SCENES["charuco"], 5), LENS)


def test_a_hand_that_turns_about_one_axis_only_is_refused() -> None:
    scene = SCENES["charuco"]
    start = scene.camera @ rigid(np.zeros(3), np.array([0.0, 0.0, 0.8])) @ inverse(scene.in_hand)
    views = []
    for k, angle in enumerate(np.linspace(-0.7, 0.7, 10)):
        tool = rigid(np.zeros(3), np.array([0.0, 0.02 * k - 0.1, 0.0])) @ start
        tool = tool @ rigid(np.array([0.0, 0.0, angle]), np.zeros(3))
        views.append(ArmView(str(k), tool, drawn(scene, tool, seed=k)))
    with pytest.raises(CalibrationError, match=r"about one axis and only 0\.0 deg about any other"):
        calibrate(views, LENS)


def test_views_that_belong_to_other_arm_poses_are_named() -> None:
    views = drawn_views(SCENES["charuco"])
    moved = views[6].tool @ rigid(np.array([0.0, 0.1, 0.0]), np.array([0.02, 0.0, 0.01]))
    views[6] = replace(views[6], tool=moved)
    with pytest.raises(CalibrationError, match=r"do not fit the others .*: 6\.png \(\d+ pixels\); did"):
        calibrate(views, LENS)


def test_a_board_that_slipped_in_the_hand_is_refused() -> None:
    scene = SCENES["charuco"]
    slipped = replace(scene, in_hand=scene.in_hand @ rigid(np.array([0.0, 0.0, 0.3]), np.array([0.03, 0, 0])))
    views = [
        replace(view, board=drawn(slipped, view.tool)) if k % 2 else view
        for k, view in enumerate(drawn_views(scene))
    ]
    with pytest.raises(CalibrationError, match="contradict each other"):
        calibrate(views, LENS)


@pytest.mark.parametrize("printed", [0.95, 1.04])
def test_a_board_printed_at_another_size_is_refused(printed: float) -> None:
    views = drawn_views(SCENES["charuco"], 12)
    said = [replace(view, board=replace(view.board, points=view.board.points / printed)) for view in views]
    with pytest.raises(CalibrationError, match=rf"{printed:.2f}\d times as large as was said"):
        calibrate(said, LENS)


def test_another_board_is_told_from_none_at_all(
    images: Callable[[str], list[tuple[Floats, Image]]],
) -> None:
    grey = np.full((480, 640), 128, np.uint8)
    with pytest.raises(BoardNotSeen, match="0 corners of the board can be seen, 6") as nothing:
        Board().see(grey, LENS)
    assert "another board" not in str(nothing.value)
    with pytest.raises(BoardNotSeen, match="of DICT_APRILTAG_36h11 are there: another board"):
        Board().see(images("apriltag")[0][1], LENS)
    with pytest.raises(BoardNotSeen, match="of DICT_4X4_50 are there: another board"):
        BOARDS["apriltag"].see(images("charuco")[0][1], LENS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_right_markers_in_another_layout_are_refused(
    kind: str, images: Callable[[str], list[tuple[Floats, Image]]]
) -> None:
    with pytest.raises(BoardNotSeen):
        replace(BOARDS[kind], columns=8, rows=3).see(images(kind)[0][1], LENS)


def test_an_image_of_another_size_than_the_cameras_is_refused() -> None:
    with pytest.raises(ValueError, match="320x240, but camera_info is for 640x480"):
        Board().see(np.zeros((240, 320), np.uint8), LENS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "chess"}, "charuco, apriltag"),
        ({"columns": 2}, "at least 3x3"),
        ({"marker": 0.05}, "should be smaller than the 45 mm"),
        ({"columns": 20, "rows": 20}, "only 50 different markers"),
    ],
)
def test_an_impossible_board_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Board(), **wrong)  # type: ignore[arg-type]


def test_lenses_that_opencv_models_otherwise_are_refused() -> None:
    k = LENS.matrix.ravel()
    assert Intrinsics.of((640, 480), k, "", []).distortion.tolist() == [0.0] * 5
    with pytest.raises(ValueError, match="'equidistant': it should be one of plumb_bob"):
        Intrinsics.of((640, 480), k, "equidistant", [0.1, 0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="no focal lengths"):
        Intrinsics.of((640, 480), np.zeros(9), "plumb_bob", [0.0] * 5)
