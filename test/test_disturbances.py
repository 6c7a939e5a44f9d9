"""Mishaps that the simulator makes on request."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sim_moves import ABOVE, Mover

from taskprog.tasks.block_stacking import Layout, random_layout
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT, Region
from taskprog_sim.disturbances import Undisturbed, disturb, towers
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World

RED, ORANGE, YELLOW = 0, 1, 2
TABLE = Region((0.30, 0.90), (-0.55, 0.55), (TABLE_HEIGHT, TABLE_HEIGHT + 0.05))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(camera_size=(64, 48)) as world:
        yield world


def run(world: World, kind: str, name: str = "", seconds: float = 0.0, seed: int = 0) -> str:
    """The disturbance alone, while the robot holds still."""
    steps = disturb(world, kind, name, seconds, seed)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return str(stop.value)
        world.step()


def with_tower(*cubes: int) -> Layout:
    """The layout of seed 0, with these cubes in a tower, from below."""
    start = random_layout(0)
    positions, yaws = start.positions.copy(), start.yaws.copy()
    for level, cube in enumerate(cubes):
        positions[cube] = positions[cubes[0]] + [0.0, 0.0, level * CUBE_SIZE]
        yaws[cube] = yaws[cubes[0]]
    return Layout(positions, yaws)


def test_the_held_object_is_knocked_out_and_lands_on_the_table(world: World) -> None:
    world.reset("block_stacking", 1)
    with pytest.raises(Undisturbed, match="nothing is held"):
        run(world, "knock_out")
    Mover(world).pick(YELLOW)
    with pytest.raises(Undisturbed, match="red is not held"):
        run(world, "knock_out", "red")
    assert "knocked yellow out of the hand" in run(world, "knock_out")
    assert not world.held(YELLOW)
    assert world.at_rest(YELLOW)
    assert TABLE.contains(tuple(world.positions()[YELLOW]))


def test_what_still_stands_is_not_knocked_out(world: World) -> None:
    world.reset("block_stacking", 1)
    mover = Mover(world)
    mover.pick(YELLOW)
    lifted = world.positions()[YELLOW]
    mover.go(lifted - [0.0, 0.0, ABOVE], 0.0)
    with pytest.raises(Undisturbed, match="yellow is held, but not lifted yet"):
        run(world, "knock_out")


@pytest.mark.parametrize("cubes", [(RED, ORANGE), (RED, ORANGE, YELLOW, 3, 4)])
def test_a_tower_is_toppled_and_its_cubes_stay_on_the_table(world: World, cubes: tuple[int, ...]) -> None:
    world.start(stacking_scene(with_tower(*cubes)))
    world.step(120)
    assert towers(world) == [cubes]
    assert " on red" in run(world, "topple")
    assert cubes not in towers(world)
    for cube in cubes:
        place = world.positions()[cube]
        assert TABLE.x[0] < place[0] < TABLE.x[1]
        assert abs(place[1]) < TABLE.y[1]
    world.reset("block_stacking", 0)
    with pytest.raises(Undisturbed, match="no tower stands"):
        run(world, "topple")


def test_the_highest_or_the_named_tower_is_toppled(world: World) -> None:
    layout = with_tower(RED, ORANGE)
    layout.positions[5:8] = layout.positions[5] + CUBE_SIZE * np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2]])
    layout.yaws[5:8] = 0.0
    world.start(stacking_scene(layout))
    world.step(120)
    assert "red" in run(world, "topple", "orange")
    assert (5, 6, 7) in towers(world)
    assert "pink on purple on blue" in run(world, "topple")


def test_an_object_is_moved_to_a_free_place(world: World) -> None:
    world.reset("order_fulfilment", 2, 12)
    before = world.positions()
    assert "moved duck_1 from" in run(world, "move_object", "duck_1")
    moved = np.linalg.norm(world.positions() - before, axis=1) > 0.005
    assert [world.names[k] for k in np.flatnonzero(moved)] == ["duck_1"]
    run(world, "move_object", seed=4)
    moved = np.linalg.norm(world.positions() - before, axis=1) > 0.005
    assert moved.sum() == 2
    n = world.description.objects
    assert not any(world.touching(a, b) for a in range(n) for b in range(a))


def test_what_has_something_on_it_or_is_fixed_stays(world: World) -> None:
    world.start(stacking_scene(with_tower(RED, ORANGE)))
    world.step(120)
    with pytest.raises(Undisturbed, match="red is fixed, held, or has something on it"):
        run(world, "move_object", "red")
    for seed in range(6):
        assert "moved red" not in run(world, "move_object", seed=seed)
    world.reset("order_fulfilment", 0, 4)
    with pytest.raises(Undisturbed, match="container_0 is fixed"):
        run(world, "move_object", "container_0")
    with pytest.raises(Undisturbed, match="no 'spoon'; there are duck_0"):
        run(world, "move_object", "spoon")


def test_an_object_is_added_and_gone_after_a_reset(world: World) -> None:
    world.reset("order_fulfilment", 2, 8)
    assert "added duck_2 at" in run(world, "add_object", "duck")
    assert world.names[8] == "duck_2"
    assert world.names[9] == "container_0"
    assert world.positions().shape == (13, 3)
    assert world.description.objects == 9
    world.reset("order_fulfilment", 3)
    assert world.description.objects == 8
    world.reset("order_fulfilment", 0, 40)
    with pytest.raises(Undisturbed, match="40 objects are there already"):
        run(world, "add_object")
    world.reset("block_stacking", 0)
    with pytest.raises(Undisturbed, match="one cube of each colour"):
        run(world, "add_object")


def test_the_camera_is_blind_for_so_long(world: World) -> None:
    world.reset("block_stacking", 0)
    steps = disturb(world, "blind_camera", seconds=0.5)
    next(steps)
    dark = world.camera.render()
    assert not dark.rgb.any()
    assert np.isnan(dark.depth).all()
    world.step(119)
    assert not world.camera.render().rgb.any()
    world.step(2)
    assert world.camera.render().rgb.any()
    assert np.isfinite(world.camera.render().depth).all()
    for nonsense in (0.0, -1.0, 1e6, float("nan")):
        with pytest.raises(Undisturbed, match="blind for more than 0 to 60 s"):
            run(world, "blind_camera", seconds=nonsense)


def test_an_unknown_disturbance_is_refused(world: World) -> None:
    with pytest.raises(Undisturbed, match="unknown disturbance 'earthquake'; known: knock_out, topple"):
        run(world, "earthquake")
