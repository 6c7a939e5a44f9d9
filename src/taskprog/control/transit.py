"""Smooth curves from above one pose to above another, and how long the arm would take along each.

A curve leaves one column straight up, bends over, and enters the other straight down: a cubic B-spline in
joint space whose middle point lifts it or draws it in. Joint space keeps a tool that points
down at both ends pointing down, since joints 1, 3 and 5 then keep their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from taskprog.control.cartesian import Landing
from taskprog.control.columns import SHORTEST, Column
from taskprog.control.kinematics import Kinematics

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

POINTS = 32  # of the bent part
ON_COLUMN = 8  # of each straight part
SHARES = np.linspace(0.0, 1.0, POINTS)
# Of a clamped uniform cubic B-spline with seven control points, at SHARES.
BASIS = BSpline(np.array([0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1]), np.eye(7), 3)(SHARES)
LEVELS = (0.0, 0.03, 0.07, 0.12, 0.18, 0.26, 0.36, 0.48)  # metres above the lower end of what is possible
UPRIGHT = (0.0, 0.4, 0.8)  # shares of the way up that are straight
INWARDS = (0.0, 0.12, 0.24, -0.12)  # metres by which the middle comes nearer to the base
HANDLE = 0.02  # metres at least in which a curve leaves a column
HANDLES = (0.0, 1 / 3, 1.0)  # shares of a handle at which a curve's first points are
SPREAD = 0.05  # metres; of the changes that are tried around the best curve

# Columns of the parameters of a curve.
RISE, LEAN, FALL, SINK, DRAW, LIFT = range(6)


@dataclass(frozen=True)
class Between:
    """Where curves begin and end.

    Attributes:
        start, goal: straight up from where the arm is; straight up from where it goes.
        leave, arrive: least heights above these at which it may turn aside, metres.
    """

    start: Column
    goal: Column
    leave: float
    arrive: float


def candidates(between: Between, up: float) -> Matrix:
    """Parameters of curves worth a try, (K, 6), metres.

    RISE and FALL are the straight ways up and down, LEAN and SINK how far above them the curve is still
    pulled up, DRAW and LIFT how far its middle comes nearer to the base and goes up.

    Args:
        up: how much higher the goal is than the start.
    """
    low = max(between.leave, up + between.arrive)
    rows = [np.array([between.leave, 0.0, between.arrive, 0.0, 0.0, 0.0])]
    for level in LEVELS:
        for upright in UPRIGHT:
            for inwards in INWARDS:
                row = np.zeros(6)
                for side, lean, least, height in (
                    (RISE, LEAN, between.leave, low + level),
                    (FALL, SINK, between.arrive, low + level - up),
                ):
                    row[side] = least + (upright * (height - least) if least > 0.0 else 0.0)
                    row[lean] = height - row[side]
                row[DRAW] = inwards
                rows.append(row)
    return _bounded(np.stack(rows), between)


def variations(best: Vector, between: Between, n: int, rng: np.random.Generator) -> Matrix:
    """Parameters of ``n`` curves (n, 6) like one with parameters ``best`` (6,)."""
    return _bounded(best + SPREAD * rng.standard_normal((n, 6)), between)


def _bounded(rows: Matrix, between: Between) -> Matrix:
    for side, lean, least, column in (
        (RISE, LEAN, between.leave, between.start),
        (FALL, SINK, between.arrive, between.goal),
    ):
        # Where nothing asks for a straight piece there is none.
        rows[:, side] = np.clip(rows[:, side], least, column.height) if least > 0.0 else 0.0
        least = min(HANDLE, column.height) if least > 0.0 else 0.0
        rows[:, side] = np.minimum(rows[:, side], column.height - least)
        rows[:, lean] = np.clip(rows[:, lean], least, column.height - rows[:, side])
    return rows


def bends(rows: Matrix, between: Between, inwards: Vector, upwards: Vector) -> Matrix:
    """The bent parts (K, POINTS, 7) of curves with parameters ``rows`` (K, 6).

    Args:
        inwards, upwards: (7,) how the arm half way moves for a metre towards the base, and up.
    """
    ends = [
        column.at(rows[:, side] + share * rows[:, lean])
        for column, side, lean in ((between.start, RISE, LEAN), (between.goal, FALL, SINK))
        for share in HANDLES
    ]
    # Where nothing asks for a straight piece, the curve sets off towards the other end.
    across = ends[5] - ends[2]
    for least, first, sign in ((between.leave, 0, 1), (between.arrive, 3, -1)):
        if least <= 0.0:
            ends[first + 1] = ends[first + 1] + sign * 0.1 * across
            ends[first + 2] = ends[first + 2] + sign * 0.3 * across
    # A metre at the middle point moves the curve by less.
    pulled = (rows[:, [DRAW]] * inwards + rows[:, [LIFT]] * upwards) / BASIS[POINTS // 2, 3]
    control = np.stack([*ends[:3], (ends[2] + ends[5]) / 2 + pulled, *ends[:2:-1]], axis=1)
    curves: Matrix = np.einsum("uc,kcj->kuj", BASIS, control)
    return curves


def durations(
    rows: Matrix, bent: Matrix, between: Between, landing: Landing, kinematics: Kinematics, speed: float
) -> Vector:
    """About how long the fastest motion along each curve takes, (K,) seconds.

    The phase-plane sweep of time-optimal path following, forwards and backwards, for all curves at once. A
    bit pessimistic: no point is passed faster than with a constant path speed.

    Args:
        bent: (K, POINTS, 7) from ``bends``.
        speed: share of the velocity and acceleration limits, (0, 1].
    """
    pieces, slow = [bent], np.zeros(bent.shape[1], dtype=bool)[None].repeat(len(rows), axis=0)
    if between.leave > SHORTEST:
        heights = np.linspace(0.0, 1.0, ON_COLUMN + 1)[:-1] * rows[:, [RISE]]
        pieces.insert(0, between.start.at(heights))
        slow = np.concatenate([np.zeros(heights.shape, dtype=bool), slow], axis=1)
    if between.arrive > SHORTEST:
        heights = np.linspace(1.0, 0.0, ON_COLUMN + 1)[1:] * rows[:, [FALL]]
        pieces.append(between.goal.at(heights))
        slow = np.concatenate([slow, heights < landing.distance], axis=1)
    path = np.concatenate(pieces, axis=1).transpose(1, 0, 2)  # (N, K, 7)
    velocity, acceleration = speed * kinematics.velocity, speed * kinematics.acceleration
    ways = np.diff(path, axis=0)
    steps = np.linalg.norm(ways / velocity, axis=2) + 1e-6  # (N - 1, K)
    slopes = ways / steps[:, :, None]
    before, after = steps[:-1, :, None], steps[1:, :, None]
    first = np.concatenate(
        [slopes[:1], (slopes[:-1] * after + slopes[1:] * before) / (before + after), slopes[-1:]]
    )
    second = np.zeros_like(first)
    second[1:-1] = 2 * (slopes[1:] - slopes[:-1]) / (before + after)
    size = np.maximum(np.abs(first), 1e-9)
    second *= np.sign(first)
    top = np.minimum(
        ((velocity / size) ** 2).min(axis=2), (acceleration / np.maximum(np.abs(second), 1e-9)).min(axis=2)
    )
    if slow.any():
        # About so many metres of tool path go with a unit of the path on the column.
        metres = rows[:, FALL] / ON_COLUMN / np.maximum(steps[-1], 1e-9)
        top = np.where(slow.T, np.minimum(top, (landing.speed / np.maximum(metres, 1e-9)) ** 2), top)
    top[0] = top[-1] = 0.0
    for i in range(len(steps)):
        push = ((acceleration - second[i] * top[i][:, None]) / size[i]).min(axis=1)
        top[i + 1] = np.minimum(top[i + 1], np.maximum(top[i] + 2 * steps[i] * push, 0.0))
    for i in range(len(steps), 0, -1):
        brake = ((acceleration + second[i] * top[i][:, None]) / size[i]).min(axis=1)
        top[i - 1] = np.minimum(top[i - 1], np.maximum(top[i] + 2 * steps[i - 1] * brake, 0.0))
    roots = np.sqrt(top)
    total: Vector = (2 * steps / np.maximum(roots[1:] + roots[:-1], 1e-4)).sum(axis=0)
    return total
