"""How a cube rests, from what a video shows of it."""

from __future__ import annotations

import numpy as np

from taskprog.perception.holds import rest_at
from taskprog.perception.views import View

SHAPE = (60, 80)


def block(left: int, top: int, width: int, height: int) -> View:
    v, u = np.mgrid[top : top + height, left : left + width]
    pixels = (v * SHAPE[1] + u).ravel()
    return View(pixels, np.array([u.mean(), v.mean()]))


def test_a_cube_that_is_hidden_for_most_of_the_video_is_known_by_its_whole_view() -> None:
    whole, part = block(20, 20, 12, 12), block(20, 20, 12, 3)
    rest = rest_at([whole] * 10 + [None] * 5 + [part] * 80, range(95), SHAPE)
    assert rest is not None
    assert rest.view is whole


def test_a_cube_that_leaves_is_known_by_where_it_was() -> None:
    here, there = block(10, 20, 12, 12), block(50, 30, 12, 12)
    path = [block(10 + 4 * k, 20 + k, 12, 12) for k in range(1, 10)]
    rest = rest_at([here] * 10 + path + [there] * 40, range(59), SHAPE)
    assert rest is not None
    assert rest.frame < 10
    assert set(rest.good) <= set(range(11))


def test_a_cube_that_is_never_seen_does_not_rest() -> None:
    assert rest_at([None] * 5, range(5), SHAPE) is None
