"""What a planner did wrong first, found by asking the expert in the same places."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from taskprog.machine import (
    Call,
    Decision,
    Demonstration,
    Frame,
    Library,
    Observation,
    OpKind,
    PlannerError,
    Scope,
)
from taskprog.tasks.expert import Expert

WRONG_PROGRAM = "wrong program"  # called another operation, or returned too early or not at all
WRONG_ARGUMENT = "wrong argument"
PLANNER_ERROR = "planner error"  # could not decide
WRONG_SCOPE = "wrong scope"  # showed its callee another part of the demonstration
NO_RETURN = "no return"  # the root went on though all was done, or had not returned when the run was over
ENOUGH = 0.5  # of two scopes' frames together that they should have in common
SAME_OFFSET = 0.005  # metres

Kept = list[tuple[Frame, Observation, Decision | PlannerError]]  # of a run: who was asked, what it saw, chose


@dataclass(frozen=True)
class Fault:
    """A decision that is not the expert's; ``cause`` is one of those above, ``detail`` says it in words."""

    cause: str
    detail: str


def first_fault(expert: Expert, library: Library, demonstration: Demonstration, kept: Kept) -> Fault | None:
    """The first of a run's decisions that is not the expert's; None if there is none.

    To work on any step that can be done now is no fault. Nor is it to return by a decision of its own where
    the expert returns with its last call. Scopes are judged only if the demonstration shows the task and the
    planner chooses scopes at all.

    Args:
        library: the planner's.
    """
    with suppress(PlannerError):  # too few frames are left to label scopes with
        expert.begin(demonstration)
    flat = all(library[name].kind is not OpKind.PROGRAM for name in library[library.root].callees)
    return (_judge_flat if flat else _judge_programs)(expert, library, kept)


def _judge_programs(expert: Expert, library: Library, kept: Kept) -> Fault | None:
    scoped = any(_narrows(frame, decision) for frame, _, decision in kept)
    steps: list[int] = []  # that may be in work
    over: dict[int, str] = {}  # depths at which the program should have returned, and its call instead
    for frame, observation, decision in kept:
        if isinstance(decision, PlannerError):
            return Fault(PLANNER_ERROR, "")
        late = over.pop(frame.depth, None)
        if late is not None:
            if decision.call is None:
                continue
            return Fault(WRONG_PROGRAM, f"{frame.op.name}: did not return after {late}")
        if frame.op.name == library.root:
            undone = expert.undone(observation)
            fault = _judge_end(frame, decision, len(undone))
            if fault is not None or decision.call is None:
                return fault
            (carry,) = frame.op.callees
            steps, expected = expert.ready(undone), Decision(Call(library[carry]), end=decision.end)
            shown = expert.shown(decision.scope or frame.scope)
            if scoped and expert.scope(0, carry) is not None:
                if shown is None or shown not in expert.ready(undone):
                    what = "no one step" if shown is None else "a step whose turn it is not"
                    return Fault(WRONG_SCOPE, f"{frame.op.name}: {carry} sees {what}")
                steps, expected = [shown], replace(expected, scope=expert.scope(shown, carry))
            possible = dict.fromkeys(steps, expected)
        else:
            possible = {step: expert.act(frame.op.name, step, observation) for step in steps}
        faults = {step: _differs(frame, decision, e, scoped) for step, e in possible.items()}
        steps = [step for step, fault in faults.items() if fault is None]
        if not steps:
            return _nearest(list(faults.values()))
        expected = possible[steps[0]]
        if expected.end and not decision.end:
            over[frame.depth] = str(decision.call.op.name) if decision.call else ""
    return None


def _judge_flat(expert: Expert, library: Library, kept: Kept) -> Fault | None:
    for frame, observation, decision in kept:
        if isinstance(decision, PlannerError):
            return Fault(PLANNER_ERROR, "")
        undone = expert.undone(observation)
        fault = _judge_end(frame, decision, 2 if undone else 0)
        if fault is not None or decision.call is None:
            return fault
        possible = [_primitive(expert, step, observation) for step in expert.ready(undone)]
        carried = [expected for expected, holds in possible if holds]
        expected = carried or [expected for expected, _ in possible]
        faults = [_differs(frame, decision, e, scoped=False) for e in expected]
        if None not in faults:
            return _nearest(faults)
    return None


def _nearest(faults: Sequence[Fault | None]) -> Fault | None:
    """Of several possible steps, the fault by that which comes nearest to what was done."""
    return next((f for f in faults if f is not None and f.cause == WRONG_ARGUMENT), faults[0])


def _primitive(expert: Expert, step: int, observation: Observation) -> tuple[Decision, bool]:
    """What comes next for a step, down to a primitive; and whether its object is held already."""
    decision = expert.act(expert.carry, step, observation)
    holds = decision.end
    while decision.call is not None and decision.call.op.kind is OpKind.PROGRAM:
        decision = expert.act(decision.call.op.name, step, observation)
    return Decision(decision.call), holds


def _judge_end(frame: Frame, decision: Decision, undone: int) -> Fault | None:
    """Judge whether the root ends or goes on; it may end with the call that does the last step."""
    if decision.end and undone > (decision.call is not None):
        return Fault(WRONG_PROGRAM, f"{frame.op.name}: returned too early")
    if not undone and decision.call is not None:
        return Fault(NO_RETURN, f"{frame.op.name}: went on though all was done")
    return None


def _differs(frame: Frame, decision: Decision, expected: Decision, scoped: bool) -> Fault | None:
    """How a decision differs from the expert's; going on after its last call is judged later."""
    caller, call, right = frame.op.name, decision.call, expected.call
    if call is None or right is None:
        return Fault(WRONG_PROGRAM, f"{caller}: returned too early")
    if call.op.name != right.op.name:
        return Fault(WRONG_PROGRAM, f"{caller}: {call.op.name} instead of {right.op.name}")
    wrong = [
        "object" if isinstance(value, str) else "offset"
        for value, wanted in zip(call.args, right.args, strict=True)
        if not _same(value, wanted)
    ]
    if wrong:
        return Fault(WRONG_ARGUMENT, f"{caller}: {call.op.name} with another {' and '.join(wrong)}")
    if scoped and expected.scope is not None:
        scope = decision.scope or frame.scope
        if _common(scope, expected.scope) < ENOUGH:
            return Fault(WRONG_SCOPE, f"{caller}: {call.op.name} sees too much or too little")
    if decision.end and not expected.end:
        return Fault(WRONG_PROGRAM, f"{caller}: returned too early")
    return None


def _same(value: str | float, wanted: str | float) -> bool:
    if isinstance(value, str) or isinstance(wanted, str):
        return value == wanted
    return abs(value - wanted) < SAME_OFFSET


def _narrows(frame: Frame, decision: Decision | PlannerError) -> bool:
    return isinstance(decision, Decision) and decision.scope not in (None, frame.scope)


def _common(first: Scope, second: Scope) -> float:
    """The share of two scopes' frames that both have."""
    shared = max(0, min(first.stop, second.stop) - max(first.start, second.start))
    return shared / (first.stop - first.start + second.stop - second.start - shared)
