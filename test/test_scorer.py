"""The scorer of order fulfilment, on places that are given; with physics in ``test_sim_robot``."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.tasks.goods import CONTAINER_NAMES
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog_sim.goods import yaw_quaternion
from taskprog_sim.scorer import Verdict, make_judge, read_task

TASK = "duck>container_2 lego>container_0 jenga>container_1 bear>container_3"
CENTRE = TABLE_HEIGHT + 0.045
PLACES = ((0.42, 0.42), (0.68, 0.42), (0.42, -0.42), (0.68, -0.42))


@dataclass
class Places:
    """``scorer.Truth`` from a table: goods first, then the four containers, turned by 0.15."""

    goods: dict[str, tuple[float, float, float]]
    gripped: set[str] = field(default_factory=set)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.goods, *CONTAINER_NAMES)

    def positions(self) -> NDArray[np.float64]:
        return np.array([*self.goods.values(), *((x, y, CENTRE) for x, y in PLACES)])

    def orientations(self) -> NDArray[np.float64]:
        return np.array([yaw_quaternion(0.15)] * len(self.names))

    def touching(self, above: int, below: int) -> bool:
        return False

    def held(self, index: int) -> bool:
        return self.names[index] in self.gripped


def inside(box: int, dx: float = 0.0, dy: float = 0.0, dz: float = -0.02) -> tuple[float, float, float]:
    return (PLACES[box][0] + dx, PLACES[box][1] + dy, CENTRE + dz)


def verdict(*looks: Places) -> Verdict:
    judge = make_judge(read_task(TASK, "order_fulfilment"))
    for look in looks:
        judge.observe(look)
    return judge.verdict


def test_objects_in_their_containers_are_right() -> None:
    result = verdict(Places({"duck_0": inside(2), "duck_1": inside(2, 0.05, 0.05), "bear_0": inside(3)}))
    assert result.done
    assert result.right == ("duck_0>container_2", "duck_1>container_2", "bear_0>container_3")
    assert result.wrong == result.outside == ()


def test_wrong_and_outside_are_told_apart() -> None:
    result = verdict(
        Places({"duck_0": inside(0), "lego_0": (0.55, 0.0, -0.09), "jenga_0": inside(1), "bear_0": inside(3)})
    )
    assert not result.done
    assert result.failed == ("duck_0>container_2", "lego_0>container_0")
    assert result.wrong == ("duck_0>container_0",)
    assert result.outside == ("lego_0",)
    assert len(result.right) == 2


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (inside(2, 0.095), True),
        (inside(2, 0.108), False),  # in the wall
        (inside(2, 0.10, 0.10), False),  # the container is turned
        (inside(2, 0.085, -0.10), False),
        (inside(2, -0.085, -0.10), True),
        (inside(2, dz=0.044), True),
        (inside(2, dz=0.046), False),  # on the rim
        (inside(2, dz=-0.05), False),  # below the table
    ],
)
def test_inside_is_between_the_walls_floor_and_rim(place: tuple[float, float, float], expected: bool) -> None:
    assert verdict(Places({"duck_0": place})).done == expected


def test_what_is_held_is_not_yet_in_a_container() -> None:
    goods = {"duck_0": inside(2)}
    assert verdict(Places(goods, gripped={"duck_0"})).outside == ("duck_0",)
    assert verdict(Places(goods)).done


def test_what_rocks_where_it_lies_is_in_its_container() -> None:
    assert verdict(Places({"duck_0": inside(2)}), Places({"duck_0": inside(2, 0.0005)})).done


def test_all_must_hold_at_every_look() -> None:
    there, gone = Places({"duck_0": inside(2)}), Places({"duck_0": inside(2, dz=0.3)})
    assert verdict(there, there).done
    assert verdict(there, gone, there).outside == ("duck_0",)
    assert verdict(gone, there).failed == ("duck_0>container_2",)


def test_a_task_of_another_family_is_refused() -> None:
    with pytest.raises(ValueError, match="no 'red'"):
        read_task("red>blue", "order_fulfilment")
    with pytest.raises(ValueError, match="not a placement"):
        read_task(TASK, "block_stacking")
    with pytest.raises(ValueError, match="no container for bear"):
        read_task("duck>container_2 lego>container_0 jenga>container_1", "order_fulfilment")
