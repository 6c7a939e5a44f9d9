"""Reading a task video: from images of somebody moving cubes to a ``Demonstration``.

The video may show an arm, a hand or anything else that moves the cubes: only the cubes are read. All of them
stand on the table when it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import GUESS_CONFIDENCE, CubeDetector, Detection
from taskprog.perception.errors import (
    NoObjects,
    NotAVideo,
    NothingMoves,
    TaskVideoError,
    TooLarge,
    UnknownObject,
    WrongCamera,
    WrongSize,
)
from taskprog.perception.holds import Hold, HoldFinder, Rest, rest_at
from taskprog.perception.placing import ON_TABLE, carried, filled, put_down
from taskprog.perception.plausibility import check_cubes, check_unknown
from taskprog.perception.silhouette import centre_at_height, outline_area
from taskprog.perception.video_file import MAX_BYTES, MAX_FRAMES, decode
from taskprog.perception.views import View, view_of, without_faint
from taskprog.tasks.keyframes import keyframes
from taskprog.tasks.table_top import CUBE_NAMES

__all__ = [
    "MAX_BYTES",
    "MAX_FRAMES",
    "NoObjects",
    "NotAVideo",
    "NothingMoves",
    "TaskVideoError",
    "TooLarge",
    "UnknownObject",
    "WrongCamera",
    "WrongSize",
    "read_frames",
    "read_task_video",
]

Floats = NDArray[np.float64]

MIN_FRAMES = 3
PRESENT = 0.3  # of a cube's outline that must be seen before it moves, or it is not in the video


def read_task_video(data: bytes | Path, camera: CameraModel) -> Demonstration:
    """Read a task video from an mp4 or avi file.

    Args:
        data: the file's bytes, or its path.
        camera: that filmed.

    Raises:
        TaskVideoError: one of its kinds, see ``taskprog.perception.errors``; the message says what is wrong.
        OSError: the path cannot be read.
    """
    reader = _Reader(camera)
    for time, frame in decode(data):
        reader.add(time, frame, None)
    return reader.read()


def read_frames(
    frames: Sequence[NDArray[np.uint8]],
    times: Sequence[float],
    camera: CameraModel,
    depths: Sequence[NDArray[np.float32]] | None = None,
) -> Demonstration:
    """Read a task video from its frames.

    Args:
        frames: T images (H, W, 3) uint8 RGB.
        times: T, seconds, rising.
        camera: that filmed.
        depths: T images (H, W), metres along the optical axis; then heights are seen, not concluded.

    Raises:
        TaskVideoError: as ``read_task_video``.
    """
    if not len(frames) == len(times) == len(frames if depths is None else depths):
        raise WrongSize(
            f"{len(frames)} frames, {len(times)} times, {len(depths or ())} depth images; one each is needed"
        )
    if len(frames) > MAX_FRAMES:
        raise TooLarge(f"{len(frames)} frames, at most {MAX_FRAMES} are read")
    if any(late <= early for early, late in pairwise(times)):
        raise WrongSize("the frames' times must rise")
    reader = _Reader(camera)
    for index, frame in enumerate(frames):
        reader.add(times[index], frame, None if depths is None else depths[index])
    return reader.read()


class _Reader:
    """Collects what each frame shows, then reads the whole."""

    def __init__(self, camera: CameraModel) -> None:
        self._camera = camera
        self._shape = (camera.height, camera.width)
        self._detector = CubeDetector(camera)
        self._times: list[float] = []
        self._views: list[list[View | None]] = [[] for _ in CUBE_NAMES]
        self._seen: list[Floats] = []  # (8, 3) for each frame with depth; NaN where unsure
        self._unknown: list[list[Detection]] = []

    def add(self, time: float, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None) -> None:
        """Take in one frame.

        Raises:
            WrongSize: it is not of the camera's size.
        """
        if rgb.ndim != 3 or rgb.shape[:2] != self._shape:
            size = "x".join(map(str, rgb.shape[1::-1]))
            raise WrongSize(
                f"frame {len(self._times)} is {size}, the camera's images are {self._camera.width}x"
                f"{self._camera.height}; send frames as filmed, or the camera_info of the camera that filmed"
            )
        if depth is not None and depth.shape != self._shape:
            raise WrongSize(f"depth image {len(self._times)} is {depth.shape}, colour is {self._shape}")
        blobs = self._detector.segmenter.blobs(rgb)
        for index, name in enumerate(CUBE_NAMES):
            own = [blob for blob in blobs if blob.name == name]
            self._views[index].append(view_of(own, self._camera.width))
        self._unknown.append(self._detector.unknown(blobs))
        if depth is not None:
            self._seen.append(self._places(rgb, depth))
        self._times.append(time)

    def _places(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> Floats:
        places = np.full((len(CUBE_NAMES), 3), np.nan)
        for detection in self._detector.detect(rgb, depth):
            if detection.confidence > GUESS_CONFIDENCE:
                places[CUBE_NAMES.index(detection.name)] = detection.position
        return places

    def read(self) -> Demonstration:
        """The demonstration.

        Raises:
            TaskVideoError: the frames do not show one.
        """
        count = len(self._times)
        if count < MIN_FRAMES:
            raise NotAVideo(f"the video has {count} frames; a task needs at least {MIN_FRAMES}")
        check_unknown(self._unknown)
        self._views = [without_faint(views) for views in self._views]
        rests, start = self._at_start()
        present = sorted(rests)
        if not present:
            raise NoObjects(f"no cube can be seen; known are {', '.join(CUBE_NAMES)}")
        names = tuple(CUBE_NAMES[i] for i in present)
        check_cubes(self._camera, names, [rests[i] for i in present], start)

        views = [self._views[i] for i in present]
        resting = [rests[i] for i in present]
        seen = np.array(self._seen)[:, present] if self._seen else None
        scene = _Scene(self._camera, views, seen, list(resting), start)
        positions = np.repeat(start[None], count, axis=0)
        held = np.full(count, NOTHING_HELD, np.int64)
        for hold in HoldFinder(views, resting, self._shape).find():
            path, place = scene.carry(hold)
            positions[hold.start : hold.stop, hold.cube] = path
            positions[hold.stop :, hold.cube] = place
            held[hold.start : hold.stop] = hold.cube
        held[0] = held[-1] = NOTHING_HELD  # a hand that holds something from the first frame took it before
        demonstration = keyframes(np.array(self._times), positions, held, names)
        if (demonstration.held == NOTHING_HELD).all():
            raise NothingMoves(
                f"none of the {len(names)} cubes ({', '.join(names)}) is moved in the video's "
                f"{self._times[-1] - self._times[0]:.1f} s; a task moves at least one"
            )
        return demonstration

    def _at_start(self) -> tuple[dict[int, Rest], Floats]:
        """How the cubes that are there rest before they are moved, by index, and where: (N, 3)."""
        rests: dict[int, Rest] = {}
        places = []
        for index, views in enumerate(self._views):
            rest = rest_at(views, range(len(views)), self._shape)
            if rest is None:
                continue
            place = centre_at_height(self._camera, _centroid(views, rest), ON_TABLE)
            if rest.view.area < PRESENT * outline_area(self._camera, place):
                continue
            if self._seen:
                place = _median(np.array([self._seen[frame][index] for frame in rest.good]), place)
            rests[index] = rest
            places.append(place)
        return rests, np.array(places)


class _Scene:
    """Where each cube of a video is, one carry after the other."""

    def __init__(
        self,
        camera: CameraModel,
        views: list[list[View | None]],
        seen: Floats | None,
        rests: list[Rest],
        start: Floats,
    ) -> None:
        self._camera = camera
        self._views = views
        self._seen = seen
        self._rests = rests
        self._positions = start.copy()

    def carry(self, hold: Hold) -> tuple[Floats, Floats]:
        """Take in a carry; gives the path (T, 3) and where the cube then stands, (3,)."""
        cube = hold.cube
        views = self._views[cube]
        centroid = _centroid(views, hold.rest)
        before = self._positions[cube]
        shares = [self._share(other, hold.rest.good) for other in range(len(self._views))]
        place = put_down(self._camera, cube, centroid, hold.rest.view.area, self._positions, shares)
        if self._seen is None:
            path = carried(self._camera, views[hold.start : hold.stop], before, place)
        else:
            place = _median(self._seen[list(hold.rest.good), cube], place)
            path = self._seen[hold.start : hold.stop, cube].copy()
            path[0], path[-1] = before, place
            path = filled(path)
        self._positions[cube] = place
        self._rests[cube] = hold.rest
        return path, place

    def _share(self, cube: int, frames: Sequence[int]) -> float:
        """Area seen of a cube in these frames as a share of that of its best view; NaN if not seen."""
        areas = [view.area for frame in frames if (view := self._views[cube][frame]) is not None]
        return float(np.median(areas)) / self._rests[cube].view.area if areas else float("nan")


def _centroid(views: Sequence[View | None], rest: Rest) -> Floats:
    """(2,) the pixel at the middle of a cube at rest."""
    return np.median([view.centroid for frame in rest.good if (view := views[frame])], axis=0)


def _median(places: Floats, otherwise: Floats) -> Floats:
    """(3,) the median of those of ``places`` (K, 3) that are known, or ``otherwise``."""
    known = places[~np.isnan(places[:, 0])]
    return np.median(known, axis=0) if len(known) else otherwise
