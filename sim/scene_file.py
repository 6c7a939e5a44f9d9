"""Scenes from a YAML or JSON file.

For example::

    scene: order_fulfilment
    counts: {duck: 5, jenga: 3}        # at random places; or each object where it lies:
    objects:
      - {kind: duck, at: [0.5, 0.1], yaw: 0.3}
    containers:                        # by default near their usual places; if given, all four
      - {name: container_0, at: [0.42, 0.42], yaw: 0.0}
    clutter: false                     # counts only: some objects touch

Metres and radians in frame ``base``. In ``block_stacking`` an object's kind is a cube's colour, all eight
are needed, and there are no counts, containers or clutter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from taskprog.tasks.block_stacking import Layout
from taskprog.tasks.goods import CONTAINER_NAMES, CONTAINER_SIZE, GOOD_NAMES, GOODS, good_of
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, TABLE_HEIGHT, WORKSPACE
from taskprog_sim.footprint import Footprint, separation
from taskprog_sim.order_layout import (
    MAX_OBJECTS,
    container_footprint,
    lying_good,
    order_scene,
    random_containers,
    standing_container,
)
from taskprog_sim.scene import TABLE_X, TABLE_Y
from taskprog_sim.scene_description import (
    BLOCK_STACKING,
    ORDER_FULFILMENT,
    SCENES,
    SceneDescription,
    Thing,
    stacking_scene,
)

SUFFIXES = (".yaml", ".yml", ".json")
# Length and width as seen from above, metres.
CUBE_OUTLINES = dict.fromkeys(CUBE_NAMES, (CUBE_SIZE, CUBE_SIZE))
GOOD_OUTLINES = {good.name: good.rests[0].extent[:2] for good in GOODS}
CONTAINER_OUTLINES = dict.fromkeys(CONTAINER_NAMES, CONTAINER_SIZE[:2])
KEYS = {
    BLOCK_STACKING: ("scene", "objects"),
    ORDER_FULFILMENT: ("scene", "counts", "objects", "containers", "clutter"),
}


class SceneFileError(ValueError):
    """A scene file cannot be used; says what is wrong and what would be right."""


def read_scene(path: Path, seed: int, objects: int = 0, clutter: bool = False) -> SceneDescription:
    """Read a scene; ``seed`` and ``clutter`` are of what the file leaves open.

    Args:
        objects: 0, or as many as the file says: it has the last word.

    Raises:
        SceneFileError: no such file, or not a possible scene.
    """
    try:
        scene = _scene(_load(path), seed, clutter)
        if objects not in (0, scene.objects):
            raise SceneFileError(f"it has {scene.objects} objects, not {objects}")
    except ValueError as error:
        raise SceneFileError(f"scene file {path}: {error}") from error
    return scene


def _load(path: Path) -> Mapping[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML, too
    except OSError as error:
        raise SceneFileError(error.strerror or str(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SceneFileError(f"neither YAML nor JSON: {' '.join(str(error).split())}") from error
    return _mapping(content, "the file")


def _scene(content: Mapping[str, object], seed: int, clutter: bool) -> SceneDescription:
    family = content.get("scene")
    if family not in SCENES:
        raise SceneFileError(f"scene should be one of {', '.join(SCENES)}, not {family!r}")
    _check_keys(content, KEYS[str(family)], "the file")
    return _stacking(content) if family == BLOCK_STACKING else _order(content, seed, clutter)


def _stacking(content: Mapping[str, object]) -> SceneDescription:
    spots: dict[str, Footprint] = {}
    for name, spot in _places(content.get("objects", []), "objects", "kind", CUBE_OUTLINES):
        if name in spots:
            raise SceneFileError(f"objects: there is one {name} cube only")
        spots[name] = spot
    _check_complete(spots, CUBE_NAMES)
    _check_apart(spots)
    at = [spots[name] for name in CUBE_NAMES]
    positions = np.array([(spot.x, spot.y, TABLE_HEIGHT + CUBE_SIZE / 2) for spot in at])
    return stacking_scene(Layout(positions, np.array([spot.yaw for spot in at])))


def _order(content: Mapping[str, object], seed: int, clutter: bool) -> SceneDescription:
    if ("counts" in content) == ("objects" in content):
        raise SceneFileError("either counts or objects should be given")
    containers = _containers(content.get("containers"), seed)
    spots = {box.name: container_footprint(box) for box in containers}
    _check_apart(spots)
    if "counts" in content:
        touching = content.get("clutter", clutter)
        if not isinstance(touching, bool):
            raise SceneFileError(f"clutter should be true or false, not {touching!r}")
        return order_scene(seed, _counts(content["counts"]), touching, containers)
    if "clutter" in content:
        raise SceneFileError("clutter goes with counts; with objects each lies where it is said to")
    goods = []
    number = dict.fromkeys(GOOD_NAMES, 0)
    for kind, spot in _places(content["objects"], "objects", "kind", GOOD_OUTLINES):
        name = f"{kind}_{number[kind]}"
        number[kind] += 1
        spots[name] = spot
        goods.append(lying_good(name, good_of(kind).rests[0], spot))
    _check_total(len(goods))
    _check_apart(spots)
    return SceneDescription(ORDER_FULFILMENT, (*goods, *containers))


def _containers(content: object, seed: int) -> tuple[Thing, ...]:
    if content is None:
        return random_containers(np.random.default_rng(seed))
    boxes: dict[str, Thing] = {}
    for name, spot in _places(content, "containers", "name", CONTAINER_OUTLINES):
        if name in boxes:
            raise SceneFileError(f"containers: {name} is there twice")
        boxes[name] = standing_container(name, spot.x, spot.y, spot.yaw)
    _check_complete(boxes, CONTAINER_NAMES)
    return tuple(boxes[name] for name in CONTAINER_NAMES)


def _counts(content: object) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind, count in _mapping(content, "counts").items():
        if kind not in GOOD_NAMES:
            raise SceneFileError(f"counts: unknown kind {kind!r}; known: {', '.join(GOOD_NAMES)}")
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise SceneFileError(f"counts: {kind} should be a whole number from 0, not {count!r}")
        counts[kind] = count
    _check_total(sum(counts.values()))
    return {kind: counts[kind] for kind in GOOD_NAMES if kind in counts}


def _check_total(objects: int) -> None:
    if not 1 <= objects <= MAX_OBJECTS:
        raise SceneFileError(f"there can be 1 to {MAX_OBJECTS} objects, not {objects}")


def _places(
    content: object, what: str, key: str, outlines: Mapping[str, tuple[float, float]]
) -> list[tuple[str, Footprint]]:
    """Name and place of every entry of a list; ``outlines`` are length and width by known name, metres."""
    if not isinstance(content, list):
        raise SceneFileError(f"{what} should be a list")
    places = []
    for index, item in enumerate(content):
        where = f"{what}[{index}]"
        entry = _mapping(item, where)
        _check_keys(entry, (key, "at", "yaw"), where)
        name = entry.get(key)
        if not isinstance(name, str) or name not in outlines:
            raise SceneFileError(f"{where}: unknown {key} {name!r}; known: {', '.join(outlines)}")
        at = entry.get("at")
        if not isinstance(at, list) or len(at) != 2:
            raise SceneFileError(f"{where}: at should be [x, y] in metres, not {at!r}")
        x, y, yaw = (_number(value, where) for value in (*at, entry.get("yaw", 0.0)))
        spot = Footprint(x, y, yaw, *outlines[name])
        _check_place(spot, f"{where}: {name} at ({x:g}, {y:g})")
        places.append((name, spot))
    return places


def _check_place(spot: Footprint, what: str) -> None:
    """Raise SceneFileError unless all of a thing is on the table and its middle in the workspace."""
    if not spot.inside(TABLE_X, TABLE_Y):
        raise SceneFileError(f"{what} is not wholly on the table, which is {_bounds(TABLE_X, TABLE_Y)}")
    x, y = WORKSPACE.x, WORKSPACE.y
    if not (x[0] <= spot.x <= x[1] and y[0] <= spot.y <= y[1]):
        raise SceneFileError(
            f"{what} is beyond the robot's workspace; its middle should be in {_bounds(x, y)}"
        )


def _bounds(x: tuple[float, float], y: tuple[float, float]) -> str:
    return f"x {x[0]:g} to {x[1]:g}, y {y[0]:g} to {y[1]:g}"


def _mapping(content: object, what: str) -> Mapping[str, object]:
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SceneFileError(f"{what} should be a mapping of names to values")
    return content


def _check_keys(content: Mapping[str, object], known: Sequence[str], where: str) -> None:
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise SceneFileError(f"{where}: unknown key {', '.join(unknown)}; known: {', '.join(known)}")


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SceneFileError(f"{where}: {value!r} should be a finite number")
    return float(value)


def _check_complete(given: Mapping[str, object], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in given]
    if missing:
        raise SceneFileError(f"{', '.join(missing)} missing: all of {', '.join(wanted)} are needed")


def _check_apart(spots: Mapping[str, Footprint]) -> None:
    names, outlines = list(spots), list(spots.values())
    for index, name in enumerate(names):
        gaps = separation(outlines[index], outlines[:index])
        if len(gaps) and gaps.min() < 0.0:
            raise SceneFileError(f"{names[int(gaps.argmin())]} and {name} overlap")
