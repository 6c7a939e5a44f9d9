"""Objects over time: one name for one object, steady while it rests, remembered while it is hidden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.detection import GUESS_CONFIDENCE, Detection

Floats = NDArray[np.float64]

STILL = 0.006  # metres: an object seen no farther from its estimate rests; well above the detector's noise
AGREE = 0.015  # metres: two sightings no farther apart support each other
SURE = 0.8  # confidence at which one sighting is evidence enough that an object has moved
MEMORY = 10  # sightings that a resting object's estimate averages at most


@dataclass(frozen=True, eq=False)
class Track:
    """One object's present estimate.

    Attributes:
        name, category: of the object; the name is its identity.
        position: (3,) float64, centre, metres, frame ``base``.
        yaw: radians about z, in [-pi/4, pi/4).
        size: (3,) float64, metres.
        confidence: 0 to 1, of the sightings that the estimate rests upon.
        visible: seen where the estimate says, in the last image; otherwise the pose is remembered.
        seen_at: stamp of the last image that showed it there, seconds.
    """

    name: str
    category: str
    position: Floats
    yaw: float
    size: Floats
    confidence: float
    visible: bool
    seen_at: float


class _Memory:
    """What is known of one object."""

    def __init__(self, detection: Detection, stamp: float) -> None:
        self._pending: Detection | None = None
        self._restart(detection)
        self.visible = True
        self.seen_at = stamp

    def _restart(self, detection: Detection) -> None:
        self.detection = detection
        self.position = detection.position
        self.yaw = detection.yaw
        self.confidence = detection.confidence
        self._count = 1
        self._pending = None

    def see(self, detection: Detection, stamp: float) -> None:
        guess = detection.confidence <= GUESS_CONFIDENCE
        if self._is_guess() and not guess:
            self._restart(detection)
            self.visible = True
        elif np.linalg.norm(detection.position - self.position) <= STILL:
            self._pending = None
            self.visible = True
            if not guess:
                self._average(detection)
        elif guess:
            # Too little of it shows to say where it is: what is remembered stands, if it can still be there.
            self.visible = False
        elif detection.confidence >= SURE or self._supported(detection):
            self._restart(detection)
            self.visible = True
        else:
            self._pending = detection
            self.visible = False
        if self.visible:
            self.seen_at = stamp

    def _is_guess(self) -> bool:
        return self.confidence <= GUESS_CONFIDENCE

    def _supported(self, detection: Detection) -> bool:
        before = self._pending
        return before is not None and float(np.linalg.norm(detection.position - before.position)) <= AGREE

    def _average(self, detection: Detection) -> None:
        self._count = min(self._count + 1, MEMORY)
        share = 1.0 / self._count
        self.position = self.position + share * (detection.position - self.position)
        turn = (detection.yaw - self.yaw + pi / 4) % (pi / 2) - pi / 4
        self.yaw = (self.yaw + share * turn + pi / 4) % (pi / 2) - pi / 4
        self.confidence += share * (detection.confidence - self.confidence)

    def track(self) -> Track:
        seen = self.detection
        return Track(
            seen.name,
            seen.category,
            self.position,
            self.yaw,
            seen.size,
            self.confidence,
            self.visible,
            self.seen_at,
        )


class ObjectTracker:
    """Follows objects by name through the detections of successive images.

    A resting object's estimate averages its sightings. It jumps, without any lag, to a sighting that is sure
    of itself, and to a weaker one only when the next supports it; a guess, from an object that is mostly
    hidden, never replaces a better estimate.
    """

    def __init__(self) -> None:
        self._objects: dict[str, _Memory] = {}
        self._stamp = -np.inf

    def update(self, detections: Iterable[Detection], stamp: float) -> list[Track]:
        """Take in one image's detections.

        Args:
            detections: at most one of each name.
            stamp: the image's time, seconds. An image that is not newer than the last one changes nothing.

        Returns:
            Every object seen so far, in order of first sighting.
        """
        if stamp > self._stamp:
            self._stamp = stamp
            unseen = set(self._objects)
            for detection in detections:
                if detection.name in self._objects:
                    self._objects[detection.name].see(detection, stamp)
                else:
                    self._objects[detection.name] = _Memory(detection, stamp)
                unseen.discard(detection.name)
            for name in unseen:
                self._objects[name].visible = False
        return [memory.track() for memory in self._objects.values()]
