"""Task videos, rendered with known truth: what was moved onto what, and why some cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cube_scene import AWAY, SKIN, CubeScene, scattered
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.perception import video_file
from taskprog.perception.camera import CameraModel, look_at
from taskprog.perception.task_video import (
    NoObjects,
    NotAVideo,
    NothingMoves,
    TaskVideoError,
    TooLarge,
    UnknownObject,
    WrongCamera,
    WrongSize,
    read_frames,
    read_task_video,
)
from taskprog.tasks.block_stacking import StackingTask, demonstrated_steps
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, TABLE_HEIGHT

SIZE = (320, 240)
FPS = 10.0
CAMERA = CameraModel.table_top(*SIZE)
Floats = NDArray[np.float64]


class Film:
    """Somebody's hand, a skin-coloured box, moves cubes in front of the camera."""

    def __init__(self, scene: CubeScene, seed: int = 0, cubes: int = 8) -> None:
        self.scene = scene
        self.positions, self.yaws = scattered(seed, cubes)
        self.hand = scene.box(AWAY, (0.05, 0.05, 0.06), SKIN)
        self.board: int | None = None  # a body that the hand holds between itself and the camera
        self.place = np.array([0.40, 0.0, 0.35])
        self.frames: list[NDArray[np.uint8]] = []
        self.depths: list[NDArray[np.float32]] = []

    def wait(self, frames: int) -> None:
        for _ in range(frames):
            self.scene.place(self.positions, self.yaws)
            self.scene.move(self.hand, self.place + [0.0, 0.0, 0.053])
            if self.board is not None:
                self.scene.move(self.board, self.place + [0.04, 0.0, 0.03])
            rgb, depth = self.scene.render()
            self.frames.append(rgb)
            self.depths.append(depth)

    def go(self, target: Floats, cube: int | None = None, frames: int = 5) -> None:
        start = self.place
        for step in range(1, frames + 1):
            self.place = start + (target - start) * step / frames
            if cube is not None:
                self.positions[cube] = self.place
            self.wait(1)

    def carry(self, cube: int, target: Floats, pause: int = 0) -> None:
        above = np.array([0.0, 0.0, 0.20])
        self.go(self.positions[cube] + above)
        self.go(self.positions[cube].copy(), frames=3)
        self.go(self.positions[cube] + above, cube)
        self.wait(pause)
        self.go(target + above, cube)
        self.wait(pause)
        self.go(target, cube)
        self.wait(2)
        self.go(target + above, frames=3)

    def stack(self, task: str, pause: int = 0) -> None:
        self.wait(3)
        for upper, lower in StackingTask.parse(task).steps:
            self.carry(upper, self.positions[lower] + [0.002, -0.003, CUBE_SIZE], pause)
        self.go(np.array([0.40, 0.0, 0.35]), frames=3)

    @property
    def times(self) -> list[float]:
        return [index / FPS for index in range(len(self.frames))]

    def read(self) -> Demonstration:
        return read_frames(self.frames, self.times, CAMERA)


@pytest.fixture
def film() -> object:
    with CubeScene(*SIZE) as scene:
        yield Film(scene)


def write(path: Path, frames: list[NDArray[np.uint8]], codec: str = "mp4v") -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), FPS, (width, height))
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def names_of(task: str) -> tuple[tuple[str, str], ...]:
    return tuple((CUBE_NAMES[a], CUBE_NAMES[b]) for a, b in StackingTask.parse(task).steps)


@pytest.mark.parametrize(("name", "codec"), [("task.mp4", "mp4v"), ("task.avi", "MJPG")])
def test_a_video_file_is_read(film: Film, tmp_path: Path, name: str, codec: str) -> None:
    film.stack("2>6 7>2 0>1")
    path = write(tmp_path / name, film.frames, codec)
    for data in (path, path.read_bytes()):
        demonstration = read_task_video(data, CAMERA)
        assert demonstration.names == CUBE_NAMES
        assert demonstrated_steps(demonstration) == names_of("2>6 7>2 0>1")
        assert demonstration.held[0] == demonstration.held[-1] == NOTHING_HELD
        assert np.linalg.norm(demonstration.positions[-1] - film.positions, axis=1).max() < 0.012
        assert np.linalg.norm(demonstration.positions[0, 3] - film.positions[3]) < 0.005


def test_with_depth_heights_are_seen(film: Film) -> None:
    film.stack("2>6 7>2")
    demonstration = read_frames(film.frames, film.times, CAMERA, film.depths)
    assert demonstrated_steps(demonstration) == names_of("2>6 7>2")
    assert np.linalg.norm(demonstration.positions[-1] - film.positions, axis=1).max() < 0.004
    carried = demonstration.positions[demonstration.held == 2, 2]
    assert carried[:, 2].max() == pytest.approx(TABLE_HEIGHT + CUBE_SIZE / 2 + 0.2 + CUBE_SIZE, abs=0.06)


