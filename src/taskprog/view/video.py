"""Video files: written frame by frame, whole or not at all, and joined side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.files import written_whole
from taskprog.view.render import Picture, put_text
from taskprog.view.scene import WHITE

CODEC = "mp4v"  # MPEG-4 part 2: what OpenCV's own build can write without another package


class VideoWriter:
    """An open mp4 file; frames are (H, W, 3) uint8, blue green red. Use ``writing_video``."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float):
        self.size = size
        self.frames = 0
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODEC), fps, size)
        if not self._writer.isOpened():
            raise OSError(f"cannot write a video of {size[0]}x{size[1]} at {fps:g} fps to {path}")

    def write(self, picture: Picture) -> None:
        """Append a frame.

        Raises:
            ValueError: it has another size than the video.
        """
        width, height = self.size
        if picture.shape != (height, width, 3):
            raise ValueError(f"a frame must be {(height, width, 3)}, got {picture.shape}")
        self._writer.write(picture)
        self.frames += 1

    def close(self) -> None:
        """Write the file's index; after that it can be played."""
        self._writer.release()


@contextmanager
def writing_video(path: Path, size: tuple[int, int], fps: float) -> Iterator[VideoWriter]:
    """Write an mp4 of ``size`` (width, height) pixels; the file appears at the end, if all went well.

    Raises:
        ValueError: the ending is not .mp4, an odd or non-positive size, or no frame was written.
        OSError: the file cannot be written.
    """
    if path.suffix != ".mp4":
        raise ValueError(f"{path}: videos are written as .mp4, not {path.suffix or 'without ending'!r}")
    if min(size) <= 0 or size[0] % 2 or size[1] % 2:
        raise ValueError(f"a video's size must be even and positive, got {size[0]}x{size[1]}")
    with written_whole(path) as partial:
        writer = VideoWriter(partial, size, fps)
        try:
            yield writer
        finally:
            writer.close()
        if writer.frames == 0:
            raise ValueError(f"{path}: no frame was written")


@contextmanager
def reading_video(path: Path) -> Iterator[cv2.VideoCapture]:
    """An open video file.

    Raises:
        ValueError: it cannot be opened as a video.
    """
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise ValueError(f"{path} is not a video that can be read")
        yield capture
    finally:
        capture.release()


def frames_of(capture: cv2.VideoCapture) -> Iterator[Picture]:
    """The remaining frames, blue green red."""
    while True:
        ok, frame = capture.read()
        if not ok:
            return
        yield np.asarray(frame, np.uint8)


def labelled(picture: Picture, text: str) -> Picture:
    """The picture with a caption in a bar below it; (H + bar, W, 3)."""
    height = max(16, picture.shape[0] // 16) // 2 * 2
    bar: NDArray[np.uint8] = np.full((height, picture.shape[1], 3), 30, np.uint8)
    put_text(bar, text, (height // 3, round(height * 0.72)), round(height * 0.62), WHITE)
    return np.vstack([picture, bar])
