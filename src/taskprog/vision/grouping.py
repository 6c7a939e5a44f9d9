"""From the network's answer for each cell to things: cells that vote for one middle belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.vision.examples import cell_grid
from taskprog.vision.grid import STRIDE
from taskprog.vision.labels import CLASSES, FIRST_CONTAINER, GOODS
from taskprog.vision.network import BEYOND, DEPTHS, FOURFOLD, JOINED, OFFSET, PIXELS, SIZE, SIZES, TWICE
from taskprog.vision.parting import bond, parted

Floats = NDArray[np.float32]

MIN_CELLS = 3  # of a good
MIN_CONTAINER_CELLS = 30
COARSE = 2.0  # pixels of the network's input in a square in which votes are counted, along u and v
SPREAD = 1.0  # squares, standard deviation of a vote
RADIUS = 8.0  # pixels of the network's input: votes of one good are no farther from its middle
CONTAINER_RADIUS = 40.0
APART = 3  # squares along u or v: middles of two goods are not nearer
MIN_VOTES = 0.12  # votes in a square at a middle
# Votes of two goods may meet in the image and yet be apart in space. Each has so many cells at least, such a
# share of both, and its middle so many pixels from the other's, for a few cells at a border tell of depths
# behind it.
PART_CELLS = 4
PART = 0.3
PART_PIXELS = 1.5
ROUNDS = 5  # of 2-means, from a cut across the longest extent; votes of two goods settle in fewer
CLEAR = 0.5  # how clearly cells agree on twice the yaw, 0 to 1, where that says which side is longer


@dataclass(frozen=True, eq=False)
class Group:
    """The cells of one thing, and what they say on the whole.

    Attributes:
        label: index into ``CLASSES``.
        confidence: 0 to 1, mean probability of that class.
        rows, columns: (N,) of the cells.
        values: (N, OUTPUTS) what the network says of them.
        votes: (N, 2) pixels (u, v) of the network's input where each sees the thing's middle.
        middle: (2,) pixel (u, v) of the network's input where the thing's middle is.
        beyond: (N,) metres along the optical axis from each cell's surface to the thing's middle.
        yaw: against the ray to the thing, of its longer side, radians.
        size: (3,) length, width and height, metres.
    """

    label: int
    confidence: float
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats
    votes: Floats
    middle: Floats
    beyond: Floats
    yaw: float
    size: Floats


def group(output: Floats) -> list[Group]:
    """The things in an image, goods first.

    Args:
        output: (r, c, OUTPUTS), the network's answer.
    """
    scores = output[..., : len(CLASSES)]
    best = scores.argmax(axis=2)
    v_axis, u_axis = cell_grid(*best.shape)
    found = []
    # One category at a time: a good that is seen past another one has its middle at about the same pixel.
    for label in range(GOODS.start, GOODS.stop):
        rows, columns = np.nonzero(best == label)
        values = output[rows, columns]
        votes = _votes(values, rows, columns, u_axis, v_axis)
        peaks = _peaks(votes, best.shape)
        if not len(peaks):
            continue
        apart = np.linalg.norm(votes[:, None] - peaks[None], axis=2)
        nearest = apart.argmin(axis=1)
        nearest[apart.min(axis=1) > RADIUS] = -1
        for i in range(len(peaks)):
            mine = np.flatnonzero(nearest == i)
            if len(mine) < MIN_CELLS:
                continue
            for part in parted(rows[mine], columns[mine], values[mine, JOINED]):
                part = mine[part]
                found.append(_group(values[part], rows[part], columns[part], votes[part], GOODS))
    for label in range(FIRST_CONTAINER, len(CLASSES)):
        rows, columns = np.nonzero(best == label)
        if len(rows) < MIN_CONTAINER_CELLS:
            continue
        values = output[rows, columns]
        votes = _votes(values, rows, columns, u_axis, v_axis)
        mine = np.flatnonzero(np.linalg.norm(votes - median(votes), axis=1) < CONTAINER_RADIUS)
        if len(mine) >= MIN_CONTAINER_CELLS:
            only = slice(label, label + 1)
            found.append(_group(values[mine], rows[mine], columns[mine], votes[mine], only))
    return found


def joined(a: Group, b: Group) -> Group:
    """Two groups of cells of one good as one."""
    whole = _group(
        np.concatenate([a.values, b.values]),
        np.concatenate([a.rows, b.rows]),
        np.concatenate([a.columns, b.columns]),
        np.concatenate([a.votes, b.votes]),
        GOODS,
    )
    if np.linalg.norm(a.middle - b.middle) < RADIUS:
        return whole
    # Each sees the middle on its own side of what is before the good, and the median of all is one of these.
    share = len(a.rows) / len(whole.rows)
    return replace(whole, middle=share * a.middle + (1 - share) * b.middle)


def bond_of(a: Group, b: Group) -> float:
    """How surely two groups of cells of one category are of one good, by what their border says; NaN if there
    is none."""
    rows, columns = np.concatenate([a.rows, b.rows]), np.concatenate([a.columns, b.columns])
    joined = np.concatenate([a.values[:, JOINED], b.values[:, JOINED]])
    return bond(rows, columns, joined, np.arange(len(rows)) >= len(a.rows))


def two(found: Group, places: Floats, apart: float) -> tuple[Group, Group] | None:
    """A group of cells of two goods as two; None where they are of one, as far as can be seen.

    Args:
        places: (N, 3) metres, where each cell sees its good's middle.
        apart: metres; middles of two goods are not nearer.
    """
    spread = places - places.mean(axis=0)
    side = spread @ np.linalg.svd(spread, full_matrices=False)[2][0] > 0
    fewest = max(PART_CELLS, PART * len(side))
    for _ in range(ROUNDS):
        if not fewest <= side.sum() <= len(side) - fewest:
            return None
        middles = np.stack([median(places[~side]), median(places[side])])
        side = np.linalg.norm(places[:, None] - middles, axis=2).argmin(axis=1) == 1
    if not fewest <= side.sum() <= len(side) - fewest or np.linalg.norm(middles[1] - middles[0]) <= apart:
        return None
    one, other = (
        _group(found.values[mine], found.rows[mine], found.columns[mine], found.votes[mine], GOODS)
        for mine in (~side, side)
    )
    return (one, other) if np.linalg.norm(one.middle - other.middle) > PART_PIXELS else None


def median(values: Floats) -> Floats:
    """Of each column of (N, ...); ``np.median`` takes ten times as long for so few."""
    order = np.sort(values, axis=0)
    return np.asarray((order[(len(order) - 1) // 2] + order[len(order) // 2]) / 2)


def _votes(
    values: Floats,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    u_axis: NDArray[np.float64],
    v_axis: NDArray[np.float64],
) -> Floats:
    at = np.stack([u_axis[0, columns], v_axis[rows, 0]], axis=1)
    return np.asarray(at + values[:, OFFSET] * PIXELS, np.float32)


def _peaks(votes: Floats, cells: tuple[int, ...]) -> Floats:
    """(K, 2) where votes (N, 2) gather in an image of so many cells, pixels."""
    height, width = (int(n * STRIDE / COARSE) for n in cells)
    counts = np.zeros((height, width), np.float32)
    u, v = np.floor((votes + 0.5) / COARSE).astype(np.int64).T
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    np.add.at(counts, (v[inside], u[inside]), 1.0)
    density = cv2.GaussianBlur(counts, (0, 0), SPREAD)
    highest = cv2.dilate(density, np.ones((3, 3), np.uint8))
    squares = np.argwhere((density >= highest) & (density > MIN_VOTES))
    # The most votes first. What is near a middle, but not the flank of what gathers there, is one as well.
    kept: list[NDArray[np.int64]] = []
    for square in squares[np.argsort(-density[tuple(squares.T)], kind="stable")]:
        if all(np.abs(square - other).max() >= APART for other in kept):
            kept.append(square)
    middles = np.reshape(kept, (-1, 2))[:, ::-1]
    return np.asarray((middles + 0.5) * COARSE - 0.5, np.float32)


def _group(
    values: Floats,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    votes: Floats,
    among: slice,
) -> Group:
    scores = values[:, : len(CLASSES)]
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances = (chances / chances.sum(axis=1, keepdims=True)).mean(axis=0)
    label = int(among.start + chances[among].argmax())
    twice, fourfold = values[:, TWICE].mean(axis=0), values[:, FOURFOLD].mean(axis=0)
    yaw = 0.5 * np.arctan2(twice[1], twice[0])
    if np.linalg.norm(fourfold) > CLEAR:
        square = 0.25 * np.arctan2(fourfold[1], fourfold[0])
        if np.linalg.norm(twice) < CLEAR:  # as long as wide
            yaw = square
    return Group(
        label,
        float(chances[label]),
        rows,
        columns,
        values,
        votes,
        median(votes),
        values[:, BEYOND] * DEPTHS,
        float(yaw),
        median(values[:, SIZE]) * SIZES,
    )
