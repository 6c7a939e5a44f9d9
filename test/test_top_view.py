"""Bricks and blocks from above: place and yaw from points, and nothing where they do not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from taskprog.tasks.goods import Rest, good_of
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog.vision.top_view import top_view

JENGA = good_of("jenga")
SPREAD = 0.002


def points_of(size: tuple[float, float, float], middle: np.ndarray, yaw: float) -> np.ndarray:
    """On the top and on the table around it."""
    x = np.arange(-size[0] / 2 + SPREAD / 2, size[0] / 2, SPREAD)
    y = np.arange(-size[1] / 2 + SPREAD / 2, size[1] / 2, SPREAD)
    top = np.stack([*(axis.ravel() for axis in np.meshgrid(x, y)), np.full(x.size * y.size, size[2] / 2)], 1)
    table = np.random.default_rng(0).uniform(-0.05, 0.05, (200, 3))
    table[:, 2] = TABLE_HEIGHT - middle[2]
    c, s = math.cos(yaw), math.sin(yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.asarray(np.concatenate([top, table]) @ turn.T + middle)


@pytest.mark.parametrize("rest", JENGA.rests, ids=("flat", "on its side"))
@pytest.mark.parametrize("yaw", [-1.4, 0.0, 0.3, 1.0])
def test_a_block_is_found_to_a_millimetre(rest: Rest, yaw: float) -> None:
    middle = np.array([0.6, 0.1, TABLE_HEIGHT + rest.height])
    guess = middle + (0.004, -0.003, 0.002)
    seen = top_view(points_of(rest.extent, middle, yaw), guess, np.array(rest.extent), SPREAD, JENGA)
    assert seen is not None
    assert seen.middle == pytest.approx(middle, abs=1e-3)
    assert abs(math.sin(seen.yaw - yaw)) < math.sin(math.radians(1.5))


def test_a_piece_of_a_block_tells_its_yaw_but_not_its_middle() -> None:
    middle = np.array([0.6, 0.1, TABLE_HEIGHT + 0.009])
    points = points_of((0.09, 0.03, 0.018), middle, 0.5)
    along = (points - middle)[:, :2] @ (math.cos(0.5), math.sin(0.5))
    seen = top_view(points[along > -0.015], middle, np.array([0.09, 0.03, 0.018]), SPREAD, JENGA)
    assert seen is not None
    assert seen.middle is None
    assert seen.yaw == pytest.approx(0.5, abs=math.radians(2))


def test_few_points_tell_nothing() -> None:
    middle = np.array([0.6, 0.1, TABLE_HEIGHT + 0.009])
    points = points_of((0.09, 0.03, 0.018), middle, 0.5)[::40]
    assert top_view(points, middle, np.array([0.09, 0.03, 0.018]), SPREAD, JENGA) is None
