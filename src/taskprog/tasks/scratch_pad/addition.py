"""Addition on a scratch pad (Reed & de Freitas, section 4.1): two numbers, carries and the sum, a row each.

The programs are those of the paper's table 2. With ``recursive`` they are those of Cai et al. (Making
Neural Programming Architectures Generalize via Recursion, ICLR 2017): ADD calls itself for the next column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from taskprog.machine import Budget, Call, Library, Op, OpKind, Planner
from taskprog.machine.op import Argument
from taskprog.tasks.environment import Problem
from taskprog.tasks.scratch_pad.pad import (
    ACT,
    BLANK,
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

WRITE = "WRITE"
INP1, INP2, CARRY, OUT = ROWS = ("INP1", "INP2", "CARRY", "OUT")
SPARE = 2  # columns on the left: for the last carry, and the blank one at which ADD ends
COLUMN_STEPS = 14  # decisions that the expert takes at most in a column, and a few


class AdditionPad(Pad):
    """Q in the paper: four rows, a pointer on each, which starts at the right.

    Args:
        first, second: the numbers, as digits.
    """

    def __init__(self, first: str, second: str):
        width = max(len(first), len(second)) + SPARE
        super().__init__(dict.fromkeys(ROWS, width - 1), width)
        self.numbers = (first, second)
        self._rows = {name: [BLANK] * width for name in ROWS}
        for name, number in ((INP1, first), (INP2, second)):
            self._rows[name][width - len(number) :] = [int(digit) for digit in number]
        for name in (CARRY, OUT):
            for digit in DIGITS:
                self._acts[(WRITE, name, digit)] = partial(self._write, name, int(digit))
        self._views = [(self._rows[name], name) for name in ROWS]

    def _write(self, row: str, value: int) -> None:
        self._rows[row][self.pointers[row]] = value

    def advance(self, columns: int) -> None:
        """Add that many columns as ADD would."""
        first, second, carries, out = (self._rows[name] for name in ROWS)
        for _ in range(columns):
            at = self.pointers[OUT]
            total = sum(row[at] for row in (first, second, carries) if row[at] != BLANK)
            out[at] = total % 10
            if total > 9:
                carries[at - 1] = 1
            self.pointers.update(dict.fromkeys(ROWS, at - 1))

    def _seen(self) -> tuple[int, ...]:
        at = self.pointers
        (a, i), (b, j), (c, k), (d, m) = self._views
        return a[at[i]], b[at[j]], c[at[k]], d[at[m]]

    @property
    def sum(self) -> str:
        """The digits written in the OUT row, blanks as "-"; without the blank ones on the left."""
        return "".join("-" if v == BLANK else str(v) for v in self._rows[OUT]).lstrip("-")

    @property
    def right(self) -> str:
        """The sum as it should be."""
        return _sum(*self.numbers)

    def wrong(self) -> str:
        """See ``Pad``."""
        if self.sum == self.right:
            return ""
        said = self.sum or "nothing"
        return f"{self.numbers[0]} + {self.numbers[1]} = {self.right}, but the pad says {said}"

    def text(self) -> str:
        """See ``Pad``: a line for each row."""
        return "\n".join(self.row(name) for name in ROWS)

    def changed(self, args: tuple[Argument, ...]) -> str:
        """See ``Pad``."""
        return self.row(str(args[1]))

    def row(self, name: str) -> str:
        """One row, such as "INP1  ··9[6]": the pointer is in brackets."""
        cells = ["·" if value == BLANK else str(value) for value in self._rows[name]]
        at = self.pointers[name]
        return "".join([f"{name:6}", *cells[:at], f"[{cells[at]}]", *cells[at + 1 :]])


def _sum(first: str, second: str) -> str:
    """The sum by school arithmetic: Python's ``int`` refuses more than 4300 digits."""
    digits, carry = [], 0
    for k in range(1, max(len(first), len(second)) + 1):
        total = sum(int(n[-k]) for n in (first, second) if k <= len(n)) + carry
        digits.append(str(total % 10))
        carry = total // 10
    return ("1" if carry else "") + "".join(reversed(digits))


