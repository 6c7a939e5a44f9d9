"""Free paths of the whole arm from where it is to a pose, short in time.

Up from the start and down to the goal the tool goes straight, as far as something is near. In between,
curves of several heights are sorted by how long they would take; the first that is free is improved by
variations of it. Where no curve is free, a sampling planner looks for a way around. Every search is
bounded by a count: typically some 30 ms of processor time, at worst about a second until it gives up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from taskprog.control.cartesian import Landing
from taskprog.control.collision import CollisionModel
from taskprog.control.columns import Column
from taskprog.control.errors import Blocked
from taskprog.control.kinematics import Kinematics, format_point
from taskprog.control.sampling import connect, shorten
from taskprog.control.surroundings import Contacts, Surroundings
from taskprog.control.trajectory import FREE, STILL, JointPath
from taskprog.control.transit import FALL, RISE, Between, bends, candidates, durations, variations
from taskprog.tasks.table_top import Region

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Metres to keep free on the way, and so near to start or goal; the second where the first leaves no way.
MARGINS = ((0.02, 0.01), (0.006, 0.004))
NEARNESS = 0.07  # metres of the tool from its start or goal: things there are approached anyway
SPACING = 0.01  # metres between configurations on the straight pieces
ROUNDS, VARIATIONS = 2, 48  # in which the best curve is varied
# Seconds that a metre of detour counts for, so that of ways that take as long the shorter one is gone.
EFFORT = 0.1
TRIES = 160  # curves that are looked at in each round, at most
# Where free curves take this many times longer than others, straight pieces of so many metres may help.
WELL, STUB = 1.2, 0.03
FAR = 2.0  # radians; for a posture this far away a nearer one is looked for
DIFFERENT = 0.2  # radians; a posture this near is the same one
ARM_LINKS = tuple(f"right_l{i}" for i in range(6))  # what moves while the hand stays
OUTSIDE = 0.03  # metres that the tool may leave the workspace, start and goal on its way
LEAD = 0.05  # metres from the end of a straight piece on which a polyline goes on in its direction
CHORD = 0.1  # radians between points on the pieces of a polyline
BLENDS = (0.5, 0.35, 0.2, 0.1, 0.04)  # shares of these pieces that are rounded at each end


@dataclass(frozen=True)
class Straights:
    """How far to go straight.

    Attributes:
        landing: slow end of a descent onto something.
        clearance: metres of straight descent at least.
        region: the workspace; the tool goes no higher.
    """

    landing: Landing
    clearance: float
    region: Region


class PathPlanner:
    """Plans for one arm; the same input gives the same path."""

    def __init__(self, kinematics: Kinematics):
        self._kinematics = kinematics

    def plan(
        self,
        q: Vector,
        goal: Vector,
        rotation: Matrix,
        around: Surroundings,
        straights: Straights,
        speed: float,
    ) -> JointPath:
        """A path from ``q`` (7,) to the tcp at ``goal`` (3,), ``rotation`` (3, 3).

        Args:
            speed: share of the limits, (0, 1], for which it is to be quick.

        Raises:
            Blocked: there is no free way; says what is in it.
            JointLimit, Unreachable: the goal cannot be reached.
        """
        kinematics = self._kinematics
        final = self._posture(q, goal, rotation)
        if float(np.abs(final - q).max()) < STILL:
            return JointPath(np.array([0.0, STILL]), np.stack([q, final]), np.full(2, FREE))
        landing, allowed = around.landing(), around.between_fingers(goal)

        def another(posture: Vector) -> bool:
            other = float(np.abs(posture - final).max()) > DIFFERENT
            return other and (landing.free(posture) or landing.contacts(posture) <= allowed)

        try:
            return self._to(final, q, around, landing, straights, speed)
        except Blocked as error:
            if _of_hand(landing.contacts(final) - allowed):
                raise  # the hand is in the way there in any posture
            try:
                posture = kinematics.inverse(goal, rotation, final, another)
                return self._to(posture, q, around, landing, straights, speed)
            except Blocked:
                raise error from None

    def _to(
        self,
        final: Vector,
        q: Vector,
        around: Surroundings,
        landing: CollisionModel,
        straights: Straights,
        speed: float,
    ) -> JointPath:
        """A path to a configuration (7,)."""
        problem: Blocked | None = None
        goal, _ = self._kinematics.forward(final)
        around.check(landing, [final], around.between_fingers(goal), goal)
        for margins in MARGINS:
            search = _Search(self._kinematics, around, landing, margins, q, final, straights, speed)
            try:
                return search.run()
            except Blocked as error:
                problem = problem or error
        assert problem is not None
        raise problem

    def _posture(self, q: Vector, goal: Vector, rotation: Matrix) -> Vector:
        """The configuration (7,) to end in.

        The arm stays in its plane where it can, so that many motions do not drift into odd postures. The
        wrist turns the short way.
        """
        kinematics = self._kinematics
        final = kinematics.inverse(goal, rotation)
        if float(np.abs(final - q)[:6].max()) > FAR:
            near = kinematics.inverse(goal, rotation, q)
            if float(np.abs(near - q)[:6].max()) < float(np.abs(final - q)[:6].max()) - FAR / 2:
                final = near
        turns = final[6] + 2 * math.pi * np.array([0.0, -1.0, 1.0])
        turns = turns[(turns > kinematics.lower[6]) & (turns < kinematics.upper[6])]
        final[6] = turns[np.abs(turns - q[6]).argmin()]
        return final


class _Search:
    """One search, with one margin."""

    def __init__(
        self,
        kinematics: Kinematics,
        around: Surroundings,
        landing: CollisionModel,
        margins: tuple[float, float],
        q: Vector,
        final: Vector,
        straights: Straights,
        speed: float,
    ):
        self._kinematics, self._around, self._straights = kinematics, around, straights
        self._near = landing
        self._speed = speed
        self._clear, self._beside = around.clear(margins[0]), around.clear(margins[1])
        self._start, self._goal = kinematics.forward(q)[0], kinematics.forward(final)[0]
        ends = np.stack([self._start, self._goal])
        box = np.array([straights.region.x, straights.region.y, straights.region.z])
        self._low = np.minimum(box[:, 0], ends.min(axis=0)) - OUTSIDE
        self._high = np.maximum(box[:, 1], ends.max(axis=0)) + [OUTSIDE, OUTSIDE, 1e-3]
        self._up, self._down = (
            Column(kinematics, c, max(0.0, float(self._high[2] - end[2]) - 1e-3))
            for c, end in ((q, self._start), (final, self._goal))
        )
        self._hot: int | None = None  # the point of a curve that was not free last

    def run(self) -> JointPath:
        """The path.

        Raises:
            Blocked: there is none.
        """
        between = Between(self._up, self._down, self._leave(), self._arrive())
        curve, time, ideal = self._curve(between)
        if time > WELL * ideal and min(between.leave, between.arrive) < STUB:
            # An end is free but has walls around it, such as a container's: out of there straight.
            walled = replace(between, leave=max(between.leave, STUB), arrive=max(between.arrive, STUB))
            other, faster, _ = self._curve(walled)
            if faster < time:
                curve = other
        if curve is None:
            return self._assemble(between.leave, self._around_it(between), between.arrive)
        row, bent = curve
        return self._assemble(float(row[RISE]), bent, float(row[FALL]))

    def _leave(self) -> float:
        """Least height above the start at which the arm is clear of everything."""
        here = self._up.at(0.0)
        near = self._around.near
        allowed = frozenset() if near.free(here) else near.contacts(here)
        # What the camera sees where the hand is cannot be there: that is the hand itself, or what it holds.
        unreal = {other for _, other in _of_hand(allowed)}
        if not self._free(here):
            # What is beside the hand stays beside it on the way up, wherever the camera sees it by then.
            allowed |= _of_hand(self._clear.contacts(here))
        for height in np.arange(0.0, self._up.height + 1e-9, SPACING):
            q = self._up.at(height)
            if self._free(q):
                return float(height)
            if unreal:
                allowed |= {(part, other) for part, other in _of_hand(near.contacts(q)) if other in unreal}
            self._around.check(near, [q], allowed)
        raise Blocked(f"no way straight up from {format_point(self._start)} m: {self._reason(self._up)}")

    def _arrive(self) -> float:
        """Least height above the goal from which the arm goes straight down."""
        straights = self._straights
        allowed = self._around.between_fingers(self._goal)
        least = straights.clearance
        if not self._free(self._down.at(0.0)):
            least = max(least, straights.landing.distance)
        least = min(least, self._down.height)
        ways = [*np.arange(0.0, least, SPACING), *np.arange(least, self._down.height + 1e-9, SPACING)]
        for height in ways:
            q = self._down.at(height)
            if height >= least - 1e-9 and self._free(q):
                return float(height)
            self._around.check(self._near, [q], allowed, self._goal)
        raise Blocked(f"no way straight down to {format_point(self._goal)} m: {self._reason(self._down)}")

    def _reason(self, column: Column) -> str:
        """What is near at the top of a column."""
        contacts = self._clear.contacts(column.at(column.height))
        if not contacts:
            return f"the workspace ends at {self._high[2]:.3f} m"
        part, other = min(contacts)
        return f"{part} comes too close to {other}, the workspace ends at {self._high[2]:.3f} m"

    def _free(self, q: Vector) -> bool:
        """Whether nothing is near, the limits are kept, and the tool is not outside."""
        tool, _ = self._kinematics.forward(q)
        inside = bool((tool > self._low).all() and (tool < self._high).all())
        ends = min(float(np.abs(tool - end).max()) for end in (self._start, self._goal))
        model = self._beside if ends < NEARNESS else self._clear
        return inside and self._kinematics.inside_limits(q) and model.free(q)

    # Curves

    def _curve(self, between: Between) -> tuple[tuple[Vector, Matrix] | None, float, float]:
        """The quickest free curve: its parameters (6,) and bent part; None if none is free.

        Also about how long it takes, and how long the quickest takes if it need not be free, seconds.
        """
        inwards, upwards = self._pulls(between)
        rng = np.random.default_rng(0)
        rows = candidates(between, float(self._goal[2] - self._start[2]))
        best: tuple[Vector, Matrix] | None = None
        limit, ideal = np.inf, np.inf
        for _ in range(1 + ROUNDS):
            bent = bends(rows, between, inwards, upwards)
            times = durations(rows, bent, between, self._straights.landing, self._kinematics, self._speed)
            times = times + EFFORT * np.abs(rows).sum(axis=1)
            ideal = min(ideal, float(times.min()))
            for index in np.argsort(times, kind="stable")[:TRIES]:
                if times[index] >= limit:
                    break
                if self._curve_free(rows[index], bent[index], between):
                    best, limit = (rows[index], bent[index]), float(times[index])
                    break
            if best is None:
                break
            rows = variations(best[0], between, VARIATIONS, rng)
        return best, limit, ideal

    def _pulls(self, between: Between) -> tuple[Vector, Vector]:
        """How the arm half way moves for a metre inwards and for one up, (7,) each."""
        middle = (between.start.at(between.leave) + between.goal.at(between.arrive)) / 2
        tool, _ = self._kinematics.forward(middle)
        # Without joints 2 and 4 the arm stays in its plane, and its tool's tilt as it is.
        jacobian = self._kinematics.jacobian(middle) * [1, 1, 0, 1, 0, 1, 1]
        inverse = np.linalg.pinv(jacobian, rcond=1e-2)
        radial = -tool[:2] / max(float(np.linalg.norm(tool[:2])), 1e-6)
        return inverse @ [*radial, 0.0, 0.0, 0.0, 0.0], inverse @ [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]

    def _curve_free(self, row: Vector, bent: Matrix, between: Between) -> bool:
        n = len(bent)
        if self._hot is not None and not self._free(bent[self._hot]):
            return False
        for stride in (8, 4, 2, 1):
            for i in range(0 if stride == 8 else stride, n, stride if stride == 8 else 2 * stride):
                if not self._free(bent[i]):
                    self._hot = i
                    return False
        if not all(self._free(q) for q in (bent[1:] + bent[:-1]) / 2):
            return False
        return all(
            self._free(column.at(h))
            for column, top, low in (
                (self._up, row[RISE], between.leave),
                (self._down, row[FALL], between.arrive),
            )
            for h in np.arange(low + SPACING, top, 2 * SPACING)
        )

    # Around what stands in the way of all curves

    def _around_it(self, between: Between) -> Matrix:
        """A rounded polyline (K, 7) from the top of one column to that of the other."""
        start, end = between.start.at(between.leave), between.goal.at(between.arrive)
        line = connect(self._free, self._sampler(start, end), start, end)
        if line is None:
            raise Blocked(
                f"found no free way from {format_point(self._start)} m to {format_point(self._goal)} m "
                f"below {self._high[2]:.3f} m"
            )
        line = shorten(self._free, line)
        # Corners at the ends of the columns are rounded above them.
        top, other = (
            column.at(least + LEAD)[None] if least > 0.0 else np.empty((0, len(start)))
            for column, least in ((between.start, between.leave), (between.goal, between.arrive))
        )
        line = np.concatenate([line[:1], top, line[1:-1], other, line[-1:]])
        for blend in BLENDS:
            smooth = _rounded(line, blend)
            if all(self._free(q) for q in smooth[1:-1]):
                return smooth
        raise Blocked(
            f"found no smooth way from {format_point(self._start)} m to {format_point(self._goal)} m"
        )

    def _sampler(self, start: Vector, end: Vector) -> Callable[[np.random.Generator], Vector]:
        """Mostly postures like those of the ends, with a tilt of the tool between theirs."""
        lower, upper = self._kinematics.lower, self._kinematics.upper
        low = np.maximum(np.minimum(start, end) - [0.8, 1.0, 0.0, 1.5, 0.0, 0.0, 0.3], lower)
        high = np.minimum(np.maximum(start, end) + [0.8, 1.0, 0.0, 1.5, 0.0, 0.0, 0.3], upper)
        tilts = [float(q[1] + q[3] + q[5]) for q in (start, end)]

        def sample(rng: np.random.Generator) -> Vector:
            if rng.random() < 0.2:
                return rng.uniform(lower, upper)
            q = rng.uniform(low, high)
            q[5] = rng.uniform(min(tilts), max(tilts)) - q[1] - q[3]
            clipped: Vector = np.clip(q, lower, upper)
            return clipped

        return sample

    def _assemble(self, rise: float, bent: Matrix, fall: float) -> JointPath:
        """Straight up, along ``bent`` (K, 7), straight down."""
        up = self._up.points(rise, SPACING)
        down = self._down.points(fall, SPACING)[::-1]
        positions = np.concatenate([up, bent[1:-1], down])
        velocity = self._kinematics.velocity
        steps = np.linalg.norm(np.diff(positions, axis=0) / velocity, axis=1)
        keep = np.concatenate([[True], steps > 1e-7])
        keep[-1] = True
        positions = positions[keep]
        steps = np.linalg.norm(np.diff(positions, axis=0) / velocity, axis=1)
        knots = np.concatenate([[0.0], np.cumsum(steps)])
        rates = np.full(len(knots), FREE)
        landing = self._straights.landing
        n = len(down)
        if n > 1:
            spacing = fall / (n - 1)
            heights = spacing * np.arange(n)[::-1]
            slow = np.flatnonzero(heights < landing.distance)
            per_metre = steps[-(n - 1) :] / spacing
            rates[len(rates) - n + slow] = landing.speed * per_metre[np.minimum(slow, n - 2)]
        return JointPath(knots, positions, rates)


def _rounded(line: Matrix, blend: float) -> Matrix:
    """A polyline (K, 7) with parabolas for corners, over so large a share of the pieces beside them."""
    pieces = [line[:1]]
    for i in range(1, len(line) - 1):
        before, corner, after = line[i - 1], line[i], line[i + 1]
        a, b = corner + blend * (before - corner), corner + blend * (after - corner)
        pieces.append(_chord(pieces[-1][-1], a))
        share = np.linspace(0.0, 1.0, 9)[1:, None]
        pieces.append((1 - share) ** 2 * a + 2 * share * (1 - share) * corner + share**2 * b)
    pieces.append(_chord(pieces[-1][-1], line[-1]))
    return np.concatenate(pieces)


def _chord(start: Vector, end: Vector) -> Matrix:
    """Points (K, 7) after ``start`` up to ``end``."""
    way = float(np.abs(end - start).max())
    if way < 1e-6:
        return np.empty((0, len(start)))
    return start + np.linspace(0.0, 1.0, max(1, int(np.ceil(way / CHORD))) + 1)[1:, None] * (end - start)


def _of_hand(contacts: Contacts) -> Contacts:
    """Those of the hand and of what it holds, not of the arm's links."""
    return frozenset((part, other) for part, other in contacts if not part.startswith(ARM_LINKS))
