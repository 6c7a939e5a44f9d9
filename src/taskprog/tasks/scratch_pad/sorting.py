"""Bubble sort on a scratch pad (Reed & de Freitas, sections 4.1 and 4.2): a row of digits, three pointers.

Pointers 1 and 2 are at two values to be compared, pointer 3 counts the sweeps; of each is seen if it is at an
end of the row. The programs are those of the paper's table 2, with RJMP and MAX, which the paper adds later;
RESET, which has LSHIFT alone there, calls ACT as well, to count a sweep, as the paper's trace does (section
6.2). With ``recursive`` they are those of Cai et al. (ICLR 2017): each loop is a program that calls itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from taskprog.machine import Budget, Call, Library, Op, OpKind, Planner
from taskprog.machine.op import Argument
from taskprog.tasks.environment import Problem
from taskprog.tasks.scratch_pad.pad import (
    ACT,
    DIGITS,
    LEFT,
    POINTER,
    RIGHT,
    Pad,
    Program,
    ProgramExpert,
    Step,
    Symbols,
    act,
    checked,
    in_turn,
)

SWAP = "SWAP"
POINTERS = ("1", "2", "3")
START, END = 1, 2  # bits of what is seen of where a pointer is
SWEEP_STEPS = 16  # decisions that the expert takes at most for a cell in a sweep
SORT, MAX = "BUBBLESORT", "MAX"


class SortingPad(Pad):
    """Q in the paper: a row of digits; all pointers start at the left and stay on the row."""

    def __init__(self, values: Sequence[int]):
        super().__init__(dict.fromkeys(POINTERS, 0), len(values))
        self.values = list(values)
        self.given = tuple(values)
        self._acts[(SWAP, "1", "2")] = self._swap
        last = len(values) - 1
        self._place = [START * (at == 0) + END * (at == last) for at in range(len(values))]

    def _swap(self) -> None:
        i, j = self.pointers["1"], self.pointers["2"]
        self.values[i], self.values[j] = self.values[j], self.values[i]

    def _seen(self) -> tuple[int, ...]:
        i, j, k = self.pointers.values()
        place = self._place
        return self.values[i], self.values[j], place[i], place[j], place[k]

    def wrong(self) -> str:
        """See ``Pad``."""
        if self.values == sorted(self.given):
            return ""
        right = _shown(sorted(self.given))
        return f"{_shown(self.given)} sorted is {right}, but the pad says {_shown(self.values)}"

    def text(self) -> str:
        """See ``Pad``: pointers in brackets after the value, such as "9[13] 2[2] 5"."""
        cells = []
        for at, value in enumerate(self.values):
            here = "".join(name for name, place in self.pointers.items() if place == at)
            cells.append(f"{value}[{here}]" if here else str(value))
        return " ".join(cells)


class MaximumPad(SortingPad):
    """Where MAX is to point at the greatest value."""

    def wrong(self) -> str:
        """See ``Pad``: pointer 1 should be at the greatest value."""
        found, right = self.values[self.pointers["1"]], max(self.given)
        return (
            ""
            if found == right
            else f"the maximum of {_shown(self.given)} is {right}, but pointer 1 is at {found}"
        )


def _shown(values: Sequence[int]) -> str:
    return " ".join(map(str, values))


@dataclass(frozen=True)
class Sorting:
    """See ``taskprog.tasks.environment.Environment``.

    Attributes:
        recursive: programs call themselves instead of looping.
        maximum: the library has RJMP and MAX as well, and MAX is its root.
    """

    recursive: bool = False
    maximum: bool = False

    @property
    def name(self) -> str:
        """See ``Environment``."""
        return ("maximum" if self.maximum else "sorting") + ("_recursive" if self.recursive else "")

    @property
    def kind(self) -> str:
        """See ``Environment``: MAX calls the programs that sort."""
        return "sorting_recursive" if self.recursive else "sorting"

    @cached_property
    def library(self) -> Library:
        """See ``Environment``: the programs of table 2."""

        def program(name: str, *callees: str, loops: bool = False) -> Op:
            return Op(name, OpKind.PROGRAM, (), (*callees, *((name,) if loops and self.recursive else ())))

        ops = [
            program(SORT, "BUBBLE", "RESET", loops=True),
            program("BUBBLE", ACT.name, "BSTEP"),
            program("RESET", "LSHIFT", ACT.name),
            program("BSTEP", "COMPSWAP", "RSHIFT", loops=True),
            program("COMPSWAP", ACT.name),
            program("LSHIFT", ACT.name, loops=True),
            program("RSHIFT", ACT.name),
            ACT,
        ]
        if self.maximum:
            ops += [program("RJMP", "RSHIFT", loops=True), program(MAX, SORT, "RJMP")]
        return Library(MAX if self.maximum else SORT, tuple(ops))

    @property
    def words(self) -> tuple[str, ...]:
        """See ``Environment``."""
        return (POINTER, SWAP, *POINTERS, LEFT, RIGHT)

    @property
    def sizes(self) -> tuple[int, ...]:
        """See ``Environment``: the values at pointers 1 and 2, and of all three if they are at an end."""
        return (len(DIGITS), len(DIGITS), 4, 4, 4)

    @property
    def album(self) -> None:
        """See ``Environment``: there are no pictures."""

    def of(self, words: Sequence[str]) -> Problem[SortingPad]:
        """The problem of given digits.

        Raises:
            ValueError: there are none, or one is no digit; says which.
        """
        if not words:
            raise ValueError("there are no digits: give at least one, such as 9 2 5")
        for word in words:
            if word not in DIGITS:
                raise ValueError(f"{word!r} is no digit: every cell holds one, 0 to 9")
        n = len(words)
        values = [int(word) for word in words]
        pad = MaximumPad(values) if self.maximum else SortingPad(values)
        depth = 2 * n + 8 if self.recursive else 8
        return Problem(
            Call(self.library[self.library.root]), pad, Budget(SWEEP_STEPS * n * n + 20, np.inf, depth)
        )

    def problem(
        self, rng: np.random.Generator, length: int, program: str | None = None
    ) -> Problem[SortingPad]:
        """See ``Environment``: so many random digits, all pointers at the left.

        A program by itself finds pointers 1 and 2 at a random cell, though not the last, as RJMP leaves them.
        """
        problem = self.of([DIGITS[k] for k in rng.integers(0, 10, checked(length))])
        if program is None:
            return problem
        problem.pad.pointers["1"] = problem.pad.pointers["2"] = int(rng.integers(max(1, length - 1)))
        return problem._replace(call=Call(self.library[program]))

    def view(self, observation: Symbols, args: Sequence[Argument]) -> tuple[int, ...]:
        """See ``Environment``."""
        return observation.values

    def expert(self) -> Planner[Symbols]:
        """See ``Environment``."""
        return ProgramExpert(self._programs)

    @cached_property
    def _programs(self) -> dict[str, Program]:
        def call(name: str, end: bool = False) -> Step:
            return Step(Call(self.library[name]), end)

        end, recursive = Step(None, end=True), self.recursive
        bubble, reset, bstep, lshift, rshift = map(call, ("BUBBLE", "RESET", "BSTEP", "LSHIFT", "RSHIFT"))
        swap, count_sweep = act(SWAP, "1", "2", end=True), act(POINTER, "3", RIGHT, end=True)
        second_right = act(POINTER, "2", RIGHT)
        last_bstep = call("BSTEP", end=True)

        def sort(count: int, seen: tuple[int, ...]) -> Step:
            if recursive and count == 2:
                return call(SORT, end=True)
            if count % 2:
                return reset
            return end if seen[4] & END else bubble

        def sweep(count: int, seen: tuple[int, ...]) -> Step:
            if count == 0:
                return second_right
            if recursive:
                return last_bstep
            return end if seen[2] & END else bstep

        def step(count: int, seen: tuple[int, ...]) -> Step:
            if not recursive:
                return (call("COMPSWAP"), call("RSHIFT", end=True))[count]
            if count == 0 and seen[2] & END:
                return end
            return (call("COMPSWAP"), rshift, last_bstep)[count]

        def compare(count: int, seen: tuple[int, ...]) -> Step:
            return swap if seen[0] > seen[1] else end

        def back(count: int, seen: tuple[int, ...]) -> Step:
            done = count == 1 if recursive else seen[2] & START
            return count_sweep if done else lshift

        def left(count: int, seen: tuple[int, ...]) -> Step:
            if not recursive:
                return act(POINTER, str(count + 1), LEFT, end=count == 1)
            if count == 0 and seen[2] & START:
                return end
            return call("LSHIFT", end=True) if count == 2 else act(POINTER, str(count + 1), LEFT)

        def jump(count: int, seen: tuple[int, ...]) -> Step:
            if count == 0 or not recursive:
                return end if seen[2] & END else rshift
            return call("RJMP", end=True)

        programs: dict[str, Program] = {
            SORT: sort,
            "BUBBLE": sweep,
            "RESET": back,
            "BSTEP": step,
            "COMPSWAP": compare,
            "LSHIFT": left,
            "RSHIFT": in_turn(act(POINTER, "1", RIGHT), act(POINTER, "2", RIGHT, end=True)),
        }
        if self.maximum:
            programs["RJMP"] = jump
            programs[MAX] = lambda count, seen: call("RJMP", end=True) if count else call(SORT)
        return programs
