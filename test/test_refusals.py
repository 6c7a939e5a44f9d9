"""What is tried in another way when the robot refuses a motion or closes on nothing, and what is given up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from manipulation_example import BLOCK, BOX, HOME, hands, miss, over_box, refuse, shown, thing

from taskprog.control.attempts import TRIES, GivenUp
from taskprog.control.drops import TRIES as DROP_TRIES
from taskprog.machine import OutcomeCode
from taskprog.tasks.table_top import WORKSPACE


def test_a_refused_approach_is_tried_in_another_way() -> None:
    """A block of which all turns that fit are much the same is taken elsewhere along it, or turned around."""
    manipulation = hands(thing("jenga_0", 0.5, 0.0, BLOCK))
    ways = [refuse(manipulation) for _ in range(TRIES)]
    assert len(set(ways)) == TRIES
    for k, (place, yaw) in enumerate(ways):
        for other, turned in ways[:k]:
            apart = math.dist(place, other)
            assert apart > 0.012 or abs(math.remainder(yaw - turned, 2 * math.pi)) > math.radians(20)
    manipulation.observed(HOME, 0.0)
    with pytest.raises(GivenUp, match=r"jenga_0 at .* the last: COLLISION: right_l5 would hit duck_3"):
        manipulation.target("jenga", 0.0, HOME, 0.0)


def test_after_refusals_another_object_is_tried() -> None:
    manipulation = hands(thing("jenga_0", 0.5, 0.0, BLOCK), thing("jenga_1", 0.75, 0.0, BLOCK))
    refuse(manipulation)
    assert shown(manipulation)["jenga"] == "jenga_1"


def test_what_goes_onto_something_is_put_in_no_other_way() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("jenga_0", 0.7, 0.0, BLOCK))
    manipulation.observed(HOME, 0.0)
    manipulation.target("jenga", 0.04, HOME, 0.0)
    assert not manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")


def test_a_refused_drop_is_tried_at_the_containers_next_spot() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("box_0", 0.5, 0.4, BOX))
    manipulation.observed(HOME, 0.0)
    first = over_box(manipulation)
    assert manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")
    second = over_box(manipulation)
    assert math.dist(first, second) > 0.03
    # The planner is told the place to which the tool goes, or it would never think that it is there.
    box = next(o for o in manipulation.observed(HOME, 0.0) if o.name == "box_0")
    np.testing.assert_allclose(box.position[:2], second)


def test_a_drop_is_given_up_after_all_the_containers_spots_and_only_then() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("box_0", 0.5, 0.4, BOX))
    manipulation.observed(HOME, 0.0)

    def refuse_all() -> set[tuple[float, float]]:
        places = set()
        for _ in range(DROP_TRIES - 1):
            places.add(over_box(manipulation))
            assert manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")
        places.add(over_box(manipulation))
        with pytest.raises(
            GivenUp, match=r"box_0 at .* all 9 spots .* COLLISION: right_l5 would hit"
        ) as info:
            manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")
        assert info.value.code is OutcomeCode.COLLISION
        return places

    assert manipulation.ways("box_0") == len(refuse_all()) == DROP_TRIES
    assert len(refuse_all()) == DROP_TRIES, "asked for again, they are tried anew"


def test_refusals_of_one_drop_do_not_count_for_the_next() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("box_0", 0.5, 0.4, BOX))
    for _ in range(2):
        manipulation.observed(HOME, 0.0)
        for _ in range(DROP_TRIES - 1):
            over_box(manipulation)
            assert manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")
        manipulation.opened(HOME, 0.0, 1.0)


def test_a_refusal_over_a_container_is_none_of_what_the_tool_is_sent_to_next() -> None:
    manipulation = hands(
        thing("duck_0", 0.5), thing("jenga_0", 0.7, 0.0, BLOCK), thing("box_0", 0.5, 0.4, BOX)
    )
    manipulation.observed(HOME, 0.0)
    spot = over_box(manipulation)
    manipulation.target("jenga", 0.04, HOME, 0.0)
    assert not manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")
    assert over_box(manipulation) == spot


def test_what_is_given_up_waits_until_everything_else_is_done() -> None:
    block, box = thing("jenga_0", 0.5, 0.0, BLOCK), thing("box_0", 0.5, 0.4, BOX)
    manipulation = hands(block, thing("duck_0", 0.75), box)
    for _ in range(TRIES):
        refuse(manipulation)
    assert shown(manipulation) == {"duck": "duck_0", "box_0": "box_0"}
    manipulation.see([block, thing("duck_0", 0.5, 0.4), box])
    assert shown(manipulation) == {"jenga": "jenga_0", "box_0": "box_0"}, "nothing else is left"


@pytest.mark.parametrize(("away", "tried_anew"), [(0.09, True), (0.25, False)])
def test_what_is_given_up_is_tried_anew_once_its_neighbour_is_taken(away: float, tried_anew: bool) -> None:
    block, duck = thing("jenga_0", 0.5, 0.0, BLOCK), thing("duck_0", 0.5 + away)
    box = thing("box_0", 0.5, 0.4, BOX)
    manipulation = hands(block, duck, box)
    for _ in range(TRIES):
        refuse(manipulation)
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("duck", 0.0, HOME, 0.0)
    manipulation.closed(target.position, target.yaw, True)
    manipulation.opened(box.position, target.yaw, 1.0)
    manipulation.see([block, box])
    assert shown(manipulation)["jenga"] == "jenga_0"
    if tried_anew:
        manipulation.target("jenga", 0.0, HOME, 0.0)
    else:
        with pytest.raises(GivenUp):
            manipulation.target("jenga", 0.0, HOME, 0.0)


@pytest.mark.parametrize("side", [-1, 1])
def test_what_is_taken_beside_its_middle_is_dropped_within_the_workspace(side: int) -> None:
    """Whatever the spot, and near enough to the container's middle to fall into it."""
    yaw = side * math.pi / 2
    middle = 0.46 * side
    # A block along y whose inner end and middle have neighbours: it is taken at its outer end.
    block = thing("jenga_0", 0.5, 0.0, BLOCK, yaw)
    sides = [thing(f"duck_{i}", 0.5 + s * 0.034, -0.015 * side) for i, s in enumerate((-1, 1))]
    manipulation = hands(block, *sides, thing("box_0", 0.5, middle, BOX))
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("jenga", 0.0, HOME, 0.0)
    assert target.position[1] * side > 0.01
    manipulation.closed(target.position, target.yaw, True)
    places = []
    for _ in range(DROP_TRIES - 1):
        manipulation.observed(target.position, target.yaw)
        places.append(manipulation.target("box_0", 0.1, target.position, target.yaw).position)
        manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")
    assert all(WORKSPACE.contains(tuple(place)) for place in places)
    assert max(place[1] * side for place in places) == WORKSPACE.y[1]
    assert all(abs(place[1] - target.position[1] - middle) < 0.046 for place in places)


