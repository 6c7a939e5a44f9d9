"""Colour and depth images that belong together, by their stamps; and what is wrong if none do."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np

WAITING = 4  # images of one kind that wait for their partner; older ones are given up
PATIENCE = 2.0  # seconds, by the images' own stamps, that are waited for a pair before anything is said
REMEMBERED = 100  # stamps of each kind, to find the nearest: more than come within any likely delay
NANO = 1_000_000_000

Image = TypeVar("Image")


class Pairing(Generic[Image]):
    """Pairs colour and depth images of equal stamps (whole nanoseconds), in whatever order they come."""

    def __init__(self) -> None:
        self._colours = _Stream[Image]("colour")
        self._depths = _Stream[Image]("depth")

    def add_colour(self, stamp: int, image: Image) -> tuple[Image, Image] | None:
        """Take in a colour image; with its depth image, if that waits: (colour, depth)."""
        return self._add(self._colours, self._depths, stamp, image)

    def add_depth(self, stamp: int, image: Image) -> tuple[Image, Image] | None:
        """Take in a depth image; with its colour image, if that waits: (colour, depth)."""
        return self._add(self._depths, self._colours, stamp, image)

    @property
    def trouble(self) -> str:
        """Why no pair has come for ``PATIENCE`` though images have; empty: one has, or it is too early."""
        colours, depths = self._colours, self._depths
        for own, other in ((colours, depths), (depths, colours)):
            if own.alone.long:
                return (
                    f"{own.name} images come, but no {other.name} images: are their topic and their quality "
                    "of service right?"
                )
        runs = colours.unpaired, depths.unpaired
        # Of a driver that leaves stamps empty, only the other kind's tell the time.
        if not (all(run.many for run in runs) and any(run.long for run in runs)):
            return ""
        if nearest := _nearest(*runs):
            return (
                f"colour and depth images come, but with different stamps: the nearest differ by "
                f"{nearest:.3g} s; are the cameras synchronised?"
            )
        return (
            f"colour and depth images with equal stamps come {WAITING} images apart or more: one kind is too "
            "late to be used"
        )

    def _add(
        self, own: _Stream[Image], other: _Stream[Image], stamp: int, image: Image
    ) -> tuple[Image, Image] | None:
        other.alone.clear()
        own.add(stamp, image)
        if stamp not in other.waiting:
            return None
        own.unpaired.clear()
        other.unpaired.clear()
        return self._colours.waiting.pop(stamp), self._depths.waiting.pop(stamp)


class _Stream(Generic[Image]):
    """Images of one kind: which wait, and which came since the last of the other kind and the last pair."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: dict[int, Image] = {}
        self.alone = _Run()
        self.unpaired = _Run()

    def add(self, stamp: int, image: Image) -> None:
        """Let an image wait."""
        self.alone.add(stamp)
        self.unpaired.add(stamp)
        self.waiting.pop(stamp, None)
        self.waiting[stamp] = image
        while len(self.waiting) > WAITING:
            del self.waiting[next(iter(self.waiting))]


class _Run:
    """Stamps of images that came one after the other, whole nanoseconds."""

    def __init__(self) -> None:
        self._first = 0
        self.stamps: deque[int] = deque(maxlen=REMEMBERED)

    def add(self, stamp: int) -> None:
        """Go on; or begin anew, if the images' clock went back behind the first."""
        if not self.stamps or stamp < self._first:
            self.clear()
            self._first = stamp
        self.stamps.append(stamp)

    def clear(self) -> None:
        """Begin anew with the next image."""
        self.stamps.clear()

    @property
    def many(self) -> bool:
        """Whether these are so many that a few lost images do not explain it."""
        return len(self.stamps) >= WAITING

    @property
    def long(self) -> bool:
        """Whether these are many, and over more than ``PATIENCE``."""
        return self.many and self.stamps[-1] - self._first > PATIENCE * NANO


def _nearest(a: _Run, b: _Run) -> float:
    """Seconds between the two stamps, one of each run, that differ least; 0 if and only if they are equal."""
    apart = np.subtract.outer(np.array(a.stamps, np.int64), np.array(b.stamps, np.int64))
    return float(np.abs(apart).min()) / NANO
