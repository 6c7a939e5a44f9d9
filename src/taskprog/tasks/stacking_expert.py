"""The block-stacking expert: knows the task, so that traces to learn from can be made."""

from __future__ import annotations

import numpy as np

from taskprog.machine import Call, Decision, Frame, Observation, PlannerError, Scope, TaskSpecification
from taskprog.tasks.block_stacking import (
    GRASP_OFFSET,
    LIBRARY,
    PLACE_OFFSET,
    StackingTask,
    is_on,
    transports,
)
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE

AT_RADIUS = 0.015  # metres, horizontally: near enough to close or open the gripper
AT_HEIGHT = 0.015  # metres, vertically
HELD_RADIUS = 0.035  # metres between the tool and what it holds: it was seen with some error when grasped
ON_HEIGHT = CUBE_SIZE / 2  # tolerance when judging noisy detections: only whole levels matter


class StackingExpert:
    """A planner with privileged knowledge of the task; the demonstration only labels its scopes.

    It is reactive: each decision follows from the present observation, so it recovers from failed grasps
    and dropped cubes. A specification in which nothing is ever held (a still picture) labels nothing, and
    every call gets its caller's scope.
    """

    def __init__(self, task: StackingTask):
        self.task = task
        self._scopes: list[tuple[Scope, Scope, Scope]] = []  # pick_and_place, pick, place of each step
        self._step = 0  # index of the placement being made

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        carried = transports(specification)
        names = [specification.names[t.held] for t in carried]
        expected = [CUBE_NAMES[a] for a, _ in self.task.steps]
        if carried and names != expected:
            raise PlannerError(
                f"the demonstration moves {', '.join(names)}; the task moves {', '.join(expected)}"
            )
        self._scopes = []
        for k, carry in enumerate(carried):
            before = carried[k - 1].stop if k else 0
            after = carried[k + 1].start if k + 1 < len(carried) else len(specification)
            start = max(before, carry.start - 1)
            stop = min(after, carry.stop + 1)
            lifted = min(carry.start + 1, carry.stop - 1)  # the second frame in which it is held
            self._scopes.append((Scope(start, stop), Scope(start, lifted + 1), Scope(lifted, stop)))

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.Planner``."""
        if frame.op.name == LIBRARY.root:
            todo = self._first_undone(observation)
            if todo is None:
                return Decision(None, end=True)
            self._step = todo  # its sub-programs run until it returns
            return Decision(_call("pick_and_place"), self._scope(0, frame))
        a, b = (CUBE_NAMES[cube] for cube in self.task.steps[self._step])
        match frame.op.name:
            case "pick_and_place":
                if observation.holding and _at(observation, a, GRASP_OFFSET, HELD_RADIUS, HELD_RADIUS):
                    return Decision(_call("place"), self._scope(2, frame), end=True)
                return Decision(_call("pick"), self._scope(1, frame))
            case "pick":
                if observation.closed:
                    return Decision(_call("open_gripper"))
                if _at(observation, a, GRASP_OFFSET):
                    return Decision(_call("close_gripper"), end=True)
                return Decision(_call("move_to", a, GRASP_OFFSET))
            case "place":
                if observation.holding and not _at(observation, b, PLACE_OFFSET):
                    return Decision(_call("move_to", b, PLACE_OFFSET))
                return Decision(_call("open_gripper"), end=True)
            case other:
                raise PlannerError(f"the block-stacking expert knows no program {other!r}")

    def _first_undone(self, observation: Observation) -> int | None:
        """The first step whose relation does not hold; None once all do."""
        at = dict(zip(observation.names, observation.positions.astype(np.float64), strict=True))
        for k, (a, b) in enumerate(self.task.steps):
            if not is_on(at[CUBE_NAMES[a]], at[CUBE_NAMES[b]], ON_HEIGHT):
                return k
        return None

    def _scope(self, level: int, frame: Frame) -> Scope:
        return self._scopes[self._step][level] if self._scopes else frame.scope


def _call(name: str, *args: str | float) -> Call:
    return Call(LIBRARY[name], args)


def _at(
    observation: Observation,
    name: str,
    offset: float,
    radius: float = AT_RADIUS,
    height: float = AT_HEIGHT,
) -> bool:
    """Whether the gripper is ``offset`` metres above an object's observed position, within tolerances."""
    place = observation.positions[observation.names.index(name)].astype(np.float64)
    dx, dy, dz = observation.gripper.astype(np.float64) - place
    return bool(np.hypot(dx, dy) < radius and abs(dz - offset) < height)
