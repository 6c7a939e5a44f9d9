"""What a planner is given to do: a task specification, and scopes (contiguous parts) of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taskprog.machine.op import Call

NOTHING_HELD = -1


class Scope(NamedTuple):
    """A contiguous subsequence ``[start, stop)`` of a specification's elements.

    NTP's scoping constraint (Xu et al., section III, "Task Specification Interpreter"): a callee's
    scope lies inside its caller's.
    """

    start: int
    stop: int

    def covers(self, other: Scope) -> bool:
        """Whether ``other`` lies inside."""
        return self.start <= other.start and other.stop <= self.stop

    def __str__(self) -> str:
        return f"[{self.start}:{self.stop}]"


@dataclass(frozen=True)
class Demonstration:
    """A task video, read as object tracks at its key frames.

    Attributes:
        names: names of the N objects; index i below is ``names[i]``.
        positions: (T, N, 3) float32, metres, frame ``base`` (x forward, z up), object centres.
        held: (T,) int64, index of the object that the demonstrator holds, or ``NOTHING_HELD``.
        times: (T,) float64, seconds from the start of the video.

    Raises:
        ValueError: the arrays' shapes disagree, or it has no frame or no object.
    """

    names: tuple[str, ...]
    positions: NDArray[np.float32]
    held: NDArray[np.int64]
    times: NDArray[np.float64]

    def __post_init__(self) -> None:
        frames = len(self.positions)
        if frames == 0 or not self.names:
            raise ValueError("a demonstration needs at least one frame and one object")
        if self.positions.shape != (frames, len(self.names), 3):
            raise ValueError(
                f"positions must be (T, {len(self.names)}, 3) for {len(self.names)} objects, "
                f"got {self.positions.shape}"
            )
        if self.held.shape != (frames,) or self.times.shape != (frames,):
            raise ValueError(f"held and times must have {frames} entries, one a frame")
        if self.held.min() < NOTHING_HELD or self.held.max() >= len(self.names):
            raise ValueError(f"held must be an object's index or {NOTHING_HELD}")

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def whole(self) -> Scope:
        """The scope that covers every frame."""
        return Scope(0, len(self))


NO_SCOPE = Scope(0, 0)  # of programs that run without a demonstration

# What is to be done is shown by a demonstration, which the library's root program follows (NTP), or it is a
# call with arguments, which is made in the root's place (NPI). Other kinds (an instruction, a subtask graph,
# a reward) join this union with their planners.
TaskSpecification = Demonstration | Call
