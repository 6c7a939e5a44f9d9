"""Reading a video of order fulfilment: which thing was carried into which container, in which order.

A detector tells what is where in each frame; one thing of a category is shown. A hand carries one thing at
a time, and nothing else moves, so a thing is carried from the first frame in which it is away from where it
rested to the last in which it still moves. The containers stand still. Without depth, what rests is where
its ray meets the height of its kind on the table or on a container's floor (``placing`` does the rest).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.perception.errors import NoObjects, NotAVideo, NothingMoves, TaskVideoError, WrongSize
from taskprog.perception.eyes import Detector
from taskprog.perception.placing import CARRY_HEIGHT, path_along_rays
from taskprog.perception.silhouette import cube_corners
from taskprog.perception.video_file import decode
from taskprog.tasks.keyframes import keyframes
from taskprog.tasks.table_top import TABLE_HEIGHT

Floats = NDArray[np.float64]

MIN_FRAMES = 3
PRESENT = 0.3  # of the frames before anything moves in which an object must be seen to be there
SPEED = 0.06  # of the image's width: a hand carries a thing no farther from one frame to the next
HIDDEN = 6  # frames in which a hand hides a thing that it carries; longer, and it was left where it was
DOUBTFUL = 0.65  # certainty of sightings that tell nothing
# Sums of certainties above ``DOUBTFUL`` that a jump must be worth, and being seen again after so long.
JUMP, LOST = 4.0, 1.0
MOVED = 0.025  # of the image's width: a centre that is off by more has moved; hands hide parts of things
STEADY = 0.012  # of the image's width: a centre that is off by less rests
LASTING = 3  # sightings in a row that show a thing away from its place, or at rest again
INSIDE = 0.035  # metres from a container's middle at most that what lies in it is said to be; walls hide it
SHORTEST = 0.05  # of the image's width from start to end of a carry


class NotIntoAContainer(TaskVideoError):
    """A thing is carried, and not into a container."""


@dataclass(frozen=True)
class _Carry:
    """Frames [start, stop) in which a thing is held."""

    thing: int
    start: int
    stop: int


def read_goods_video(
    data: bytes | Path, detector: Detector, things: Sequence[str], containers: Sequence[str]
) -> Demonstration:
    """Read a video of order fulfilment from an mp4 or avi file.

    Args:
        data: the file's bytes, or its path.
        detector: of the camera that filmed.
        things: categories that may be carried; containers: where they may be dropped.

    Raises:
        TaskVideoError: one of its kinds, see ``taskprog.perception.errors``; the message says what is wrong.
        OSError: the path cannot be read.
    """
    return read_goods_frames(decode(data), detector, things, containers)


def read_goods_frames(
    frames: Iterable[tuple[float, NDArray[np.uint8]]],
    detector: Detector,
    things: Sequence[str],
    containers: Sequence[str],
) -> Demonstration:
    """The same from frames: seconds, rising, and images (H, W, 3) uint8 RGB.

    Raises:
        TaskVideoError: as ``read_goods_video``.
    """
    camera = detector.camera
    times: list[float] = []
    seen: list[list[Detection]] = []
    threads = len(os.sched_getaffinity(0))
    waiting: deque[Future[list[Detection]]] = deque()
    with ThreadPoolExecutor(threads, "video") as pool:
        for time, rgb in frames:
            if rgb.shape[:2] != (camera.height, camera.width):
                size = "x".join(map(str, rgb.shape[1::-1]))
                raise WrongSize(
                    f"frame {len(times)} is {size}, the camera's images are {camera.width}x{camera.height}; "
                    "send frames as filmed, or the camera_info of the camera that filmed"
                )
            times.append(time)
            waiting.append(pool.submit(detector.detect, rgb))
            if len(waiting) > 2 * threads:  # not the whole video in memory
                seen.append(waiting.popleft().result())
        seen += [found.result() for found in waiting]
    return read_sightings(camera, times, seen, things, containers)


def read_sightings(
    camera: CameraModel,
    times: Sequence[float],
    seen: Sequence[Sequence[Detection]],
    things: Sequence[str],
    containers: Sequence[str],
) -> Demonstration:
    """The same from what a detector found in each frame.

    Raises:
        TaskVideoError: as ``read_goods_video``.
    """
    if len(times) < MIN_FRAMES:
        raise NotAVideo(f"the video has {len(times)} frames; a task needs at least {MIN_FRAMES}")
    return _Reader(camera, np.array(times), seen, tuple(things), tuple(containers)).read()


class _Reader:
    """Puts together what the frames show."""

    def __init__(
        self,
        camera: CameraModel,
        times: Floats,
        seen: Sequence[Sequence[Detection]],
        things: tuple[str, ...],
        containers: tuple[str, ...],
    ) -> None:
        self._camera = camera
        self._times = times
        self._names = (*things, *containers)
        self._boxes = containers
        speed = SPEED * camera.width
        self._sightings = [_followed(seen, name, speed) for name in self._names]
        self._pixels = np.array(
            [[(np.nan, np.nan) if d is None else d.pixel for d in row] for row in self._sightings]
        )  # (N, T, 2)

    def read(self) -> Demonstration:
        """The demonstration.

        Raises:
            TaskVideoError: the frames do not show one.
        """
        n, count = self._pixels.shape[:2]
        first = len(self._names) - len(self._boxes)
        carries = self._carries(first)
        early = carries[0].start if carries else count
        places = np.array([self._at_start(index, early) for index in range(n)])
        if not carries:
            raise NothingMoves(
                f"nothing is carried in the video's {self._times[-1] - self._times[0]:.1f} s; "
                f"a task carries at least one of {', '.join(self._names[:first])}"
            )
        shown = {carry.thing for carry in carries}
        if still := [self._names[index] for index in range(first) if index not in shown]:
            raise NothingMoves(
                f"the video does not show where {', '.join(still)} goes: only "
                f"{', '.join(self._names[index] for index in sorted(shown))} is seen to be carried; a task "
                "carries one thing of each category into a container"
            )
        positions = np.repeat(places[None], count, axis=0)
        held = np.full(count, NOTHING_HELD, np.int64)
        for carry in carries:
            target = self._end(carry, positions[carry.start, first:])
            path = self._path(carry, positions[carry.start, carry.thing], target)
            positions[carry.start : carry.stop, carry.thing] = path
            positions[carry.stop :, carry.thing] = target
            held[carry.start : carry.stop] = carry.thing
        held[0] = held[-1] = NOTHING_HELD
        return keyframes(self._times, positions, held, self._names)

    def _at_start(self, index: int, early: int) -> Floats:
        """(3,) where an object rests before anything moves."""
        shown = [d for d in self._sightings[index][: max(early, 1)] if d is not None]
        if len(shown) < max(1.0, PRESENT * early):
            seen = [name for name, row in zip(self._names, self._sightings, strict=True) if any(row)]
            raise NoObjects(
                f"no {self._names[index]} can be seen at the start of the video; it shows "
                f"{', '.join(seen) or 'nothing known'}, a task needs {', '.join(self._names)}"
            )
        return np.asarray(np.median([d.position for d in shown], axis=0))

    def _carries(self, things: int) -> list[_Carry]:
        """The carries of all things, one each at most, in the order of their beginnings."""
        pieces = sorted(
            (piece for thing in range(things) for piece in self._carries_of(thing)),
            key=lambda piece: piece.start,
        )
        joined: list[_Carry] = []
        for piece in pieces:
            if joined and joined[-1].thing == piece.thing:  # it paused in mid-air
                joined[-1] = _Carry(piece.thing, joined[-1].start, piece.stop)
            else:
                joined.append(piece)
        result: list[_Carry] = []
        for carry in joined:
            others = [other for other in joined if other.thing == carry.thing]
            if carry is not max(others, key=self._length):
                continue  # a thing is carried once: what is taken for it elsewhere goes no such way
            # A hand is empty for a frame before it takes the next thing.
            start = max(carry.start, result[-1].stop + 1) if result else carry.start
            if carry.stop > start:
                result.append(_Carry(carry.thing, start, carry.stop))
        return result

    def _length(self, carry: _Carry) -> float:
        """Pixels from the first to the last sighting of a carry."""
        pixels = self._pixels[carry.thing, carry.start : carry.stop]
        seen = pixels[~np.isnan(pixels[:, 0])]
        return float(np.linalg.norm(seen[-1] - seen[0])) if len(seen) else 0.0

    def _carries_of(self, thing: int) -> list[_Carry]:
        width = self._camera.width
        pixels = self._pixels[thing]
        frames = np.flatnonzero(~np.isnan(pixels[:, 0]))
        carries: list[_Carry] = []
        at = 0  # index into ``frames``
        while at < len(frames):
            rest = np.median(pixels[frames[at : at + LASTING]], axis=0)
            away = np.linalg.norm(pixels[frames] - rest, axis=1) > MOVED * width
            began = next(
                (k for k in range(at, len(frames)) if away[k] and away[k : k + LASTING].all()), len(frames)
            )
            if began == len(frames):
                break
            # Back to the last frame in which it was where it rested: it may have been hidden since then.
            start = int(frames[max(began - 1, 0)]) + (0 if began == 0 else 1)
            ended = began
            while ended < len(frames) and not self._rests(pixels, frames, ended):
                ended += 1
            last = min(ended, len(frames) - 1)
            if np.linalg.norm(pixels[frames[last]] - rest) > SHORTEST * width:
                carries.append(_Carry(thing, max(start, 1), int(frames[last]) + 1))
            at = ended
        return carries

    def _rests(self, pixels: Floats, frames: NDArray[np.int64], k: int) -> bool:
        """Whether a thing stays where sighting ``k`` shows it, to the end or for good while."""
        later = pixels[frames[k : k + 2 * LASTING]]
        return bool((np.linalg.norm(later - later[0], axis=1) < STEADY * self._camera.width).all())

    def _end(self, carry: _Carry, boxes: Floats) -> Floats:
        """(3,) where a carried thing ends: in the container over which it was let go.

        Raises:
            NotIntoAContainer: it ends clearly beside all of them.
        """
        row = self._sightings[carry.thing]
        last = next(d for d in reversed(row[: carry.stop]) if d is not None)
        after = [d for d in row[carry.stop : carry.stop + 2 * LASTING] if d is not None]
        pixel = np.median([d.pixel for d in after or [last]], axis=0)
        distances = [self._depth_in(pixel, index, box) for index, box in enumerate(boxes)]
        best = int(np.argmax(distances))
        # What is seen no more may have gone on for a frame, hidden by the hand.
        beside = (MOVED if after else SPEED) * self._camera.width
        if distances[best] < -beside:
            raise NotIntoAContainer(
                f"{self._names[carry.thing]} is carried, {self._times[carry.start]:.1f} to "
                f"{self._times[carry.stop - 1]:.1f} s, but into no container: it is seen last "
                f"{-distances[best]:.0f} pixels beside {self._boxes[best]}, the nearest"
            )
        # What is seen no more fell into the container that it was last seen next to, behind its wall.
        floor = TABLE_HEIGHT + float(last.size[2]) / 2
        place = self._camera.at_height(pixel[None], floor)[0]
        inside = np.clip(place[:2], boxes[best, :2] - INSIDE, boxes[best, :2] + INSIDE)
        return np.array([*inside, floor])

    def _depth_in(self, pixel: Floats, index: int, box: Floats) -> float:
        """How far inside a container's outline a pixel is, in pixels; negative outside."""
        size = self._box_size(index)
        yaw = self._box_yaw(index)
        corners = cube_corners(np.zeros(3), yaw, 1.0) * [size[0], size[1], size[2]] + box
        outline = cv2.convexHull(self._camera.project(corners)[0].astype(np.float32))
        return float(cv2.pointPolygonTest(outline, (float(pixel[0]), float(pixel[1])), True))

    def _box(self, index: int) -> Detection:
        row = self._sightings[len(self._names) - len(self._boxes) + index]
        return next(d for d in row if d is not None)

    def _box_size(self, index: int) -> Floats:
        return self._box(index).size

    def _box_yaw(self, index: int) -> float:
        return self._box(index).yaw

    def _path(self, carry: _Carry, start: Floats, stop: Floats) -> Floats:
        """(K, 3) where the thing is in each frame of a carry."""
        pixels = self._pixels[carry.thing, carry.start : carry.stop]
        known = {k: pixels[k] for k in np.flatnonzero(~np.isnan(pixels[:, 0])).tolist()}
        rim = TABLE_HEIGHT + float(max(self._box_size(k)[2] for k in range(len(self._boxes))))
        usual = max(start[2] + CARRY_HEIGHT, rim + CARRY_HEIGHT / 2)
        count = carry.stop - carry.start
        return path_along_rays(self._camera, known, count, start, stop, usual, TABLE_HEIGHT)


