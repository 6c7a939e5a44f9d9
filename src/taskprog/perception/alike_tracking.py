"""Objects alike over time: which of the ducks in this image is which of those in the last.

Colours tell cubes apart (``tracking``); of ducks only the place does. An object that is seen no more is
remembered while something may hide it, and forgotten once the camera sees through to what is behind its
place, again and again: a detector may miss a thing in one image. A container always lets the camera see
through to its floor, and is not forgotten so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.perception.tracking import STILL, Track
from taskprog.tasks.table_top import TABLE_HEIGHT

Floats = NDArray[np.float64]

GATE = 0.05  # metres: what is seen no farther from where one of its kind was is that one
SAME_PLACE = 0.02  # metres: no two objects have their centres so near to each other
MEMORY = 10  # sightings that a resting object's estimate averages at most
# What stands for good and is told apart by its name (a container) is believed to be where it was seen best:
# sightings that show less than this share of it, compared with the best, of late, say little.
CLEAR, FADING = 0.85, 0.995
# Of goods, sightings that show less than this share say little of how they lie and how large they are; the
# middle of what shows is off by up to this share of their length.
PARTLY, ASIDE = 0.6, 0.3
GONE = 3  # images in a row that see through to what is behind an object before it is forgotten
BEHIND = 0.25  # of an object's height: what is seen so far below its centre is behind it
# Of one kind, no centre lies within another's body: within these shares of its length and width from its
# middle, and of its height above or below.
WITHIN, LEVEL = 0.55, 0.75
FAR = 1e3


@dataclass
class _Known:
    """An object.

    Attributes:
        track: what is told of it.
        sightings: that its estimate averages.
        clearest: largest share of it that was seen, of late.
        seen_through: images in a row that showed what is behind its place.
        own: whether it is told apart by its name, as containers are.
    """

    track: Track
    clearest: float
    sightings: int = 1
    seen_through: int = 0
    own: bool = False


class AlikeTracker:
    """Follows objects through the detections of successive images with depth.

    An object is called by its category and a number, "duck_3"; a detection whose name is not its category's
    (a container) keeps its name.
    """

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._stamp = -math.inf

    def update(
        self, detections: Sequence[Detection], stamp: float, depth: NDArray[np.float32], camera: CameraModel
    ) -> list[Track]:
        """Take in one image's detections.

        Args:
            detections: of one image.
            stamp: its time, seconds. An image that is not newer than the last one changes nothing.
            depth: (H, W) metres along the optical axis.
            camera: whose image it is.

        Returns:
            Every object that is there as far as is known, in order of first sighting.
        """
        if stamp > self._stamp:
            self._stamp = stamp
            self._take_in(detections, stamp, depth, camera)
        return [known.track for known in self._known]

    def _take_in(
        self, detections: Sequence[Detection], stamp: float, depth: NDArray[np.float32], camera: CameraModel
    ) -> None:
        detections = _single(detections)
        pairs = self._matched(detections)
        unseen = [known for known in self._known if not any(known is k for k, _ in pairs)]
        for known, detection in pairs:
            _see(known, detection, stamp)
        gone = []
        for known in unseen:
            known.track = replace(known.track, visible=False)
            if known.own:
                continue
            through = _seen_through(known.track, depth, camera)
            known.seen_through = known.seen_through + 1 if through else 0
            taken = any(math.dist(d.position, known.track.position) < SAME_PLACE for d in detections)
            if taken or known.seen_through >= GONE:
                gone.append(known)
        self._known = [known for known in self._known if not any(known is g for g in gone)]
        for detection in detections:
            if not any(detection is d for _, d in pairs):
                own = detection.name != detection.category
                name = detection.name if own else self._number(detection)
                self._known.append(_Known(_track(name, detection, stamp), detection.seen, own=own))

    def _matched(self, detections: Sequence[Detection]) -> list[tuple[_Known, Detection]]:
        """Who is who: the assignment with the least distances, within each kind."""
        if not self._known or not detections:
            return []
        cost = np.full((len(self._known), len(detections)), FAR)
        for row, known in enumerate(self._known):
            for column, seen in enumerate(detections):
                own = seen.name != seen.category
                if own and seen.name == known.track.name:
                    cost[row, column] = 0.0
                elif not own and seen.category == known.track.category:
                    distance = math.dist(seen.position, known.track.position)
                    cost[row, column] = distance if distance < GATE else FAR
        rows, columns = linear_sum_assignment(cost)
        return [
            (self._known[r], detections[c]) for r, c in zip(rows, columns, strict=True) if cost[r, c] < FAR
        ]

    def _number(self, detection: Detection) -> str:
        taken = {known.track.name for known in self._known}
        number = 0
        while f"{detection.category}_{number}" in taken:
            number += 1
        return f"{detection.category}_{number}"


def _single(detections: Sequence[Detection]) -> list[Detection]:
    """Without those that are parts of others: behind a finger, one block can look like two."""
    kept: list[Detection] = []
    for seen in sorted(detections, key=lambda d: -d.confidence):
        if not any(d.category == seen.category and _inside(seen.position, d) for d in kept):
            kept.append(seen)
    return [seen for seen in detections if any(seen is d for d in kept)]


def _inside(position: Floats, body: Detection) -> bool:
    x, y, z = (position - body.position).tolist()
    along = math.cos(body.yaw) * x + math.sin(body.yaw) * y
    across = math.cos(body.yaw) * y - math.sin(body.yaw) * x
    length, width, height = body.size.tolist()
    return bool(abs(along) < WITHIN * length and abs(across) < WITHIN * width and abs(z) < LEVEL * height)


def _track(name: str, seen: Detection, stamp: float) -> Track:
    return Track(name, seen.category, seen.position, seen.yaw, seen.size, seen.confidence, True, stamp)


def _see(known: _Known, seen: Detection, stamp: float) -> None:
    before, known.seen_through = known.track, 0
    known.clearest = max(known.clearest * FADING, seen.seen)
    if known.own and seen.seen < CLEAR * known.clearest:
        known.track = replace(before, visible=True, seen_at=stamp)
        return
    known.track = _track(before.name, seen, stamp)
    away = math.dist(seen.position, before.position)
    near = away < max(SAME_PLACE, ASIDE * float(before.size.max()))
    if near and seen.seen < PARTLY * known.clearest:
        known.track = replace(known.track, yaw=before.yaw, size=before.size)
    elif away > STILL:
        known.clearest = seen.seen
    if away > STILL:
        known.sightings = 1
        return
    known.sightings = min(known.sightings + 1, MEMORY)
    share = 1.0 / known.sightings
    known.track = replace(known.track, position=before.position + share * (seen.position - before.position))


def _seen_through(track: Track, depth: NDArray[np.float32], camera: CameraModel) -> bool:
    """Whether the image shows what is behind and below an object's place, so that it cannot be there.

    An object of which little was seen may be said to be in the table: it is looked for upon it.
    """
    size = float(track.size[2])
    centre = track.position.copy()
    centre[2] = max(centre[2], TABLE_HEIGHT + size / 2)
    pixels, away = camera.project(centre[None])
    u, v = (round(float(value)) for value in pixels[0])
    if not (1 <= u < camera.width - 1 and 1 <= v < camera.height - 1):
        return False
    distance = float(np.median(depth[v - 1 : v + 2, u - 1 : u + 2]))
    if not math.isfinite(distance) or distance <= float(away[0]):
        return False
    height = float(camera.points([u], [v], [distance])[0, 2])
    return height < float(centre[2]) - BEHIND * size
