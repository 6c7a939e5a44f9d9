"""The kinematic twin: a table-top without physics, fast enough for thousands of episodes a minute.

It keeps what matters to a planner: noisy detections, grasps that miss, things that fall when they are put
down too far off, a gripper that retreats after letting go. Collisions and dynamics are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Call, CancelToken, Observation, Outcome, OutcomeCode
from taskprog.tasks.conditions import Disturbances, WorldNoise
from taskprog.tasks.scene import Body, Layout, spot_in, stands_on, takes
from taskprog.tasks.table_top import LAYOUT_REGION, TABLE_HEIGHT, Region

HOME = (0.55, 0.0, TABLE_HEIGHT + 0.35)  # where the tool starts, metres
RETREAT = 0.12  # metres straight up after letting go, as the executor does
GRASP_RADIUS = 0.020  # metres between tool and a body's centre, across and in height, for a grasp to work
DROP_HEIGHT = 0.030  # metres; what is let go higher above its support tumbles off it
CLEARANCE = 1.3  # of the radii of a fallen body and each other one: how far apart they end
MOVE_SPEED, MOVE_TIME, GRIPPER_TIME = 0.25, 2.0, 0.8  # metres per second; seconds besides; seconds
HEIGHT_TOLERANCE = 0.010  # metres, when the truth is judged
MEDDLE_FIRST = 10  # a person who meddles once does so within so many primitives
PRIMITIVES = 4  # that a step takes


class TwinDomain:
    """A ``taskprog.machine.Domain``: bodies on a table and a gripper, moved without physics.

    Bodies that share a name are observed as one: the nearest to the gripper that can be seen, which is the
    held one while one is held. A name of which nothing can be seen is left out.

    Args:
        bodies: what is on the table, N of them.
        layout: where they start.
        relations: (a, b), indices of bodies: a is to stand on or lie in b at the end.
        region: where what falls or is moved by a person ends.

    Attributes:
        positions: (N, 3) float64, metres: the truth, for scoring only.
        mishaps: what went wrong so far, in words: "dropped red", "toppled blue", ...
    """

    def __init__(
        self,
        bodies: Sequence[Body],
        layout: Layout,
        rng: np.random.Generator,
        noise: WorldNoise | None = None,
        disturbances: Disturbances | None = None,
        relations: Sequence[tuple[int, int]] = (),
        region: Region = LAYOUT_REGION,
    ):
        self.positions: NDArray[np.float64] = layout.positions.copy()
        self.mishaps: list[str] = []
        self.relations = tuple(relations)
        self._bodies = tuple(bodies)
        self._radii = np.array([body.radius for body in bodies])
        self._yaws = layout.yaws.copy()
        self._rng = rng
        self._noise = noise or WorldNoise()
        self._disturbances = disturbances or Disturbances()
        self._region = region
        self._tool: NDArray[np.float64] = np.array(HOME)
        self._closed = False
        self._held: int | None = None
        self._offset = np.zeros(3)  # of what is held from the tool, as seen
        self._bed: dict[int, int] = {}  # of what lies in or on something wide: body to wide body
        self._time = 0.0
        self._alike: dict[str, list[int]] = {}
        for index, body in enumerate(self._bodies):
            self._alike.setdefault(body.name, []).append(index)
        self._names = tuple(self._alike)
        self._seen = self.positions  # detections of the last observation
        self._first = {name: alike[0] for name, alike in self._alike.items()}
        self._shown = self._first  # the body of each name that was observed last
        self._primitives = 0
        last = min(MEDDLE_FIRST, PRIMITIVES * len(self.relations) - 1)
        self._meddle_at = int(rng.integers(last)) if self._disturbances.meddle_once and last > 0 else -1

    def observe(self) -> Observation:
        """See ``taskprog.machine.Domain``. What is held moves with the tool, as seen when it was grasped."""
        seen = self.positions + self._rng.normal(0.0, self._noise.detector, self.positions.shape)
        if self._held is not None:
            seen[self._held] = self._tool + self._offset
        self._seen = seen
        names, yaws, self._shown = self._names, self._yaws, self._first
        if len(names) < len(self._bodies) or self._bed:
            self._shown = self._visible(seen)
            names, chosen = tuple(self._shown), list(self._shown.values())
            seen, yaws = seen[chosen], yaws[chosen]
        return Observation(
            self._time,
            names,
            seen.astype(np.float32),
            yaws.astype(np.float32),
            self._tool.astype(np.float32),
            self._closed,
            self._held is not None,
        )

    def _visible(self, seen: NDArray[np.float64]) -> dict[str, int]:
        """Of each name that can be seen, the body that is."""
        away = seen - self._tool
        distance = (away * away).sum(1)
        for body, bed in self._bed.items():
            if self._bodies[bed].hides:
                distance[body] = np.inf
        distances = distance.tolist()
        shown = {name: min(alike, key=distances.__getitem__) for name, alike in self._alike.items()}
        return {name: body for name, body in shown.items() if distances[body] < np.inf}

    def unmet(self) -> list[str]:
        """The relations that do not hold, such as "red>blue"."""
        bodies, at = self._bodies, self.positions.tolist()
        return [
            f"{bodies[a].name}>{bodies[b].name}"
            for a, b in self.relations
            if a == self._held or not stands_on(bodies[a], bodies[b], at[a], at[b], HEIGHT_TOLERANCE)
        ]

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``."""
        if cancel.cancelled:
            return Outcome(OutcomeCode.CANCELLED, cancel.reason)
        match call.op.name:
            case "move_to":
                name, height = call.args
                outcome = self._move_to(str(name), float(height))
            case "close_gripper":
                outcome = self._close()
            case "open_gripper":
                outcome = self._open()
            case other:
                outcome = Outcome(OutcomeCode.INVALID_GOAL, f"the twin has no primitive {other!r}")
        if self._happens(self._disturbances.meddle) or self._primitives == self._meddle_at:
            self._meddle()
        self._primitives += 1
        return outcome

    def _move_to(self, name: str, height: float) -> Outcome:
        if name not in self._shown:
            known = ", ".join(self._shown)
            return Outcome(OutcomeCode.UNKNOWN_OBJECT, f"no object {name!r} can be seen, only {known}")
        target = self._seen[self._shown[name]] + [0.0, 0.0, height]
        target[:2] += self._rng.normal(0.0, self._noise.action, 2)
        self._time += MOVE_TIME + math.dist(target, self._tool) / MOVE_SPEED
        start, self._tool = self._tool, target
        if self._held is not None:
            if self._happens(self._disturbances.drop):
                lost, self._held = self._held, None
                self._fall(lost, start + self._rng.uniform() * (target - start), "dropped")
            else:
                self.positions[self._held] = target
        return Outcome()

    def _close(self) -> Outcome:
        self._time += GRIPPER_TIME
        if self._closed:
            return self._grip_outcome()
        self._closed = True
        body = self._between_pads()
        if body is not None:
            for above in self._standing_on(body):
                self._fall(above, self.positions[above], "toppled")
            if self._happens(self._disturbances.failed_grasp):
                if self.positions[body, 2] < self._bodies[body].on_table + self._bodies[body].height / 2:
                    self.positions[body, :2] += self._rng.normal(0.0, 0.01, 2)
            else:
                self._held = body
                self._bed.pop(body, None)
                self._offset = self._seen[body] - self._tool
                self.positions[body] = self._tool
        return self._grip_outcome()

    def _between_pads(self) -> int | None:
        """The body nearest to the tool of those that it can grasp."""
        best, least = None, math.inf
        away = self.positions - self._tool
        across = np.hypot(away[:, 0], away[:, 1])
        for body in np.flatnonzero((across < GRASP_RADIUS) & (np.abs(away[:, 2]) < GRASP_RADIUS)).tolist():
            distance = float(np.linalg.norm(away[body]))
            if distance < least and not self._bodies[body].fixed and not self._hidden(body):
                best, least = body, distance
        return best

    def _grip_outcome(self) -> Outcome:
        if self._held is None:
            return Outcome(OutcomeCode.NOTHING_HELD, "the pads closed on nothing")
        return Outcome()

    def _open(self) -> Outcome:
        self._time += GRIPPER_TIME
        self._closed = False
        if self._held is not None:
            body, self._held = self._held, None
            self._release(body)
        self._tool = self._tool + [0.0, 0.0, RETREAT]
        return Outcome()

    def _release(self, index: int) -> None:
        """A body is let go where it is: it rests on what is under it, or falls."""
        if self._happens(self._disturbances.misplace) or self._taken(index):
            self._fall(index, self.positions[index], "toppled")
            return
        body = self._bodies[index]
        x, y, z = self.positions[index].tolist()
        support, rest, aside = None, body.on_table, 0.0
        for other in self._under(index):
            place = self.positions[other].tolist()
            height = place[2] + self._bodies[other].top + body.height / 2
            if support is None or height > rest:
                support, rest, aside = other, height, math.hypot(place[0] - x, place[1] - y)
        if support is not None and aside > self._bodies[support].radius:
            self._fall(index, self.positions[index], "toppled")
        elif support is not None and takes(self._bodies[support], body):
            self._bed[index] = support
            self.positions[index] = spot_in(self._bodies[support], body, self.positions[support], self._rng)
        elif z - rest > DROP_HEIGHT:
            self._fall(index, self.positions[index], "dropped")
        else:
            self.positions[index, 2] = rest

    def _under(self, index: int) -> list[int]:
        """What a body might come to stand on; things beside which it would lie do not count."""
        body = self._bodies[index]
        place = self.positions[index]
        aside = np.hypot(*(self.positions[:, :2] - place[:2]).T)
        near = (aside < self._radii + body.radius) & (self.positions[:, 2] < place[2] - body.height / 4)
        near[index] = False
        found = np.flatnonzero(near).tolist()
        beds = {other for other in found if takes(self._bodies[other], body)}
        return [other for other in found if self._bed.get(other) not in beds and not self._hidden(other)]

    def _taken(self, index: int) -> bool:
        """Whether another body is where this one is."""
        away = np.abs(self.positions - self.positions[index])
        inside = (np.hypot(away[:, 0], away[:, 1]) < self._radii) & (
            away[:, 2] < self._bodies[index].height / 4
        )
        inside[index] = False
        return any(not self._hidden(other) for other in np.flatnonzero(inside).tolist())

    def _hidden(self, index: int) -> bool:
        return index in self._bed and self._bodies[self._bed[index]].hides

    def _standing_on(self, index: int) -> list[int]:
        """The bodies above a body, lowest first."""
        place, body = self.positions[index], self._bodies[index]
        aside = np.hypot(*(self.positions[:, :2] - place[:2]).T)
        above = (aside < self._radii + body.radius) & (self.positions[:, 2] > place[2] + body.height / 2)
        if not above.any():
            return []
        return [int(i) for i in np.argsort(self.positions[:, 2]) if above[i] and i != self._held]

    def _fall(self, index: int, near: NDArray[np.float64], mishap: str) -> None:
        """A body ends on the table, near a place (3,) but clear of the others."""
        self.mishaps.append(f"{mishap} {self._bodies[index].name}")
        self._bed.pop(index, None)
        self.positions[index] = self._free_spot(index, near)
        self._yaws[index] = self._rng.uniform(-math.pi, math.pi)

    def _free_spot(self, index: int, near: NDArray[np.float64]) -> NDArray[np.float64]:
        body = self._bodies[index]
        others = [i for i in range(len(self._bodies)) if i != index and not self._hidden(i)]
        places = self.positions[others, :2]
        apart = CLEARANCE * (self._radii[others] + body.radius)
        low, high = np.array([self._region.x, self._region.y]).T
        spot = near[:2]
        for attempt in range(1000):
            reach = 2 * body.radius * (1.0 + attempt / 20)
            angle = self._rng.uniform(0.0, 2 * math.pi)
            spot = np.clip(near[:2] + reach * np.array([math.cos(angle), math.sin(angle)]), low, high)
            if (np.hypot(*(places - spot).T) >= apart).all():
                break
        return np.array([spot[0], spot[1], body.on_table])

    def _meddle(self) -> None:
        movable = [i for i, body in enumerate(self._bodies) if i != self._held and not body.fixed]
        index = int(self._rng.choice(movable))
        for above in self._standing_on(index):
            self._fall(above, self.positions[above], "toppled")
        low, high = np.array([self._region.x, self._region.y]).T
        self._fall(index, np.array([*self._rng.uniform(low, high), 0.0]), "meddled with")

    def _happens(self, probability: float) -> bool:
        return probability > 0.0 and self._rng.uniform() < probability
