"""How a person's hand would do a task: smooth hops that carry one thing after another, without physics.

A pure function of script and seed, for filming task videos. Frame ``base``, metres, radians, seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

Floats = NDArray[np.float64]

REST = (0.28, -0.50, TABLE_HEIGHT + 0.16)  # the hand waits beside the cubes
OPEN = CUBE_SIZE + 0.035  # between the fingers
REACH = CUBE_SIZE / 2  # that the fingers' tips come below the point between them
CLEARANCE = 0.04  # between the bottom of what is carried and whatever stands highest
PAUSE = 0.5  # seconds before the first and after the last motion
GRASP_TIME = 0.4  # seconds to close or open the fingers
HOP_TIME, HOP_PACE = 1.1, 1.8  # a hop takes so many seconds, and so many more for each metre
RISE = 0.4  # share of a hop in which it rises, and in which it comes down
PLACE_ERROR = 0.0025  # metres, standard deviation of where a person puts something
WORST_ERROR = 0.006
PLACE_TURN = math.radians(2.5)


@dataclass(frozen=True)
class Carry:
    """Thing ``what`` is put ``offset`` (3,) from the centre of thing ``onto``, by their indices.

    Attributes:
        aligned: its sides are made parallel to those of what it is put on, as far as its grip allows.
    """

    what: int
    onto: int
    offset: tuple[float, float, float]
    aligned: bool


@dataclass(frozen=True)
class Script:
    """What a hand does with N things.

    Attributes:
        positions, yaws: (N, 3) and (N,), of the things at the start.
        below, above: (N,) how far each reaches below and above its centre.
        widths: (N,) between the fingers that hold it, which lie to its left and right as it is turned.
        turn: radians by which a thing may be turned about the vertical and is gripped the same.
        carries: in order.
    """

    positions: Floats
    yaws: Floats
    below: Floats
    above: Floats
    widths: Floats
    turn: float
    carries: tuple[Carry, ...]


@dataclass(frozen=True)
class Hand:
    """The point between the fingers (3,), the yaw of the hand, and the width between its fingers."""

    position: Floats
    yaw: float
    opening: float


@dataclass(frozen=True)
class HandMoment:
    """The film's world at one time.

    Attributes:
        time: seconds from the start.
        positions, yaws: (N, 3) and (N,), of the things.
        held: index of the thing in the hand, or None.
        done: carries finished so far.
    """

    time: float
    hand: Hand
    positions: Floats
    yaws: Floats
    held: int | None
    done: int


def film(script: Script, seed: int, interval: float) -> Iterator[HandMoment]:
    """The whole task, a moment every ``interval`` seconds, from rest to rest.

    Args:
        seed: of how exactly things are put down.
    """
    plan = _Plan(script, np.random.default_rng(seed))
    count, start = 0, 0.0
    for segment in plan.segments:
        while (time := count * interval) < start + segment.duration:
            yield segment.at((time - start) / segment.duration, time)
            count += 1
        start += segment.duration


@dataclass(frozen=True)
class _Segment:
    """A motion of the hand from ``begin`` to ``end``, over the height ``top``.

    ``positions`` and ``yaws`` are the things' when it begins; the ``held`` one goes along.
    """

    duration: float
    begin: Hand
    end: Hand
    top: float
    positions: Floats
    yaws: Floats
    held: int | None
    done: int

    def at(self, share: float, time: float) -> HandMoment:
        """The world when ``share`` of the motion is done: up, across, and down, with soft corners."""
        begin, end = self.begin, self.end
        across = _smooth((share - 0.5 * RISE) / (1.0 - RISE))
        position = begin.position + across * (end.position - begin.position)
        if share < 0.5:
            position[2] = begin.position[2] + _smooth(share / RISE) * (self.top - begin.position[2])
        else:
            position[2] = end.position[2] + _smooth((1.0 - share) / RISE) * (self.top - end.position[2])
        yaw = begin.yaw + across * (end.yaw - begin.yaw)
        opening = begin.opening + _smooth(share) * (end.opening - begin.opening)
        positions, yaws = self.positions.copy(), self.yaws.copy()
        if self.held is not None:
            positions[self.held] = position
            yaws[self.held] += yaw - begin.yaw
        return HandMoment(time, Hand(position, yaw, opening), positions, yaws, self.held, self.done)


class _Plan:
    """The motions of a whole task, one after the other."""

    def __init__(self, script: Script, rng: np.random.Generator):
        self.segments: list[_Segment] = []
        self._script = script
        self._positions, self._yaws = script.positions.copy(), script.yaws.copy()
        self._hand = Hand(np.array(REST), 0.0, OPEN)
        self._held: int | None = None
        self._done = 0
        self._stay(PAUSE, OPEN)
        for carry in script.carries:
            a, b = carry.what, carry.onto
            self._hop(self._positions[a], self._grip(float(self._yaws[a]), 0.0))
            self._stay(GRASP_TIME, float(script.widths[a]))
            self._held = a
            error = np.append(rng.normal(0.0, PLACE_ERROR, 2).clip(-WORST_ERROR, WORST_ERROR), 0.0)
            turn = float(rng.normal(0.0, PLACE_TURN))
            yaw = self._grip(float(self._yaws[b]), self._hand.yaw) if carry.aligned else self._hand.yaw
            self._hop(self._positions[b] + carry.offset + error, yaw + turn)
            self._held = None
            self._done += 1
            self._stay(GRASP_TIME, OPEN)
        self._hop(np.array(REST), 0.0)
        self._stay(PAUSE, OPEN)

    def _hop(self, position: Floats, yaw: float) -> None:
        others = [k for k in range(len(self._positions)) if k != self._held]
        highest = float((self._positions[others, 2] + self._script.above[others]).max())
        below = REACH if self._held is None else float(self._script.below[self._held])
        top = max(highest + below + CLEARANCE, float(self._hand.position[2]), float(position[2]))
        distance = float(np.linalg.norm(position - self._hand.position))
        self._add(HOP_TIME + HOP_PACE * distance, Hand(position.copy(), yaw, self._hand.opening), top)

    def _grip(self, yaw: float, reference: float) -> float:
        """The angle nearest to ``reference`` at which a thing turned by ``yaw`` can be gripped."""
        return yaw + self._script.turn * round((reference - yaw) / self._script.turn)

    def _stay(self, duration: float, opening: float) -> None:
        hand = self._hand
        self._add(duration, Hand(hand.position, hand.yaw, opening), float(hand.position[2]))

    def _add(self, duration: float, end: Hand, top: float) -> None:
        segment = _Segment(
            duration, self._hand, end, top, self._positions, self._yaws, self._held, self._done
        )
        self.segments.append(segment)
        after = segment.at(1.0, 0.0)
        self._hand, self._positions, self._yaws = after.hand, after.positions, after.yaws


def _smooth(share: float) -> float:
    """From 0 to 1 with zero velocity and acceleration at both ends."""
    s = min(1.0, max(0.0, share))
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)
