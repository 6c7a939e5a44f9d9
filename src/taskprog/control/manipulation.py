"""From what a planner calls things to where the tool goes.

A planner knows names and heights: ``move_to(duck, 0.0)``. Which of the ducks that is, from which side the
fingers come, what is tried otherwise after a grasp of nothing, and where in a container something is dropped,
is decided here, for any robot.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from taskprog.control.errors import Blocked, InvalidGoal, MotionError
from taskprog.control.grasp import PLACE_GAP, Footprint, Grasp, grasps
from taskprog.control.kinematics import format_point
from taskprog.control.scene_estimate import GRASP_RADIUS, ObjectEstimate, SceneEstimate, is_over, lies_in
from taskprog.control.support import floating
from taskprog.machine.domain import OutcomeCode
from taskprog.tasks.table_top import TABLE_HEIGHT

Vector = NDArray[np.float64]

LOWEST = 0.020  # metres above the table: the tool's centre, with the fingers' ends just above it
TIGHT = -0.004  # metres of room around the fingers; with less, one would come down on something
SAME_PLACE = 0.03  # metres: an object that has not gone farther is where it was missed
TRIES = 5  # grasps of an object at one place before it is given up
# Where in a container things are dropped one after the other, so that they do not pile up; along its sides.
DROP_STEP = 0.035  # metres
DROPS = ((0, 0), (-1, -1), (1, 1), (-1, 1), (1, -1), (0, -1), (0, 1), (-1, 0), (1, 0))


class NotInSight(MotionError):
    """No such object is seen."""

    code = OutcomeCode.UNKNOWN_OBJECT


class GivenUp(Blocked):
    """An object that could not be grasped in several ways."""


@dataclass
class _Miss:
    """Grasps of an object that held nothing: where, and with which yaws of the tool."""

    name: str
    position: Vector
    yaws: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """Where a primitive sends the tool: position (3,), metres, frame ``base``, and yaw, radians."""

    position: Vector
    yaw: float


class Manipulation:
    """Keeps what is known of a scene in one run; see the module.

    Args:
        known: names that the planner knows. An object is known by its own name (a coloured cube, a
            container) or by that of its category.
        containers: those of the names into which things are dropped, to be seen no more.
    """

    def __init__(self, known: Collection[str], containers: frozenset[str] = frozenset()):
        self._known = frozenset(known)
        self._containers = containers
        self._shown: dict[str, ObjectEstimate] = {}
        self._misses: list[_Miss] = []
        self._drops: dict[str, int] = {}
        self.scene = SceneEstimate()

    def name_of(self, own: str, category: str) -> str | None:
        """What the planner calls an object that perception calls ``own``; None if it knows no such thing."""
        return own if own in self._known else category if category in self._known else None

    def see(self, objects: Iterable[ObjectEstimate]) -> None:
        """Take in what perception reports for one camera image."""
        self.scene.see(
            replace(o, position=_held_at(o.position)) if o.name not in self._containers else o
            for o in objects
        )

    def observed(self, tool: Vector, yaw: float) -> list[ObjectEstimate]:
        """One object of each name, as the planner sees the scene (Xu et al., section IV-B).

        Of objects alike it is the one to be taken: the nearest to the tool of those that were not missed yet,
        or the one that is held. What lies in a container is done with, and left out; so is, for now, what the
        fingers have no room around, unless it is the only one of its name.
        A container's place is where the next thing is to be let go, at half its height.
        """
        objects = self._things(tool)
        boxes = [o for o in objects if o.name in self._containers]
        best: dict[str, tuple[tuple[float, ...], ObjectEstimate]] = {}
        for thing in objects:
            if thing.name in self._containers:
                rank: tuple[float, ...] = (0.0,)
                thing = replace(thing, position=self._drop_place(thing))
            elif self._in_hand(thing, tool):
                rank = (-1.0,)
            elif any(lies_in(thing, box) for box in boxes):
                continue
            else:
                rank = self._rank(thing, objects, tool, yaw)
                if rank[1] > 0.0:
                    continue
            if thing.name not in best or rank < best[thing.name][0]:
                best[thing.name] = (rank, thing)
        self._shown = {name: thing for name, (_, thing) in best.items()}
        return list(self._shown.values())

    def target(self, name: str, height: float, tool: Vector, yaw: float) -> Target:
        """Where the tool has to be, ``height`` metres above the object that was last shown under a name.

        Raises:
            NotInSight: there is none.
            GivenUp, Blocked: it cannot be grasped; says why.
        """
        if name not in self._shown:
            known = ", ".join(sorted(self._shown)) or "nothing"
            raise NotInSight(f"no {name!r} is in sight, only {known}")
        thing = self._shown[name]
        if name in self._containers:
            return Target(thing.position + [0.0, 0.0, height], yaw)
        held = self.scene.held
        position = thing.position + [0.0, 0.0, height + (PLACE_GAP if height > 0 else 0.0)]
        objects = self._things(tool)
        others = [_footprint(o, o.name in self._containers) for o in objects if self._in_way(o, thing, tool)]
        if height > 0:
            size = next((o.size for o in objects if o.name == held and self._in_hand(o, tool)), thing.size)
            choice = grasps(Footprint(position, thing.yaw, size), others, yaw)
            return Target(position, choice[0].yaw if choice else yaw)
        return Target(position, self._grasp(thing, others, yaw).yaw)

    def closed(self, tool: Vector, yaw: float, holding: bool) -> None:
        """The gripper has closed at a place; ``holding``: something stopped it."""
        if holding:
            self.scene.grasp(tool)
            return
        self.scene.miss(tool)
        aimed = [o for o in self._shown.values() if math.dist(o.position, tool) < GRASP_RADIUS]
        if aimed:
            thing = min(aimed, key=lambda o: math.dist(o.position, tool))
            miss = self._missed(thing)
            if miss is None:
                miss = _Miss(thing.name, thing.position)
                self._misses.append(miss)
            miss.yaws.append(yaw)

    def opened(self, tool: Vector, yaw: float, stamp: float) -> None:
        """The gripper has opened at a place, or lost what it held there, at a time in seconds."""
        boxes = [o for o in self.scene.objects(tool) if o.name in self._containers and is_over(tool, o)]
        if self.scene.held is not None:
            for box in boxes:
                self._drops[box.name] = self._drops.get(box.name, 0) + 1
        self.scene.release(tool, yaw, stamp, out_of_sight=bool(boxes))

    def _things(self, tool: Vector) -> list[ObjectEstimate]:
        """All objects but for those in mid-air: there, hand or arm were taken for something."""
        objects = self.scene.objects(tool)
        if not objects:
            return []
        hangs = floating(np.array([o.position for o in objects]), np.array([o.size for o in objects]))
        return [o for o, in_air in zip(objects, hangs, strict=True) if not in_air or self._in_hand(o, tool)]

    def _in_hand(self, thing: ObjectEstimate, tool: Vector) -> bool:
        return thing.name == self.scene.held and math.dist(thing.position, tool) < GRASP_RADIUS

    def _in_way(self, thing: ObjectEstimate, target: ObjectEstimate, tool: Vector) -> bool:
        return thing is not target and thing.label != target.label and not self._in_hand(thing, tool)

    def _missed(self, thing: ObjectEstimate) -> _Miss | None:
        for miss in self._misses:
            if miss.name == thing.name and math.dist(miss.position, thing.position) < SAME_PLACE:
                return miss
        return None

    def _rank(
        self, thing: ObjectEstimate, objects: Sequence[ObjectEstimate], tool: Vector, yaw: float
    ) -> tuple[float, ...]:
        """What comes first is taken first: fewest misses, room for the fingers, near the tool."""
        miss = self._missed(thing)
        missed = 0.0 if miss is None else float(len(miss.yaws))
        distance = math.dist(thing.position, tool)
        if distance < GRASP_RADIUS or sum(o.name == thing.name for o in objects) == 1:
            return (missed, 0.0, distance)
        others = [_footprint(o, o.name in self._containers) for o in objects if self._in_way(o, thing, tool)]
        found = grasps(_footprint(thing), others, yaw)
        return (missed, 0.0 if found and found[0].room > TIGHT else 1.0, distance)

    def _grasp(self, thing: ObjectEstimate, others: Sequence[Footprint], yaw: float) -> Grasp:
        """How to take an object; another way than those that held nothing."""
        found = grasps(_footprint(thing), others, yaw)
        where = f"{thing.label or thing.name} at {format_point(thing.position)} m"
        if not found:
            raise InvalidGoal(f"{where} is too wide for the gripper: {_millimetres(thing.size)}")
        miss = self._missed(thing)
        tried = [] if miss is None else miss.yaws
        if len(tried) >= TRIES:
            raise GivenUp(f"{where} could not be grasped in {len(tried)} tries from several sides")
        fresh = [g for g in found if not any(_alike(g.yaw, other) for other in tried)]
        choice = (fresh or found)[0]
        if choice.room < TIGHT:
            raise Blocked(
                f"no room for the fingers around {where}: at best one comes down "
                f"{-choice.room * 1e3:.0f} mm within its neighbours"
            )
        return choice

    def _drop_place(self, box: ObjectEstimate) -> Vector:
        """(3,) where in a container the next thing is dropped."""
        along, across = DROPS[self._drops.get(box.name, 0) % len(DROPS)]
        cos, sin = math.cos(box.yaw), math.sin(box.yaw)
        x, y = along * DROP_STEP, across * DROP_STEP
        return np.asarray(box.position + [cos * x - sin * y, sin * x + cos * y, 0.0])


def _held_at(position: Vector) -> Vector:
    """(3,) where the tool's centre is to be to hold what has its own centre at a place."""
    return np.array([position[0], position[1], max(position[2], TABLE_HEIGHT + LOWEST)])


def _footprint(thing: ObjectEstimate, hollow: bool = False) -> Footprint:
    return Footprint(thing.position, thing.yaw, thing.size, hollow)


def _alike(a: float, b: float) -> bool:
    """Whether two yaws of the tool close the fingers along about the same line."""
    return abs(math.remainder(a - b, math.pi)) < math.radians(20.0)


def _millimetres(size: Vector) -> str:
    return " x ".join(f"{side * 1e3:.0f}" for side in size) + " mm"
