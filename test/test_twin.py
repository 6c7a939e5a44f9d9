"""The kinematic twin and its demonstrator: what works, what falls, and what a camera would have read."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.machine import Call, CancelToken, Machine, Observation, OutcomeCode, RunCode, Trace
from taskprog.tasks.block_stacking import (
    LIBRARY,
    PLACE_OFFSET,
    StackingTask,
    demonstrated_steps,
    generate_tasks,
    holds,
    is_on,
    random_layout,
)
from taskprog.tasks.demonstrator import TrackNoise, demonstrate
from taskprog.tasks.stacking_expert import StackingExpert
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE
from taskprog.tasks.twin import RETREAT, Disturbances, TwinDomain, TwinNoise

EXACT = TwinNoise(0.0, 0.0)


def twin(noise: TwinNoise = EXACT, disturbances: Disturbances | None = None, seed: int = 0) -> TwinDomain:
    rng = np.random.default_rng(seed)
    return TwinDomain(random_layout(seed), rng, noise, disturbances or Disturbances())


def do(domain: TwinDomain, name: str, *args: str | float) -> OutcomeCode:
    return domain.execute(Call(LIBRARY[name], args), CancelToken()).code


def put(domain: TwinDomain, a: str, b: str) -> Observation:
    """Pick a, place it on b; the observation before it is let go."""
    domain.observe()
    do(domain, "move_to", a, 0.0)
    assert do(domain, "close_gripper") is OutcomeCode.SUCCEEDED
    domain.observe()
    do(domain, "move_to", b, PLACE_OFFSET)
    above = domain.observe()
    do(domain, "open_gripper")
    return above


def test_a_cube_is_picked_carried_and_placed() -> None:
    domain = twin()
    above = put(domain, "red", "blue")
    assert above.holding
    assert above.closed
    np.testing.assert_allclose(above.positions[0], above.gripper, atol=1e-6)
    after = domain.observe()
    assert not after.holding
    assert is_on(after.positions[0], after.positions[5])
    np.testing.assert_allclose(domain.positions[0, 2] - domain.positions[5, 2], CUBE_SIZE)
    np.testing.assert_allclose(after.gripper[2] - above.gripper[2], RETREAT, atol=1e-6)
    assert after.stamp > above.stamp > 0.0


def test_closing_beside_every_cube_holds_nothing() -> None:
    domain = twin()
    domain.observe()
    do(domain, "move_to", "red", 0.05)
    assert do(domain, "close_gripper") is OutcomeCode.NOTHING_HELD
    assert domain.observe().closed
    assert not domain.observe().holding


def test_a_placement_too_far_aside_falls_to_the_table() -> None:
    domain = twin(TwinNoise(0.0, 0.0))
    domain.observe()
    do(domain, "move_to", "red", 0.0)
    do(domain, "close_gripper")
    domain.observe()
    domain.positions[5, 0] += 0.6 * CUBE_SIZE  # blue is not where it was seen
    do(domain, "move_to", "blue", PLACE_OFFSET)
    do(domain, "open_gripper")
    assert domain.mishaps == ["toppled red"]
    assert domain.positions[0, 2] == pytest.approx(random_layout(0).positions[0, 2])
    gaps = np.linalg.norm(np.delete(domain.positions, 0, 0) - domain.positions[0], axis=1)
    assert gaps.min() > CUBE_SIZE


def test_picking_from_inside_a_tower_topples_what_stands_above() -> None:
    domain = twin()
    put(domain, "red", "blue")
    put(domain, "green", "red")
    domain.observe()
    do(domain, "move_to", "red", 0.0)
    do(domain, "close_gripper")
    assert domain.mishaps == ["toppled green"]


def test_a_cube_let_go_in_the_air_drops() -> None:
    domain = twin()
    domain.observe()
    do(domain, "move_to", "red", 0.0)
    do(domain, "close_gripper")
    domain.observe()
    do(domain, "move_to", "blue", 0.3)
    do(domain, "open_gripper")
    assert domain.mishaps == ["dropped red"]


def test_unknown_objects_and_cancelled_calls_are_outcomes() -> None:
    domain = twin()
    domain.observe()
    assert do(domain, "move_to", "teapot", 0.0) is OutcomeCode.UNKNOWN_OBJECT
    cancel = CancelToken()
    cancel.cancel("enough")
    assert domain.execute(Call(LIBRARY["open_gripper"]), cancel).code is OutcomeCode.CANCELLED


def expert_run(
    task: StackingTask, seed: int, disturbances: Disturbances
) -> tuple[RunCode, TwinDomain, Trace]:
    rng = np.random.default_rng(seed)
    demonstration = demonstrate(task, random_layout(seed + 1000), rng)
    domain = TwinDomain(random_layout(seed), rng, disturbances=disturbances)
    trace = Trace()
    result = Machine(LIBRARY, domain, StackingExpert(task)).run(demonstration, trace)
    return result.code, domain, trace


def test_the_expert_does_every_task() -> None:
    for seed, task in enumerate(generate_tasks(seed=5, n=60)):
        code, domain, _ = expert_run(task, seed, Disturbances())
        assert code is RunCode.RETURNED, str(task)
        assert holds(task, domain.positions) == [], str(task)


def test_the_expert_recovers_from_mishaps() -> None:
    disturbances = Disturbances(failed_grasp=0.1, drop=0.1, misplace=0.1, meddle=0.02)
    happened = 0
    for seed, task in enumerate(generate_tasks(seed=6, n=40)):
        code, domain, _ = expert_run(task, seed, disturbances)
        assert code is RunCode.RETURNED, str(task)
        assert holds(task, domain.positions) == [], str(task)
        happened += len(domain.mishaps)
    assert happened > 20


def test_callees_see_a_part_of_what_their_callers_see() -> None:
    task = StackingTask.parse("1>0 2>1 5>4")
    _, _, trace = expert_run(task, 3, Disturbances())
    calls = [e for e in trace.events if e.kind.value == "call"]
    tree = ["block_stacking", "pick_and_place", "pick", "move_to", "close_gripper", "place", "move_to"]
    assert [e.op for e in calls[:7]] == tree
    whole, both, pick, _, _, place, _ = (e.scope for e in calls[:7])
    assert whole.covers(both)
    assert both.covers(pick)
    assert both.covers(place)
    assert (pick.start, place.stop) == both


@pytest.mark.parametrize("missed", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(15))
def test_demonstrations_show_the_task_despite_noise_and_lost_frames(seed: int, missed: float) -> None:
    task = generate_tasks(seed=seed, n=1)[0]
    noise = TrackNoise(missed=missed)
    demonstration = demonstrate(task, random_layout(seed), np.random.default_rng(seed), noise)
    expected = tuple((CUBE_NAMES[a], CUBE_NAMES[b]) for a, b in task.steps)
    assert demonstrated_steps(demonstration) == expected


def test_the_same_seed_makes_the_same_demonstration() -> None:
    task = StackingTask.parse("1>0 2>1 5>4")
    first, second = (demonstrate(task, random_layout(1), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first.positions, second.positions)
    silent = TrackNoise(0, 0, 0, 0, 0, 0, 0, 0)
    assert not np.array_equal(
        demonstrate(task, random_layout(1), np.random.default_rng(7), silent).positions[:3],
        first.positions[:3],
    )
