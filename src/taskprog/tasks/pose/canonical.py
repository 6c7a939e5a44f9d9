"""Turning a shape to a pose that is asked for, by its pictures alone (Reed & de Freitas, section 4.1).

The pad says which azimuth and elevation are wanted; which ones the shape has now, only its picture tells.
The paper's cars are CAD models that cannot be had here: shapes and figures are our own, not comparable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Budget, Call, CancelToken, Library, Op, OpKind, Outcome, OutcomeCode, Planner
from taskprog.machine.op import Argument
from taskprog.tasks.environment import Album, Problem
from taskprog.tasks.pose.shapes import SIZE, random_shape, render
from taskprog.tasks.scratch_pad.pad import (
    ACT,
    DONE,
    LEFT,
    RIGHT,
    Program,
    ProgramExpert,
    Step,
    Symbols,
    act,
    checked,
)

STEP = 15  # degrees
AZIMUTHS = tuple(range(-75, 76, STEP))
ELEVATIONS = tuple(range(0, 61, STEP))
POSES = len(AZIMUTHS) * len(ELEVATIONS)
FARTHEST = len(AZIMUTHS) + len(ELEVATIONS) - 2  # turns between two poses
CAMERA, UP, DOWN, BY = "CAMERA", "UP", "DOWN", str(STEP)
TURNS = {LEFT: (-1, 0), RIGHT: (1, 0), DOWN: (0, -1), UP: (0, 1)}
SHAPES = 60  # that are trained on, and as many others
BUDGET = Budget(120, math.inf, 6)


@dataclass
class Turntable:
    """A ``Workplace``: one shape before a camera that goes around it in steps.

    What is seen: indices of the azimuth and the elevation that are wanted, and the picture's number.
    """

    shape: int
    pose: tuple[int, int]
    wanted: tuple[int, int]
    turns: int = 0

    def observe(self) -> Symbols:
        """See ``taskprog.machine.Domain``."""
        return Symbols(float(self.turns), (*self.wanted, number_of(self.shape, *self.pose)))

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``; at the end of its way the camera stays where it is."""
        turn = TURNS.get(str(call.args[1])) if call.op == ACT else None
        if turn is None or call.args[0] != CAMERA or call.args[2] != BY:
            return Outcome(OutcomeCode.INVALID_GOAL, f"the turntable cannot do {call}")
        self.pose = (
            min(max(self.pose[0] + turn[0], 0), len(AZIMUTHS) - 1),
            min(max(self.pose[1] + turn[1], 0), len(ELEVATIONS) - 1),
        )
        self.turns += 1
        return DONE

    def wrong(self) -> str:
        """See ``Workplace``."""
        if self.pose == self.wanted:
            return ""
        return f"the shape is seen from {_degrees(self.pose)}, not from {_degrees(self.wanted)}"

    def changed(self, args: tuple[Argument, ...]) -> str:
        """For people: where the camera is."""
        return _degrees(self.pose)

    def text(self) -> str:
        """For people: where the camera is, and where it should be."""
        return f"camera at {_degrees(self.pose)}, wanted {_degrees(self.wanted)}"


def number_of(shape: int, azimuth: int, elevation: int) -> int:
    """The number of a picture in the album."""
    return shape * POSES + azimuth * len(ELEVATIONS) + elevation


def pose_of(number: int) -> tuple[int, int]:
    """The indices of azimuth and elevation in a picture."""
    azimuth, elevation = divmod(number % POSES, len(ELEVATIONS))
    return azimuth, elevation


def _degrees(pose: tuple[int, int]) -> str:
    return f"azimuth {AZIMUTHS[pose[0]]}°, elevation {ELEVATIONS[pose[1]]}°"


@cache
def pictures(first: int, shapes: int) -> NDArray[np.uint8]:
    """Pictures (shapes * POSES, SIZE, SIZE, 3) of the shapes from number ``first`` on; always the same."""
    result = []
    for index in range(first, first + shapes):
        rng = np.random.default_rng((index, 5))
        shape = random_shape(rng)
        for azimuth in AZIMUTHS:
            for elevation in ELEVATIONS:
                result.append(render(shape, math.radians(azimuth), math.radians(elevation), rng))
    return np.stack(result)


