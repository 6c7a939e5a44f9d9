"""A run as a tree of calls, for the terminal: live while it runs, and whole afterwards."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text
from rich.tree import Tree

from taskprog.machine import NO_SCOPE, Event, EventKind, OutcomeCode, RunCode, Trace
from taskprog.view.step import signature


@dataclass
class CallNode:
    """A call, what it called, and how it ended (None while it runs, or where a program was cut short)."""

    call: Event
    end: Event | None = None
    children: list[CallNode] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether this is a primitive that ended badly, or a program that was given up."""
        return bool(self.end and self.end.outcome and self.end.outcome != OutcomeCode.SUCCEEDED.name)


@dataclass
class CallTree:
    """The calls of a run from its root, and the event that ended it."""

    root: CallNode | None = None
    finish: Event | None = None


def call_tree(events: Sequence[Event]) -> CallTree:
    """Nest a trace's calls.

    Raises:
        ValueError: an event does not follow from those before it; names the event.
    """
    tree = CallTree()
    stack: list[CallNode] = []
    for event in events:
        if event.kind is EventKind.FINISH:
            tree.finish = event
            continue
        if event.kind is EventKind.CALL:
            if event.depth != len(stack) or (event.depth == 0 and tree.root is not None):
                raise ValueError(
                    f"event {event.index}: {event.op} at depth {event.depth} does not follow from the last"
                )
            node = CallNode(event)
            if stack:
                stack[-1].children.append(node)
            else:
                tree.root = node
            stack.append(node)
            continue
        if event.depth >= len(stack) or stack[event.depth].call.op != event.op:
            raise ValueError(f"event {event.index}: {event.op} ends at depth {event.depth} but never began")
        stack[event.depth].end = event
        del stack[event.depth :]
    return tree


def call_text(event: Event) -> Text:
    """A call in colours: operation, arguments, scope if there is one."""
    text = Text(event.op, style="bold")
    text.append(signature("", event.args), style="cyan")
    if event.scope != NO_SCOPE:
        text.append(f"  {event.scope}", style="dim")
    return text


def outcome_text(event: Event) -> Text:
    """How a primitive or a run ended: a mark, and words where it did not go well."""
    if event.outcome in (OutcomeCode.SUCCEEDED.name, RunCode.RETURNED.name):
        return Text("✔", style="bold green")
    text = Text(f"✘ {event.outcome}", style="bold red")
    if event.message:
        text.append(f": {event.message}", style="red")
    return text


def render_tree(
    trace: Trace, fold: bool = False, notes: Mapping[int, str] | None = None, timed: bool = True
) -> Tree:
    """The whole run, to be printed with rich.

    Args:
        fold: hide what returned programs called.
        notes: shown beside calls, by the index of the event that ended them.
        timed: the domain's clock counts seconds, so that the last line says when the run ended.

    Raises:
        ValueError: the events do not nest.
    """
    calls = call_tree(trace.events)
    title = Text(trace.task or "trace", style="bold magenta")
    if trace.planner:
        title.append(f"  planner {trace.planner}", style="dim")
    tree = Tree(title, guide_style="dim")
    if calls.root is not None:
        _grow(tree, calls.root, fold, notes or {})
    if calls.finish is not None:
        tree.add(_finish_text(calls.finish, timed))
    return tree


def _grow(branch: Tree, node: CallNode, fold: bool, notes: Mapping[int, str]) -> None:
    text = call_text(node.call)
    if node.end is not None and node.end.outcome:
        text.append("  ")
        text.append_text(outcome_text(node.end))
    if node.end is not None and node.end.index in notes:
        text.append(f"  {notes[node.end.index]}", style="green")
    grown = branch.add(text)
    if fold and node.end is not None and node.end.kind is EventKind.RETURN:
        primitives, failed = _count(node)
        text.append(f"  {primitives} primitives", style="dim")
        if failed:
            text.append(f", {failed} failed", style="red")
        return
    for child in node.children:
        _grow(grown, child, fold, notes)


def _count(node: CallNode) -> tuple[int, int]:
    """Primitives that ended below a call, and how many of them failed."""
    if node.end is not None and node.end.kind is EventKind.OUTCOME:
        return 1, int(node.failed)
    counts = [_count(child) for child in node.children]
    return sum(c[0] for c in counts), sum(c[1] for c in counts)


def _finish_text(event: Event, timed: bool) -> Text:
    text = Text("finished  ", style="bold")
    text.append_text(outcome_text(event))
    text.append(f"  {event.outcome}, {event.step} decisions", style="dim")
    if timed:
        text.append(f", t = {event.time:.1f} s", style="dim")
    return text


class TraceTree:
    """A run as it happens, for rich's ``Live``: what has returned is folded to a line until the end.

    So it fits a terminal while the run lasts; after FINISH it is the whole tree.
    """

    def __init__(self, trace: Trace | None = None):
        self.trace = trace or Trace()
        self._lock = threading.Lock()  # events come from another thread than the one that draws

    def add(self, event: Event) -> None:
        """Take in the next event; one with index 0 starts a new run, one that does not follow is left out.

        So the end of somebody else's run, seen before one's own begins, does no harm.
        """
        with self._lock:
            if event.index == 0:
                self.trace.events.clear()
            if event.index == len(self.trace.events):
                self.trace.events.append(event)

    def __rich__(self) -> Tree:
        with self._lock:
            events = list(self.trace.events)
        whole = not events or events[-1].kind is EventKind.FINISH
        snapshot = Trace(self.trace.planner, self.trace.task, self.trace.objects, events)
        tree = render_tree(snapshot, fold=not whole)
        if not whole:
            tree.add(_progress_text(events))
        return tree


def _progress_text(events: Sequence[Event]) -> Text:
    """One line that says how far the run is."""
    last = events[-1]
    primitives = sum(e.kind is EventKind.OUTCOME for e in events)
    text = Text(f"{last.step} decisions, {primitives} primitives, t = {last.time:.1f} s", style="dim")
    if last.kind is EventKind.CALL:
        text.append(f"  ▶ {signature(last.op, last.args)}", style="yellow")
    return text
