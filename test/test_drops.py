"""Where things are dropped into a container: side by side, and where the heap is lowest."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from taskprog.control.drops import Drops
from taskprog.control.scene_estimate import ObjectEstimate

YAW = 0.4  # of the container
MIDDLE = np.array([0.5, 0.3, 0.0])
BOX = ObjectEstimate("box_0", MIDDLE, YAW, True, 0.0, np.array([0.21, 0.21, 0.09]))
DUCK = ObjectEstimate("duck", MIDDLE, 0.0, True, 0.0, np.array([0.041, 0.029, 0.038]))
BLOCK = replace(DUCK, name="jenga", size=np.array([0.09, 0.03, 0.018]))


def within(place: np.ndarray) -> tuple[float, float]:
    """Along and across the container, from its middle."""
    x, y = place[:2] - MIDDLE[:2]
    return math.cos(YAW) * x + math.sin(YAW) * y, math.cos(YAW) * y - math.sin(YAW) * x


def lying(along: float, across: float, height: float) -> ObjectEstimate:
    """A duck in the container, ``height`` metres above its bottom."""
    turned = np.array(
        [
            math.cos(YAW) * along - math.sin(YAW) * across,
            math.sin(YAW) * along + math.cos(YAW) * across,
            height - 0.045,
        ]
    )
    return replace(DUCK, position=MIDDLE + turned)


@pytest.mark.parametrize("side", [-1, 1])
def test_the_next_thing_goes_where_the_heap_is_lowest(side: int) -> None:
    heap = [lying(side * x, y, 0.06) for x in (0.0, 0.03, 0.06) for y in (-0.06, -0.02, 0.02, 0.06)]
    drops = Drops()
    drops.taken(DUCK)
    along, _ = within(drops.place(BOX, heap))
    assert along * side < -0.025


def test_unseen_things_make_a_level_heap_too() -> None:
    drops = Drops()
    places = []
    for _ in range(36):
        drops.taken(DUCK)
        place = drops.place(BOX, [])
        drops.dropped(BOX, place)
        places.append(within(place))
    quarters = [sum(a * x > 0.01 and b * y > 0.01 for x, y in places) for a in (-1, 1) for b in (-1, 1)]
    assert min(quarters) >= 4
    assert np.abs(np.mean(places, axis=0)).max() < 0.01
    assert np.abs(places).max() < 0.065


def test_what_is_long_is_dropped_farther_from_the_walls() -> None:
    farthest = []
    for thing in (BLOCK, DUCK):
        drops = Drops()
        drops.taken(thing)
        places = []
        for _ in range(12):
            place = drops.place(BOX, [])
            drops.dropped(BOX, place)
            places.append(within(place))
        half = math.hypot(*thing.size[:2]) / 2
        farthest.append(np.abs(places).max())
        assert farthest[-1] + half < 0.095
    assert farthest[0] < farthest[1]


def test_a_spot_stays_until_something_is_dropped_or_taken() -> None:
    """What is seen on the way changes, and the planner must find the tool where it was sent."""
    drops = Drops()
    drops.taken(DUCK)
    first = drops.place(BOX, [])
    np.testing.assert_allclose(drops.place(BOX, [lying(0.0, 0.0, 0.06)]), first)
    moved = replace(BOX, position=MIDDLE + [0.1, 0.0, 0.0])
    np.testing.assert_allclose(drops.place(moved, []), first + [0.1, 0.0, 0.0])
    drops.taken(DUCK)
    assert math.dist(drops.place(BOX, [lying(0.0, 0.0, 0.06)])[:2], first[:2]) > 0.02
