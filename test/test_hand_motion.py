"""How a hand does a task in a film: kinematics only."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from taskprog.tasks.block_stacking import StackingTask, holds, random_layout
from taskprog.tasks.goods import CONTAINER_FLOOR, CONTAINER_SIZE
from taskprog.tasks.order_fulfilment import OrderFulfilment
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT
from taskprog_sim.film import order_film, stacking_film
from taskprog_sim.goods import yaw_quaternion
from taskprog_sim.hand_motion import OPEN, REST, WORST_ERROR, HandMoment, film
from taskprog_sim.scorer import is_inside

TASKS = ("2>6", "2>6 7>2 3>7 1>0 4>5", "0>1 2>0 3>2 5>4 6>5 7>6")


def moments(text: str, seed: int = 3, interval: float = 0.05) -> list[HandMoment]:
    return list(film(stacking_film(StackingTask.parse(text), random_layout(seed)).script, seed, interval))


@pytest.mark.parametrize("text", TASKS)
def test_the_task_is_done_at_the_end_and_the_hand_rests(text: str) -> None:
    last = moments(text)[-1]
    assert holds(StackingTask.parse(text), last.positions) == []
    assert last.hand.position == pytest.approx(REST, abs=0.02)
    assert last.done == len(StackingTask.parse(text).steps)


@pytest.mark.parametrize("text", TASKS)
def test_cubes_move_only_in_the_hand_and_in_the_order_of_the_task(text: str) -> None:
    played = moments(text)
    moved = []
    for before, after in pairwise(played):
        changed = np.flatnonzero(np.abs(after.positions - before.positions).max(axis=1) > 1e-9)
        assert set(changed) <= {before.held, after.held}
        if after.held is not None and after.held not in moved:
            moved.append(after.held)
    assert moved == [a for a, _ in StackingTask.parse(text).steps]
    for moment in played:
        if moment.held is not None:
            assert moment.positions[moment.held] == pytest.approx(moment.hand.position)
            assert moment.hand.opening == CUBE_SIZE
            turn = float(moment.yaws[moment.held]) - moment.hand.yaw
            assert math.remainder(turn, math.pi / 2) == pytest.approx(0.0, abs=1e-9), "it turns with the hand"


@pytest.mark.parametrize("seed", range(5))
def test_nothing_passes_through_anything(seed: int) -> None:
    for moment in moments("2>6 7>2 3>7 1>0 4>5", seed):
        if moment.held is None:
            continue
        others = np.delete(moment.positions, moment.held, axis=0)
        apart = np.abs(others - moment.positions[moment.held])
        # Turned cubes overlap only where they are nearer than a side in every direction.
        overlapping = (apart[:, :2].max(axis=1) < CUBE_SIZE) & (apart[:, 2] < CUBE_SIZE - 1e-6)
        assert not overlapping.any()


def test_a_cube_is_carried_across_above_everything() -> None:
    played = moments("0>1 2>0 3>2 5>4 6>5 7>6", interval=0.02)
    for before, after in pairwise(played):
        if after.held is None or before.held is None:
            continue
        across = float(np.linalg.norm((after.hand.position - before.hand.position)[:2])) / 0.02
        if across > 0.2:
            others = np.delete(after.positions, after.held, axis=0)
            assert after.hand.position[2] > others[:, 2].max() + CUBE_SIZE


ORDERS = (
    "bear>container_0 duck>container_2 jenga>container_1 lego>container_3",
    "jenga>container_1 duck>container_1 lego>container_1 bear>container_1",
)


@pytest.mark.parametrize("text", ORDERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_each_thing_is_put_into_its_container_and_lies_beside_the_others(text: str, seed: int) -> None:
    task = OrderFulfilment().parse(text)
    shown = order_film(task, seed)
    played = list(film(shown.script, seed, 0.1))
    names = shown.scene.names
    last = played[-1].positions
    orientations = np.array([yaw_quaternion(float(yaw)) for yaw in shown.script.yaws])
    for category, box in task.named:
        a, b = names.index(f"{category}_0"), names.index(box)
        assert is_inside(last[a], last[b], orientations[b]), f"{category} in {box}"
        assert last[a, 2] - shown.script.below[a] == pytest.approx(CONTAINER_FLOOR, abs=1e-6)
    goods = last[:4, :2]
    apart = np.linalg.norm(goods[:, None] - goods[None], axis=2) + np.eye(4)
    assert apart.min() > 0.06
    held = [m.held for m in played if m.held is not None]
    assert list(dict.fromkeys(held)) == [names.index(f"{category}_0") for category, _ in task.named]
    assert played[-1].done == 4


def test_nothing_is_carried_through_the_wall_of_a_container() -> None:
    shown = order_film(OrderFulfilment().parse(ORDERS[0]), 3)
    script = shown.script
    for moment in film(script, 3, 0.02):
        if moment.held is None:
            continue
        at = moment.positions[moment.held]
        low = at[2] - script.below[moment.held]
        for box in range(4, 8):
            aside = np.abs(at - script.positions[box])[:2].max()
            if 0.08 < aside < 0.13:
                assert low > TABLE_HEIGHT + CONTAINER_SIZE[2]


def test_motion_is_smooth_and_as_fast_as_a_calm_person() -> None:
    played = moments("2>6 7>2", interval=0.02)
    path = np.array([m.hand.position for m in played])
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / 0.02
    assert speed.max() < 1.2
    assert np.abs(np.diff(speed)).max() / 0.02 < 10.0
    openings = [m.hand.opening for m in played]
    assert (min(openings), max(openings)) == (CUBE_SIZE, OPEN)


def test_times_are_evenly_spaced_from_zero() -> None:
    times = [m.time for m in moments("2>6", interval=0.1)]
    assert times == pytest.approx([0.1 * k for k in range(len(times))])


def test_a_seed_gives_the_same_film_and_another_one_puts_cubes_down_elsewhere() -> None:
    def end(seed: int) -> np.ndarray:
        task = StackingTask.parse("2>6")
        return list(film(stacking_film(task, random_layout(3)).script, seed, 0.1))[-1].positions

    assert (end(1) == end(1)).all()
    assert (end(1) != end(2)).any()
    layout = random_layout(3).positions
    assert end(1)[2] - layout[6] == pytest.approx([0.0, 0.0, CUBE_SIZE], abs=WORST_ERROR + 1e-9)
