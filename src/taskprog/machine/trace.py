"""A run as a list of typed events: what the planner called, and how each call ended.

Expert, planner and robot all write it; training reads it; rviz and the command line show it.
On disk it is JSON lines: a header object, then an object an event.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from taskprog.machine.op import Argument
from taskprog.machine.specification import NO_SCOPE, Scope

FORMAT = "taskprog-trace/1"


class EventKind(Enum):
    """What happened."""

    CALL = "call"  # a program was pushed or a primitive started
    OUTCOME = "outcome"  # a primitive ended
    RETURN = "return"  # a program was popped
    FINISH = "finish"  # the run ended; outcome and message say how


@dataclass(frozen=True)
class Event:
    """One event of a run.

    Attributes:
        kind: what happened.
        index: position in the trace, from 0.
        time: seconds on the domain's clock.
        step: number of decisions taken so far.
        depth: of the operation in the call stack; the root program has depth 0.
        caller: name of the calling program; empty for the root.
        op: name of the operation (for FINISH the root program).
        args: its arguments.
        scope: the part of the specification that the operation may see.
        outcome: name of an OutcomeCode (OUTCOME, or RETURN of a program that was given up) or of a RunCode
            (FINISH); else empty.
        message: in words, for people.
        observation: stamp in seconds of the observation that led here.
    """

    kind: EventKind
    index: int
    time: float
    step: int
    depth: int
    caller: str
    op: str
    args: tuple[Argument, ...] = ()
    scope: Scope = NO_SCOPE
    outcome: str = ""
    message: str = ""
    observation: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        data = asdict(self)
        data["kind"] = self.kind.value
        return data

    @staticmethod
    def from_json(data: dict[str, Any]) -> Event:
        """The inverse of ``to_json``.

        Raises:
            ValueError: a field is missing, unknown or of the wrong kind.
        """
        try:
            fields = dict(data)
            fields["kind"] = EventKind(fields["kind"])
            fields["args"] = tuple(fields.get("args", ()))
            fields["scope"] = Scope(*fields.get("scope", (0, 0)))
            return Event(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a trace event: {error}") from error


@dataclass
class Trace:
    """The events of one run, in order, and who wrote them.

    ``listener``, if given, is called with each event as it is added.
    """

    planner: str = ""
    task: str = ""
    objects: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)
    listener: Callable[[Event], None] | None = field(default=None, repr=False, compare=False)

    def add(self, event: Event) -> Event:
        """Append an event; its index is set right here, if it is not already."""
        if event.index != len(self.events):
            event = replace(event, index=len(self.events))
        self.events.append(event)
        if self.listener is not None:
            self.listener(event)
        return event

    @property
    def header(self) -> dict[str, Any]:
        """The first line of the file."""
        return {
            "format": FORMAT,
            "planner": self.planner,
            "task": self.task,
            "objects": list(self.objects),
        }

    def save(self, path: Path) -> None:
        """Write JSON lines; the file appears whole or not at all."""
        lines = [json.dumps(self.header), *(json.dumps(e.to_json()) for e in self.events)]
        partial = path.with_name(path.name + ".part")
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> Trace:
        """Read what ``save`` wrote.

        Raises:
            ValueError: not such a file; names the line.
        """
        lines = path.read_text(encoding="utf-8").splitlines()
        try:
            header = json.loads(lines[0])
            if header.get("format") != FORMAT:
                raise ValueError(f"format is {header.get('format')!r}, expected {FORMAT!r}")
        except (IndexError, AttributeError, ValueError) as error:
            raise ValueError(f"{path}, line 1: not a trace header: {error}") from error
        trace = Trace(header["planner"], header["task"], tuple(header["objects"]))
        for number, line in enumerate(lines[1:], start=2):
            try:
                trace.events.append(Event.from_json(json.loads(line)))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
        return trace
