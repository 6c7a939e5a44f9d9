"""A library without hierarchy: its root calls the primitives itself (the paper's "Flat" baselines)."""

from __future__ import annotations

from taskprog.machine.domain import Observation
from taskprog.machine.machine import Decision, Frame, Planner
from taskprog.machine.op import Library, Op, OpKind
from taskprog.machine.specification import TaskSpecification


def flattened(library: Library) -> Library:
    """The same primitives under a root of the same name that may call each of them."""
    primitives = tuple(op for op in library.values() if op.kind is not OpKind.PROGRAM)
    root = Op(library.root, OpKind.PROGRAM, (), tuple(op.name for op in primitives))
    return Library(library.root, (root, *primitives))


class FlatPlanner:
    """What a hierarchical planner would do next, told without its programs.

    Asked for the root, it follows the other planner's calls down to the first primitive. That planner has
    to be reactive: each decision must follow from the observation alone.
    """

    def __init__(self, planner: Planner, library: Library):
        self._planner = planner
        self._root = library[library.root]

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        self._planner.begin(specification)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.Planner``."""
        asked = Frame(self._root, frame.scope)
        while True:
            decision = self._planner.decide(asked, observation)
            if decision.call is None:
                return Decision(None, end=True)
            if decision.call.op.kind is not OpKind.PROGRAM:
                return Decision(decision.call)
            asked = Frame(decision.call.op, decision.scope or asked.scope, asked.depth + 1)
