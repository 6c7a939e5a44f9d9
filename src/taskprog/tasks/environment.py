"""What a planner of calls (NPI) is trained and tried in: scratch pads, and table-tops without a video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Budget, Call, Domain, Library, Planner
from taskprog.machine.op import Argument


class Workplace(Domain[Any], Protocol):
    """A domain that knows what the result should be, for scoring only."""

    def wrong(self) -> str:
        """What is wrong with the result, in words; empty if nothing is."""


Place = TypeVar("Place", bound=Workplace)


class Problem(NamedTuple, Generic[Place]):
    """Something to be done: the call that does it, where it is done, and limits of the run."""

    call: Call
    pad: Place
    budget: Budget


@dataclass(frozen=True)
class Album:
    """Pictures of ``size`` (height, width), which are made when they are first looked at.

    Attributes:
        make: returns them, (P, height, width, 3) uint8, RGB; the same each time.
    """

    size: tuple[int, int]
    make: Callable[[], NDArray[np.uint8]]


class Environment(Protocol):
    """A kind of problems as planners know it. Implementations are frozen dataclasses.

    Attributes:
        name: no two have the same.
        kind: what environments have in common whose programs of one name are the same, and what they see.
        library: its operations.
        words: that arguments are made of; numbers among them are written as Python writes them.
        sizes: number of symbols that each value of a view may be, but a picture's number.
        album: pictures, one of which is seen beside the symbols; the last value of a view is its number,
            which planners use for nothing else. None where nothing is seen in pictures.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def library(self) -> Library: ...
    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def album(self) -> Album | None: ...

    def problem(self, rng: np.random.Generator, length: int, program: str | None = None) -> Problem[Any]:
        """A random problem of a length for a program, the root by default.

        Raises:
            ValueError: the length is below 1.
        """

    def view(self, observation: Any, args: Sequence[Argument]) -> tuple[int, ...]:
        """What a program with these arguments sees of an observation, as symbols."""

    def expert(self) -> Planner[Any]:
        """An oracle: it follows the same programs as are to be learnt, from the same observations."""
