"""What stands on the simulated table: random starts, scene files, and what is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from taskprog.tasks.goods import CONTAINER_NAMES, CONTAINER_SIZE, GOOD_NAMES
from taskprog.tasks.table_top import CUBE_NAMES, TABLE_HEIGHT
from taskprog_sim import order_layout
from taskprog_sim.footprint import Footprint, separation
from taskprog_sim.order_layout import (
    CONTAINER_PLACES,
    GOODS_X,
    GOODS_Y,
    container_footprint,
    order_scene,
    random_counts,
    standing_container,
)
from taskprog_sim.outline import lying
from taskprog_sim.scene_description import SceneDescription, Thing
from taskprog_sim.scenes import describe
from taskprog_sim.world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World("order_fulfilment", camera_size=(64, 48)) as world:
        yield world


def kinds(scene: SceneDescription) -> Counter[str]:
    return Counter(thing.kind for thing in scene.things)


def touching(world: World) -> int:
    """Pairs of objects in contact."""
    n = world.description.objects
    return sum(world.touching(a, b) for a in range(n) for b in range(a))


@pytest.mark.parametrize("objects", [4, 18, 40])
def test_objects_start_at_rest_apart_and_between_the_containers(world: World, objects: int) -> None:
    world.reset("order_fulfilment", 7, objects)
    start = world.positions()
    goods = start[:objects]
    assert world.names[objects:] == CONTAINER_NAMES
    assert touching(world) == 0
    world.step(120)
    assert np.abs(world.positions() - start).max() < 5e-4
    assert (goods[:, 0] > GOODS_X[0]).all()
    assert (goods[:, 0] < GOODS_X[1]).all()
    assert (np.abs(goods[:, 1]) < GOODS_Y[1]).all()
    assert (goods[:, 2] > TABLE_HEIGHT).all()
    assert (goods[:, 2] < TABLE_HEIGHT + 0.03).all()


def test_cluttered_objects_touch_and_rest(world: World) -> None:
    world.start(describe("order_fulfilment", 3, 20, clutter=True))
    start = world.positions()
    world.step(120)
    assert np.abs(world.positions() - start).max() < 1e-3
    world.start(describe("order_fulfilment", 3, 20, clutter=True))
    assert touching(world) > 2
    assert (world.positions() == start).all()


def test_a_reset_keeps_the_clutter() -> None:
    with World("order_fulfilment", 1, camera_size=(64, 48), objects=20, clutter=True) as world:
        world.reset("order_fulfilment", 3)
        assert world.description == describe("order_fulfilment", 3, 20, clutter=True)
        assert touching(world) > 2


def test_categories_are_as_even_as_can_be_or_random() -> None:
    for objects in (4, 10, 40):
        counts = kinds(describe("order_fulfilment", 2, objects))
        shares = [counts[name] for name in GOOD_NAMES]
        assert sum(shares) == objects
        assert max(shares) - min(shares) <= 1
    spread = random_counts(30, seed=4)
    assert sum(spread.values()) == 30
    assert max(spread.values()) - min(spread.values()) > 1
    assert min(spread.values()) >= 1


def test_seeds_draw_which_container_stands_where_and_repeat() -> None:
    first, again, other = (describe("order_fulfilment", seed, 8) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    orders = set()
    for seed in range(8):
        boxes = describe("order_fulfilment", seed, 4).things[4:]
        places = np.array([box.position[:2] for box in boxes])
        apart = np.abs(places[:, None] - np.array(CONTAINER_PLACES)).max(axis=2)
        assert (apart.min(axis=1) <= 0.02).all()
        orders.add(tuple(apart.argmin(axis=1).tolist()))
    assert len(orders) > 3


def test_goods_are_turned_all_ways_and_not_all_lie_alike() -> None:
    things = order_scene(5, {"duck": 20}).things[:20]
    turns = Rotation.from_quat([thing.quaternion for thing in things])
    ups = turns.as_matrix()[:, 2]
    assert len(np.unique(np.round(ups, 3), axis=0)) >= 3
    upright = ups[:, 2] > 0.99
    headings = turns.as_matrix()[upright, :2, 0]
    assert 5 < upright.sum() < 20
    assert np.abs(headings.mean(axis=0)).max() < 0.8


def standing(*places: tuple[float, float]) -> list[Thing]:
    return [standing_container(f"container_{i}", x, y, 0.0) for i, (x, y) in enumerate(places)]


@pytest.mark.parametrize("clutter", [False, True])
def test_only_so_many_spots_are_tried(clutter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = dict.fromkeys(GOOD_NAMES, 10)
    assert order_scene(0, counts, clutter).objects == 40
    monkeypatch.setattr(order_layout, "SPOTS", 60)
    with pytest.raises(ValueError, match=r"no room for 40 objects between the containers$"):
        order_scene(0, counts, clutter)


def test_goods_larger_than_the_free_table_are_refused_untried() -> None:
    between = standing((0.475, 0.11), (0.475, -0.11), (0.69, 0.11), (0.69, -0.11))
    room = r"they cover 0\.0\d\d m2, and 0\.0[12]\d m2 are free"
    with pytest.raises(ValueError, match=f"no room for 40 objects between the containers: {room}"):
        order_scene(0, {"jenga": 40}, containers=between)
    assert order_scene(0, {"duck": 1}, containers=standing((0.475, 0.0), *CONTAINER_PLACES[1:])).objects == 1


def test_goods_lie_closer_where_usual_gaps_leave_no_room() -> None:
    things = order_scene(0, {"jenga": 35}).things[:35]
    outlines = []
    for thing in things:
        yaw, size = lying(thing.kind, np.array(thing.quaternion))
        outlines.append(Footprint(*thing.position[:2], yaw, *size[:2].tolist()))
    assert (
        min(separation(a, outlines[:i]).min() for i, a in enumerate(outlines) if i) >= order_layout.CLOSE_GAP
    )


def test_the_points_that_a_turned_rectangle_covers() -> None:
    turned = Footprint(0.1, 0.2, math.pi / 2, 0.2, 0.1)
    points = np.array([[0.1, 0.2], [0.14, 0.29], [0.16, 0.2], [0.1, 0.31], [0.19, 0.2]])
    assert turned.covers(points).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("clutter", [False, True])
def test_a_hand_has_room_between_goods_and_containers(clutter: bool) -> None:
    *goods, a, b, c, d = describe("order_fulfilment", 4, 40, clutter=clutter).things
    boxes = [container_footprint(box) for box in (a, b, c, d)]
    for thing in goods:
        yaw, size = lying(thing.kind, np.array(thing.quaternion))
        outline = Footprint(*thing.position[:2], yaw, *size[:2].tolist())
        assert separation(outline, boxes).min() > 0.0345


def test_separation_of_turned_rectangles() -> None:
    a = Footprint(0.0, 0.0, 0.0, 0.2, 0.1)
    aside = Footprint(0.3, 0.0, math.pi / 2, 0.2, 0.1)
    assert separation(a, [aside]) == pytest.approx([0.15])
    turned = Footprint(0.0, 0.1, math.pi / 4, 0.1, 0.1)
    assert separation(a, [turned, aside]) == pytest.approx([0.05 - 0.1 / math.sqrt(2) + 0.0, 0.15], abs=1e-9)
    assert separation(a, []).shape == (0,)


def corners() -> list[dict[str, Any]]:
    return [{"name": f"container_{i}", "at": list(CONTAINER_PLACES[i])} for i in range(4)]


def cubes() -> list[dict[str, Any]]:
    return [{"kind": name, "at": [0.4 + 0.06 * i, 0.1], "yaw": 0.1 * i} for i, name in enumerate(CUBE_NAMES)]


def write(folder: Path, content: Any, name: str = "scene.yaml") -> str:
    path = folder / name
    path.write_text(json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content))
    return str(path)


def test_a_file_says_what_lies_where(world: World, tmp_path: Path) -> None:
    content = {
        "scene": "order_fulfilment",
        "objects": [
            {"kind": "duck", "at": [0.5, 0.1], "yaw": 0.5},
            {"kind": "duck", "at": [0.6, 0.0]},
            {"kind": "jenga", "at": [0.5, -0.1], "yaw": 1.0},
        ],
        "containers": corners(),
    }
    for name in ("scene.yaml", "scene.json"):
        world.start(describe(write(tmp_path, content, name), 0))
        assert world.names == ("duck_0", "duck_1", "jenga_0", *CONTAINER_NAMES)
        places = [(0.5, 0.1), (0.6, 0.0), (0.5, -0.1), *CONTAINER_PLACES]
        assert world.positions()[:, :2] == pytest.approx(np.array(places), abs=2e-3)
        assert world.positions()[3:, 2] == pytest.approx(TABLE_HEIGHT + CONTAINER_SIZE[2] / 2)


def test_a_file_may_leave_places_to_the_seed(tmp_path: Path) -> None:
    path = write(tmp_path, {"scene": "order_fulfilment", "counts": {"bear": 3, "duck": 2}, "clutter": True})
    scene = describe(path, 5)
    assert kinds(scene) == {"duck": 2, "bear": 3} | dict.fromkeys(CONTAINER_NAMES, 1)
    assert scene == describe(path, 5)
    assert scene != describe(path, 6)
    assert describe(path, 5, objects=5) == scene
    with pytest.raises(ValueError, match="has 5 objects, not 6"):
        describe(path, 5, objects=6)


def test_a_file_of_cubes(world: World, tmp_path: Path) -> None:
    scene = describe(write(tmp_path, {"scene": "block_stacking", "objects": cubes()[::-1]}), 0)
    assert scene.names == CUBE_NAMES
    assert scene.things[3].position[:2] == pytest.approx((0.58, 0.1))


ORDER = {"scene": "order_fulfilment"}
DUCK = {"kind": "duck", "at": [0.5, 0.1]}
JENGA = {"kind": "jenga", "at": [0.5, 0.1]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("just text", "the file should be a mapping"),
        ({"scene": "kitchen"}, "scene should be one of block_stacking, order_fulfilment, not 'kitchen'"),
        (ORDER, "either counts or objects"),
        (
            ORDER | {"counts": {"unicorn": 1}},
            "unknown kind 'unicorn'; known: duck, lego, jenga, bear",
        ),
        (ORDER | {"counts": {"duck": -1}}, "duck should be a whole number from 0, not -1"),
        (ORDER | {"counts": {"duck": 2.5}}, "duck should be a whole number from 0, not 2.5"),
        (ORDER | {"counts": {"duck": 30, "bear": 11}}, "1 to 40 objects, not 41"),
        (ORDER | {"counts": {"duck": 0}}, "1 to 40 objects, not 0"),
        (
            ORDER
            | {"counts": {"jenga": 40}, "containers": [corners()[0] | {"at": [0.58, 0.0]}, *corners()[1:]]},
            "no room for 40 objects between the containers",
        ),
        (ORDER | {"counts": {"duck": 1}, "clutter": "very"}, "clutter should be true or false"),
        (ORDER | {"counts": {"duck": 1}, "colour": 1}, "unknown key colour; known: scene, counts"),
        (ORDER | {"objects": [DUCK | {"kind": "dog"}]}, r"objects\[0\]: unknown kind 'dog'"),
        (ORDER | {"objects": [DUCK | {"at": [0.5]}]}, r"at should be \[x, y\] in metres"),
        (ORDER | {"objects": [DUCK | {"at": [0.5, "x"]}]}, "'x' should be a finite number"),
        (ORDER | {"objects": [DUCK | {"yaw": math.nan}]}, "nan should be a finite number"),
        (ORDER | {"objects": [DUCK | {"at": [5.0, 0.0]}]}, r"duck at \(5, 0\) is not wholly on the table"),
        (
            ORDER | {"objects": [JENGA | {"at": [1.0, 0.62]}]},
            r"objects\[0\]: jenga at \(1, 0\.62\) is not wholly on the table, which is x 0\.24 to 1, y",
        ),
        (ORDER | {"objects": [JENGA | {"at": [0.26, 0.0]}]}, "not wholly on the table"),
        (
            ORDER | {"objects": [JENGA | {"at": [0.26, 0.0], "yaw": math.pi / 2}]},
            r"beyond the robot's workspace; its middle should be in x 0\.3 to 0\.88, y -0\.5 to 0\.5",
        ),
        (
            ORDER | {"counts": {"duck": 1}, "containers": [corners()[0] | {"at": [1.0, 0.6]}]},
            r"containers\[0\]: container_0 at \(1, 0\.6\) is not wholly on the table",
        ),
        (
            ORDER | {"counts": {"duck": 1}, "containers": [corners()[0] | {"at": [0.6, 0.51]}]},
            r"containers\[0\]: container_0 at \(0\.6, 0\.51\) is beyond the robot's workspace",
        ),
        (
            {"scene": "block_stacking", "objects": [cubes()[0] | {"at": [0.9, 0.1]}]},
            r"red at \(0\.9, 0\.1\) is beyond the robot's workspace",
        ),
        (ORDER | {"objects": [DUCK, DUCK]}, "duck_0 and duck_1 overlap"),
        (
            ORDER | {"objects": [DUCK | {"at": [0.45, 0.42]}], "containers": corners()},
            "container_0 and duck_0",
        ),
        (ORDER | {"counts": {"duck": 1}, "containers": corners()[:3]}, "container_3 missing"),
        (ORDER | {"counts": {"duck": 1}, "containers": [*corners(), corners()[0]]}, "there twice"),
        ({"scene": "block_stacking", "objects": cubes()[1:]}, "red missing"),
        ({"scene": "block_stacking", "objects": [*cubes(), cubes()[0]]}, "one red cube only"),
        ({"scene": "block_stacking", "counts": {"duck": 1}}, "unknown key counts"),
    ],
)
def test_an_impossible_file_is_refused_with_the_reason(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        describe(write(tmp_path, content), 0)
    assert "scene.yaml" in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: No such file"):
        describe(str(tmp_path / "none.yaml"), 0)
    (tmp_path / "broken.json").write_text("{[")
    with pytest.raises(ValueError, match=r"broken\.json: neither YAML nor JSON"):
        describe(str(tmp_path / "broken.json"), 0)


def test_impossible_numbers_and_seeds_are_refused() -> None:
    for objects in (3, 41):
        with pytest.raises(ValueError, match=f"takes 4 to 40 objects, not {objects}"):
            describe("order_fulfilment", 0, objects)
    with pytest.raises(ValueError, match="'block_stacking' has 8 objects, not 5"):
        describe("block_stacking", 0, 5)
    with pytest.raises(ValueError, match="seed is 0 or more, not -1"):
        describe("order_fulfilment", -1)