@dataclass(frozen=True)
class CanonicalPose:
    """See ``taskprog.tasks.environment.Environment``.

    Attributes:
        unseen: the shapes are others than those trained on.
        shapes: how many there are.
    """

    unseen: bool = False
    shapes: int = SHAPES

    @property
    def name(self) -> str:
        """See ``Environment``."""
        return "poses_unseen" if self.unseen else "poses"

    @property
    def kind(self) -> str:
        """See ``Environment``."""
        return "poses"

    @cached_property
    def library(self) -> Library:
        """See ``Environment``: the programs of table 2."""
        program = OpKind.PROGRAM
        one_way = (Op(name, program, (), (ACT.name,)) for name in ("LGOTO", "RGOTO", "DGOTO", "UGOTO"))
        return Library(
            "GOTO",
            (
                Op("GOTO", program, (), ("HGOTO", "VGOTO")),
                Op("HGOTO", program, (), ("LGOTO", "RGOTO")),
                Op("VGOTO", program, (), ("DGOTO", "UGOTO")),
                *one_way,
                ACT,
            ),
        )

    @property
    def words(self) -> tuple[str, ...]:
        """See ``Environment``."""
        return (CAMERA, *TURNS, BY)

    @property
    def sizes(self) -> tuple[int, ...]:
        """See ``Environment``: the wanted pose."""
        return (len(AZIMUTHS), len(ELEVATIONS))

    @property
    def album(self) -> Album:
        """See ``Environment``: other shapes have other numbers, so both albums begin at 0."""
        return Album((SIZE, SIZE), partial(pictures, self.shapes if self.unseen else 0, self.shapes))

    def problem(
        self, rng: np.random.Generator, length: int, program: str | None = None
    ) -> Problem[Turntable]:
        """See ``Environment``: a shape whose wanted pose is ``length`` turns away.

        Raises:
            ValueError: no two poses are so far apart.
        """
        if checked(length) > FARTHEST:
            raise ValueError(f"poses are at most {FARTHEST} turns apart, not {length}")
        shape = int(rng.integers(self.shapes))
        while True:
            start, wanted = (
                (int(rng.integers(len(AZIMUTHS))), int(rng.integers(len(ELEVATIONS)))) for _ in range(2)
            )
            if abs(start[0] - wanted[0]) + abs(start[1] - wanted[1]) == length:
                call = Call(self.library[program or self.library.root])
                return Problem(call, Turntable(shape, start, wanted), BUDGET)

    def of(self, azimuth: int, elevation: int, rng: np.random.Generator) -> Problem[Turntable]:
        """A random shape in another, random pose than the one that is wanted, in degrees.

        Raises:
            ValueError: the camera cannot be there.
        """
        for value, values, name in ((azimuth, AZIMUTHS, "azimuth"), (elevation, ELEVATIONS, "elevation")):
            if value not in values:
                raise ValueError(
                    f"{name} {value} is none of the camera's: {values[0]} to {values[-1]} degrees, by {STEP}"
                )
        wanted = (AZIMUTHS.index(azimuth), ELEVATIONS.index(elevation))
        shape, start = int(rng.integers(self.shapes)), wanted
        while start == wanted:
            start = (int(rng.integers(len(AZIMUTHS))), int(rng.integers(len(ELEVATIONS))))
        return Problem(Call(self.library[self.library.root]), Turntable(shape, start, wanted), BUDGET)

    def view(self, observation: Symbols, args: Sequence[Argument]) -> tuple[int, ...]:
        """See ``Environment``."""
        return observation.values

    def expert(self) -> Planner[Symbols]:
        """See ``Environment``: it reads the pose off the picture's number, which the networks never see."""
        return ProgramExpert(self._programs)

    @cached_property
    def _programs(self) -> dict[str, Program]:
        ops = self.library
        calls = {name: Step(Call(ops[name]), end=True) for name in ops if ops[name].kind is OpKind.PROGRAM}
        end, across = Step(None, end=True), Step(Call(ops["HGOTO"]))

        def away(axis: int, seen: tuple[int, ...]) -> int:
            return seen[axis] - pose_of(seen[2])[axis]

        def choose(axis: int, back: str, forth: str, count: int, seen: tuple[int, ...]) -> Step:
            turns = away(axis, seen)
            if turns == 0:
                return end
            return calls[back] if turns < 0 else calls[forth]

        def turn(axis: int, way: str, count: int, seen: tuple[int, ...]) -> Step:
            return act(CAMERA, way, BY) if sum(TURNS[way]) * away(axis, seen) > 0 else end

        return {
            "GOTO": lambda count, seen: calls["VGOTO"] if count else across,
            "HGOTO": partial(choose, 0, "LGOTO", "RGOTO"),
            "VGOTO": partial(choose, 1, "DGOTO", "UGOTO"),
            "LGOTO": partial(turn, 0, LEFT),
            "RGOTO": partial(turn, 0, RIGHT),
            "DGOTO": partial(turn, 1, DOWN),
            "UGOTO": partial(turn, 1, UP),
        }