def test_a_pause_in_mid_air_does_not_end_a_carry(film: Film) -> None:
    film.stack("3>4 5>0", pause=12)
    demonstration = film.read()
    assert demonstrated_steps(demonstration) == names_of("3>4 5>0")
    changes = np.flatnonzero(np.diff(demonstration.held)) + 1
    assert [int(demonstration.held[i]) for i in changes] == [3, NOTHING_HELD, 5, NOTHING_HELD]


def test_a_cube_put_on_the_table_stands_on_the_table(film: Film) -> None:
    target = np.array([0.60, 0.0, TABLE_HEIGHT + CUBE_SIZE / 2])
    others = np.linalg.norm(film.positions[1:, :2] - target[:2], axis=1)
    assert others.min() > 0.06, "the seed's layout leaves the place free"
    film.wait(3)
    film.carry(0, target)
    film.go(np.array([0.40, 0.0, 0.35]))
    demonstration = film.read()
    assert np.linalg.norm(demonstration.positions[-1, 0] - target) < 0.006


def test_a_carried_cube_is_roughly_where_it_is_seen(film: Film) -> None:
    film.stack("2>6")
    demonstration = film.read()
    path = demonstration.positions[demonstration.held == 2, 2]
    assert len(path) >= 3
    assert path[:, 2].max() > TABLE_HEIGHT + 0.10


def test_fewer_cubes_are_named_alone() -> None:
    with CubeScene(*SIZE) as scene:
        film = Film(scene, cubes=3)
        film.stack("0>2")
        demonstration = film.read()
    assert demonstration.names == CUBE_NAMES[:3]
    assert demonstrated_steps(demonstration) == names_of("0>2")


def test_a_cube_is_remembered_while_something_stands_before_it(film: Film) -> None:
    """A grey screen hides half of the table for the middle of the video, the carried cube too for a while."""
    screen = film.scene.box(AWAY, (0.01, 0.16, 0.10), (0.5, 0.5, 0.52))
    film.wait(3)
    film.scene.move(screen, (0.85, float(film.positions[4, 1]), -0.05))
    film.carry(2, film.positions[6] + [0.0, 0.0, CUBE_SIZE])
    film.scene.move(screen, AWAY)
    film.wait(3)
    demonstration = film.read()
    assert demonstrated_steps(demonstration) == names_of("2>6")
    assert np.linalg.norm(demonstration.positions[:, 4] - film.positions[4], axis=1).max() < 0.01


def test_a_cube_hidden_all_the_way_is_carried_all_the_same(film: Film) -> None:
    """The hand holds a board between the carried cube and the camera."""
    film.board = film.scene.box(AWAY, (0.01, 0.09, 0.09), (0.5, 0.5, 0.52))
    film.wait(3)
    film.carry(2, film.positions[6] + [0.0, 0.0, CUBE_SIZE])
    film.go(np.array([0.40, 0.0, 0.35]))
    demonstration = film.read()
    assert demonstrated_steps(demonstration) == names_of("2>6")


HIDING = "5>0 1>5 4>1"  # a tower in front of the yellow cube


def before_yellow(film: Film) -> None:
    film.positions[0, :2], film.positions[2, :2] = (0.611, -0.055), (0.454, -0.081)


def test_a_tower_half_hidden_by_another_is_read(film: Film) -> None:
    before_yellow(film)
    film.stack(f"{HIDING} 6>2 3>6")
    assert demonstrated_steps(film.read()) == names_of(f"{HIDING} 6>2 3>6")


@pytest.mark.parametrize("aside", [-0.05, 0.05])
def test_a_half_hidden_cube_on_the_table_is_on_the_table(film: Film, aside: float) -> None:
    before_yellow(film)
    film.stack(HIDING)
    film.carry(6, film.positions[2] + [0.0, aside, 0.0])
    film.go(np.array([0.40, 0.0, 0.35]))
    assert demonstrated_steps(film.read()) == (*names_of(HIDING), ("purple", "table"))


def test_fast_videos_are_thinned_out(film: Film, tmp_path: Path) -> None:
    film.wait(2)
    path = tmp_path / "fast.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, SIZE)
    for _ in range(60):
        writer.write(film.frames[0])
    writer.release()
    times = [time for time, _ in video_file.decode(path)]
    assert len(times) == 20
    assert times[1] == pytest.approx(0.1)


def test_frames_without_motion(film: Film) -> None:
    film.wait(8)
    with pytest.raises(NothingMoves, match="8 cubes"):
        film.read()


