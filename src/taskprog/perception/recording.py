"""RGB-D recordings of a task: colour and depth pictures with their times, in one zip file (``.rgbd.zip``)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.files import written_whole

DEPTH_UNIT = 1e-4  # metres a step of the stored 16-bit depth: 6.5 m is the farthest
_FARTHEST = 65535 * DEPTH_UNIT


@dataclass(frozen=True)
class Recording:
    """What ``perception.task_video.read_frames`` takes.

    Attributes:
        frames: (H, W, 3) uint8 RGB each.
        times: seconds, rising.
        depths: (H, W) float32 each, metres along the optical axis.
    """

    frames: list[NDArray[np.uint8]]
    times: list[float]
    depths: list[NDArray[np.float32]]


class RecordingWriter:
    """Appends frames to an open recording; every frame is compressed by itself."""

    def __init__(self, archive: zipfile.ZipFile):
        self._archive = archive
        self.times: list[float] = []

    def write(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], time: float) -> None:
        """Append a frame: ``rgb`` (H, W, 3), ``depth`` (H, W) metres, ``time`` seconds."""
        index = len(self.times)
        steps = np.round(np.clip(depth, 0.0, _FARTHEST) / DEPTH_UNIT).astype(np.uint16)
        self._put(f"rgb/{index:05d}.png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
        self._put(f"depth/{index:05d}.png", steps)
        self.times.append(time)

    def _put(self, name: str, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
        _, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        self._archive.writestr(name, data.tobytes())


@contextmanager
def writing_recording(path: Path) -> Iterator[RecordingWriter]:
    """Write a recording; the file appears at the end, if all went well."""
    with written_whole(path) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        writer = RecordingWriter(archive)
        yield writer
        archive.writestr("times.txt", "\n".join(map(repr, writer.times)))


def read_recording(path: Path) -> Recording:
    """Read what ``writing_recording`` wrote.

    Raises:
        ValueError: not such a file, or it is damaged.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            times = [float(word) for word in archive.read("times.txt").split()]
            frames = [_picture(archive, f"rgb/{i:05d}.png") for i in range(len(times))]
            depths = [_picture(archive, f"depth/{i:05d}.png") for i in range(len(times))]
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not an RGB-D recording: {error}") from error
    return Recording(
        [np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8) for frame in frames],
        times,
        [depth.astype(np.float32) * np.float32(DEPTH_UNIT) for depth in depths],
    )


def _picture(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError(f"{name} is not a picture")
    return np.asarray(picture)
