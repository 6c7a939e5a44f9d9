"""A run as a tree of calls, for the terminal: live while it runs, and whole afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from taskprog.machine import Event, EventKind, OutcomeCode, RunCode, Trace
from taskprog.view.step import signature


@dataclass
class CallNode:
    """A call, what it called, and how it ended (None while it runs, or where a program was cut short)."""

    call: Event
    end: Event | None = None
    children: list[CallNode] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether this is a primitive that ended badly."""
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
            if event.depth > len(stack) or (event.depth == 0 and tree.root is not None):
                raise ValueError(f"event {event.index}: {event.op} at depth {event.depth} has no caller")
            node = CallNode(event)
            del stack[event.depth :]
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
    """A call in colours: operation, arguments, scope."""
    text = Text(event.op, style="bold")
    text.append(signature("", event.args), style="cyan")
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


def render_tree(trace: Trace) -> Tree:
    """The whole run, to be printed with rich.

    Raises:
        ValueError: the events do not nest.
    """
    calls = call_tree(trace.events)
    title = Text(trace.task or "trace", style="bold magenta")
    if trace.planner:
        title.append(f"  planner {trace.planner}", style="dim")
    tree = Tree(title, guide_style="dim")
    if calls.root is not None:
        _grow(tree, calls.root)
    if calls.finish is not None:
        tree.add(_finish_text(calls.finish))
    return tree


def _grow(branch: Tree, node: CallNode) -> None:
    text = call_text(node.call)
    if node.end is not None and node.end.kind is EventKind.OUTCOME:
        text.append("  ")
        text.append_text(outcome_text(node.end))
    grown = branch.add(text)
    for child in node.children:
        _grow(grown, child)


def _finish_text(event: Event) -> Text:
    text = Text("finished  ", style="bold")
    text.append_text(outcome_text(event))
    text.append(f"  {event.outcome}, {event.step} decisions, t = {event.time:.1f} s", style="dim")
    return text


class TreePrinter:
    """Prints a run as it happens: a line for each call, indented by depth, a primitive's with its outcome."""

    def __init__(self, console: Console):
        self._console = console
        self._open: Event | None = None  # a primitive or program whose line is not yet printed

    def event(self, event: Event) -> None:
        """Take in the next event of the run."""
        if event.kind is EventKind.OUTCOME:
            self._open = None
            line = self._line(event)
            line.append("  ")
            line.append_text(outcome_text(event))
            self._print(line, event)
            return
        if self._open is not None:
            self._print(self._line(self._open), self._open)
            self._open = None
        if event.kind is EventKind.CALL:
            self._open = event
        elif event.kind is EventKind.FINISH:
            self._print(_finish_text(event), event)

    @property
    def running(self) -> str:
        """The call that has begun last and not ended, for a progress line; empty if there is none."""
        return signature(self._open.op, self._open.args) if self._open else ""

    def _line(self, event: Event) -> Text:
        line = Text("│  " * event.depth, style="dim")
        line.append_text(call_text(event))
        return line

    def _print(self, line: Text, event: Event) -> None:
        stamp = Text(f"{event.time:7.1f} s  ", style="dim")
        stamp.append_text(line)
        self._console.print(stamp, highlight=False, soft_wrap=True)
