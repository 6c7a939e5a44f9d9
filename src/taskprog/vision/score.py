"""How well a detector does on labelled images: recall, precision, errors of position and yaw, by category."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.vision.labels import CLASSES, LabelledView, Thing

Floats = NDArray[np.float64]

ENOUGH_SEEN = 0.5  # things are to be found of which at least so much is seen
SAME = 0.02  # metres between a detection and a thing that it may be of; for longer things
SAME_SHARE = 1 / 3  # of their length, as where their middle is cannot be known of a piece
SQUARE = 0.08  # length less width as a share of length: below it, a quarter turn more is no error


@dataclass
class Score:
    """Counts and errors of one class.

    Attributes:
        wanted: things of which enough is seen; found: how many of these were detected as what they are.
        detected: detections; right: how many of these are of a thing of this class, however little is seen.
        position: errors, metres; yaw: errors, radians: of the things in ``found``.
    """

    wanted: int = 0
    found: int = 0
    detected: int = 0
    right: int = 0
    position: list[float] = field(default_factory=list)
    yaw: list[float] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of the wanted things that were found."""
        return self.found / self.wanted if self.wanted else math.nan

    @property
    def precision(self) -> float:
        """Share of the detections that are right."""
        return self.right / self.detected if self.detected else math.nan


Scores = dict[str, Score]


def new_scores() -> Scores:
    """One for each class."""
    return {name: Score() for name in CLASSES[1:]}


def add(
    scores: Scores, view: LabelledView, detections: Sequence[Detection], heights: bool = True
) -> list[str]:
    """Count one image's detections; gives what is wrong in it, for people to look at.

    Args:
        heights: whether detections say how high things are; else they are put at the things' true heights,
            along the rays that saw them.
    """
    wrong = []
    for label in range(1, len(CLASSES)):
        name = CLASSES[label]
        score = scores[name]
        things = [thing for thing in view.things if thing.label == label]
        mine = [detection for detection in detections if detection.name == name]
        apart = _distances(view.camera, things, mine, heights)
        limits = np.array([max(SAME, SAME_SHARE * thing.size[0]) for thing in things])
        pairs = _pairs(apart, limits)
        score.detected += len(mine)
        for i, thing in enumerate(things):
            if thing.seen < ENOUGH_SEEN:
                continue
            score.wanted += 1
            if i not in pairs:
                wrong.append(f"missed {name} at {_point(thing.position)}, {thing.seen:.0%} seen")
                continue
            detection = mine[pairs[i]]
            score.found += 1
            score.position.append(float(apart[i, pairs[i]]))
            score.yaw.append(yaw_error(detection.yaw, thing))
        taken = {j: i for i, j in pairs.items()}
        for j, detection in enumerate(mine):
            if j in taken and things[taken[j]].pixels > 0:
                score.right += 1
            else:
                wrong.append(f"no {name} at {_point(detection.position)}, {detection.confidence:.2f} sure")
    return wrong


def yaw_error(yaw: float, thing: Thing) -> float:
    """Between a yaw and that of a thing's outline, radians; a square looks the same after a quarter turn."""
    length, width, _ = thing.size
    period = math.pi / 2 if length - width < SQUARE * length else math.pi
    apart = (yaw - thing.yaw) % period
    return min(apart, period - apart)


def total(scores: Iterable[Score]) -> Score:
    """Of several classes together."""
    whole = Score()
    for score in scores:
        whole.wanted += score.wanted
        whole.found += score.found
        whole.detected += score.detected
        whole.right += score.right
        whole.position += score.position
        whole.yaw += score.yaw
    return whole


def _distances(
    camera: CameraModel, things: Sequence[Thing], detections: Sequence[Detection], heights: bool
) -> Floats:
    """(things, detections) metres."""
    if not things or not detections:
        return np.zeros((len(things), len(detections)))
    places = np.array([thing.position for thing in things])
    found = np.array([detection.position for detection in detections])
    if heights:
        return np.asarray(np.linalg.norm(places[:, None] - found[None], axis=2))
    pixels, _ = camera.project(found)
    return np.array([np.linalg.norm(camera.at_height(pixels, place[2]) - place, axis=1) for place in places])


def _pairs(apart: Floats, limits: Floats) -> dict[int, int]:
    """Which detection is of which thing: the least total distance, none above the things' limits."""
    # Beyond the limits all is the same, so that no good pair is given up for less of a bad one.
    rows, columns = linear_sum_assignment(np.minimum(apart, 2 * limits[:, None]))
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if apart[i, j] <= limits[i]}


def _point(position: Floats) -> str:
    return "(" + ", ".join(f"{v:.3f}" for v in position) + ")"