def test_frames_without_cubes(film: Film) -> None:
    film.positions = np.zeros((0, 3))
    film.yaws = np.zeros(0)
    film.wait(5)
    with pytest.raises(NoObjects, match="red"):
        film.read()


@pytest.mark.parametrize("rgb", [(0.55, 0.85, 0.05), (0.35, 0.13, 0.0), (0.8, 0.05, 0.85)])
def test_an_object_of_no_known_colour(film: Film, rgb: tuple[float, float, float]) -> None:
    film.scene.box((0.80, 0.0, TABLE_HEIGHT + CUBE_SIZE / 2), (CUBE_SIZE,) * 3, rgb)
    film.stack("2>6")
    with pytest.raises(UnknownObject, match=r"x 0\.[78]"):
        film.read()


def test_a_second_red_object(film: Film) -> None:
    film.scene.box((0.80, 0.0, TABLE_HEIGHT + CUBE_SIZE / 2), (CUBE_SIZE,) * 3, (0.9, 0.06, 0.06))
    film.stack("2>6")
    with pytest.raises(UnknownObject, match="second red"):
        film.read()


def test_a_red_object_that_is_no_cube() -> None:
    with CubeScene(*SIZE) as scene:
        film = Film(scene)
        film.positions[0] = AWAY
        scene.box((0.80, 0.0, TABLE_HEIGHT + 0.02), (0.03, 0.20, 0.04), (0.9, 0.06, 0.06))
        film.stack("2>6")
        with pytest.raises(UnknownObject, match="red"):
            film.read()


@pytest.mark.parametrize(
    "camera",
    [
        replace(CAMERA, fx=CAMERA.fx * 1.5, fy=CAMERA.fy * 1.5),
        replace(CAMERA, pose=look_at((1.05, 0.0, 1.05), (0.60, 0.0, -0.10))),
        replace(CAMERA, pose=look_at((0.0, 1.2, 0.5), (0.60, 0.0, -0.10))),
    ],
    ids=["focal length", "above", "side"],
)
def test_another_camera_than_said(film: Film, camera: CameraModel) -> None:
    film.stack("2>6")
    with pytest.raises(WrongCamera, match="camera_info"):
        read_frames(film.frames, film.times, camera)


def test_frames_of_another_size(film: Film, tmp_path: Path) -> None:
    film.wait(4)
    small = [cv2.resize(frame, (160, 120)) for frame in film.frames]
    with pytest.raises(WrongSize, match=r"160x120.*320x240"):
        read_task_video(write(tmp_path / "small.mp4", small), CAMERA)
    with pytest.raises(WrongSize, match="one each"):
        read_frames(film.frames, [0.0], CAMERA)
    with pytest.raises(WrongSize, match="rise"):
        read_frames(film.frames, [0.0, 0.1, 0.1, 0.2], CAMERA)


def test_data_that_are_no_video(film: Film, tmp_path: Path) -> None:
    film.wait(12)
    whole = write(tmp_path / "whole.mp4", film.frames).read_bytes()
    for data in (b"", b"nonsense" * 1000, whole[: len(whole) // 2]):
        with pytest.raises(NotAVideo):
            read_task_video(data, CAMERA)
    with pytest.raises(NotAVideo, match="at least"):
        read_task_video(write(tmp_path / "short.mp4", film.frames[:1]), CAMERA)


def test_a_truncated_avi(film: Film, tmp_path: Path) -> None:
    film.wait(30)
    whole = write(tmp_path / "whole.avi", film.frames, "MJPG").read_bytes()
    with pytest.raises(NotAVideo):
        read_task_video(whole[: len(whole) // 3], CAMERA)


def test_limits(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film.wait(12)
    data = write(tmp_path / "task.mp4", film.frames).read_bytes()
    limits: list[tuple[str, float, str]] = [
        ("MAX_BYTES", 1000, "MB"),
        ("MAX_SECONDS", 1.0, "s"),
        ("MAX_PIXELS", 1000, "320x240"),
    ]
    for name, value, message in limits:
        with monkeypatch.context() as patch:
            patch.setattr(video_file, name, value)
            with pytest.raises(TooLarge, match=message):
                read_task_video(data, CAMERA)


def test_no_temporary_file_stays(film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film.wait(5)
    path = write(tmp_path / "task.mp4", film.frames)
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    cases: list[Callable[[], object]] = [
        lambda: read_task_video(path.read_bytes(), CAMERA),
        lambda: read_task_video(b"nonsense" * 100, CAMERA),
        lambda: read_task_video(path.read_bytes(), CameraModel.table_top(640, 480)),
    ]
    for case in cases:
        with pytest.raises(TaskVideoError):
            case()
        assert list(place.iterdir()) == []
