"""Task videos made in the simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from taskprog.cli.main import main
from taskprog.cli.record import record_video
from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import CubeDetector
from taskprog.perception.recording import read_recording
from taskprog.perception.task_video import read_task_video
from taskprog.tasks.block_stacking import StackingTask, demonstrated_steps, random_layout
from taskprog.tasks.order_fulfilment import OrderFulfilment
from taskprog.tasks.table_top import CAMERA_SIZE, CUBE_NAMES
from taskprog.view.video import frames_of, reading_video
from taskprog_sim.film import order_film

TASK = StackingTask.parse("2>6 7>1")
ORDER = "duck>container_2 lego>container_0 jenga>container_1 bear>container_3"
STEPS = (("yellow", "purple"), ("pink", "orange"))


def test_a_hand_video_shows_the_task(tmp_path: Path) -> None:
    progress: list[int] = []
    path = tmp_path / "task.mp4"
    frames = record_video(TASK, 5, "hand", path, on_progress=progress.append)
    demonstration = read_task_video(path, CameraModel.table_top(*CAMERA_SIZE))
    assert demonstrated_steps(demonstration) == STEPS
    assert len(progress) == frames
    assert (progress[0], progress[-1]) == (0, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["task.mp4"]


@pytest.mark.slow
def test_the_sawyer_does_the_task_by_contact_and_is_filmed(tmp_path: Path) -> None:
    path = tmp_path / "task.mp4"
    record_video(TASK, 5, "sawyer", path)
    demonstration = read_task_video(path, CameraModel.table_top(*CAMERA_SIZE))
    assert demonstrated_steps(demonstration) == STEPS


def test_a_hand_fills_the_containers(tmp_path: Path) -> None:
    """Where a thing was, the table is seen at the end, and it is seen in its container."""
    path = tmp_path / "order.mp4"
    task = OrderFulfilment().parse(ORDER)
    record_video(task, 4, "hand", path, (320, 240), 2.0, depth=True)
    recording = read_recording(tmp_path / "order.rgbd.zip")
    shown = order_film(task, 4)
    camera = CameraModel.table_top(320, 240)
    names = shown.scene.names
    for category, box in task.named:
        start = shown.script.positions[names.index(f"{category}_0")]
        end = shown.script.positions[names.index(box)]
        for frame, place in ((0, start), (-1, end)):
            (u, v), depth = (value[0] for value in camera.project([place]))
            window = recording.depths[frame][int(v) - 4 : int(v) + 5, int(u) - 4 : int(u) + 5]
            assert np.nanmin(window) < depth + 0.02, category
        (u, v), depth = (value[0] for value in camera.project([start - [0.0, 0.0, 0.01]]))
        assert recording.depths[-1][int(v), int(u)] > depth


def test_size_and_frame_rate_are_as_asked_for(tmp_path: Path) -> None:
    import cv2

    for fps in (4.0, 8.0):
        frames = record_video(StackingTask.parse("2>6"), 0, "hand", tmp_path / "task.mp4", (160, 120), fps)
        with reading_video(tmp_path / "task.mp4") as video:
            assert video.get(cv2.CAP_PROP_FPS) == fps
            assert [f.shape for f in frames_of(video)] == [(120, 160, 3)] * frames


def test_a_recording_with_depth_sees_every_cube_where_the_layout_puts_it(tmp_path: Path) -> None:
    record_video(StackingTask.parse("2>6"), 5, "hand", tmp_path / "task.mp4", fps=2.0, depth=True)
    recording = read_recording(tmp_path / "task.rgbd.zip")
    assert recording.times == pytest.approx([0.5 * k for k in range(len(recording.times))])
    detector = CubeDetector(CameraModel.table_top(*CAMERA_SIZE))
    found = {d.name: d.position for d in detector.detect(recording.frames[0], recording.depths[0])}
    layout = dict(zip(CUBE_NAMES, random_layout(5).positions, strict=True))
    assert found.keys() == layout.keys()
    assert max(np.linalg.norm(found[n] - layout[n]) for n in found) < 0.005


def test_a_damaged_recording_is_refused(tmp_path: Path) -> None:
    record_video(StackingTask.parse("2>6"), 5, "hand", tmp_path / "t.mp4", (160, 120), 2.0, depth=True)
    file = tmp_path / "t.rgbd.zip"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(ValueError, match="not an RGB-D recording"):
        read_recording(file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scene", "order_fulfilment", "--task", "2>6"], "no '2'"),
        (["--scene", "order_fulfilment", "--task", ORDER, "--actor", "sawyer"], "with a hand only"),
        (["--task", "2>2"], "cannot stand on itself"),
        (["--task", "stack them"], "not a placement"),
        (["--task", "2>6", "--size", "big"], "WIDTHxHEIGHT"),
        (["--task", "2>6", "--size", "161x120"], "even"),
        (["--task", "2>6", "--fps", "0"], "1 to 60"),
        (["--task", "2>6", "--output", "OUT/task.gif"], ".mp4"),
        (["--task", "2>6", "--output", "/dev/null/task.mp4"], "/dev/null"),
    ],
)
def test_what_cannot_be_filmed_is_a_clear_error_and_leaves_no_file(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [a.replace("OUT", str(tmp_path)) for a in arguments]
    if "--output" not in arguments:
        arguments += ["--output", str(tmp_path / "task.mp4")]
    assert main(["record", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_actor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown actor 'ghost'; known are hand, sawyer"):
        record_video(TASK, 0, "ghost", tmp_path / "task.mp4")


def test_an_interrupted_film_leaves_no_file(tmp_path: Path) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_video(TASK, 0, "hand", tmp_path / "task.mp4", (160, 120), on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []
