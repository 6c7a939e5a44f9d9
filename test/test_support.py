"""Things rest on the table, on each other or in a container; what does not is no thing."""

from __future__ import annotations

import numpy as np

from taskprog.control.support import floating
from taskprog.tasks.table_top import TABLE_HEIGHT

SIDE = 0.045


def tower(levels: int, x: float = 0.6, y: float = 0.0) -> list[list[float]]:
    return [[x, y, TABLE_HEIGHT + (level + 0.5) * SIDE] for level in range(levels)]


def hanging(centres: list[list[float]], sizes: list[list[float]] | None = None) -> list[bool]:
    made = np.array(sizes) if sizes else np.full((len(centres), 3), SIDE)
    return [bool(hangs) for hangs in floating(np.array(centres), made)]


def test_towers_stand_whatever_the_cameras_noise() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.005, (8, 3))
    assert not any(hanging((np.array(tower(8)) + noise).tolist()))


def test_what_has_nothing_beneath_hangs_in_the_air() -> None:
    assert hanging([[0.6, 0.0, 0.05]]) == [True]
    assert hanging([*tower(1), [0.75, 0.0, TABLE_HEIGHT + 0.15]]) == [False, True]
    # A tower that lost a cube in its middle.
    low, _, _, high = tower(4)
    assert hanging([low, high]) == [False, True]


def test_what_lies_in_a_heap_in_a_container_does_not() -> None:
    container = [0.5, 0.4, TABLE_HEIGHT + 0.045]
    heap = [0.45, 0.35, TABLE_HEIGHT + 0.08]
    assert hanging([container, heap], [[0.21, 0.21, 0.09], [0.04, 0.04, 0.04]]) == [False, False]
