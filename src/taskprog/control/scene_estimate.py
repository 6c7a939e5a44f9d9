"""Where every object is, from what the camera sees and what the hand feels.

A camera loses an object that the gripper holds or hides. While something is held, its place follows
from the tool's; after it was let go, the place of release counts until the camera sees it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

GRASP_RADIUS = 0.035  # metres between tool and object centre at most, to say that this object was grasped
NEAR = 0.08  # metres, level: of objects alike, the one seen no farther from where one was let go is that one
HIDDEN_ABOVE = 0.03  # metres by which the centre of what lies in a heap may be above its container's rim
# Metres beyond a container's walls: nothing outside is so thin that its centre comes nearer to them; and
# where what is too high to lie on the table leans on one.
IN_WALL, ON_WALL = 0.006, 0.015


@dataclass(frozen=True)
class ObjectEstimate:
    """One object.

    Attributes:
        name: under which a planner knows it; objects alike share it.
        position: (3,) metres, frame ``base``; where a gripper would take it.
        yaw: radians.
        visible: whether the camera saw it at ``stamp`` (seconds); otherwise it is remembered.
        size: (3,) metres, along its own axes.
        label: what it is called in messages, one label for one object.
    """

    name: str
    position: NDArray[np.float64]
    yaw: float
    visible: bool
    stamp: float
    size: NDArray[np.float64]
    label: str = ""


@dataclass(frozen=True)
class _Held:
    """What the gripper holds, as it was when it was grasped, and its centre's place from the tool's."""

    seen: ObjectEstimate
    offset: NDArray[np.float64]


class SceneEstimate:
    """Fuses detections with grasps and releases."""

    def __init__(self) -> None:
        self._seen: list[ObjectEstimate] = []
        self._released: list[ObjectEstimate] = []
        self._held: _Held | None = None

    @property
    def held(self) -> str | None:
        """Name of the object in the gripper."""
        return None if self._held is None else self._held.seen.name

    def see(self, objects: Iterable[ObjectEstimate]) -> None:
        """Take in what perception reports for one camera image."""
        self._seen = list(objects)
        self._released = [placed for placed in self._released if not self._seen_again(placed)]

    def grasp(self, tool: NDArray[np.float64], centre: NDArray[np.float64] | None = None) -> str | None:
        """The gripper closed on something at ``tool`` (3,): which object is it? None if none is near.

        Args:
            centre: (3,) where the centre of what was to be grasped should be, by default at ``tool``.
        """
        middle = tool if centre is None else centre
        nearest = min(self.objects(tool), key=lambda o: math.dist(o.position, middle), default=None)
        if nearest is None or math.dist(nearest.position, middle) > GRASP_RADIUS:
            return None
        self._forget_released(nearest.position)
        self._held = _Held(nearest, nearest.position - tool)
        return nearest.name

    def miss(self, tool: NDArray[np.float64]) -> None:
        """The gripper closed at ``tool`` on nothing: what was let go there has gone elsewhere."""
        self._forget_released(tool)

    def release(
        self, tool: NDArray[np.float64], yaw: float, stamp: float, out_of_sight: bool = False
    ) -> None:
        """The gripper opened at ``tool``, or lost what it held there.

        Args:
            out_of_sight: it fell where it need not be seen again, and is nowhere unless it is.
        """
        if self._held is not None and not out_of_sight:
            place = tool + self._held.offset
            placed = replace(self._held.seen, position=place, yaw=yaw, visible=False, stamp=stamp)
            self._released.append(placed)
        self._held = None

    def objects(self, tool: NDArray[np.float64]) -> list[ObjectEstimate]:
        """Every object's present estimate, in the order in which perception names them."""
        moved = list(self._released)
        if self._held is not None:
            place = tool + self._held.offset
            moved.append(replace(self._held.seen, position=place))
        result = []
        for seen in self._seen:
            own = next((other for other in moved if self._same(seen, other)), None)
            if own is None:
                result.append(seen)
            else:
                moved.remove(own)
                result.append(own)
        return result + moved

    def _same(self, seen: ObjectEstimate, moved: ObjectEstimate) -> bool:
        """Whether perception tells of what was moved: by its label or by its place."""
        # Seen from above: what is let go falls.
        return seen.name == moved.name and (
            seen.label == moved.label or math.dist(seen.position[:2], moved.position[:2]) < NEAR
        )

    def _seen_again(self, placed: ObjectEstimate) -> bool:
        return any(
            seen.visible and seen.stamp >= placed.stamp and self._same(seen, placed) for seen in self._seen
        )

    def _forget_released(self, place: NDArray[np.float64]) -> None:
        self._released = [o for o in self._released if math.dist(o.position, place) > GRASP_RADIUS]


def lies_in(thing: ObjectEstimate, box: ObjectEstimate) -> bool:
    """Whether an object's centre is within a container's walls, or on one of them, and not high above it."""
    rim = box.position[2] + box.size[2] / 2
    high = thing.position[2] > box.position[2]
    return is_over(thing.position, box, ON_WALL if high else IN_WALL) and bool(
        thing.position[2] < rim + HIDDEN_ABOVE
    )


def spot_in(box: ObjectEstimate, place: NDArray[np.float64]) -> tuple[float, float]:
    """Metres along and across a container, from its middle, of a place (3,) seen from above."""
    x, y = place[:2] - box.position[:2]
    cos, sin = math.cos(box.yaw), math.sin(box.yaw)
    return float(cos * x + sin * y), float(cos * y - sin * x)


def is_over(place: NDArray[np.float64], box: ObjectEstimate, beyond: float = 0.0) -> bool:
    """Whether a place (3,) lies within a container's walls, or ``beyond`` metres outside, seen from above."""
    along, across = spot_in(box, place)
    return bool(abs(along) < box.size[0] / 2 + beyond and abs(across) < box.size[1] / 2 + beyond)
