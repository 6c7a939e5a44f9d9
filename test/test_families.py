"""What holds for every family of tasks: texts, halves, repeatable starts, an expert that succeeds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskprog.machine import (
    CancelToken,
    Event,
    EventKind,
    Library,
    Machine,
    RunCode,
    Separate,
    Trace,
    flattened,
)
from taskprog.machine.flat import FlatPlanner
from taskprog.machine.op import Call
from taskprog.tasks.block_stacking import BlockStacking
from taskprog.tasks.carrying import transports
from taskprog.tasks.conditions import Disturbances, TrackNoise, VideoConditions, WorldNoise
from taskprog.tasks.evaluation import evaluate
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TEST, TRAIN, Family, Task
from taskprog.tasks.order_fulfilment import OrderFulfilment
from taskprog.tasks.table_cleanup import TableCleanup
from taskprog.tasks.twin import TwinDomain
from taskprog.view.step import steps_of

OTHERS: list[Family] = [
    BlockStacking(12),
    BlockStacking(8, tallest=8, shortest=6),
    OrderFulfilment(objects=9, even=False),
    OrderFulfilment(8, 8, 16),
    TableCleanup(3, 6),
]
ALL: list[Family] = [*FAMILIES.values(), *OTHERS]
EXACT, VIDEO, CALM = WorldNoise(0.0, 0.0), VideoConditions(), Disturbances()
MISHAPS = Disturbances(failed_grasp=0.1, drop=0.1, misplace=0.1, meddle=0.02)

every_family = pytest.mark.parametrize("family", ALL, ids=str)


def some(family: Family, n: int, seed: int = 0) -> Sequence[Task]:
    return family.tasks(seed, n, TEST)


@every_family
def test_a_tasks_text_is_read_as_that_task(family: Family) -> None:
    rng = np.random.default_rng(0)
    for task in some(family, 20):
        for shown in (task, family.reordered(task, rng)):
            assert family.parse(str(shown)) == shown
            assert (shown.goal, shown.half) == (task.goal, TEST)
            assert sorted(shown.named) == sorted(task.named)


@every_family
def test_orders_of_doing_a_task_differ(family: Family) -> None:
    rng = np.random.default_rng(0)
    task = max(some(family, 10), key=lambda task: len(task.named))
    orders = {str(family.reordered(task, rng)) for _ in range(20)}
    single_tower = isinstance(family, BlockStacking) and "|" not in task.goal
    assert single_tower or len(orders) > 1


@every_family
def test_halves_share_no_goal_and_tasks_no_goal_either(family: Family) -> None:
    train, test = family.tasks(0, 4, TRAIN), family.tasks(0, 100, TEST)
    assert {task.half for task in train} == {TRAIN}
    assert {task.half for task in test} == {TEST}
    goals = [task.goal for task in (*train, *test)]
    assert len(set(goals)) == len(goals)
    assert [str(task) for task in family.tasks(0, 100, TEST)] == [str(task) for task in test]
    assert [str(task) for task in family.tasks(1, 100, TEST)] != [str(task) for task in test]
    with pytest.raises(ValueError, match="half is 'all'"):
        family.tasks(0, 1, "all")


@every_family
def test_seeds_decide_starts_and_demonstrations(family: Family) -> None:
    task = some(family, 1)[0]

    def start(seed: int) -> Any:
        return family.world(task, np.random.default_rng(seed), EXACT, CALM).observe()

    first, again, other = start(0), start(0), start(1)
    assert first.names == again.names
    np.testing.assert_array_equal(first.positions, again.positions)
    assert not np.allclose(first.positions, other.positions, atol=0.03)
    videos = [family.demonstrate(task, np.random.default_rng(seed), VIDEO) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(videos[0].positions, videos[1].positions)
    assert not np.allclose(videos[0].positions[0], videos[2].positions[0], atol=0.03)
    assert set(videos[0].names) == set(first.names)


def run(
    family: Family, task: Task, seed: int, disturbances: Disturbances, flat: bool = False
) -> tuple[RunCode, Any, Trace]:
    rng = np.random.default_rng(seed)
    demonstration = family.demonstrate(task, rng, VIDEO)
    world = family.world(task, rng, WorldNoise(), disturbances)
    trace = Trace()
    library: Library = flattened(family.library) if flat else family.library
    expert = family.expert(task)
    planner = FlatPlanner(expert, family.library) if flat else expert
    return Machine(library, world, planner, family.budget).run(demonstration, trace).code, world, trace


@every_family
@pytest.mark.parametrize("flat", [False, True])
def test_the_expert_does_every_task(family: Family, flat: bool) -> None:
    for seed, task in enumerate(some(family, 100)):
        code, world, _ = run(family, task, seed, CALM, flat)
        assert (code, world.unmet()) == (RunCode.RETURNED, []), (str(task), world.mishaps)


@every_family
def test_the_expert_recovers_from_mishaps(family: Family) -> None:
    done, happened = 0, 0
    for seed, task in enumerate(some(family, 40)):
        code, world, _ = run(family, task, seed, MISHAPS)
        done += code is RunCode.RETURNED and not world.unmet()
        happened += len(world.mishaps)
    assert done >= 40 - 1
    assert happened > 40


def test_what_a_person_takes_out_of_a_container_is_delivered_again() -> None:
    family, taken = OrderFulfilment(2, 2, 2), Disturbances(meddle=0.15)
    task = some(family, 1)[0]
    for seed in range(40):
        code, world, _ = run(family, task, seed, taken)
        assert (code, world.unmet()) == (RunCode.RETURNED, []), world.mishaps


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_the_expert_does_every_single_task(name: str) -> None:
    """All of both halves, where they can be counted; else some thousands."""
    family = FAMILIES[name]
    counts = {"order_fulfilment": (4, 252), "table_cleanup": (478, 422)}.get(name, (2000, 2000))
    for half, count in zip((TRAIN, TEST), counts, strict=True):
        tasks = family.tasks(0, count, half)
        episodes = evaluate(family, tasks, Separate([family.expert(task) for task in tasks]))
        assert [episode.task for episode in episodes if not episode.success] == []


@every_family
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_callees_see_a_part_of_what_their_callers_see(family: Family, seed: int) -> None:
    _, _, trace = run(family, some(family, 1, seed)[0], seed, MISHAPS)
    scopes = {}
    for event in trace.events:
        if event.kind is EventKind.CALL:
            scopes[event.depth] = event.scope
            assert event.depth == 0 or scopes[event.depth - 1].covers(event.scope)


@every_family
def test_the_scope_of_a_step_shows_its_carry(family: Family) -> None:
    task = some(family, 1)[0]
    demonstration = family.demonstrate(task, np.random.default_rng(3), VIDEO)
    expert = family.expert(task)
    expert.begin(demonstration)
    for step, carry in enumerate(transports(demonstration)):
        for program in (expert.carry, *family.library[expert.carry].callees):
            scope = expert.scope(step, program)
            assert scope is not None
            assert expert.shown(scope) == step
        assert task.named[step][0] == demonstration.names[carry.held]


@every_family
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_a_kept_trace_replayed_goes_through_the_same_states(family: Family, seed: int) -> None:
    """In a world without noise or mishaps all that happens follows from the start and the primitives; and the
    stack of calls at each of them from the events."""
    task = some(family, 1, seed)[0]
    world = family.world(task, np.random.default_rng(seed), EXACT, CALM)
    video = family.demonstrate(task, np.random.default_rng(seed + 1), VIDEO)
    machine = Machine(family.library, world, family.expert(task), family.budget)
    assert isinstance(world, TwinDomain)
    states: list[tuple[Any, list[str]]] = []

    def keep(event: Event) -> None:
        if event.kind is EventKind.OUTCOME:
            states.append((world.positions.copy(), [frame.op.name for frame in machine.stack]))

    trace = Trace(listener=keep)
    machine.run(video, trace)
    with tempfile.TemporaryDirectory() as folder:
        trace.save(Path(folder) / "trace.jsonl")
        kept = Trace.load(Path(folder) / "trace.jsonl")
    again = family.world(task, np.random.default_rng(seed), EXACT, CALM)
    assert isinstance(again, TwinDomain)
    again.observe()
    reached = iter(states)
    for step in steps_of(kept.events):
        event = step.event
        if event.kind is not EventKind.OUTCOME:
            continue
        outcome = again.execute(Call(family.library[event.op], event.args), CancelToken())
        assert outcome.code.name == event.outcome
        positions, stack = next(reached)
        np.testing.assert_array_equal(again.positions, positions)
        again.observe()
        assert [entry.op for entry in step.stack] == stack
    assert next(reached, None) is None
    assert again.unmet() == world.unmet() == []


@every_family
def test_even_poor_videos_show_the_task(family: Family) -> None:
    poor = VideoConditions(TrackNoise(missed=0.2), speed=2.0, pause=0.5, mirrored=True, turned=1.0)
    for seed, task in enumerate(some(family, 10)):
        demonstration = family.demonstrate(task, np.random.default_rng(seed), poor)
        carried = [demonstration.names[carry.held] for carry in transports(demonstration)]
        assert carried == [a for a, _ in task.named]


# Order fulfilment


def test_four_training_tasks_show_every_category_in_every_container_once() -> None:
    family = OrderFulfilment()
    train = family.tasks(0, 4, TRAIN)
    assert len({pair for task in train for pair in task.named}) == 16
    test = family.tasks(0, 252, TEST)
    assert len({task.goal for task in (*train, *test)}) == 4**4
    with pytest.raises(ValueError, match="only 4 tasks exist, not 5"):
        family.tasks(0, 5, TRAIN)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("objects", [4, 9, 40])
def test_objects_spread_over_all_categories(objects: int, even: bool) -> None:
    family = OrderFulfilment(objects=objects, even=even)
    spreads = set()
    for seed in range(10):
        names = [body.name for body in family.present(np.random.default_rng(seed)) if not body.fixed]
        counts = tuple(names.count(name) for name in ("duck", "lego", "jenga", "bear"))
        assert sum(counts) == objects
        assert min(counts) >= 1
        assert not even or max(counts) - min(counts) <= 1
        spreads.add(counts)
    assert even or objects == 4 or len(spreads) > 1


@pytest.mark.parametrize(
    "family", [OrderFulfilment(), OrderFulfilment(objects=40), OrderFulfilment(8, 8, 80)]
)
def test_containers_stand_near_their_places_and_nothing_in_anything(family: OrderFulfilment) -> None:
    places = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        bodies = family.present(rng)
        layout = family.layout(bodies, rng)
        radii = np.array([body.radius for body in bodies])
        gaps = np.hypot(*(layout.positions[:, None] - layout.positions[None])[..., :2].transpose(2, 0, 1))
        assert (gaps - radii - radii[:, None] + np.eye(len(bodies)) > 0.005).all()
        assert all(family.region.contains((x, y, -0.09)) for x, y, _ in layout.positions)
        places.append(layout.positions[-family.containers :])
    spread = np.ptp(np.stack(places), axis=0)
    assert spread[:, :2].max() <= 0.16
    assert spread[:, :2].min() > 0.05


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("duck>container_2 lego>container_0 jenga>container_1", "no container for bear"),
        ("duck>container_4", "no 'container_4'"),
        ("duck>lego", "a category goes into a container"),
        ("duck>container_1 duck>container_2", "duck has a container already"),
        ("duck", "not a step"),
    ],
)
def test_orders_that_cannot_be_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        OrderFulfilment().parse(text)


# Table clean-up


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fork>tray_0", "a tray on a tray"),
        ("tray_1>tray_0", "a piece of cutlery"),
        ("tray_1>tray_0 fork>tray_0", "cutlery onto the top one"),
        ("tray_1>tray_0 tray_0>tray_1 fork>tray_0", "tray_0 is used twice"),
        ("tray_1>tray_0 fork>tray_1 fork>tray_1", "fork is used twice"),
        ("fork>tray_1 tray_1>tray_0", "cutlery onto the top one"),
        ("tray_1>tray_9 fork>tray_1", "no 'tray_9'"),
    ],
)
def test_clean_ups_that_cannot_be_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TableCleanup().parse(text)


# Block stacking of other sizes


def test_towers_are_as_tall_as_asked_for() -> None:
    heights = [task.tower_height for task in BlockStacking(8, tallest=8, shortest=6).tasks(0, 60)]
    assert set(heights) == {6, 7, 8}
    assert {task.tower_height for task in BlockStacking(12).tasks(0, 200)} == {2, 3, 4}
    assert max(len(task.named) for task in BlockStacking(12).tasks(0, 200)) > 6
    with pytest.raises(ValueError, match="no towers of 2 to 9 of 8 cubes"):
        BlockStacking(8, tallest=9)


def test_more_cubes_than_colours_are_named_by_number() -> None:
    family = BlockStacking(10)
    assert family.parse("9>8 0>9").named == (("cube_9", "cube_8"), ("red", "cube_9"))
    with pytest.raises(ValueError, match="no cube 9, cubes are 0 to 7"):
        BlockStacking().parse("9>1")
