"""Random starts of order fulfilment: containers left and right, goods between them, apart or touching."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.spatial.transform import Rotation

from taskprog.tasks.goods import CONTAINER_NAMES, CONTAINER_SIZE, GOOD_NAMES, Rest, good_of
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog_sim.footprint import Footprint, separation
from taskprog_sim.goods import yaw_quaternion
from taskprog_sim.scene_description import ORDER_FULFILMENT, SceneDescription, Thing

MIN_OBJECTS, MAX_OBJECTS = 4, 40
GOODS_X, GOODS_Y = (0.36, 0.80), (-0.27, 0.27)  # goods start within these bounds
GAP = 0.012  # metres between goods, less where they are too many for it
# Metres between goods and containers, whose walls are higher than fingers are long: a hand that closes across
# a wall needs 40 mm between it and what it takes, along a wall 15.
HAND_ROOM = 0.035
USUAL = 0.6  # share of goods that lie as they usually do
TOUCHING = 0.6  # share of the goods in clutter that are pushed against another one
PUSH = 0.002  # metres by which their outlines then overlap: those of ducks and bears have empty corners
PUSH_FROM = 0.15  # metres between centres, more than any two goods need to be apart
HALVINGS = 12  # of it: to 0.04 mm
CONTAINER_PLACES = ((0.42, 0.42), (0.68, 0.42), (0.42, -0.42), (0.68, -0.42))
CONTAINER_JITTER, CONTAINER_TURN = 0.02, 0.15  # metres along x and along y, radians
START_GAP = 0.0015  # metres: meshes have a margin; goods start this much above the table and settle
MISSES = 300  # spots that are tried before a crowded start begins again
RESTARTS = 6  # before goods may be a little closer
CLOSE_GAP = 0.002  # metres between goods where the usual gaps found no room in time
SPOTS = 6000  # that are tried at the usual gaps, and again at the close one: a second or two in all
GRID = 0.01  # metres between the points at which free table is looked for


@dataclass(frozen=True)
class _Lying:
    """A good in one of its rests, to be put somewhere."""

    category: str
    rest: Rest

    def at(self, x: float, y: float, yaw: float) -> Footprint:
        return Footprint(x, y, yaw, *self.rest.extent[:2])


def order_scene(
    seed: int, counts: Mapping[str, int], clutter: bool = False, containers: Sequence[Thing] = ()
) -> SceneDescription:
    """Goods and containers at random places; the same arguments give the same scene.

    Args:
        counts: goods of each category.
        clutter: some goods touch others; else none do.
        containers: where they stand; by default near their usual places.

    Raises:
        ValueError: the containers leave no room for the goods.
    """
    rng = np.random.default_rng(seed)
    boxes = tuple(containers) or random_containers(rng)
    lying = [_Lying(category, _rest(category, rng)) for category, n in counts.items() for _ in range(n)]
    spots = _pack(lying, [container_footprint(box, HAND_ROOM) for box in boxes], clutter, rng)
    number = dict.fromkeys(counts, 0)
    goods = []
    for good, spot in zip(lying, spots, strict=True):
        goods.append(lying_good(f"{good.category}_{number[good.category]}", good.rest, spot))
        number[good.category] += 1
    return SceneDescription(ORDER_FULFILMENT, (*goods, *boxes))


def even_counts(objects: int, seed: int) -> dict[str, int]:
    """As many of each category as can be; the seed says which have one more.

    Raises:
        ValueError: too few or too many.
    """
    check_count(objects)
    rng = np.random.default_rng([seed, objects])
    counts = np.full(len(GOOD_NAMES), objects // len(GOOD_NAMES))
    counts[rng.permutation(len(GOOD_NAMES))[: objects % len(GOOD_NAMES)]] += 1
    return dict(zip(GOOD_NAMES, counts.tolist(), strict=True))


def random_counts(objects: int, seed: int) -> dict[str, int]:
    """At least one of each category, the others of random ones.

    Raises:
        ValueError: too few or too many.
    """
    check_count(objects)
    rng = np.random.default_rng([seed, objects])
    more = rng.multinomial(objects - len(GOOD_NAMES), np.full(len(GOOD_NAMES), 1 / len(GOOD_NAMES)))
    return dict(zip(GOOD_NAMES, (more + 1).tolist(), strict=True))


def check_count(objects: int) -> None:
    """Raise ValueError unless a table takes so many goods."""
    if not MIN_OBJECTS <= objects <= MAX_OBJECTS:
        raise ValueError(
            f"scene {ORDER_FULFILMENT!r} takes {MIN_OBJECTS} to {MAX_OBJECTS} objects, not {objects}"
        )


def lying_good(name: str, rest: Rest, spot: Footprint) -> Thing:
    """A good in one of its rests, just above the table."""
    height = TABLE_HEIGHT + rest.height + START_GAP
    x, y, z, w = (Rotation.from_euler("z", spot.yaw) * Rotation.from_quat(rest.quaternion)).as_quat().tolist()
    return Thing(name, (spot.x, spot.y, height), (x, y, z, w))


def standing_container(name: str, x: float, y: float, yaw: float) -> Thing:
    """A container on the table."""
    return Thing(name, (x, y, TABLE_HEIGHT + CONTAINER_SIZE[2] / 2), yaw_quaternion(yaw))


def container_footprint(container: Thing, room: float = 0.0) -> Footprint:
    """The outline of a container, and so many metres around it."""
    x, y, _ = container.position
    yaw = 2 * math.atan2(container.quaternion[2], container.quaternion[3])
    return Footprint(x, y, yaw, CONTAINER_SIZE[0] + 2 * room, CONTAINER_SIZE[1] + 2 * room)


def free_spot(
    category: str, taken: Sequence[Footprint], rng: np.random.Generator, gap: float = GAP
) -> Thing | None:
    """A random place for one more good, on a random side, named after its category; None if none is found."""
    lying = _Lying(category, _rest(category, rng))
    for _ in range(MISSES):
        spot = _random_spot(lying, rng)
        if _free(spot, taken, gap):
            return lying_good(category, lying.rest, spot)
    return None


def random_containers(rng: np.random.Generator) -> tuple[Thing, ...]:
    """The containers near their usual places; which stands where is random."""
    order = rng.permutation(len(CONTAINER_NAMES))
    places = np.array(CONTAINER_PLACES)[order] + rng.uniform(
        -CONTAINER_JITTER, CONTAINER_JITTER, (len(order), 2)
    )
    yaws = rng.uniform(-CONTAINER_TURN, CONTAINER_TURN, len(order))
    return tuple(
        standing_container(name, float(x), float(y), float(yaw))
        for name, (x, y), yaw in zip(CONTAINER_NAMES, places, yaws, strict=True)
    )


def _rest(category: str, rng: np.random.Generator) -> Rest:
    usual, *others = good_of(category).rests
    return usual if rng.uniform() < USUAL else others[int(rng.integers(len(others)))]


def _pack(
    lying: Sequence[_Lying], boxes: Sequence[Footprint], clutter: bool, rng: np.random.Generator
) -> list[Footprint]:
    """Outlines of the goods, in their order; large ones are put first, they find no room later.

    Only so many spots are tried: a scene that cannot be should not be waited for.

    Raises:
        ValueError: they are larger than the table between the boxes, or no room was found in time.
    """
    needed, free = sum(math.prod(good.rest.extent[:2]) for good in lying), _free_area(boxes)
    if needed > free:
        raise ValueError(
            f"no room for {len(lying)} objects between the containers: they cover {needed:.3f} m2, "
            f"and {free:.3f} m2 are free"
        )
    wide, close = iter(range(SPOTS)), iter(range(SPOTS))
    gap = GAP
    while gap > 1e-4:
        for _ in range(RESTARTS):
            spots = _attempt(lying, boxes, clutter, gap, rng, wide)
            if spots is not None:
                return spots
        gap *= 0.8
    for _ in range(RESTARTS):
        spots = _attempt(lying, boxes, clutter, CLOSE_GAP, rng, close)
        if spots is not None:
            return spots
    raise ValueError(f"no room for {len(lying)} objects between the containers")


def _attempt(
    lying: Sequence[_Lying],
    boxes: Sequence[Footprint],
    clutter: bool,
    gap: float,
    rng: np.random.Generator,
    tries: Iterator[int],
) -> list[Footprint] | None:
    """Outlines of the goods; None where one of them found no room or the tries are used up."""
    spots: dict[int, Footprint] = {}
    for k in sorted(range(len(lying)), key=lambda k: -math.prod(lying[k].rest.extent[:2])):
        taken = [*spots.values(), *boxes]
        push = clutter and bool(spots) and rng.uniform() < TOUCHING
        spot = _pushed(lying[k], list(spots.values()), taken, rng, tries) if push else None
        spot = spot or _spot(lying[k], taken, gap, rng, tries)
        if spot is None:
            return None
        spots[k] = spot
    return [spots[k] for k in range(len(lying))]


def _free_area(boxes: Sequence[Footprint]) -> float:
    """Square metres of where goods start that lie under no box, give or take a few per cent."""
    x = np.arange(GOODS_X[0] + GRID / 2, GOODS_X[1], GRID)
    y = np.arange(GOODS_Y[0] + GRID / 2, GOODS_Y[1], GRID)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    covered = np.any([box.covers(points) for box in boxes], axis=0)
    return GRID**2 * int((~covered).sum())


def _spot(
    lying: _Lying,
    taken: Sequence[Footprint],
    gap: float,
    rng: np.random.Generator,
    tries: Iterator[int],
) -> Footprint | None:
    for _ in islice(tries, MISSES):
        spot = _random_spot(lying, rng)
        if _free(spot, taken, gap):
            return spot
    return None


def _random_spot(lying: _Lying, rng: np.random.Generator) -> Footprint:
    x, y = rng.uniform(*GOODS_X), rng.uniform(*GOODS_Y)
    return lying.at(x, y, rng.uniform(-math.pi, math.pi))


def _free(spot: Footprint, taken: Sequence[Footprint], gap: float) -> bool:
    return spot.inside(GOODS_X, GOODS_Y) and bool((separation(spot, taken) >= gap).all())


def _pushed(
    lying: _Lying,
    goods: Sequence[Footprint],
    taken: Sequence[Footprint],
    rng: np.random.Generator,
    tries: Iterator[int],
) -> Footprint | None:
    """A place against one of the goods, from a random direction."""
    for _ in islice(tries, 0, MISSES // 10 * HALVINGS, HALVINGS):  # each costs about as many spots
        other = goods[int(rng.integers(len(goods)))]
        way, yaw = rng.uniform(-math.pi, math.pi), rng.uniform(-math.pi, math.pi)
        near, far = 0.0, PUSH_FROM
        for _ in range(HALVINGS):
            middle = (near + far) / 2
            spot = lying.at(other.x + middle * math.cos(way), other.y + middle * math.sin(way), yaw)
            near, far = (near, middle) if separation(spot, [other])[0] >= -PUSH else (middle, far)
        spot = lying.at(other.x + far * math.cos(way), other.y + far * math.sin(way), yaw)
        if _free(spot, taken, -PUSH):
            return spot
    return None
