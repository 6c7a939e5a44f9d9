"""Where in a container the next thing is dropped, so that many make a level heap and not a tower."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from taskprog.control.attempts import GivenUp
from taskprog.control.kinematics import format_point
from taskprog.control.scene_estimate import ObjectEstimate, spot_in
from taskprog.machine.domain import OutcomeCode

Vector = NDArray[np.float64]
Spot = tuple[float, float]  # metres along and across a container, from its middle

SHARES = (-1.0, -0.5, 0.0, 0.5, 1.0)  # of the way from a container's middle to where things still fall in
SPARE = 0.015  # metres from a thing's corners to the outside of a wall: it tumbles when it is let go
TRIES = 9  # spots of which the arm may refuse all
APART = 0.03  # metres between a refused spot and the next one that is tried, if there is one
# Metres around a spot in which what was dropped makes the heap higher, and how much of a heap is filled.
AROUND, FILLED = 0.05, 0.55
LEVEL = 0.010  # metres: heights nearer than this are alike
OVERLAP = 0.8  # of two radii: nearer things lie upon each other


@dataclass
class _Heap:
    """What was done over one container."""

    dropped: list[tuple[Spot, float]] = field(default_factory=list)  # where, and how much of it, cubic metres
    refused: list[Spot] = field(default_factory=list)  # since something was dropped or given up
    next: Spot | None = None


class Drops:
    """Chooses for each thing a spot over its container where the heap is lowest, and stays with it.

    The heap is as high as what is seen of it; where walls hide it, as what was dropped there would make it.
    """

    def __init__(self) -> None:
        self._heaps: dict[str, _Heap] = {}
        self._volume, self._radius, self._size = 0.0, 0.03, 0.02  # of what is held, or will be

    def taken(self, thing: ObjectEstimate) -> None:
        """Something else is in the hand."""
        self._volume, self._size = float(np.prod(thing.size)), _mean_half(thing.size)
        self._radius = math.hypot(*thing.size[:2]) / 2
        for heap in self._heaps.values():
            heap.next = None

    def place(self, box: ObjectEstimate, inside: Iterable[ObjectEstimate]) -> Vector:
        """(3,) at a container's height, over the spot for the next thing.

        Args:
            inside: what is seen in the container.
        """
        heap = self._heap(box)
        if heap.next is None:
            heap.next = self._lowest(box, heap, [(spot_in(box, o.position), o) for o in inside])
        along, across = heap.next
        cos, sin = math.cos(box.yaw), math.sin(box.yaw)
        return np.asarray(box.position + [cos * along - sin * across, sin * along + cos * across, 0.0])

    def dropped(self, box: ObjectEstimate, place: Vector) -> None:
        """What was held was let go over a container, at ``place`` (3,)."""
        heap = self._heap(box)
        heap.dropped.append((spot_in(box, place), self._volume))
        heap.next = None

    def refuse(self, box: ObjectEstimate, code: OutcomeCode, reason: str) -> None:
        """The arm cannot get over the spot: the next one is to be tried.

        Raises:
            GivenUp: it was the last one. If it is asked for again, they are tried anew.
        """
        heap = self._heap(box)
        if heap.next is not None:
            heap.refused.append(heap.next)
            heap.next = None
        if len(heap.refused) >= TRIES:
            heap.refused = []
            raise GivenUp(
                f"{box.label or box.name} at {format_point(box.position)} m: all {TRIES} spots over it were "
                f"refused; the last: {code.name}: {reason}",
                code,
            )

    def forget_refusals(self) -> None:
        """Something was let go: what was refused before may be possible now."""
        for heap in self._heaps.values():
            heap.refused = []

    def _heap(self, box: ObjectEstimate) -> _Heap:
        return self._heaps.setdefault(box.name, _Heap())

    def _lowest(self, box: ObjectEstimate, heap: _Heap, inside: list[tuple[Spot, ObjectEstimate]]) -> Spot:
        reach = max(min(box.size[:2]) / 2 - self._radius - SPARE, 0.0)
        floor = box.position[2] - box.size[2] / 2
        spots = [(a * reach, b * reach) for a, b in itertools.product(SHARES, SHARES)]
        fresh = [s for s in spots if s not in heap.refused]
        apart = [s for s in fresh if all(math.dist(s, refused) > APART for refused in heap.refused)]

        def height(spot: Spot) -> tuple[int, int, float]:
            seen = (
                o.position[2] - floor
                for place, o in inside
                if math.dist(place, spot) < OVERLAP * (self._size + _mean_half(o.size))
            )
            volume = sum(v for place, v in heap.dropped if math.dist(place, spot) < AROUND)
            expected = volume / (FILLED * math.pi * AROUND**2)
            return round(max(*seen, expected, 0.0) / LEVEL), round(expected / LEVEL), math.hypot(*spot)

        return min(apart or fresh or spots, key=height)


def _mean_half(size: Vector) -> float:
    return float(size[0] + size[1]) / 4
