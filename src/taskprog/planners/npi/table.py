"""The table of programs that one core knows, over all of its environments, and the words of arguments.

A program has a row of its own for each kind of environment, as in the paper's table 2, where LSHIFT is
listed for addition and for sorting. Primitives share a row: ACT means in each environment what that makes
of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Op, OpKind
from taskprog.machine.op import Argument
from taskprog.planners.npi.config import ARGUMENTS
from taskprog.tasks.environment import Album, Environment

NO_WORD = "-"  # of calls that have fewer arguments


@dataclass(frozen=True)
class ProgramTable:
    """Rows, words and environments by index.

    Attributes:
        environments: what the core works in; no two have one name.
    """

    environments: tuple[Environment, ...]

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """Names of all operations."""
        names = [row_name(e, op) for e in self.environments for op in e.library.values()]
        return tuple(dict.fromkeys(names))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All words that an argument may be; the first stands for no argument."""
        return tuple(dict.fromkeys([NO_WORD, *(word for e in self.environments for word in e.words)]))

    @cached_property
    def arguments(self) -> int:
        """Arguments of every call, A: three as in the paper, or as many as the longest call has."""
        return max(ARGUMENTS, *(len(op.args) for e in self.environments for op in e.library.values()))

    @cached_property
    def sizes(self) -> Mapping[str, tuple[int, ...]]:
        """What is seen in each kind of environment, see ``Environment.sizes``."""
        return {e.kind: e.sizes for e in self.environments}

    @cached_property
    def albums(self) -> Mapping[str, Album]:
        """The pictures that are trained on, of each kind of environment that has some."""
        return {e.kind: e.album for e in reversed(self.environments) if e.album is not None}

    @cached_property
    def callees(self) -> NDArray[np.bool_]:
        """(N, N + 1), which operation (column) a program (row) may call; the last column: none, it ends."""
        result = np.zeros((len(self.rows), len(self.rows) + 1), np.bool_)
        for environment in self.environments:
            for op in environment.library.values():
                row = self.row(environment, op)
                result[row, -1] = True
                for name in op.callees:
                    result[row, self.row(environment, environment.library[name])] = True
        return result

    def row(self, environment: Environment, op: Op) -> int:
        """The row of an operation.

        Raises:
            KeyError: the table has none.
        """
        return self._row_index[row_name(environment, op)]

    def words_of(self, args: Sequence[Argument]) -> tuple[int, ...]:
        """The indices of a call's arguments, A of them.

        Raises:
            KeyError: no word of the table.
        """
        index = self._word_index
        return (*(index[str(arg)] for arg in args), *(0,) * (self.arguments - len(args)))

    @cached_property
    def _row_index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.rows)}

    @cached_property
    def _word_index(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}


def row_name(environment: Environment, op: Op) -> str:
    """The name of an operation's row, such as "addition.LSHIFT", or "ACT"."""
    return f"{environment.kind}.{op.name}" if op.kind is OpKind.PROGRAM else op.name