def test_a_container_out_of_the_workspace_is_dropped_into_from_its_inner_spots() -> None:
    """Never beside it, however far it was pushed away."""
    for middle in (0.52, 0.8):
        manipulation = hands(thing("duck_0", 0.5), thing("box_0", 0.5, middle, BOX))
        manipulation.observed(HOME, 0.0)
        for _ in range(DROP_TRIES - 1):
            x, y = over_box(manipulation)
            assert max(abs(x - 0.5), abs(y - middle)) < 0.065
            manipulation.refused(OutcomeCode.OUTSIDE_WORKSPACE, "")


def test_after_a_grasp_of_nothing_another_object_is_tried() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("duck_1", 0.75))
    miss(manipulation)
    assert shown(manipulation)["duck"] == "duck_1"


def test_the_same_object_is_taken_from_another_side_and_given_up_at_last() -> None:
    manipulation = hands(thing("duck_0", 0.5))
    first, second = miss(manipulation), miss(manipulation)
    assert abs(math.remainder(first - second, math.pi)) > math.radians(20)
    for _ in range(TRIES - 2):
        miss(manipulation)
    manipulation.observed(HOME, 0.0)
    with pytest.raises(GivenUp, match=f"duck_0 at .* could not be grasped in {TRIES} tries"):
        manipulation.target("duck", 0.0, HOME, 0.0)
    # Somebody moved it: it is worth trying again.
    manipulation.see([thing("duck_0", 0.6)])
    manipulation.observed(HOME, 0.0)
    manipulation.target("duck", 0.0, HOME, 0.0)
