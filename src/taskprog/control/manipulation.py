"""From what a planner calls things to where the tool goes.

A planner knows names and heights: ``move_to(duck, 0.0)``. Which of the ducks that is, from which side the
fingers come, what is tried otherwise after a grasp of nothing or a refused approach, and where in a container
something is dropped, is decided here, for any robot.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from taskprog.control.attempts import Attempts
from taskprog.control.drops import TRIES, Drops
from taskprog.control.errors import Blocked, InvalidGoal, MotionError
from taskprog.control.footprint import Footprint, Rectangles, separations
from taskprog.control.grasp import PLACE_GAP, Grasp, grasps
from taskprog.control.kinematics import format_point
from taskprog.control.scene_estimate import GRASP_RADIUS, ObjectEstimate, SceneEstimate, is_over, lies_in
from taskprog.control.support import floating
from taskprog.machine.domain import OutcomeCode
from taskprog.tasks.table_top import TABLE_HEIGHT, WORKSPACE

Vector = NDArray[np.float64]

LOWEST = 0.020  # metres above the table: the tool's centre, with the fingers' ends just above it
# Metres of room around the fingers. With less than the first, goods wait until what is next to them has been
# taken; with less than the second, a finger would come down on something or take it along.
TIGHT, LEAST = -0.004, -0.010
# What lies on a thing overlaps with it by as much as this, seen from above, and is as much higher, metres.
UPON, HIGHER = 0.006, 0.005
# Metres between places on the table where something may be put aside, and to what lies around them: the
# hand has to get there, and to what is there, afterwards.
ASIDE_STEP, ASIDE_ROOM = 0.04, 0.06
WAYS = 3  # of grasping a thing that are tried in one primitive while the arm refuses to go there


class NotInSight(MotionError):
    """No such object is seen."""

    code = OutcomeCode.UNKNOWN_OBJECT


class _Ease(IntEnum):
    """How easily a thing can be taken."""

    FREE = 0
    TIGHT = 1  # little room for the fingers
    BENEATH = 2  # something lies on it
    STUCK = 3  # no room, too wide, or tried in vain too often


@dataclass(frozen=True)
class _Aim:
    """The grasp that the tool was sent to last: of which thing, how, and where the tool then is, (3,)."""

    thing: ObjectEstimate
    way: Grasp
    place: Vector

    def reached(self, tool: Vector) -> bool:
        """Whether the tool is there."""
        return math.dist(self.place, tool) < GRASP_RADIUS

    def is_at(self, thing: ObjectEstimate, tool: Vector) -> bool:
        """Whether this thing was meant, and the tool is there."""
        return (
            self.thing.label == thing.label
            and math.dist(self.thing.position, thing.position) < GRASP_RADIUS
            and self.reached(tool)
        )


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
        self._attempts = Attempts()
        self._aim: _Aim | None = None
        self._held_shift = np.zeros(3)  # the tool's place from the centre of what it holds
        self._over: ObjectEstimate | None = None  # the container that the tool was sent to last
        self._drops = Drops()
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

        Of objects alike it is the one to be taken, or the one that is held: what can be taken easily, then
        what was tried least often in vain, then what is nearest to the tool. What lies in a container is done
        with, and left out. Where things vanish into containers, what cannot be taken easily waits unseen
        until everything is as hard to take.
        A thing's place is where the tool goes to take it; a container's is where the next thing is to be let
        go, at half its height.
        """
        objects = self._with_aim(tool, self._things(tool))
        boxes = [o for o in objects if o.name in self._containers]
        outlines = [_footprint(o, o.name in self._containers) for o in objects]
        shown: dict[str, ObjectEstimate] = {}
        best: dict[str, tuple[tuple[float, ...], ObjectEstimate, Grasp | None]] = {}
        for thing in objects:
            if thing.name in self._containers or self._in_hand(thing, tool):
                shown[thing.name] = thing
            elif not any(lies_in(thing, box) for box in boxes):
                others = [f for o, f in zip(objects, outlines, strict=True) if self._in_way(o, thing, tool)]
                rank, way = self._rank(thing, others, objects, tool, yaw)
                if thing.name not in best or rank < best[thing.name][0]:
                    best[thing.name] = (rank, thing, way)
        easiest = min((rank[0] for rank, _, _ in best.values()), default=0.0)
        places = {name: self._place_of(thing, tool) for name, thing in shown.items()}
        for name, (rank, thing, way) in best.items():
            if name not in shown and (rank[0] == easiest or not self._containers):
                shown[name] = thing
                places[name] = thing.position if way is None else thing.position + way.offset
        self._shown = shown
        return [replace(thing, position=places[name]) for name, thing in shown.items()]

    def target(self, name: str, height: float, tool: Vector, yaw: float) -> Target:
        """Where the tool has to be, ``height`` metres above the object that was last shown under a name.

        Raises:
            NotInSight: there is none.
            GivenUp, Blocked, InvalidGoal: it cannot be grasped; says why.
        """
        if name not in self._shown:
            known = ", ".join(sorted(self._shown)) or "nothing"
            raise NotInSight(f"no {name!r} is in sight, only {known}")
        aim, self._aim, self._over = self._aim, None, None
        thing = self._shown[name]
        if name in self._containers:
            self._over = thing
            return Target(self._drop_place(thing, tool) + [0.0, 0.0, height], yaw)
        position = thing.position + [0.0, 0.0, height + (PLACE_GAP if height > 0 else 0.0)]
        objects = self._things(tool)
        others = [_footprint(o, o.name in self._containers) for o in objects if self._in_way(o, thing, tool)]
        if height > 0:
            held = self._held(objects, tool) or thing
            choice = grasps(Footprint(position, thing.yaw, held.size), others, yaw)
            return Target(position, choice[0].yaw if choice else yaw)
        there = aim is not None and aim.is_at(thing, tool)  # a turn of the fingers now would push it away
        way = aim.way if aim is not None and there else self._grasp(thing, others, yaw)
        self._aim = _Aim(thing, way, position + way.offset)
        return Target(self._aim.place, way.yaw)

    def on_top(self, name: str, tool: Vector) -> str | None:
        """What is to be put aside before an object can be taken: the highest of what lies on it.

        None if nothing does, or where things vanish into containers: there others are taken first.
        """
        thing = self._shown.get(name)
        if thing is None or self._containers or self.scene.held is not None:
            return None
        upon = [
            o
            for o in self._upon(thing, self._things(tool), tool)
            if o.position[2] - thing.position[2] > (o.size[2] + thing.size[2]) / 4
        ]
        return max(upon, key=lambda o: float(o.position[2])).name if upon else None

    def aside(self, tool: Vector, yaw: float) -> list[Target]:
        """Places on the table with room around for what is held, the nearest first."""
        objects = self._things(tool)
        held = self._held(objects, tool)
        if held is None:
            return []
        height = TABLE_HEIGHT + held.size[2] / 2 + PLACE_GAP
        spots = [
            Footprint(np.array([x, y, height]), yaw, held.size)
            for x in np.arange(*WORKSPACE.x, ASIDE_STEP)
            for y in np.arange(*WORKSPACE.y, ASIDE_STEP)
        ]
        others = Rectangles.of(_footprint(o) for o in objects if o is not held)
        room = separations(Rectangles.of(spots), others).min(axis=1, initial=np.inf)
        targets = [
            Target(spot.position + self._held_shift, yaw)
            for spot, free in zip(spots, room, strict=True)
            if free > ASIDE_ROOM
        ]
        return sorted(targets, key=lambda t: math.dist(t.position, tool))

    def ways(self, name: str) -> int:
        """How often one primitive may ask for an object's ``target`` while the arm refuses to go there."""
        return TRIES if name in self._containers else WAYS

    def refused(self, code: OutcomeCode, reason: str) -> bool:
        """The arm cannot get to where ``target`` sent it: that way of grasping counts as tried in vain.

        Over a container, the next of its spots is to be tried.

        Returns:
            Whether it was to grasp something that may be tried in other ways, or to go over a container.

        Raises:
            GivenUp: all spots over the container were refused. If it is asked for again, they are tried anew.
        """
        aim, self._aim = self._aim, None
        over, self._over = self._over, None
        if over is not None:
            self._drops.refuse(over, code, reason)
            return True
        if aim is None:
            return False
        self._attempts.refused(aim.thing.name, aim.thing.position, aim.way, code, reason)
        return True

    def closed(self, tool: Vector, yaw: float, holding: bool) -> None:
        """The gripper has closed at a place; ``holding``: something stopped it."""
        aim, self._aim = self._aim, None
        if aim is not None and not aim.reached(tool):
            aim = None
        if holding:
            self._held_shift = np.zeros(3) if aim is None else aim.way.offset
            self.scene.grasp(tool, tool - self._held_shift)
            self._attempts.taken(tool)
            held = self._held(self.scene.objects(tool), tool)
            if held is not None:
                self._drops.taken(held)
            return
        self.scene.miss(tool)
        if aim is not None:
            self._attempts.missed(aim.thing.name, aim.thing.position, aim.way)
            return
        near = [o for o in self._shown.values() if math.dist(o.position, tool) < GRASP_RADIUS]
        if near:
            thing = min(near, key=lambda o: math.dist(o.position, tool))
            self._attempts.missed(thing.name, thing.position, Grasp(yaw, 0.0))

    def opened(self, tool: Vector, yaw: float, stamp: float) -> None:
        """The gripper has opened at a place, or lost what it held there, at a time in seconds."""
        boxes = [o for o in self.scene.objects(tool) if o.name in self._containers and is_over(tool, o)]
        if self.scene.held is not None:
            for box in boxes:
                self._drops.dropped(box, tool - self._held_shift)
        self._drops.forget_refusals()
        self.scene.release(tool, yaw, stamp, out_of_sight=bool(boxes))

    def _things(self, tool: Vector) -> list[ObjectEstimate]:
        """All objects but for those in mid-air: there, hand or arm were taken for something."""
        objects = self.scene.objects(tool)
        if not objects:
            return []
        hangs = floating(np.array([o.position for o in objects]), np.array([o.size for o in objects]))
        return [o for o, in_air in zip(objects, hangs, strict=True) if not in_air or self._in_hand(o, tool)]

    def _in_hand(self, thing: ObjectEstimate, tool: Vector) -> bool:
        centre = tool - self._held_shift
        return thing.name == self.scene.held and math.dist(thing.position, centre) < GRASP_RADIUS

    def _held(self, objects: Iterable[ObjectEstimate], tool: Vector) -> ObjectEstimate | None:
        """What of these is in the hand."""
        return next((o for o in objects if self._in_hand(o, tool)), None)

    def _in_way(self, thing: ObjectEstimate, target: ObjectEstimate, tool: Vector) -> bool:
        return thing is not target and thing.label != target.label and not self._in_hand(thing, tool)

    def _place_of(self, thing: ObjectEstimate, tool: Vector) -> Vector:
        """(3,) over a container, where the tool drops; at what is held, where it would be to take it so."""
        if thing.name in self._containers:
            return self._drop_place(thing, tool)
        return thing.position + self._held_shift if self._in_hand(thing, tool) else thing.position

    def _with_aim(self, tool: Vector, objects: list[ObjectEstimate]) -> list[ObjectEstimate]:
        """Objects, with what the hand was sent to take where it was then, until the pads have closed.

        The hand hides it, wholly or in part: what still shows has its middle elsewhere, and a hand that went
        after that would push the thing away.
        """
        aim = self._aim
        if aim is None or not aim.reached(tool):
            return objects
        alike = [o for o in objects if o.name == aim.thing.name]
        nearest = min(alike, key=lambda o: math.dist(o.position, aim.thing.position), default=None)
        if nearest is None or math.dist(nearest.position, aim.thing.position) > GRASP_RADIUS:
            return [*objects, replace(aim.thing, visible=False)]
        return [aim.thing if o is nearest else o for o in objects]

    def _rank(
        self,
        thing: ObjectEstimate,
        others: Sequence[Footprint],
        objects: Sequence[ObjectEstimate],
        tool: Vector,
        yaw: float,
    ) -> tuple[tuple[float, ...], Grasp | None]:
        """What comes first is taken first, and how it would be."""
        tried = self._attempts.count(thing.name, thing.position)
        distance = math.dist(thing.position, tool)
        if self._attempts.given_up(thing.name, thing.position):
            return (_Ease.STUCK, tried, 0.0, distance), None
        if self._aim is not None and self._aim.is_at(thing, tool):
            return (_Ease.FREE, tried, 0.0, distance), self._aim.way
        way = self._way(thing, others, yaw)
        if way is None or way.room < LEAST:
            return (_Ease.STUCK, tried, 0.0 if way is None else -way.room, distance), way
        if self._upon(thing, objects, tool):
            return (_Ease.BENEATH, tried, -way.room, distance), way
        if way.room < TIGHT:
            return (_Ease.TIGHT, tried, -way.room, distance), way
        return (_Ease.FREE, tried, 0.0, distance), way

    def _upon(
        self, thing: ObjectEstimate, objects: Sequence[ObjectEstimate], tool: Vector
    ) -> list[ObjectEstimate]:
        """What lies on a thing."""
        higher = [
            o
            for o in objects
            if o.position[2] > thing.position[2] + HIGHER
            and o.name not in self._containers
            and math.dist(o.position[:2], thing.position[:2]) < (max(o.size) + max(thing.size))
            and self._in_way(o, thing, tool)
        ]
        if not higher:
            return []
        apart = separations(Rectangles.of([_footprint(thing)]), Rectangles.of(_footprint(o) for o in higher))
        return [o for o, gap in zip(higher, apart[0], strict=True) if gap < -UPON]

    def _way(self, thing: ObjectEstimate, others: Sequence[Footprint], yaw: float) -> Grasp | None:
        """How to take an object: in another way than those that failed, if one is left; None if it is too
        wide."""
        found = grasps(_footprint(thing), others, yaw, beside=True)
        fresh = self._attempts.fresh(thing.name, thing.position, found)
        roomy = [way for ways in (fresh, found) for way in ways if way.room >= TIGHT]
        return next(iter((*roomy, *fresh, *found)), None)

    def _grasp(self, thing: ObjectEstimate, others: Sequence[Footprint], yaw: float) -> Grasp:
        where = f"{thing.label or thing.name} at {format_point(thing.position)} m"
        self._attempts.check(thing.name, thing.position, where)
        way = self._way(thing, others, yaw)
        if way is None:
            raise InvalidGoal(f"{where} is too wide for the gripper: {_millimetres(thing.size)}")
        if way.room < LEAST:
            raise Blocked(
                f"no room for the fingers around {where}: at best they meet its neighbours over "
                f"{-way.room * 1e3:.0f} mm"
            )
        return way

    def _drop_place(self, box: ObjectEstimate, tool: Vector) -> Vector:
        """(3,) where the tool drops the next thing into a container; the thing's centre is over its spot.

        What would take the tool out of the workspace is dropped nearer to the container's middle.
        """
        inside = [
            o
            for o in self.scene.objects(tool)
            if o.name not in self._containers and not self._in_hand(o, tool) and lies_in(o, box)
        ]
        place = self._drops.place(box, inside)
        if self.scene.held is not None:
            place = place + self._held_shift
        for axis, (low, high) in enumerate((WORKSPACE.x, WORKSPACE.y)):
            middle = box.position[axis]
            place[axis] = np.clip(place[axis], min(low, middle), max(high, middle))
        return place


def _held_at(position: Vector) -> Vector:
    """(3,) where the tool's centre is to be to hold what has its own centre at a place."""
    return np.array([position[0], position[1], max(position[2], TABLE_HEIGHT + LOWEST)])


def _footprint(thing: ObjectEstimate, hollow: bool = False) -> Footprint:
    return Footprint(thing.position, thing.yaw, thing.size, hollow)


def _millimetres(size: Vector) -> str:
    return " x ".join(f"{side * 1e3:.0f}" for side in size) + " mm"
