"""What was shown and what was done, in one video: both labelled, each as long as the longer one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from taskprog.files import written_whole
from taskprog.view.render import Picture
from taskprog.view.video import frames_of, labelled, reading_video, writing_video

LABELS = ("task video", "execution")


def side_by_side(left: Path, right: Path, output: Path, last_picture: Path | None = None) -> None:
    """Join two videos; the shorter one is played so much slower that both end together.

    Args:
        left, right: videos to read; the left is scaled to the right one's height.
        output: mp4 to write, at the frame rate of ``right``.
        last_picture: also save the last frame of ``right``, as it is, under this name.

    Raises:
        ValueError: one of them is no video or has no frame.
        OSError: the output cannot be written.
    """
    with reading_video(left) as first, reading_video(right) as second:
        counts = [max(1, int(v.get(cv2.CAP_PROP_FRAME_COUNT))) for v in (first, second)]
        fps = second.get(cv2.CAP_PROP_FPS) or 10.0
        frames = max(counts)
        pairs = zip(
            _stretched(frames_of(first), counts[0], frames),
            _stretched(frames_of(second), counts[1], frames),
            strict=False,
        )
        opening = next(pairs, None)
        if opening is None:
            raise ValueError(f"{left} or {right} has no frame")
        height, width = _joined(*opening).shape[:2]
        last = opening
        with writing_video(output, (width, height), fps) as writer:
            writer.write(_joined(*opening))
            for last in pairs:
                writer.write(_joined(*last))
    if last_picture is not None:
        with written_whole(last_picture) as partial:
            cv2.imwrite(str(partial), last[1])


def _stretched(frames: Iterator[Picture], count: int, wanted: int) -> Iterator[Picture]:
    """``count`` frames shown as ``wanted``, as evenly as whole frames allow."""
    frame, index = next(frames, None), 0
    for k in range(wanted):
        while index < k * count // wanted:
            following = next(frames, None)
            if following is None:
                break  # the file holds fewer frames than its header says
            frame, index = following, index + 1
        if frame is None:
            return
        yield frame


def _joined(left: Picture, right: Picture) -> Picture:
    height = right.shape[0]
    width = round(left.shape[1] * height / left.shape[0]) // 2 * 2
    if left.shape[:2] != (height, width):
        left = np.asarray(cv2.resize(left, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    gap = np.full((height, 4, 3), 30, np.uint8)
    parts = [labelled(left, LABELS[0]), labelled(gap, ""), labelled(right, LABELS[1])]
    return np.hstack(parts)
