"""The gripper turns to an object's faces, away from what stands around, and no farther than needed."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from taskprog.control.footprint import Footprint
from taskprog.control.grasp import (
    FINGER_BACK,
    FINGER_FACE,
    FINGER_SIDE,
    FINGER_SPARE,
    grasps,
)
from taskprog.resources import share_dir

HERE = np.array([0.6, 0.0, 0.0])
CLOSING = math.pi / 2


def cube(position: np.ndarray = HERE, yaw: float = 0.0) -> Footprint:
    return Footprint(position, yaw, np.full(3, 0.045))


def block(yaw: float = 0.0) -> Footprint:
    return Footprint(HERE, yaw, np.array([0.09, 0.03, 0.018]))


def best(target: Footprint, others: list[Footprint], present: float = 0.0) -> float:
    return grasps(target, others, present)[0].yaw


@pytest.mark.parametrize("yaw", [-0.7, -0.2, 0.0, 0.4, 0.78])
@pytest.mark.parametrize("present", [-2.0, 0.0, 1.5])
def test_pads_align_with_faces_and_the_wrist_turns_at_most_an_eighth(yaw: float, present: float) -> None:
    chosen = best(cube(yaw=yaw), [], present)
    assert math.remainder(chosen - yaw, math.pi / 2) == pytest.approx(0.0, abs=1e-9)
    assert abs(math.remainder(chosen - present, 2 * math.pi)) <= math.pi / 4 + 1e-9


@pytest.mark.parametrize("side", [-1, 1])
def test_fingers_avoid_a_neighbour(side: int) -> None:
    # The neighbour stands where a finger would go if the gripper kept its present yaw.
    neighbour = cube(HERE + [0.0, side * 0.07, 0.0])
    assert abs(best(cube(), [neighbour])) == pytest.approx(math.pi / 2)
    beside = cube(HERE + [side * 0.07, 0.0, 0.0])
    assert best(cube(), [beside]) == pytest.approx(0.0)


def test_room_is_what_lies_between_a_finger_and_what_is_next_to_it() -> None:
    far = cube(HERE + [0.0, FINGER_BACK + 0.0225 + 0.02, 0.0])
    room = {round(g.yaw, 3): g.room for g in grasps(cube(), [far], 0.0)}
    assert room[0.0] == pytest.approx(0.02 - FINGER_SPARE)
    inside = cube(HERE + [0.0, (FINGER_FACE + FINGER_BACK) / 2, 0.0])
    assert min(g.room for g in grasps(cube(), [inside], 0.0)) < 0


def test_fingers_are_as_large_as_the_robots() -> None:
    """Opened, from its description: collision boxes of the left finger and its tip, the right mirrors it."""
    robot = ET.parse(share_dir() / "models" / "sawyer" / "sawyer.urdf").getroot()
    joints = {joint.get("name"): joint for joint in robot.iter("joint")}

    def origin(element: ET.Element | None) -> np.ndarray:
        assert element is not None
        found = element.find("origin")
        assert found is not None
        return np.array([float(v) for v in str(found.get("xyz")).split()])

    def boxes(link: str) -> list[tuple[np.ndarray, np.ndarray]]:
        (body,) = (found for found in robot.iter("link") if found.get("name") == link)
        return [
            (origin(c), np.array([float(v) for v in str(box.get("size")).split()]))
            for c in body.iter("collision")
            for box in c.iter("box")
        ]

    finger = joints["right_gripper_l_finger_joint"]
    limit = finger.find("limit")
    assert limit is not None
    base = origin(finger) + [0.0, float(str(limit.get("upper"))), 0.0] - origin(joints["tcp_joint"])
    tip = base + origin(joints["right_gripper_l_finger_tip_joint"])
    blade = max(boxes("right_gripper_l_finger"), key=lambda box: box[0][2])
    parts = [
        (base + blade[0], blade[1]),
        *((tip + at, size) for at, size in boxes("right_gripper_l_finger_tip")),
    ]
    assert min(at[1] - size[1] / 2 for at, size in parts) == pytest.approx(FINGER_FACE, abs=2e-4)
    assert max(at[1] + size[1] / 2 for at, size in parts) == pytest.approx(FINGER_BACK, abs=2e-4)
    assert max(abs(at[0]) + size[0] / 2 for at, size in parts) == pytest.approx(FINGER_SIDE, abs=2e-4)


def test_a_neighbour_between_a_finger_and_the_object_would_be_taken_along() -> None:
    # 14 mm wide, it fits between the object's face and where the opened finger comes down.
    for gap in (0.0, 0.005):
        thin = Footprint(HERE + [0.0, 0.01 + gap + 0.007, 0.0], 0.0, np.array([0.03, 0.014, 0.03]))
        narrow = Footprint(HERE, 0.0, np.array([0.04, 0.02, 0.03]))
        room = {round(g.yaw, 3): g.room for g in grasps(narrow, [thin], 0.0)}
        assert room[0.0] < -0.01
        assert abs(best(narrow, [thin])) == pytest.approx(math.pi / 2)


@pytest.mark.parametrize("gap", [0.004, 0.010])
def test_no_finger_comes_down_beyond_a_containers_wall(gap: float) -> None:
    size = np.array([0.21, 0.21, 0.09])
    box = Footprint(HERE + [0.0, 0.015 + gap + size[1] / 2, 0.03], 0.0, size, hollow=True)
    assert max(g.room for g in grasps(block(), [box], 0.0, beside=True)) < -0.004


def test_a_long_block_is_taken_beside_its_middle_where_that_is_hemmed_in() -> None:
    neighbours = [cube(HERE + [0.015, side * 0.04, 0.0]) for side in (-1, 1)]
    middle, aside = grasps(block(), neighbours, 0.0)[0], grasps(block(), neighbours, 0.0, beside=True)[0]
    assert middle.room < -0.004 < 0.0 < aside.room
    assert aside.shift[0] < -0.01
    assert aside.shift[1] == pytest.approx(0.0)
    assert grasps(block(), [], 0.0, beside=True)[0].shift == (0.0, 0.0)


@pytest.mark.parametrize("yaw", [0.0, 0.5, -1.2])
def test_a_long_block_is_taken_across(yaw: float) -> None:
    closing = best(block(yaw), []) + CLOSING
    assert abs(math.cos(closing - yaw)) == pytest.approx(0.0, abs=1e-9)


def test_a_long_block_is_never_taken_along() -> None:
    for grasp in grasps(block(), [], 0.0):
        assert block().width(grasp.yaw + CLOSING) < 0.057


def test_too_wide_for_the_gripper_cannot_be_grasped() -> None:
    assert grasps(Footprint(HERE, 0.3, np.array([0.08, 0.07, 0.05])), [], 0.0) == []


def test_what_ends_below_the_fingers_is_not_in_the_way() -> None:
    low = cube(HERE + [0.0, 0.04, -0.06])
    assert best(cube(), [low]) == pytest.approx(0.0)


def test_fingers_keep_off_a_containers_walls_and_may_go_inside() -> None:
    box = Footprint(HERE + [0.0, 0.085, 0.02], 0.0, np.array([0.2, 0.2, 0.09]), hollow=True)
    # Its wall is 15 mm behind the target's middle: no finger fits between, so the fingers go along the wall.
    assert abs(best(cube(HERE + [0.0, -0.04, 0.0]), [box])) == pytest.approx(math.pi / 2)
    middle = Footprint(box.position, 0.0, np.full(3, 0.04))
    assert grasps(middle, [box], 0.0)[0].room > 0.02
