"""A run as a tree on the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console
from rich.tree import Tree
from trace_example import example_trace

from taskprog.machine import EventKind, Scope
from taskprog.view.step import StackEntry, steps_of
from taskprog.view.tree import TraceTree, call_tree, render_tree


def text(tree: Tree | TraceTree) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(tree)
    return console.export_text()


def test_calls_are_nested_in_order_with_outcomes() -> None:
    root = call_tree(example_trace().events).root
    assert root is not None
    (pair,) = root.children
    assert [c.call.op for c in pair.children] == ["pick", "place"]
    assert [c.call.op for c in pair.children[1].children] == ["move_to", "move_to", "open_gripper"]
    assert [c.failed for c in pair.children[1].children] == [True, False, False]


def test_whole_tree_shows_arguments_scopes_outcomes_and_the_end() -> None:
    shown = text(render_tree(example_trace()))
    lines = shown.splitlines()
    assert "red on green" in lines[0]
    assert "planner ntp" in lines[0]
    moves = [line for line in lines if "move_to" in line]
    assert len(moves) == 3
    assert "move_to(red, +0 mm)  [1:4]  ✔" in moves[0]
    assert "✘ TIMEOUT: the arm took too long" in moves[1]
    assert "✔" in moves[2]
    assert "RETURNED" in lines[-1]


def test_a_deeper_call_is_indented_further() -> None:
    lines = text(render_tree(example_trace())).splitlines()
    columns = [
        next(line.index(op) for line in lines if op in line) for op in ("pick_and", "pick  ", "move_to")
    ]
    assert columns == sorted(set(columns))


def test_while_running_what_returned_is_folded_and_the_running_call_is_named() -> None:
    live = TraceTree()
    for event in example_trace().events[:10]:
        live.add(event)
    shown = text(live)
    assert "close_gripper" not in shown, "pick has returned: its primitives are folded"
    assert "2 primitives" in shown
    assert "▶ move_to(green, +45 mm)" in shown.splitlines()[-1]


def test_after_the_end_the_whole_tree_is_shown_and_a_new_run_starts_afresh() -> None:
    live = TraceTree()
    for event in example_trace().events:
        live.add(event)
    assert "close_gripper" in text(live)
    live.add(example_trace().events[0])
    assert "pick_and_place" not in text(live)


def test_the_end_of_another_run_is_left_out() -> None:
    live = TraceTree()
    for event in [*example_trace().events[7:], *example_trace().events[:3]]:
        live.add(event)
    assert [e.index for e in live.trace.events] == [0, 1, 2]
    assert "pick" in text(live)


def test_events_that_do_not_nest_are_refused() -> None:
    events = example_trace().events
    with pytest.raises(ValueError, match="event 2: pick at depth 2 does not follow"):
        call_tree([events[0], events[2]])
    with pytest.raises(ValueError, match="event 4: close_gripper ends at depth 3 but never began"):
        call_tree([*events[:4], replace(events[4], op="close_gripper")])


def test_a_run_that_was_cut_short_still_shows() -> None:
    events = example_trace().events[:5]
    finish = replace(example_trace().events[-1], outcome="CANCELLED", message="interrupted")
    trace = example_trace()
    trace.events = [*events, finish]
    assert "✘ CANCELLED: interrupted" in text(render_tree(trace))


def test_call_stacks_follow_from_the_events() -> None:
    steps = steps_of(example_trace().events)
    assert steps[3].stack == (
        StackEntry("block_stacking", Scope(0, 9)),
        StackEntry("pick_and_place", Scope(1, 7)),
        StackEntry("pick", Scope(1, 4)),
        StackEntry("move_to", Scope(1, 4)),
    )
    assert [e.op for e in steps[4].stack] == ["block_stacking", "pick_and_place", "pick"]
    assert steps[-1].event.kind is EventKind.FINISH
    assert steps[-1].stack == ()