@dataclass(frozen=True)
class Addition:
    """See ``taskprog.tasks.environment.Environment``.

    Attributes:
        recursive: ADD calls itself instead of looping.
    """

    recursive: bool = False

    @property
    def name(self) -> str:
        """See ``Environment``."""
        return "addition_recursive" if self.recursive else "addition"

    @property
    def kind(self) -> str:
        """See ``Environment``."""
        return self.name

    @cached_property
    def library(self) -> Library:
        """See ``Environment``: the programs of table 2."""
        program = OpKind.PROGRAM
        return Library(
            "ADD",
            (
                Op("ADD", program, (), ("ADD1", "LSHIFT", *(("ADD",) if self.recursive else ()))),
                Op("ADD1", program, (), (ACT.name, "CARRY")),
                Op("CARRY", program, (), (ACT.name,)),
                Op("LSHIFT", program, (), (ACT.name,)),
                Op("RSHIFT", program, (), (ACT.name,)),
                ACT,
            ),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """See ``Environment``."""
        return (POINTER, WRITE, *ROWS, LEFT, RIGHT, *DIGITS)

    @property
    def sizes(self) -> tuple[int, ...]:
        """See ``Environment``: the four cells under the pointers."""
        return (BLANK + 1,) * len(ROWS)

    @property
    def album(self) -> None:
        """See ``Environment``: there are no pictures."""

    def of(self, first: str, second: str, program: str | None = None) -> Problem[AdditionPad]:
        """The problem of two given numbers, or another program on their pad.

        Raises:
            ValueError: one is no number; says which.
        """
        for text in (first, second):
            if not (text.isascii() and text.isdigit()):
                raise ValueError(f"{text!r} is no number: it should be digits only, such as 96")
        columns = max(len(first), len(second)) + SPARE
        budget = Budget(COLUMN_STEPS * columns + 10, np.inf, columns + 8)
        return Problem(Call(self.library[program or "ADD"]), AdditionPad(first, second), budget)

    def problem(
        self, rng: np.random.Generator, length: int, program: str | None = None
    ) -> Problem[AdditionPad]:
        """See ``Environment``: one number has ``length`` digits, the other as many or, half the time, fewer.

        For programs other than ADD some columns are added already.
        """
        other = length if rng.uniform() < 0.5 else int(rng.integers(1, checked(length) + 1))
        numbers = [_number(rng, length), _number(rng, other)]
        if rng.uniform() < 0.5:
            numbers.reverse()
        problem = self.of(numbers[0], numbers[1], program)
        if program not in (None, "ADD"):
            problem.pad.advance(int(rng.integers(1, length + 1)))
        return problem

    def view(self, observation: Symbols, args: Sequence[Argument]) -> tuple[int, ...]:
        """See ``Environment``."""
        return observation.values

    def expert(self) -> Planner[Symbols]:
        """See ``Environment``."""
        return ProgramExpert(self._programs)

    @cached_property
    def _programs(self) -> dict[str, Program]:
        ops = self.library
        end = Step(None, end=True)
        add1, lshift = Step(Call(ops["ADD1"])), Step(Call(ops["LSHIFT"]))
        again = Step(Call(ops["ADD"]), end=True)
        carry = Step(Call(ops["CARRY"]), end=True)
        write = [act(WRITE, OUT, digit) for digit in DIGITS]
        write_last = [act(WRITE, OUT, digit, end=True) for digit in DIGITS]

        def add(count: int, seen: tuple[int, ...]) -> Step:
            if self.recursive and count == 2:
                return again
            if count % 2:
                return lshift
            return end if seen[:3] == (BLANK,) * 3 else add1

        def add_column(count: int, seen: tuple[int, ...]) -> Step:
            if count:
                return carry
            total = sum(value for value in seen[:3] if value != BLANK)
            return write_last[total] if total < 10 else write[total - 10]

        def shift(way: str) -> Program:
            return in_turn(*(act(POINTER, row, way, end=row == OUT) for row in ROWS))

        return {
            "ADD": add,
            "ADD1": add_column,
            "CARRY": in_turn(
                act(POINTER, CARRY, LEFT), act(WRITE, CARRY, "1"), act(POINTER, CARRY, RIGHT, end=True)
            ),
            "LSHIFT": shift(LEFT),
            "RSHIFT": shift(RIGHT),
        }


def _number(rng: np.random.Generator, length: int) -> str:
    """A random number without leading zeros, but "0"."""
    digits = rng.integers(0, 10, length)
    if length > 1:
        digits[0] = rng.integers(1, 10)
    return "".join(map(str, digits.tolist()))
