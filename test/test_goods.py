"""Goods and containers in the physics: they rest where the constants say, and stay inside containers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from taskprog.tasks.goods import (
    CONTAINER_FLOOR,
    CONTAINER_NAMES,
    CONTAINER_SIZE,
    GOOD_NAMES,
    GOODS,
    Good,
    Rest,
    good_of,
)
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog_sim.bullet import Bullet, pybullet
from taskprog_sim.goods import add_container, add_good, yaw_quaternion
from taskprog_sim.scene import add_room

YAW = 0.7


@pytest.fixture
def table() -> Iterator[Bullet]:
    bullet = Bullet()
    bullet.clear()
    add_room(bullet, drawn=False)
    yield bullet
    bullet.close()


def let_settle(seconds: float = 3.0) -> None:
    for _ in range(round(240 * seconds)):
        pybullet.stepSimulation()


def turned(yaw: float, rest: Rest) -> tuple[float, ...]:
    _, turn = pybullet.multiplyTransforms((0, 0, 0), yaw_quaternion(yaw), (0, 0, 0), rest.quaternion)
    return tuple(turn)


@pytest.mark.parametrize(
    ("good", "rest"),
    [(good, rest) for good in GOODS for rest in good.rests],
    ids=lambda v: getattr(v, "name", ""),
)
def test_goods_rest_where_the_constants_say(table: Bullet, good: Good, rest: Rest) -> None:
    start = (0.5, 0.1, TABLE_HEIGHT + rest.height + 0.0005)
    turn = turned(YAW, rest)
    body = add_good(table, good.name, start, turn)
    let_settle()
    position, quaternion = pybullet.getBasePositionAndOrientation(body)
    assert np.linalg.norm(np.subtract(position, start)) < 0.003
    assert abs(np.dot(quaternion, turn)) > math.cos(math.radians(3))
    assert np.linalg.norm(pybullet.getBaseVelocity(body)) == 0.0  # asleep


def test_a_yaw_turns_the_upright_good(table: Bullet) -> None:
    body = add_good(table, "jenga", (0.5, 0.0, 0.0), YAW)
    _, quaternion = pybullet.getBasePositionAndOrientation(body)
    assert quaternion == pytest.approx(yaw_quaternion(YAW))


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_what_falls_into_a_container_stays_in_it(table: Bullet, name: str) -> None:
    height = CONTAINER_SIZE[2]
    box = add_container(table, 1, (0.42, 0.42, TABLE_HEIGHT + height / 2), 0.15)
    bodies = [
        add_good(table, name, (0.42 + x, 0.42 + y, TABLE_HEIGHT + height + 0.1), x * 40)
        for x, y in ((-0.05, 0.04), (0.05, 0.04), (0.0, -0.05))
    ]
    let_settle()
    place, turn = pybullet.getBasePositionAndOrientation(box)
    assert place == pytest.approx((0.42, 0.42, TABLE_HEIGHT + height / 2))
    into = pybullet.invertTransform(place, turn)
    for body in bodies:
        position, _ = pybullet.getBasePositionAndOrientation(body)
        local, _ = pybullet.multiplyTransforms(*into, position, (0, 0, 0, 1))
        assert abs(local[0]) < CONTAINER_SIZE[0] / 2
        assert abs(local[1]) < CONTAINER_SIZE[1] / 2
        assert CONTAINER_FLOOR < position[2] < TABLE_HEIGHT + height


def test_unknown_goods_and_containers_are_refused(table: Bullet) -> None:
    with pytest.raises(ValueError, match="duck, lego, jenga, bear"):
        add_good(table, "goose", (0.5, 0.0, 0.0), 0.0)
    with pytest.raises(ValueError, match="0 to 3"):
        add_container(table, len(CONTAINER_NAMES), (0.5, 0.0, 0.0), 0.0)
    assert good_of("bear").name == "bear"
