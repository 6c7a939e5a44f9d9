"""A short run, red onto green, for tests of views: events, and the steps with their targets."""

from __future__ import annotations

from taskprog.machine import Event, EventKind, Scope, Trace
from taskprog.view.scene import SeenObject
from taskprog.view.step import StackEntry, Step, stack_after, target_of

OBJECTS = (SeenObject("red", (0.5, -0.1, -0.0775)), SeenObject("green", (0.6, 0.2, -0.0775), 0.4))
PLACES = {o.name: o.position for o in OBJECTS}

CALL, OUTCOME, RETURN, FINISH = EventKind.CALL, EventKind.OUTCOME, EventKind.RETURN, EventKind.FINISH
ROOT, PAIR, PICK, PLACE = Scope(0, 9), Scope(1, 7), Scope(1, 4), Scope(4, 7)

# kind, depth, caller, op, arguments, scope, outcome
SCRIPT = (
    (CALL, 0, "", "block_stacking", (), ROOT, ""),
    (CALL, 1, "block_stacking", "pick_and_place", (), PAIR, ""),
    (CALL, 2, "pick_and_place", "pick", (), PICK, ""),
    (CALL, 3, "pick", "move_to", ("red", 0.0), PICK, ""),
    (OUTCOME, 3, "pick", "move_to", ("red", 0.0), PICK, "SUCCEEDED"),
    (CALL, 3, "pick", "close_gripper", (), PICK, ""),
    (OUTCOME, 3, "pick", "close_gripper", (), PICK, "SUCCEEDED"),
    (RETURN, 2, "pick_and_place", "pick", (), PICK, ""),
    (CALL, 2, "pick_and_place", "place", (), PLACE, ""),
    (CALL, 3, "place", "move_to", ("green", 0.045), PLACE, ""),
    (OUTCOME, 3, "place", "move_to", ("green", 0.045), PLACE, "TIMEOUT"),
    (CALL, 3, "place", "move_to", ("green", 0.045), PLACE, ""),
    (OUTCOME, 3, "place", "move_to", ("green", 0.045), PLACE, "SUCCEEDED"),
    (CALL, 3, "place", "open_gripper", (), PLACE, ""),
    (OUTCOME, 3, "place", "open_gripper", (), PLACE, "SUCCEEDED"),
    (RETURN, 2, "pick_and_place", "place", (), PLACE, ""),
    (RETURN, 1, "block_stacking", "pick_and_place", (), PAIR, ""),
    (RETURN, 0, "", "block_stacking", (), ROOT, ""),
    (FINISH, 0, "", "block_stacking", (), Scope(0, 0), "RETURNED"),
)


def example_trace() -> Trace:
    """The whole run."""
    trace = Trace("ntp", "red on green", tuple(PLACES))
    for i, (kind, depth, caller, op, args, scope, outcome) in enumerate(SCRIPT):
        message = "the arm took too long" if outcome == "TIMEOUT" else ""
        trace.add(Event(kind, 0, i * 0.5, i, depth, caller, op, args, scope, outcome, message, i * 0.5))
    return trace


def example_steps(count: int | None = None) -> list[Step]:
    """The first ``count`` events with call stacks and targets."""
    stack: tuple[StackEntry, ...] = ()
    steps = []
    for event in example_trace().events[:count]:
        stack = stack_after(stack, event)
        target = target_of(event, PLACES)
        steps.append(Step(event, stack, target, str(event.args[0]) if target else ""))
    return steps
