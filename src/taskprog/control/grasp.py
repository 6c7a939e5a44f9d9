"""Top-down grasps: which way to turn the fingers around an object among others, and where along it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.footprint import Footprint, Rectangles, separations
from taskprog.control.robot import GRIPPER_OPEN_WIDTH

__all__ = ["PLACE_GAP", "Footprint", "Grasp", "grasps", "wrap"]

# The opened fingers as seen from above, metres: their faces turned to each other and their backs, from the
# tool's centre along the closing direction, and half their width across it. As in the robot's description.
FINGER_FACE, FINGER_BACK, FINGER_SIDE = 0.0286, 0.0433, 0.008
FINGER_SPARE = 0.001  # metres around them
FINGER_BELOW = 0.0157  # metres from the tool's centre down to the fingers' ends
CLOSING_AXIS = math.pi / 2  # the Sawyer's pads close along the tool's y axis
PLACE_GAP = 0.002  # metres between a placed cube and what it is let go above
SLACK = 0.004  # metres between the open pads beyond what they close on
AMPLE = 0.025  # metres around the fingers; more is no better
ALIKE = 0.005  # metres of room that make no difference
STEP = math.pi / 12  # between the turns that are tried, radians
SKEW_COST = 0.02  # metres of room that a turn of one radian away from an object's faces must gain
LONG = 0.06  # metres: what is longer may be taken beside its middle, too
BESIDE = (0.0, -0.17, 0.17, -0.33, 0.33)  # shares of its length from the middle
BESIDE_COST = 0.3  # metres of room that a metre beside the middle must gain


@dataclass(frozen=True)
class Grasp:
    """A way to close around an object from above.

    Attributes:
        yaw: of the tool, radians.
        room: metres free around what both fingers sweep while they close; negative where they would come
            down on something, or take it along.
        shift: x and y of the tool's place from the object's centre, metres, frame ``base``.
    """

    yaw: float
    room: float
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def offset(self) -> NDArray[np.float64]:
        """(3,) of the tool's place from the object's centre, metres, frame ``base``."""
        return np.array([*self.shift, 0.0])


def wrap(angle: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def grasps(
    target: Footprint,
    others: Sequence[Footprint],
    present: float,
    height: float | None = None,
    closing_axis: float = CLOSING_AXIS,
    beside: bool = False,
) -> list[Grasp]:
    """The ways to close around a target, the best first; none if it is too wide for the gripper.

    Pads along the target's faces are preferred, then those whose fingers have most room, then the one that
    turns the wrist least from ``present``, the tool's yaw.

    Args:
        others: what stands around; what ends below the fingers is not in the way.
        height: z of the tool, by default the target's centre.
        closing_axis: angle of the fingers' closing direction relative to the tool's yaw, radians.
        beside: whether a long target may be taken beside its middle, too.
    """
    turns = range(round(2 * math.pi / STEP))
    closings = [target.yaw + turn * STEP for turn in turns]
    closings = [c for c in closings if target.width(c) <= GRIPPER_OPEN_WIDTH - SLACK]
    shifts = _shifts(target) if beside else [(0.0, 0.0)]
    ways = [(closing, shift) for shift in shifts for closing in closings]
    tips = (float(target.position[2]) if height is None else height) - FINGER_BELOW
    found = []
    for (closing, shift), room in zip(ways, _rooms(target, others, tips, ways), strict=True):
        skew = abs(math.remainder(closing - target.yaw, math.pi / 2))
        score = room - SKEW_COST * skew - BESIDE_COST * math.hypot(*shift)
        found.append((score, Grasp(wrap(closing - closing_axis), room, shift)))
    # In classes of about the same room, so that a hair's breadth more of it does not turn the wrist around.
    most = max((score for score, _ in found), default=0.0)
    found.sort(
        key=lambda f: (
            math.floor((most - f[0]) / ALIKE),
            math.hypot(*f[1].shift),
            abs(math.remainder(f[1].yaw - present, 2 * math.pi)),
        )
    )
    return [grasp for _, grasp in found]


def _shifts(target: Footprint) -> list[tuple[float, float]]:
    """Where a target may be taken, from its centre, metres, frame ``base``."""
    length, width = target.size[:2].tolist()
    if max(length, width) < LONG:
        return [(0.0, 0.0)]
    lengthwise = target.yaw + (0.0 if length >= width else math.pi / 2)
    steps = [share * max(length, width) for share in BESIDE]
    return [(step * math.cos(lengthwise), step * math.sin(lengthwise)) for step in steps]


def _reach(target: Footprint, closing: float) -> float:
    """How far a target reaches along a closing direction from where it is taken, as wide as a finger is."""
    reach = target.width(closing) / 2
    for side, direction in zip(target.size[:2].tolist(), (target.yaw, target.yaw + math.pi / 2), strict=True):
        cos, sin = abs(math.cos(closing - direction)), abs(math.sin(closing - direction))
        if cos > sin:
            reach = min(reach, (side / 2 + FINGER_SIDE * sin) / cos)
    return reach


def _rooms(
    target: Footprint,
    others: Sequence[Footprint],
    tips: float,
    ways: Sequence[tuple[float, tuple[float, float]]],
) -> list[float]:
    """The room of each way, (closing direction, shift): around the strips that its two fingers sweep."""
    reach = FINGER_BACK + FINGER_SIDE + AMPLE + target.radius
    near = [
        wall
        for o in others
        if o.top > tips and math.dist(o.position[:2], target.position[:2]) < reach + o.radius
        for wall in o.walls()
    ]
    if not near or not ways:
        return [AMPLE] * len(ways)
    back = FINGER_BACK + FINGER_SPARE
    faces = np.array([min(_reach(target, closing), FINGER_FACE) for closing, _ in ways])
    closing = np.array([way[0] for way in ways])
    along = np.stack([np.cos(closing), np.sin(closing)], axis=1)
    middle = target.position[:2] + np.array([way[1] for way in ways])
    away = along * ((faces + back) / 2)[:, None]
    halves = np.stack([(back - faces) / 2, np.full(len(ways), FINGER_SIDE + FINGER_SPARE)], axis=1)
    strips = Rectangles(
        np.concatenate([middle - away, middle + away]), np.tile(closing, 2), np.tile(halves, (2, 1))
    )
    apart = separations(strips, Rectangles.of(near)).min(axis=1)
    rooms: list[float] = np.minimum(np.minimum(*np.split(apart, 2)), AMPLE).tolist()
    return rooms
