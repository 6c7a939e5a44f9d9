"""What goes wrong on purpose, to see how the robot copes: each says what it did, or why it could not.

A disturbance is a generator that yields whenever a step of time shall pass and returns what it did; so one
runs beside the robot's motions, in a simulator's thread (``jobs.disturb``) or step by step in a test.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.block_stacking import is_on
from taskprog.tasks.goods import CONTAINER_NAMES, GOOD_NAMES
from taskprog.tasks.table_top import CUBE_SIZE, LAYOUT_REGION, TABLE_HEIGHT
from taskprog_sim.bullet import TIME_STEP
from taskprog_sim.footprint import Footprint, separation
from taskprog_sim.goods import yaw_quaternion
from taskprog_sim.order_layout import HAND_ROOM, MAX_OBJECTS, container_footprint, free_spot
from taskprog_sim.outline import lying
from taskprog_sim.scene_description import BLOCK_STACKING, Thing, kind_of
from taskprog_sim.scorer import is_inside
from taskprog_sim.world import World

Floats = NDArray[np.float64]
Disturbing = Generator[None, None, str]

PULLS = range(10, 200, 10)  # newtons, one after the other, until what is held has slipped out
LOST_STEPS = 6  # without contact with both fingers: it is out of the hand
SLOWEST_FALL = 0.3  # metres a second that what was knocked out may have: it falls, it is not shot
# Metres a second of a tower's second cube, enough to slide off the lowest, and more for each level above.
TOPPLE_SPEED, TOPPLE_MORE = 0.8, 0.2
FALL_STEPS = 240  # in which a tower must break
REST_STEPS = 720  # in which things come to rest
GAPS = (0.03, 0.012, 0.004)  # metres around a free place, the first that can be had
HAND = 0.20  # metres along x and y that are kept free around the hand
TRIES = 300
MAX_BLIND = 60.0  # seconds


class Undisturbed(ValueError):
    """A disturbance is not possible now; says why."""


class Disturbance(Enum):
    """What can go wrong."""

    KNOCK_OUT = "knock_out"  # the held object leaves the hand
    TOPPLE = "topple"  # a tower falls
    MOVE_OBJECT = "move_object"  # somebody puts an object elsewhere
    ADD_OBJECT = "add_object"  # somebody brings another one
    BLIND_CAMERA = "blind_camera"  # the lens is covered for a while


def disturb(world: World, kind: str, name: str = "", seconds: float = 0.0, seed: int = 0) -> Disturbing:
    """Disturb a world.

    Args:
        kind: a value of ``Disturbance``.
        name: of the object, of a cube in the tower, or of the category that is added; empty: any.
        seconds: that the camera is blind.
        seed: of what is left open.

    Returns:
        A generator that returns what it did.

    Raises:
        Undisturbed: there is no such disturbance, or it is not possible now; some only when it is run.
    """
    rng = np.random.default_rng(seed)
    if kind not in {known.value for known in Disturbance}:
        known_kinds = ", ".join(known.value for known in Disturbance)
        raise Undisturbed(f"unknown disturbance {kind!r}; known: {known_kinds}")
    match Disturbance(kind):
        case Disturbance.KNOCK_OUT:
            return knock_out(world, name, rng)
        case Disturbance.TOPPLE:
            return topple(world, name, rng)
        case Disturbance.MOVE_OBJECT:
            return move_object(world, name, rng)
        case Disturbance.ADD_OBJECT:
            return add_object(world, name, rng)
        case Disturbance.BLIND_CAMERA:
            return blind_camera(world, seconds)


def knock_out(world: World, name: str, rng: np.random.Generator) -> Disturbing:
    """Pull what is held out of the hand, downwards and to a random side along the pads."""
    held = [index for index in range(len(world.names)) if world.held(index)]
    if name:
        held = [index for index in held if index == _index(world, name)]
    if not held:
        raise Undisturbed(f"{name or 'nothing'} is {'not ' if name else ''}held")
    index = held[0]
    if not world.lifted(index):
        raise Undisturbed(f"{world.names[index]} is held, but not lifted yet")
    left, right = world.sawyer.finger_positions()
    side = np.cross(right - left, [0.0, 0.0, 1.0]) * rng.choice([-1.0, 1.0])
    way = np.array([0.0, 0.0, -1.0]) + 0.7 * side / max(float(np.linalg.norm(side)), 1e-9)
    way /= np.linalg.norm(way)
    for pull in PULLS:
        world.push(index, pull * way)
        yield
        if world.held(index):
            continue
        world.limit_speed(index, SLOWEST_FALL)
        for _ in range(LOST_STEPS):
            yield
            if world.held(index):  # a moving hand lets go for a moment, and has it again
                break
        else:
            break
    else:
        raise Undisturbed(f"{world.names[index]} is held too firmly to be knocked out")
    yield from _wait_for_rest(world, index)
    return f"knocked {world.names[index]} out of the hand; it lies at {_place(world, index)}"


def topple(world: World, name: str, rng: np.random.Generator) -> Disturbing:
    """Sweep a tower over, to where there is most room: the highest one, or that with the named cube in it."""
    standing = [tower for tower in towers(world) if not any(world.held(index) for index in tower)]
    if name:
        standing = [tower for tower in standing if _index(world, name) in tower]
    if not standing:
        raise Undisturbed(f"no tower stands{f' with {name} in it' if name else ''}")
    tower = max(standing, key=len)
    text = " on ".join(world.names[index] for index in reversed(tower))
    way = _way_to_fall(world, tower, rng)
    for level, index in enumerate(tower):
        if level:
            world.throw(index, (TOPPLE_SPEED + TOPPLE_MORE * (level - 1)) * way)
    for _ in range(FALL_STEPS):
        yield
    positions = world.positions()
    if all(is_on(positions[a], positions[b]) for b, a in pairwise(tower)):
        raise Undisturbed(f"the tower {text} did not fall")
    for index in tower:
        yield from _wait_for_rest(world, index)
    return f"toppled the tower {text}"


def towers(world: World) -> list[tuple[int, ...]]:
    """Cubes that stand on one another, by their indices, from below."""
    if world.description.family != BLOCK_STACKING:
        return []
    positions = world.positions()
    n = len(positions)
    on = {b: a for a in range(n) for b in range(n) if a != b and is_on(positions[a], positions[b])}
    result = []
    for lowest in set(on) - set(on.values()):
        tower = [lowest]
        while tower[-1] in on:
            tower.append(on[tower[-1]])
        result.append(tuple(tower))
    return sorted(result)


def move_object(world: World, name: str, rng: np.random.Generator) -> Disturbing:
    """Put an object elsewhere on the table: the named one, or one that nobody has yet put anywhere."""
    if name:
        index = _index(world, name)
        if not world.description.things[index].movable or world.held(index) or _burdened(world, index):
            raise Undisturbed(f"{name} is fixed, held, or has something on it")
    else:
        free = [index for index in range(len(world.names)) if _lies_free(world, index)]
        if not free:
            raise Undisturbed("no object lies free on the table")
        index = int(rng.choice(free))
    spot = _free_place(world, index, world.names[index], rng)
    before = _place(world, index)
    world.place(index, spot)
    yield from _wait_for_rest(world, index)
    return f"moved {world.names[index]} from {before} to {_place(world, index)}"


def add_object(world: World, name: str, rng: np.random.Generator) -> Disturbing:
    """Put one more object of a category on the table."""
    if world.description.family == BLOCK_STACKING:
        raise Undisturbed("there is one cube of each colour; none can be added")
    if name and name not in GOOD_NAMES:
        raise Undisturbed(f"unknown category {name!r}; known: {', '.join(GOOD_NAMES)}")
    if world.description.objects >= MAX_OBJECTS:
        raise Undisturbed(f"{MAX_OBJECTS} objects are there already, no more can be")
    category = name or str(rng.choice(GOOD_NAMES))
    number = sum(kind_of(known) == category for known in world.names)
    spot = _free_place(world, None, category, rng)
    index = world.add(Thing(f"{category}_{number}", spot.position, spot.quaternion))
    yield from _wait_for_rest(world, index)
    return f"added {world.names[index]} at {_place(world, index)}"


def blind_camera(world: World, seconds: float) -> Disturbing:
    """Cover the camera's lens: black pictures without depth."""
    if not 0.0 < seconds <= MAX_BLIND:
        raise Undisturbed(f"the camera can be blind for more than 0 to {MAX_BLIND:g} s, not {seconds:g} s")
    world.camera.blind_until = world.time + seconds
    for _ in range(math.ceil(seconds / TIME_STEP)):
        yield
    return f"the camera was blind for {seconds:g} s"


