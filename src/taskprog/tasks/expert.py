"""The expert of all families: knows the task's steps, so that traces to learn from can be made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from taskprog.machine import (
    Call,
    Decision,
    Frame,
    Library,
    Observation,
    OpKind,
    PlannerError,
    Scope,
    TaskSpecification,
    demonstration_of,
)
from taskprog.machine.op import Argument
from taskprog.tasks.carrying import GRASP_OFFSET, Steps, Transport, transports
from taskprog.tasks.scene import Body, stands_on
from taskprog.tasks.table_top import CUBE_SIZE

AT_RADIUS = 0.015  # metres, horizontally: near enough to close or open the gripper
AT_HEIGHT = 0.015  # metres, vertically
HELD_RADIUS = 0.035  # metres between the tool and what it holds: it was seen with some error when grasped
ON_HEIGHT = CUBE_SIZE / 2  # tolerance when judging noisy detections: only whole levels matter


class Expert:
    """A planner with privileged knowledge of the task; the demonstration only labels its scopes.

    It is reactive: each decision follows from the frame and the present observation, so it recovers from
    failed grasps and lost objects. Which step a program works on is told by its scope. A specification in
    which nothing is ever held (a still picture) labels nothing: every call gets its caller's scope, and the
    step is the one that the root chose last.

    Args:
        library: of the shape that ``carrying_library`` makes.
        offset: metres above what something is put on or into, to let it go.
        steps: (a, b) by name, in order: a is carried onto or into b. Done once a stands on b or is seen no
            more.
        bodies: what is known of each object, by name.

    Attributes:
        carry: name of the program that does one step.
    """

    def __init__(self, library: Library, offset: float, steps: Steps, bodies: Mapping[str, Body]):
        self.steps = tuple(steps)
        self._library = library
        self._root = library.root
        (self.carry,) = library[library.root].callees
        _, self._put = library[self.carry].callees
        self._offset = offset
        self._bodies = bodies
        self._carries: list[Transport] = []
        self._scopes: list[dict[str, Scope]] = []  # of each step, by program
        self._step = 0  # that the root chose last
        self._calls: dict[tuple[Argument, ...], Call] = {}  # made once each

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        self._carries, self._scopes = [], []
        demonstration = demonstration_of(specification)
        carries = transports(demonstration)
        names = [demonstration.names[t.held] for t in carries]
        expected = [a for a, _ in self.steps]
        if names and names != expected:
            raise PlannerError(
                f"the demonstration moves {', '.join(names)}; the task moves {', '.join(expected)}"
            )
        self._carries = carries
        for k, carry in enumerate(carries):
            before = carries[k - 1].stop if k else 0
            after = carries[k + 1].start if k + 1 < len(carries) else len(demonstration)
            start = max(before, carry.start - 1)
            stop = min(after, carry.stop + 1)
            lifted = min(carry.start + 1, carry.stop - 1)  # the second frame in which it is held
            whole, pick, put = Scope(start, stop), Scope(start, lifted + 1), Scope(lifted, stop)
            self._scopes.append({self.carry: whole, "pick": pick, self._put: put})

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.Planner``."""
        if frame.op.name == self._root:
            undone = self.undone(observation)
            if not undone:
                return Decision(None, end=True)
            self._step = undone[0]
            return Decision(self._call(self.carry), self.scope(self._step, self.carry) or frame.scope)
        step = self.shown(frame.scope)
        decision = self.act(frame.op.name, self._step if step is None else step, observation)
        if decision.call is not None and decision.call.op.kind is OpKind.PROGRAM and decision.scope is None:
            return replace(decision, scope=frame.scope)
        return decision

    def act(self, program: str, step: int, observation: Observation) -> Decision:
        """What a program other than the root does for a step; without a scope where nothing labels it."""
        a, b = self.steps[step]
        if program == self.carry:
            if self._holds(observation, a):
                return Decision(self._call(self._put), self.scope(step, self._put), end=True)
            return Decision(self._call("pick"), self.scope(step, "pick"))
        if program == "pick":
            if observation.closed:
                return Decision(self._call("open_gripper"))
            if tool_at(observation, a, GRASP_OFFSET):
                return Decision(self._call("close_gripper"), end=True)
            return Decision(self._call("move_to", a, GRASP_OFFSET))
        if program == self._put:
            if observation.holding and not tool_at(observation, b, self._offset):
                return Decision(self._call("move_to", b, self._offset))
            return Decision(self._call("open_gripper"), end=True)
        raise PlannerError(f"the {self._root} expert knows no program {program!r}")

    def undone(self, observation: Observation) -> list[int]:
        """The steps that are not done, in order."""
        at = dict(zip(observation.names, observation.positions.tolist(), strict=True))
        return [k for k in range(len(self.steps)) if not self._done(k, observation, at)]

    def ready(self, undone: Sequence[int]) -> list[int]:
        """Those undone steps that can be done now: what they put something on needs not be moved any more."""
        waiting = {self.steps[k][0] for k in undone}
        return [k for k in undone if self.steps[k][1] not in waiting]

    def shown(self, scope: Scope) -> int | None:
        """The step whose carry a scope shows: at least as many frames of it as of all others together."""
        best, most, total = None, 0, 0
        for k, carry in enumerate(self._carries):
            overlap = min(carry.stop, scope.stop) - max(carry.start, scope.start)
            if overlap > 0:
                total += overlap
                if overlap > most:
                    best, most = k, overlap
        return best if 2 * most >= total else None

    def scope(self, step: int, program: str) -> Scope | None:
        """The part of the demonstration that a program of a step is to see; None without a label."""
        return self._scopes[step][program] if self._scopes else None

    def _call(self, name: str, *args: Argument) -> Call:
        key = (name, *args)
        if key not in self._calls:
            self._calls[key] = Call(self._library[name], args)
        return self._calls[key]

    def _holds(self, observation: Observation, name: str) -> bool:
        return observation.holding and tool_at(observation, name, GRASP_OFFSET, HELD_RADIUS, HELD_RADIUS)

    def _done(self, step: int, observation: Observation, at: Mapping[str, list[float]]) -> bool:
        a, b = self.steps[step]
        if a not in at:
            return True  # seen no more
        stands = stands_on(self._bodies[a], self._bodies[b], at[a], at[b], ON_HEIGHT)
        return stands and not self._holds(observation, a)


def tool_at(
    observation: Observation,
    name: str,
    offset: float,
    radius: float = AT_RADIUS,
    height: float = AT_HEIGHT,
) -> bool:
    """Whether the gripper is ``offset`` metres above an object's observed position, within tolerances."""
    if name not in observation.names:
        return False
    x, y, z = observation.positions[observation.names.index(name)].tolist()
    tool_x, tool_y, tool_z = observation.gripper.tolist()
    return math.hypot(tool_x - x, tool_y - y) < radius and abs(tool_z - z - offset) < height
