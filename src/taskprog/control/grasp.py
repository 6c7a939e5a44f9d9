"""Top-down grasps: which way to turn the fingers around an object among others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.control.robot import GRIPPER_OPEN_WIDTH

# Centre of each opened finger from the tool's centre, along the closing direction, and its radius, metres.
FINGER_REACH = 0.040
FINGER_RADIUS = 0.013
FINGER_BELOW = 0.0157  # metres from the tool's centre down to the fingers' ends
CLOSING_AXIS = math.pi / 2  # the Sawyer's pads close along the tool's y axis
PLACE_GAP = 0.002  # metres between a placed cube and what it is let go above
SLACK = 0.004  # metres between the open pads beyond what they close on
AMPLE = 0.025  # metres around the fingers; more is no better
ALIKE = 0.005  # metres of room that make no difference
STEP = math.pi / 12  # between the turns that are tried, radians
SKEW_COST = 0.02  # metres of room that a turn of one radian away from an object's faces must gain


@dataclass(frozen=True)
class Footprint:
    """An upright box as seen from above.

    Attributes:
        position: (3,) its centre, metres, frame ``base``.
        yaw: radians.
        size: (3,) along its own axes, metres.
        hollow: an open container: only its walls are in the way.
    """

    position: NDArray[np.float64]
    yaw: float
    size: NDArray[np.float64]
    hollow: bool = False

    @property
    def top(self) -> float:
        """Height of its upper face."""
        return float(self.position[2] + self.size[2] / 2)

    @property
    def radius(self) -> float:
        """Of the circle around it, metres."""
        return math.hypot(self.size[0], self.size[1]) / 2

    def distance(self, point: NDArray[np.float64]) -> float:
        """From a point (2,) to its outline, metres; negative inside, where a hollow one has room as well."""
        x, y = (point - self.position[:2]).tolist()
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        along = abs(cos * x + sin * y) - self.size[0] / 2
        across = abs(cos * y - sin * x) - self.size[1] / 2
        if along <= 0.0 and across <= 0.0:
            inside = float(max(along, across))
            return -inside if self.hollow else inside
        return math.hypot(max(along, 0.0), max(across, 0.0))

    def width(self, direction: float) -> float:
        """How wide it is along a direction, radians from the x axis, metres."""
        turn = direction - self.yaw
        return float(self.size[0] * abs(math.cos(turn)) + self.size[1] * abs(math.sin(turn)))


@dataclass(frozen=True)
class Grasp:
    """A way to close around an object from above.

    Attributes:
        yaw: of the tool, radians.
        room: metres free around both fingers; negative where one would come down on something.
    """

    yaw: float
    room: float


def wrap(angle: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def grasps(
    target: Footprint,
    others: Sequence[Footprint],
    present: float,
    height: float | None = None,
    closing_axis: float = CLOSING_AXIS,
) -> list[Grasp]:
    """The ways to close around a target, the best first; none if it is too wide for the gripper.

    Pads along the target's faces are preferred, then those whose fingers have most room, then the one that
    turns the wrist least from ``present``, the tool's yaw.

    Args:
        others: what stands around; what ends below the fingers is not in the way.
        height: z of the tool, by default the target's centre.
        closing_axis: angle of the fingers' closing direction relative to the tool's yaw, radians.
    """
    tips = (float(target.position[2]) if height is None else height) - FINGER_BELOW
    reach = FINGER_REACH + FINGER_RADIUS + AMPLE
    near = [
        o
        for o in others
        if o.top > tips and math.dist(o.position[:2], target.position[:2]) < reach + o.radius
    ]
    found = []
    for turn in range(round(2 * math.pi / STEP)):
        closing = target.yaw + turn * STEP
        if target.width(closing) > GRIPPER_OPEN_WIDTH - SLACK:
            continue
        along = np.array([math.cos(closing), math.sin(closing)])
        fingers = [target.position[:2] + side * FINGER_REACH * along for side in (-1, 1)]
        distances = [other.distance(finger) for other in near for finger in fingers]
        room = min(min(distances, default=math.inf) - FINGER_RADIUS, AMPLE)
        skew = abs(math.remainder(closing - target.yaw, math.pi / 2))
        found.append((room - SKEW_COST * skew, room, wrap(closing - closing_axis)))
    # In classes of about the same room, so that a hair's breadth more of it does not turn the wrist around.
    most = max((score for score, _, _ in found), default=0.0)
    found.sort(
        key=lambda g: (math.floor((most - g[0]) / ALIKE), abs(math.remainder(g[2] - present, 2 * math.pi)))
    )
    return [Grasp(yaw, room) for _, room, yaw in found]