def _index(world: World, name: str) -> int:
    if name not in world.names:
        raise Undisturbed(f"there is no {name!r}; there are {', '.join(world.names)}")
    return world.names.index(name)


def _place(world: World, index: int) -> str:
    return "({:.3f}, {:.3f}, {:.3f})".format(*world.positions()[index])


def _wait_for_rest(world: World, index: int) -> Generator[None, None, None]:
    for _ in range(REST_STEPS):
        yield
        if world.at_rest(index):
            return


def _burdened(world: World, index: int) -> bool:
    """Whether something lies on it."""
    heights = world.positions()[:, 2]
    others = (k for k in range(len(heights)) if k != index)
    return any(heights[k] > heights[index] + 0.005 and world.touching(k, index) for k in others)


def _lies_free(world: World, index: int) -> bool:
    """Whether an object lies on the table by itself: in no hand, tower or container, under nothing."""
    thing, positions = world.description.things[index], world.positions()
    if not thing.movable or positions[index, 2] > TABLE_HEIGHT + CUBE_SIZE or world.held(index):
        return False
    orientations = world.orientations()
    boxes = [k for k, name in enumerate(world.names) if name in CONTAINER_NAMES]
    inside = any(is_inside(positions[index], positions[k], orientations[k]) for k in boxes)
    return not inside and not _burdened(world, index)


