"""Block stacking: tasks, their spread and halves, layouts, and when a task holds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.tasks.block_stacking import (
    StackingTask,
    generate_tasks,
    holds,
    is_on,
    random_layout,
)
from taskprog.tasks.table_top import CUBE_SIZE, LAYOUT_REGION, LAYOUT_SEPARATION, TABLE_HEIGHT


def built(task: StackingTask) -> NDArray[np.float64]:
    """Cube positions once the task is done exactly."""
    positions = random_layout(0).positions
    for a, b in task.steps:
        positions[a] = positions[b] + [0, 0, CUBE_SIZE]
    return positions


def test_parse_and_str_are_inverse() -> None:
    task = StackingTask.parse("2>6 7>1 3>7")
    assert task.steps == ((2, 6), (7, 1), (3, 7))
    assert str(task) == "2>6 7>1 3>7"
    assert task.describe() == "yellow on purple, pink on orange, green on pink"
    assert task.heights == (2, 3)
    assert task.tower_height == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at least one"),
        ("2-6", "not a placement"),
        ("2>", "not a placement"),
        ("2>9", "no cube 9"),
        ("-1>2", "not a placement"),
        ("3>3", "on itself"),
        ("1>2 1>3", "moved before"),
        ("1>2 3>2", "stands on cube 2"),
        ("1>2 2>3", "already belongs to a tower"),
    ],
)
def test_nonsense_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        StackingTask.parse(text)


def test_generated_tasks_are_distinct_repeatable_and_spread_as_the_authors() -> None:
    tasks = generate_tasks(seed=3, n=2000)
    assert tasks == generate_tasks(seed=3, n=2000)
    assert len({task.towers for task in tasks}) == 2000
    placements = Counter(len(task.steps) for task in tasks)
    highest = Counter(task.tower_height for task in tasks)
    # The authors' 2,000; five standard deviations of a count are allowed.
    for counts, expected in (
        (placements, {1: 4, 2: 43, 3: 239, 4: 689, 5: 904, 6: 121}),
        (highest, {2: 125, 3: 767, 4: 1108}),
    ):
        for value, wanted in expected.items():
            assert abs(counts[value] - wanted) <= 5 * wanted**0.5, (value, counts)


def test_the_half_depends_on_the_end_configuration_only() -> None:
    rng = np.random.default_rng(0)
    tasks = generate_tasks(seed=0, n=300)
    assert all(task.reordered(rng).half == task.half for task in tasks)
    assert {str(t.reordered(rng)) == str(t) for t in tasks} == {True, False}
    share = sum(task.half == "test" for task in tasks) / len(tasks)
    assert 0.4 < share < 0.6
    # A change of the hash would silently mix the halves of shipped policies: these values are for ever.
    halves = {"2>6": "train", "7>1": "test", "2>6 7>1 3>7": "test", "0>1 2>3": "train", "5>3": "test"}
    assert {text: StackingTask.parse(text).half for text in halves} == halves


def test_a_half_can_be_asked_for() -> None:
    assert {task.half for task in generate_tasks(seed=1, n=50, half="train")} == {"train"}
    with pytest.raises(ValueError, match="half is 'all'"):
        generate_tasks(seed=1, n=50, half="all")


def test_reordered_tasks_interleave_towers_and_build_the_same() -> None:
    task = StackingTask.parse("1>0 2>1 3>2 5>4 6>5")
    orders = {str(task.reordered(np.random.default_rng(seed))) for seed in range(40)}
    assert len(orders) > 5
    assert all(StackingTask.parse(order).relations == task.relations for order in orders)


def test_layouts_are_on_the_table_apart_and_repeatable() -> None:
    for seed in range(30):
        layout = random_layout(seed)
        assert all(LAYOUT_REGION.contains(tuple(p)) for p in layout.positions)
        assert np.allclose(layout.positions[:, 2], TABLE_HEIGHT + CUBE_SIZE / 2)
        gaps = np.linalg.norm(layout.positions[:, None] - layout.positions[None], axis=-1)
        assert gaps[~np.eye(8, dtype=bool)].min() >= LAYOUT_SEPARATION
        assert (random_layout(seed).positions == layout.positions).all()
    assert not np.allclose(random_layout(0).positions, random_layout(1).positions)


def test_a_task_holds_once_every_cube_is_on_its_cube() -> None:
    task = StackingTask.parse("1>0 2>1 5>4")
    positions = built(task)
    assert holds(task, positions) == []
    positions[5, 0] += 0.6 * CUBE_SIZE
    assert holds(task, positions) == [(5, 4)]
    assert len(holds(task, random_layout(1).positions)) == 3


def test_on_means_less_than_half_a_cube_aside_and_one_cube_up() -> None:
    below = np.zeros(3)
    assert is_on(np.array([0.020, 0, CUBE_SIZE + 0.009]), below)
    assert not is_on(np.array([0.024, 0, CUBE_SIZE]), below)
    assert not is_on(np.array([0, 0, CUBE_SIZE + 0.011]), below)
    assert not is_on(np.array([0, 0, 2 * CUBE_SIZE]), below)
