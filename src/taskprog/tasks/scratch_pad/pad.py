"""Scratch pads (Reed & de Freitas, section 4.1): rows of symbols, pointers on them, and one primitive, ACT.

What NPI calls an environment (f_env, equation 5) is a ``taskprog.machine.Domain`` here. A planner sees no
more than what is under the pointers, and does no more than move a pointer by a cell or write where one is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from taskprog.machine import (
    ArgType,
    Call,
    CancelToken,
    Decision,
    Frame,
    Op,
    OpKind,
    Outcome,
    OutcomeCode,
    PlannerError,
    TaskSpecification,
)
from taskprog.machine.op import Argument

LEFT, RIGHT, POINTER = "LEFT", "RIGHT", "PTR"
DIGITS = tuple("0123456789")
BLANK = len(DIGITS)  # the symbol of an empty cell
ACT = Op("ACT", OpKind.PRIMITIVE, (ArgType.WORD,) * 3)  # "PTR OUT LEFT", "WRITE OUT 1", "SWAP 1 2"
DONE = Outcome()


class Symbols(NamedTuple):
    """What a pad's pointers see; ``values[i]`` is one of ``Environment.sizes[i]`` symbols."""

    stamp: float  # actions so far
    values: tuple[int, ...]


class Pad(ABC):
    """A ``taskprog.machine.Domain``; subclasses fill ``_acts``, a function for each of ACT's arguments.

    Attributes:
        pointers: column of each pointer, by name; width: number of columns.
    """

    def __init__(self, pointers: dict[str, int], width: int):
        self.pointers = pointers
        self.width = width
        self._actions = 0
        self._acts: dict[tuple[Argument, ...], Callable[[], None]] = {}
        for name in pointers:
            for word, step in ((LEFT, -1), (RIGHT, 1)):
                self._acts[(POINTER, name, word)] = self._mover(name, step)

    def _mover(self, name: str, step: int) -> Callable[[], None]:
        pointers, last = self.pointers, self.width - 1

        def move() -> None:  # stays on the pad
            pointers[name] = min(max(pointers[name] + step, 0), last)

        return move

    def observe(self) -> Symbols:
        """See ``taskprog.machine.Domain``."""
        return Symbols(float(self._actions), self._seen())

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``."""
        act = self._acts.get(call.args) if call.op is ACT or call.op == ACT else None
        if act is None:
            return Outcome(OutcomeCode.INVALID_GOAL, f"the pad cannot do {call}")
        act()
        self._actions += 1
        return DONE

    @abstractmethod
    def _seen(self) -> tuple[int, ...]: ...

    @abstractmethod
    def wrong(self) -> str:
        """What is wrong with the result, in words; empty if nothing is."""

    @abstractmethod
    def text(self) -> str:
        """The pad for people; a cell with a pointer is in brackets."""

    def changed(self, args: tuple[Argument, ...]) -> str:
        """The line of ``text`` that ACT with these arguments changes."""
        return self.text()


@dataclass(frozen=True)
class Step:
    """What an expert's program does at one of its steps: a call or none, and whether it ends."""

    call: Call | None
    end: bool = False


# A program as a function of how many decisions it took already, and of what is seen.
Program = Callable[[int, tuple[int, ...]], Step]


class ProgramExpert:
    """Decides by programs; how many decisions an activation took is kept in its frame."""

    def __init__(self, programs: dict[str, Program]):
        self._programs = programs

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""

    def decide(self, frame: Frame, observation: Symbols) -> Decision:
        """See ``taskprog.machine.Planner``."""
        program = self._programs.get(frame.op.name)
        if program is None:
            raise PlannerError(
                f"the expert knows no program {frame.op.name!r}, only {', '.join(self._programs)}"
            )
        count: int = frame.state or 0
        step = program(count, observation.values)
        return Decision(step.call, None, step.end, count + 1)


def act(*words: str, end: bool = False) -> Step:
    """A step that calls ACT."""
    return Step(Call(ACT, words), end)


def in_turn(*steps: Step) -> Program:
    """A program without choices."""
    return lambda count, seen: steps[count]


def checked(length: int) -> int:
    """A problem's length.

    Raises:
        ValueError: below 1.
    """
    if length < 1:
        raise ValueError(f"a problem of length {length} does not exist; the shortest have length 1")
    return length
