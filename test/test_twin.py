"""The kinematic twin: what works, what falls, what is seen, and what people do to it."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.machine import Call, CancelToken, Observation, OutcomeCode
from taskprog.tasks.block_stacking import LIBRARY, PLACE_OFFSET, BlockStacking, is_on, random_layout
from taskprog.tasks.conditions import Disturbances, WorldNoise
from taskprog.tasks.order_fulfilment import RELEASE, OrderFulfilment
from taskprog.tasks.scene import Layout
from taskprog.tasks.table_cleanup import TableCleanup
from taskprog.tasks.table_top import CUBE_SIZE
from taskprog.tasks.twin import HOME, RETREAT, TwinDomain

EXACT = WorldNoise(0.0, 0.0)
CUBES = BlockStacking().filmed


def twin(noise: WorldNoise = EXACT, disturbances: Disturbances | None = None, seed: int = 0) -> TwinDomain:
    return TwinDomain(CUBES, random_layout(seed), np.random.default_rng(seed), noise, disturbances)


def do(domain: TwinDomain, name: str, *args: str | float) -> OutcomeCode:
    return domain.execute(Call(LIBRARY[name], args), CancelToken()).code


def put(domain: TwinDomain, a: str, b: str, release: float = PLACE_OFFSET) -> Observation:
    """Pick a, place it on b; the observation before it is let go."""
    domain.observe()
    do(domain, "move_to", a, 0.0)
    assert do(domain, "close_gripper") is OutcomeCode.SUCCEEDED
    domain.observe()
    do(domain, "move_to", b, release)
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
    domain = twin()
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


def test_where_a_cube_stands_no_other_can_be_put() -> None:
    domain = twin()
    put(domain, "red", "blue")
    standing = domain.positions[0].copy()
    put(domain, "green", "blue")
    assert domain.mishaps == ["toppled green"]
    np.testing.assert_array_equal(domain.positions[0], standing)
    green = domain.positions[CUBES.index(next(cube for cube in CUBES if cube.name == "green"))]
    assert np.hypot(*(green - standing)[:2]) > CUBE_SIZE


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


def warehouse(objects: int = 8) -> TwinDomain:
    """Categories duck, lego, jenga, bear; every duck belongs into container_1."""
    family = OrderFulfilment(objects=objects)
    task = family.parse("duck>container_1 lego>container_0 jenga>container_1 bear>container_3")
    return family.world(task, np.random.default_rng(5), EXACT)


def test_what_lies_in_a_container_is_seen_no_more_and_the_next_one_of_its_category_is() -> None:
    domain = warehouse()
    before = domain.observe()
    assert before.names == ("duck", "lego", "jenga", "bear", *(f"container_{i}" for i in range(4)))
    put(domain, "duck", "container_1", RELEASE)
    assert domain.mishaps == []
    assert domain.unmet().count("duck>container_1") == 1
    after = domain.observe()
    assert not np.allclose(after.positions[0], before.positions[0])
    put(domain, "duck", "container_1", RELEASE)
    assert domain.observe().names == before.names[1:]
    assert len(domain.unmet()) == 6
    assert do(domain, "move_to", "duck", 0.0) is OutcomeCode.UNKNOWN_OBJECT


def test_of_a_category_the_nearest_is_seen_and_the_held_one_while_it_is_held() -> None:
    domain = warehouse(40)
    ducks = domain.positions[:10]
    nearest = int(np.argmin(np.linalg.norm(ducks - HOME, axis=1)))
    np.testing.assert_allclose(domain.observe().positions[0], ducks[nearest], atol=1e-6)
    do(domain, "move_to", "duck", 0.0)
    do(domain, "close_gripper")
    do(domain, "move_to", "container_3", 0.3)
    held = domain.observe()
    np.testing.assert_allclose(held.positions[0], held.gripper, atol=1e-6)


def test_objects_in_the_wrong_container_or_beside_one_are_unmet() -> None:
    domain = warehouse(4)
    for category, container in (("lego", 0), ("jenga", 1), ("bear", 3)):
        put(domain, category, f"container_{container}", RELEASE)
    assert domain.unmet() == ["duck>container_1"]
    put(domain, "duck", "container_2", RELEASE)
    assert domain.unmet() == ["duck>container_1"]


def test_containers_cannot_be_taken() -> None:
    domain = warehouse()
    domain.observe()
    do(domain, "move_to", "container_0", 0.0)
    assert do(domain, "close_gripper") is OutcomeCode.NOTHING_HELD


def test_cutlery_lies_side_by_side_on_the_top_tray_and_falls_if_it_is_taken() -> None:
    family = TableCleanup()
    task = family.parse("tray_1>tray_0 tray_2>tray_1 fork>tray_2 knife>tray_2")
    domain = family.world(task, np.random.default_rng(0), EXACT)
    for a, b in task.named:
        put(domain, a, b)
    assert (domain.unmet(), domain.mishaps) == ([], [])
    fork, knife = domain.positions[4], domain.positions[5]
    assert fork[2] == pytest.approx(knife[2])
    domain.observe()
    do(domain, "move_to", "tray_1", 0.0)
    do(domain, "close_gripper")
    assert sorted(domain.mishaps) == ["toppled fork", "toppled knife", "toppled tray_2"]
    assert len(domain.unmet()) == 4


def test_what_is_held_is_not_where_it_belongs() -> None:
    family = BlockStacking()
    domain = family.world(family.parse("0>5"), np.random.default_rng(0), EXACT)
    domain.observe()
    do(domain, "move_to", "red", 0.0)
    do(domain, "close_gripper")
    do(domain, "move_to", "blue", PLACE_OFFSET)
    assert domain.unmet() == ["red>blue"]
    do(domain, "open_gripper")
    assert domain.unmet() == []


def test_a_person_who_meddles_once_does_so_once_within_ten_primitives() -> None:
    family = BlockStacking()
    task = family.parse("0>5 1>0 2>1 4>3")
    moments = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        domain = family.world(task, rng, EXACT, Disturbances(meddle_once=True))
        meddled = 0
        for primitive in range(30):
            do(domain, "open_gripper")
            happened = sum(mishap.startswith("meddled") for mishap in domain.mishaps)
            if happened > meddled:
                moments.add(primitive)
            meddled = happened
        assert meddled == 1
    assert moments <= set(range(10))
    assert len(moments) > 5


def test_detections_and_motions_are_as_noisy_as_asked() -> None:
    domain = twin(WorldNoise(0.004, 0.0))
    seen = np.stack([domain.observe().positions for _ in range(400)])
    assert np.std(seen - domain.positions, axis=0).mean() == pytest.approx(0.004, rel=0.1)
    errors = []
    for seed in range(300):
        domain = twin(WorldNoise(0.0, 0.005), seed=seed)
        domain.observe()
        do(domain, "move_to", "red", 0.1)
        errors.append(domain.observe().gripper[:2] - domain.positions[0, :2])
    assert np.std(errors) == pytest.approx(0.005, rel=0.15)


def test_a_crowded_table_still_takes_what_falls() -> None:
    rng = np.random.default_rng(0)
    crowded = Layout(np.tile(random_layout(0).positions[:1], (8, 1)), np.zeros(8))
    domain = TwinDomain(CUBES, crowded, rng, EXACT, Disturbances(meddle=1.0))
    for _ in range(50):
        do(domain, "open_gripper")
    gaps = np.linalg.norm(domain.positions[:, None] - domain.positions[None], axis=-1)
    assert gaps[~np.eye(8, dtype=bool)].min() > CUBE_SIZE
