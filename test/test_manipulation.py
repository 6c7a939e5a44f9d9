"""Which object is meant by a name, how it is taken, and where in a container it is dropped."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from manipulation_example import BLOCK, BOX, DUCK, HOME, NAMES, hands, shown, thing

from taskprog.control.errors import Blocked, InvalidGoal
from taskprog.control.manipulation import Manipulation, NotInSight
from taskprog.control.scene_estimate import ObjectEstimate
from taskprog.tasks.table_top import TABLE_HEIGHT, WORKSPACE


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