def _followed(seen: Sequence[Sequence[Detection]], name: str, speed: float) -> list[Detection | None]:
    """One thing through all frames: of what is called so, the most certain that could be one and the same.

    A detector errs now and then, and then mostly for a few frames, far from where the thing is. So the
    sightings are chosen that are most certain together, less ``JUMP`` wherever the next is farther off than
    a hand goes in that time, ``speed`` pixels a frame.
    """
    frames = np.array([k for k, found in enumerate(seen) for d in found if d.name == name], np.int64)
    sightings = [d for found in seen for d in found if d.name == name]
    result: list[Detection | None] = [None] * len(seen)
    if not sightings:
        return result
    pixels = np.array([d.pixel for d in sightings])
    score = np.array([d.confidence - DOUBTFUL for d in sightings])
    before = np.full(len(sightings), -1)
    for k in range(1, len(sightings)):
        earlier = np.flatnonzero(frames[:k] < frames[k])
        if len(earlier):
            away = np.linalg.norm(pixels[earlier] - pixels[k], axis=1)
            gaps = frames[k] - frames[earlier]
            jumps = away > speed * np.where(gaps <= HIDDEN, gaps, 1)
            total = score[earlier] - JUMP * jumps - LOST * (gaps > HIDDEN)
            best = int(total.argmax())
            if total[best] > 0:
                score[k] += total[best]
                before[k] = earlier[best]
    k = int(score.argmax())
    while k >= 0:
        result[int(frames[k])] = sightings[k]
        k = int(before[k])
    return result