def _way_to_fall(world: World, tower: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """(3,) The direction in which there is most room as far as a tower is high."""
    positions = world.positions()
    others = np.delete(positions[:, :2], tower, axis=0)
    best, most = np.zeros(3), -math.inf
    for angle in rng.uniform(0.0, math.tau) + np.arange(16) * math.tau / 16:
        way = np.array([math.cos(angle), math.sin(angle), 0.0])
        reach = np.arange(1, len(tower) + 1)[:, None] * CUBE_SIZE
        landing = positions[tower[0], :2] + reach * way[:2]
        room = float(np.linalg.norm(landing[:, None] - others, axis=2).min()) if len(others) else 1.0
        (left, right), (near, far) = LAYOUT_REGION.x, LAYOUT_REGION.y
        low, high = landing.min(axis=0) - (left, near), (right, far) - landing.max(axis=0)
        room = min(room, float(low.min()) + 0.1, float(high.min()) + 0.1)
        if room > most:
            best, most = way, room
    return best


def _free_place(world: World, index: int | None, name: str, rng: np.random.Generator) -> Thing:
    """A place for the thing at ``index``, or for a new one, apart from all others and from the hand."""
    taken = [_outline(world, k) for k in range(len(world.names)) if k != index]
    hand = np.mean(world.sawyer.finger_positions(), axis=0)
    taken.append(Footprint(float(hand[0]), float(hand[1]), 0.0, HAND, HAND))
    for gap in GAPS:
        if world.description.family == BLOCK_STACKING:
            spot = _cube_spot(name, taken, gap, rng)
        else:
            spot = free_spot(kind_of(name), taken, rng, gap)
        if spot is not None:
            return spot
    raise Undisturbed(f"no free place for {name} on the table")


def _cube_spot(name: str, taken: list[Footprint], gap: float, rng: np.random.Generator) -> Thing | None:
    for _ in range(TRIES):
        x, y = rng.uniform(*LAYOUT_REGION.x), rng.uniform(*LAYOUT_REGION.y)
        spot = Footprint(x, y, rng.uniform(-math.pi, math.pi), CUBE_SIZE, CUBE_SIZE)
        if (separation(spot, taken) >= gap).all():
            return Thing(name, (x, y, TABLE_HEIGHT + CUBE_SIZE / 2), yaw_quaternion(spot.yaw))
    return None


def _outline(world: World, index: int) -> Footprint:
    """Where the thing at ``index`` leaves no place: containers have a hand's room around them."""
    poses = world.poses()
    (x, y, _), quaternion = poses.positions[index].tolist(), poses.quaternions[index]
    kind = kind_of(world.names[index])
    if kind in CONTAINER_NAMES:
        return container_footprint(world.description.things[index], HAND_ROOM)
    if kind in GOOD_NAMES:
        yaw, size = lying(kind, quaternion)
        return Footprint(x, y, yaw, float(size[0]), float(size[1]))
    return Footprint(x, y, 2 * math.atan2(quaternion[2], quaternion[3]), CUBE_SIZE, CUBE_SIZE)
