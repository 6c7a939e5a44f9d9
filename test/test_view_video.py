"""Video files, alone and side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from trace_example import OBJECTS, example_steps

from taskprog.cli.main import main
from taskprog.view.execution_video import ExecutionVideo
from taskprog.view.render import Picture
from taskprog.view.side_by_side import side_by_side
from taskprog.view.video import frames_of, reading_video, writing_video


def grey(value: int, size: tuple[int, int] = (64, 48)) -> Picture:
    return np.full((size[1], size[0], 3), value, np.uint8)


def write(path: Path, values: list[int], size: tuple[int, int] = (64, 48), fps: float = 10.0) -> Path:
    with writing_video(path, size, fps) as writer:
        for value in values:
            writer.write(grey(value, size))
    return path


def read(path: Path) -> list[Picture]:
    with reading_video(path) as video:
        return list(frames_of(video))


def test_frames_come_back_in_order(tmp_path: Path) -> None:
    values = [20, 90, 160, 230]
    frames = read(write(tmp_path / "a.mp4", values))
    assert [float(f.mean()) for f in frames] == pytest.approx(values, abs=4)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("a.gif", (64, 48), r"\.mp4"), ("a.mp4", (63, 48), "even"), ("a.mp4", (0, 48), "positive")],
)
def test_videos_that_cannot_be_are_refused(
    tmp_path: Path, name: str, size: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / name, [1], size)


def test_a_video_without_frames_or_with_frames_of_two_sizes_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frame"):
        write(tmp_path / "a.mp4", [])

    def two_sizes() -> None:
        with writing_video(tmp_path / "a.mp4", (64, 48), 10.0) as writer:
            writer.write(grey(1))
            writer.write(grey(1, (32, 24)))

    with pytest.raises(ValueError, match=r"\(48, 64, 3\)"):
        two_sizes()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no")
    with pytest.raises(ValueError, match="not a video"):
        read(tmp_path / "a.mp4")


def test_side_by_side_both_begin_and_end_together(tmp_path: Path) -> None:
    left = write(tmp_path / "l.mp4", [0, 250], (32, 24))
    right = write(tmp_path / "r.mp4", [0, 50, 100, 150, 200, 250], (128, 96), fps=5.0)
    side_by_side(left, right, tmp_path / "both.mp4", tmp_path / "last.png")
    with reading_video(tmp_path / "both.mp4") as video:
        assert video.get(cv2.CAP_PROP_FPS) == 5.0
        frames = list(frames_of(video))
    assert len(frames) == 6
    assert frames[0].shape[1] >= 2 * 128
    assert frames[0].shape[0] > 96, "the labels"
    lefts = [float(f[20:70, 20:100].mean()) for f in frames]
    rights = [float(f[20:70, -100:-20].mean()) for f in frames]
    assert lefts == pytest.approx([0, 0, 0, 250, 250, 250], abs=6)
    assert rights == pytest.approx([0, 50, 100, 150, 200, 250], abs=12)
    last = cv2.imread(str(tmp_path / "last.png"))
    assert last is not None
    assert last.shape == (96, 128, 3)
    assert float(last.mean()) == pytest.approx(250, abs=6)


def test_an_execution_video_shows_each_picture_once_and_starts_anew_with_a_run(tmp_path: Path) -> None:
    video = ExecutionVideo(tmp_path / "execution.mp4", 10.0)
    video.objects = OBJECTS
    for step in example_steps():
        video.step(step)
    for stamp in (0.0, 0.1, 0.1, 0.05, 0.2):
        video.picture(grey(120, (320, 240)), stamp)
    assert len(video.steps) == 19
    video.step(example_steps()[0])
    assert len(video.steps) == 1
    assert not (tmp_path / "execution.mp4").exists()
    video.close()
    assert len(read(tmp_path / "execution.mp4")) == 3


def test_an_execution_video_has_the_pace_of_the_run(tmp_path: Path) -> None:
    video = ExecutionVideo(tmp_path / "execution.mp4", 10.0)
    for stamp, value in ((5.0, 0), (5.1, 80), (5.4, 160), (99.0, 240)):
        video.picture(grey(value, (320, 240)), stamp)
    video.close()
    shown = [round(float(f[120:, 160:].mean()) / 80) for f in read(tmp_path / "execution.mp4")]
    assert shown == [0, 1, *[2] * 3, *[3] * 10], "a gap in time is not played in full"


def test_without_a_picture_there_is_no_execution_video(tmp_path: Path) -> None:
    ExecutionVideo(tmp_path / "execution.mp4", 10.0).close()
    assert list(tmp_path.iterdir()) == []


def test_the_trace_command_shows_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trace_example import example_trace

    example_trace().save(tmp_path / "trace.jsonl")
    assert main(["trace", "show", str(tmp_path / "trace.jsonl")]) == 0
    assert "pick_and_place" in capsys.readouterr().out
    assert main(["trace", "draw", str(tmp_path / "trace.jsonl"), str(tmp_path / "tree.png")]) == 0
    assert cv2.imread(str(tmp_path / "tree.png")) is not None


def test_the_trace_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "show", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl: No such file" in capsys.readouterr().err
    (tmp_path / "bad.jsonl").write_text("{}\n")
    assert main(["trace", "show", str(tmp_path / "bad.jsonl")]) == 2
    assert "line 1: not a trace header" in capsys.readouterr().err
