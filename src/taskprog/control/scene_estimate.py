"""Where every object is, from what the camera sees and what the hand feels.

A camera loses an object that the gripper holds or hides. While something is held, its place follows
from the tool's; after it was let go, the place of release counts until the camera sees it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

GRASP_RADIUS = 0.035  # metres between tool and object centre at most, to say that this object was grasped


@dataclass(frozen=True)
class ObjectEstimate:
    """One object: ``position`` (3,) metres and ``yaw`` radians, frame ``base``.

    ``visible`` says whether the camera saw it at ``stamp`` (seconds); otherwise it is remembered.
    """

    name: str
    position: NDArray[np.float64]
    yaw: float
    visible: bool
    stamp: float
    size: float


class SceneEstimate:
    """Fuses detections with grasps and releases."""

    def __init__(self) -> None:
        self._seen: dict[str, ObjectEstimate] = {}
        self._released: dict[str, ObjectEstimate] = {}
        self._held: str | None = None
        self._offset = np.zeros(3)  # of the held object's centre from the tool

    @property
    def held(self) -> str | None:
        """Name of the object in the gripper."""
        return self._held

    def see(self, objects: Iterable[ObjectEstimate]) -> None:
        """Take in what perception reports for one camera image."""
        self._seen = {o.name: o for o in objects}
        for name, placed in list(self._released.items()):
            seen = self._seen.get(name)
            if seen is not None and seen.visible and seen.stamp >= placed.stamp:
                del self._released[name]

    def grasp(self, tool: NDArray[np.float64]) -> str | None:
        """The gripper closed on something at ``tool`` (3,): which object is it? None if none is near."""
        objects = self.objects(tool)
        if not objects:
            return None
        nearest = min(objects, key=lambda o: float(np.linalg.norm(o.position - tool)))
        if np.linalg.norm(nearest.position - tool) > GRASP_RADIUS:
            return None
        self._held = nearest.name
        self._offset = nearest.position - tool
        return self._held

    def release(self, tool: NDArray[np.float64], yaw: float, stamp: float) -> None:
        """The gripper opened at ``tool``, or lost what it held there."""
        if self._held is not None and self._held in self._seen:
            self._released[self._held] = replace(
                self._seen[self._held], position=tool + self._offset, yaw=yaw, visible=False, stamp=stamp
            )
        self._held = None

    def objects(self, tool: NDArray[np.float64]) -> list[ObjectEstimate]:
        """Every object's present estimate, in the order in which perception names them."""
        result = []
        for name, seen in self._seen.items():
            if name == self._held:
                result.append(replace(seen, position=tool + self._offset))
            else:
                result.append(self._released.get(name, seen))
        return result
