"""What a motion may touch and what it must keep clear of: obstacles, the table, what is held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import coal
import numpy as np
from numpy.typing import NDArray

from taskprog.control.clearance import Obstacle, Shape
from taskprog.control.collision import CollisionModel, Solid, solids_of, table
from taskprog.control.errors import Blocked
from taskprog.control.kinematics import Kinematics, format_point

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# On the first and last centimetres, things are where they are seen to within this, metres.
TOUCH = 0.005
ARM_MARGIN = 0.003  # metres there between the arm, which has no business near things, and them as seen
# What the pads hold if nobody saw it: radius, and from so far above the tcp to so far below it, metres.
UNSEEN_RADIUS, UNSEEN_ABOVE, UNSEEN_BELOW = 0.032, 0.01, 0.03
UNSEEN = "what is held"
FINGERS = "right_gripper_"

Contacts = frozenset[tuple[str, str]]


class Surroundings:
    """What stands around the arm at the start of a motion.

    Attributes:
        near: the collision model of the first and last centimetres, in which everything is a bit smaller
            than it is seen for the hand, but not for the rest of the arm.
    """

    def __init__(
        self,
        arm: CollisionModel,
        kinematics: Kinematics,
        q: Vector,
        obstacles: Sequence[Obstacle],
        held: Obstacle | None,
        gripping: bool,
        width: float,
    ):
        """Take in what stands around.

        Args:
            q: (7,) where the arm is.
            held: what is in the hand, where it is now; None if it was not seen.
            gripping: whether the pads hold something.
            width: metres between the pads.
        """
        self._arm, self._kinematics, self._width = arm, kinematics, width
        self._obstacles = [o for o in obstacles if o is not held]
        self._held: list[Solid] = []
        self._held_inside: list[Solid] = []
        if held is not None:
            self._held = self._in_hand(solids_of(held), q)
            self._held_inside = self._in_hand(solids_of(held, TOUCH), q)
        elif gripping:
            shape = coal.Cylinder(UNSEEN_RADIUS, UNSEEN_ABOVE + UNSEEN_BELOW)
            middle = np.array([0.0, 0.0, (UNSEEN_BELOW - UNSEEN_ABOVE) / 2])
            self._held = [Solid(UNSEEN, shape, middle, np.eye(3))]
        self._holding = held is not None or gripping
        self.near = self._near(self._obstacles)

    def clear(self, margin: float) -> CollisionModel:
        """The model for free travel: ``margin`` metres from everything, seen or remembered."""
        solids = [table(), *(s for o in self._obstacles for s in solids_of(o))]
        return self._arm.among(solids, self._held, self._width, margin)

    def landing(self) -> CollisionModel:
        """As ``near``, without what is only remembered: it may be gone."""
        seen = [o for o in self._obstacles if o.visible]
        return self.near if len(seen) == len(self._obstacles) else self._near(seen)

    def between_fingers(self, goal: Vector) -> Contacts:
        """Contacts of the fingers with what they go around at ``goal`` (3,): it is to be gripped."""
        if self._holding:
            return frozenset()
        around = {o.name for o in self._obstacles if _contains(o, goal)}
        fingers = {f"{FINGERS}{side}_finger{end}" for side in "lr" for end in ("", "_tip")}
        return frozenset((finger, name) for finger in fingers for name in around)

    def check(
        self, model: CollisionModel, path: Iterable[Vector], allowed: Contacts, goal: Vector | None = None
    ) -> None:
        """No configuration (7,) on a path may have other contacts than those allowed.

        Raises:
            Blocked: one has; says what would meet what, and where the tool then is.
        """
        for q in path:
            if model.free(q):
                continue
            contacts = model.contacts(q) - allowed
            if contacts:
                part, other = min(contacts)
                where = format_point(self._kinematics.forward(q)[0])
                target = "" if goal is None else f"; the target is {format_point(goal)} m"
                raise Blocked(f"{part} would hit {other} with the tool at {where} m{target}")

    def _near(self, obstacles: Sequence[Obstacle]) -> CollisionModel:
        solids = [table(), *(s for o in obstacles for s in solids_of(o, TOUCH))]
        return self._arm.among(solids, self._held_inside, self._width, 0.0, TOUCH + ARM_MARGIN)

    def _in_hand(self, solids: Sequence[Solid], q: Vector) -> list[Solid]:
        position, rotation = self._kinematics.forward(q)
        return [
            Solid(s.name, s.shape, rotation.T @ (s.position - position), rotation.T @ s.rotation)
            for s in solids
        ]


def _contains(obstacle: Obstacle, point: Vector) -> bool:
    """Whether a solid obstacle contains a point (3,), give or take ``TOUCH``."""
    if obstacle.shape is Shape.CONTAINER:
        return False
    x, y, up = (point - obstacle.centre).tolist()
    half = obstacle.size / 2 + TOUCH
    if obstacle.yaw is None or obstacle.shape is Shape.CYLINDER:
        aside = math.hypot(x, y) < min(half[:2])
    else:
        cos, sin = math.cos(obstacle.yaw), math.sin(obstacle.yaw)
        aside = abs(cos * x + sin * y) < half[0] and abs(cos * y - sin * x) < half[1]
    return bool(aside and abs(up) < half[2])
