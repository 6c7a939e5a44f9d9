"""Decoding a video file to frames, with every limit checked before it can cost much."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.errors import NotAVideo, TooLarge

MAX_BYTES = 64 * 1024 * 1024
MAX_SECONDS = 600.0
MAX_PIXELS = 1920 * 1200
FRAME_RATE = 10.0  # per second, about what is kept; a cube at arm speed moves a few pixels a frame
MAX_FRAMES = int(MAX_SECONDS * FRAME_RATE)

Frame = tuple[float, NDArray[np.uint8]]


def decode(data: bytes | Path) -> Iterator[Frame]:
    """The frames of an mp4 or avi file, thinned out to about ``FRAME_RATE``, decoded one by one.

    Args:
        data: the file's bytes, or its path.

    Yields:
        Seconds from the first frame, and the frame, (H, W, 3) uint8 RGB.

    Raises:
        NotAVideo: it cannot be opened or decoded, is truncated, or has no sensible frame rate.
        TooLarge: it exceeds a limit.
        OSError: the path cannot be read.
    """
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    if size == 0:
        raise NotAVideo("the video is empty; an mp4 or avi file is needed")
    if size > MAX_BYTES:
        raise TooLarge(f"the video has {size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read")
    if isinstance(data, Path):
        yield from _decode_file(data)
        return
    # OpenCV reads files only.
    with tempfile.NamedTemporaryFile(suffix=".video") as file:
        file.write(data)
        file.flush()
        yield from _decode_file(Path(file.name))


def _decode_file(path: Path) -> Iterator[Frame]:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise NotAVideo("the data are not a video, or a truncated one; a whole mp4 or avi file is needed")
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if not 1.0 <= rate <= 240.0:
            raise NotAVideo(f"the video says it has {rate:g} frames a second; 1 to 240 make sense")
        if width * height > MAX_PIXELS:
            raise TooLarge(f"the video's frames are {width}x{height}, at most {MAX_PIXELS} pixels are read")
        if count / rate > MAX_SECONDS:
            raise TooLarge(f"the video lasts {count / rate:.0f} s, at most {MAX_SECONDS:.0f} s are read")
        yield from _read(capture, rate, count)
    finally:
        capture.release()


def _read(capture: cv2.VideoCapture, rate: float, count: int) -> Iterator[Frame]:
    step = max(1, round(rate / FRAME_RATE))
    number = 0
    while capture.grab():
        if number / rate > MAX_SECONDS:
            raise TooLarge(f"the video goes on beyond {MAX_SECONDS:.0f} s, no more are read")
        if number % step == 0:
            good, image = capture.retrieve()
            if not good:
                raise NotAVideo(f"frame {number} of the video cannot be decoded; is the file damaged?")
            yield number / rate, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        number += 1
    if number == 0:
        raise NotAVideo("no frame of the video can be decoded; is the file damaged?")
    if number < 0.9 * count:
        raise NotAVideo(f"only {number} of the video's {count} frames can be decoded; it is truncated")
