"""Which object is meant by a name, how it is taken, and where in a container it is dropped."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from taskprog.control.attempts import TRIES, GivenUp
from taskprog.control.drops import TRIES as DROP_TRIES
from taskprog.control.errors import Blocked, InvalidGoal
from taskprog.control.manipulation import Manipulation, NotInSight
from taskprog.control.scene_estimate import ObjectEstimate
from taskprog.machine import OutcomeCode
from taskprog.tasks.table_top import TABLE_HEIGHT, WORKSPACE

NAMES = ("duck", "jenga", "box_0")
HOME = np.array([0.55, 0.0, 0.25])
DUCK, BLOCK, BOX = (0.041, 0.029, 0.038), (0.09, 0.03, 0.018), (0.21, 0.21, 0.09)


def thing(
    label: str, x: float, y: float = 0.0, size: tuple[float, float, float] = DUCK, yaw: float = 0.0
) -> ObjectEstimate:
    name = label if label.startswith("box") else label.split("_")[0]
    place = np.array([x, y, TABLE_HEIGHT + size[2] / 2])
    return ObjectEstimate(name, place, yaw, True, 0.0, np.array(size), label)


def hands(*things: ObjectEstimate) -> Manipulation:
    result = Manipulation(NAMES, frozenset({"box_0"}))
    result.see(things)
    return result


def shown(manipulation: Manipulation, tool: np.ndarray = HOME) -> dict[str, str]:
    return {o.name: o.label for o in manipulation.observed(tool, 0.0)}


def miss(manipulation: Manipulation) -> float:
    """Go for the duck that is shown and close on nothing; the yaw that was tried."""
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("duck", 0.0, HOME, 0.0)
    manipulation.closed(target.position, target.yaw, False)
    return target.yaw


def test_names_are_an_objects_own_or_its_categorys() -> None:
    manipulation = hands()
    assert manipulation.name_of("box_0", "container") == "box_0"
    assert manipulation.name_of("duck_3", "duck") == "duck"
    assert manipulation.name_of("cup_1", "cup") is None


def test_of_objects_alike_the_nearest_is_shown() -> None:
    assert shown(hands(thing("duck_0", 0.7), thing("duck_1", 0.5), thing("box_0", 0.5, 0.4, BOX))) == {
        "duck": "duck_1",
        "box_0": "box_0",
    }


def test_what_lies_in_a_container_is_done_with() -> None:
    box = thing("box_0", 0.5, 0.4, BOX)
    assert shown(hands(thing("duck_0", 0.55, 0.35), box)) == {"box_0": "box_0"}
    turned = thing("box_0", 0.5, 0.4, BOX, math.pi / 4)
    beside = thing("duck_0", 0.5 + 0.12, 0.4)  # within a turned box, outside an upright one
    assert "duck" in shown(hands(beside, box))
    assert "duck" not in shown(hands(beside, turned))


def test_what_is_seen_within_a_containers_wall_is_done_with() -> None:
    """No centre is there: it lies in the container, and was seen a few millimetres aside."""
    box = thing("box_0", 0.5, 0.4, BOX)
    assert "duck" not in shown(hands(thing("duck_0", 0.5, 0.4 - BOX[1] / 2 - 0.004), box))
    assert "jenga" in shown(hands(thing("jenga_0", 0.5, 0.4 - BOX[1] / 2 - 0.01), box))


def test_what_leans_on_a_containers_wall_is_done_with() -> None:
    box, on_wall = thing("box_0", 0.5, 0.4, BOX), thing("duck_0", 0.5, 0.4 - 0.115)
    assert "duck" in shown(hands(on_wall, box))  # on the table, beside it
    on_wall.position[2] = TABLE_HEIGHT + 0.07
    assert "duck" not in shown(hands(on_wall, box))


def test_what_is_held_over_a_container_is_still_there() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("duck_1", 0.7), thing("box_0", 0.5, 0.4, BOX))
    grasp = np.array([0.5, 0.0, TABLE_HEIGHT + 0.02])
    manipulation.closed(grasp, 0.0, True)
    over = np.array([0.5, 0.4, 0.05])
    assert shown(manipulation, over)["duck"] == "duck_0"
    manipulation.see([thing("duck_1", 0.7), thing("box_0", 0.5, 0.4, BOX)])
    manipulation.opened(over, 0.0, 5.0)
    # Let go high above the container: wherever it fell, it is not in mid-air.
    assert shown(manipulation, np.array([0.5, 0.4, 0.12]))["duck"] != "duck_0"
    manipulation.see([thing("duck_1", 0.7), thing("box_0", 0.5, 0.4, BOX)])
    assert shown(manipulation, np.array([0.5, 0.4, 0.12]))["duck"] == "duck_1"


def test_the_arm_taken_for_an_object_is_nothing_to_grasp() -> None:
    duck = thing("duck_0", 0.7)
    ghost = ObjectEstimate("duck", np.array([0.5, 0.0, 0.15]), 0.0, True, 0.0, np.array(DUCK), "duck_1")
    assert shown(hands(duck, ghost)) == {"duck": "duck_0"}
    # But what the hand is found to hold at the start of a run is there.
    manipulation = hands(duck, ghost)
    manipulation.closed(ghost.position, 0.0, True)
    assert shown(manipulation, ghost.position)["duck"] == "duck_1"


def hemmed_in(sides: int = 4) -> list[ObjectEstimate]:
    """A duck with blocks around it, which themselves can be taken."""
    around = [thing(f"jenga_{i}", 0.5, s * 0.045, BLOCK) for i, s in enumerate((-1, 1))]
    around += [
        thing(f"jenga_{2 + i}", 0.5 + s * 0.05, 0.0, BLOCK, math.pi / 2) for i, s in enumerate((-1, 1))
    ]
    return [thing("duck_0", 0.5), *around[:sides]]


ABOVE = np.array([0.5, 0.0, 0.25])


def test_objects_without_room_for_the_fingers_wait() -> None:
    assert "duck" not in shown(hands(*hemmed_in()), ABOVE), "its neighbours are taken first"
    assert shown(hands(*hemmed_in(), thing("duck_1", 0.75)), ABOVE)["duck"] == "duck_1"
    assert shown(hands(*hemmed_in(2)), ABOVE)["duck"] == "duck_0", "the fingers fit between two"


def test_what_lies_in_a_container_keeps_nothing_else_waiting() -> None:
    """The last thing outside is shown however little room it has, or the task would seem to be done."""
    box, wall = thing("box_0", 0.5, 0.4, BOX), 0.5 - 0.105 - 0.009 - 0.006
    last = thing("jenga_0", wall, 0.4, (0.09, 0.018, 0.03), math.pi / 2)
    manipulation = hands(last, thing("jenga_1", 0.52, 0.42, BLOCK), box)
    assert shown(manipulation) == {"jenga": "jenga_0", "box_0": "box_0"}
    with pytest.raises(Blocked, match="no room for the fingers around jenga_0"):
        manipulation.target("jenga", 0.0, HOME, 0.0)


def test_without_containers_everything_is_always_shown() -> None:
    manipulation = Manipulation(NAMES)
    manipulation.see(hemmed_in())
    assert shown(manipulation, ABOVE)["duck"] == "duck_0"


def test_what_something_lies_on_is_taken_after_it() -> None:
    under, high = thing("jenga_0", 0.5, 0.0, BLOCK), thing("duck_0", 0.51)
    upon = replace(high, position=high.position + [0.0, 0.0, BLOCK[2]])
    assert shown(hands(under, upon, thing("box_0", 0.5, 0.4, BOX))) == {"duck": "duck_0", "box_0": "box_0"}
    assert shown(hands(under, upon, thing("jenga_1", 0.75, 0.0, BLOCK)))["jenga"] == "jenga_1"
    assert set(shown(hands(under, thing("duck_0", 0.6)))) == {"jenga", "duck"}


def refuse(manipulation: Manipulation) -> tuple[tuple[float, float], float]:
    """Go for the block that is shown, in vain: the arm would hit something; where the tool was sent."""
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("jenga", 0.0, HOME, 0.0)
    assert manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_3")
    return (round(float(target.position[0]), 3), round(float(target.position[1]), 3)), target.yaw


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


def test_what_the_hand_hides_is_there_until_the_pads_have_closed() -> None:
    duck, box = thing("duck_0", 0.5), thing("box_0", 0.5, 0.4, BOX)
    manipulation = hands(duck, box)
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("duck", 0.0, HOME, 0.0)
    manipulation.see([box])
    assert set(shown(manipulation)) == {"box_0"}, "the hand is not there yet"
    assert shown(manipulation, target.position)["duck"] == "duck_0"
    manipulation.closed(target.position, target.yaw, False)
    assert set(shown(manipulation, target.position)) == {"box_0"}, "it was not there"


def test_what_the_hand_hides_in_part_is_where_it_was_until_the_pads_have_closed() -> None:
    manipulation = hands(thing("duck_0", 0.5))
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("duck", 0.0, HOME, 0.0)
    half_hidden = thing("duck_1", 0.515, 0.01, yaw=1.0)
    manipulation.see([half_hidden])
    (duck,) = manipulation.observed(target.position, target.yaw)
    np.testing.assert_allclose(duck.position, target.position)
    again = manipulation.target("duck", 0.0, target.position, target.yaw)
    assert (*again.position, again.yaw) == pytest.approx((*target.position, target.yaw))
    manipulation.closed(target.position, target.yaw, False)
    (duck,) = manipulation.observed(target.position, target.yaw)
    assert duck.label == "duck_1"


def test_what_goes_onto_something_is_put_in_no_other_way() -> None:
    manipulation = hands(thing("duck_0", 0.5), thing("jenga_0", 0.7, 0.0, BLOCK))
    manipulation.observed(HOME, 0.0)
    manipulation.target("jenga", 0.04, HOME, 0.0)
    assert not manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_0")


def over_box(manipulation: Manipulation) -> tuple[float, float]:
    """Send the tool over the container; where that is, x and y."""
    x, y, _ = manipulation.target("box_0", 0.1, HOME, 0.0).position.tolist()
    return round(x, 6), round(y, 6)


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


def test_what_is_taken_beside_its_middle_is_told_to_be_where_the_tool_is() -> None:
    """Or the planner would never think that the tool is there, or that the thing is held."""
    sides = [thing(f"duck_{i}", 0.515, s * 0.034) for i, s in enumerate((-1, 1))]
    manipulation = Manipulation(NAMES, frozenset({"box_0"}))
    scene = [thing("jenga_0", 0.5, 0.0, BLOCK), *sides, thing("box_0", 0.5, 0.4, BOX)]
    manipulation.see(scene)

    def place(name: str, tool: np.ndarray) -> np.ndarray:
        return next(o.position for o in manipulation.observed(tool, 0.0) if o.name == name)

    told = place("jenga", HOME)
    target = manipulation.target("jenga", 0.0, HOME, 0.0)
    assert target.position[0] < 0.49
    np.testing.assert_allclose(told, target.position)
    np.testing.assert_allclose(place("jenga", target.position), target.position)
    manipulation.closed(target.position, target.yaw, True)
    np.testing.assert_allclose(place("jenga", target.position), target.position)
    lifted = target.position + [0.1, 0.1, 0.2]
    np.testing.assert_allclose(place("jenga", lifted), lifted)
    # Not the tool but the thing goes to the middle of the container, or a long one would meet its wall.
    over = place("box_0", lifted)
    np.testing.assert_allclose(over[:2] - [0.5, 0.4], target.position[:2] - [0.5, 0.0], atol=1e-9)
    np.testing.assert_allclose(manipulation.target("box_0", 0.0, lifted, target.yaw).position, over)


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


def test_fingers_never_reach_into_the_table() -> None:
    manipulation = hands(thing("jenga_0", 0.5, 0.0, BLOCK))
    manipulation.observed(HOME, 0.0)
    assert manipulation.target("jenga", 0.0, HOME, 0.0).position[2] >= TABLE_HEIGHT + 0.02
    # The planner is told the place to which the tool goes, or it would never think that it is there.
    assert manipulation.observed(HOME, 0.0)[0].position[2] == pytest.approx(TABLE_HEIGHT + 0.02)


def test_things_are_dropped_over_the_whole_container() -> None:
    manipulation = hands(
        *(thing(f"duck_{i}", 0.4 + i * 0.1) for i in range(4)), thing("box_0", 0.5, 0.4, BOX)
    )
    places = []
    for i in range(4):
        grasp = np.array([0.4 + i * 0.1, 0.0, TABLE_HEIGHT + 0.02])
        manipulation.observed(grasp, 0.0)
        manipulation.closed(grasp, 0.0, True)
        manipulation.observed(grasp, 0.0)
        target = manipulation.target("box_0", 0.1, grasp, 0.0).position
        # What the planner sees of the container is where it sends the tool.
        box = next(o for o in manipulation.observed(target, 0.0) if o.name == "box_0")
        assert np.allclose(box.position[:2], target[:2])
        manipulation.opened(target, 0.0, float(i))
        places.append(target[:2])
    apart = [math.dist(a, b) for k, a in enumerate(places) for b in places[:k]]
    assert min(apart) > 0.03
    assert all(np.abs(place - [0.5, 0.4]).max() < 0.065 for place in places)


def test_unknown_and_oversized_things_are_named() -> None:
    manipulation = hands(thing("duck_0", 0.5, 0.0, (0.08, 0.07, 0.05)))
    manipulation.observed(HOME, 0.0)
    with pytest.raises(NotInSight, match="no 'jenga' is in sight, only duck"):
        manipulation.target("jenga", 0.0, HOME, 0.0)
    with pytest.raises(InvalidGoal, match="too wide for the gripper: 80 x 70 x 50 mm"):
        manipulation.target("duck", 0.0, HOME, 0.0)


def stack(*heights: float, y: float = 0.0) -> list[ObjectEstimate]:
    """Cubes named by number at these heights of their centres above the table, at x 0.5."""
    return [
        replace(
            thing(f"cube_{i}", 0.5, y * i, (0.045, 0.045, 0.045)),
            name=f"cube_{i}",
            position=np.array([0.5, y * i, TABLE_HEIGHT + height]),
        )
        for i, height in enumerate(heights)
    ]


def seeing(cubes: list[ObjectEstimate]) -> Manipulation:
    manipulation = Manipulation({cube.name for cube in cubes})
    manipulation.see(cubes)
    manipulation.observed(HOME, 0.0)
    return manipulation


def test_what_lies_highest_on_an_object_is_put_aside_first() -> None:
    manipulation = seeing(stack(0.0225, 0.0675, 0.1125))
    assert manipulation.on_top("cube_0", HOME) == "cube_2"
    assert manipulation.on_top("cube_1", HOME) == "cube_2"
    assert manipulation.on_top("cube_2", HOME) is None


def test_what_stands_beside_an_object_is_not_put_aside() -> None:
    assert seeing(stack(0.0225, 0.032)).on_top("cube_0", HOME) is None, "badly seen, not higher"
    assert seeing(stack(0.0225, 0.0675, y=0.045)).on_top("cube_0", HOME) is None


def test_with_something_in_the_hand_nothing_is_put_aside() -> None:
    manipulation = seeing(stack(0.0225, 0.0675))
    target = manipulation.target("cube_1", 0.0, HOME, 0.0)
    manipulation.closed(target.position, target.yaw, True)
    manipulation.observed(target.position, target.yaw)
    assert manipulation.on_top("cube_0", target.position) is None
    spots = manipulation.aside(target.position, target.yaw)
    assert spots
    assert all(math.dist(spot.position[:2], (0.5, 0.0)) > 0.1 for spot in spots)
    assert all(WORKSPACE.contains(tuple(spot.position)) for spot in spots)
