"""Cells that vote for one middle, and yet show two goods, apart: a normalised cut where neighbours say so.

Shi and Malik, "Normalized Cuts and Image Segmentation", PAMI 2000: the cut of a graph whose weight, as a
share of what each side has with all cells, is least is found along the second generalised eigenvector of its
Laplacian.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

PART_CELLS = 4  # of each part at least, and
PART = 0.2  # as a share of what is parted
BORDER = 2  # pairs of neighbours at least across a cut
DOUBT = 0.35  # mean chance that neighbours across a cut are of one good, at most
LEAST = 1e-3  # chance: no cell is wholly without ties


def parted(rows: Indices, columns: Indices, joined: NDArray[np.float32]) -> list[Indices]:
    """Indices of the cells of each good among (N,) cells, one or more; one good where nothing is against it.

    Args:
        joined: (N, 2) logits of whether the cells to the right and below show the same good.
    """
    return _parted(np.arange(len(rows)), *_pairs(rows, columns, joined), np.stack([rows, columns], axis=1))


def bond(rows: Indices, columns: Indices, joined: NDArray[np.float32], second: NDArray[np.bool_]) -> float:
    """The mean chance that neighbours in two groups of cells are of one good; NaN if hardly any meet.

    Args:
        rows, columns, joined: of the cells of both; see ``parted``.
        second: (N,) which of them are of the second one.
    """
    pairs, chances = _pairs(rows, columns, joined)
    border = second[pairs[:, 0]] != second[pairs[:, 1]]
    return float(chances[border].mean()) if border.sum() >= BORDER else float("nan")


def _parted(mine: Indices, pairs: Indices, chances: Floats, places: Indices) -> list[Indices]:
    """``mine`` cells in parts; ``pairs`` (M, 2) are of indices into ``mine``."""
    if len(mine) < 2 * PART_CELLS or (chances < DOUBT).sum() < BORDER:
        return [mine]
    side = _cut(len(mine), pairs, chances, places[mine])
    if side is None:
        return [mine]
    parts: list[Indices] = []
    for which in (False, True):
        inside = np.flatnonzero(side == which)
        kept = (side[pairs] == which).all(axis=1)
        number = np.zeros(len(mine), np.int64)
        number[inside] = np.arange(len(inside))
        parts += _parted(mine[inside], number[pairs[kept]], chances[kept], places)
    return parts


def _pairs(rows: Indices, columns: Indices, joined: NDArray[np.float32]) -> tuple[Indices, Floats]:
    """(M, 2) neighbours, and (M,) the chance that they show one good."""
    r, c = rows - rows.min(), columns - columns.min()
    number = np.full((r.max() + 2, c.max() + 2), -1, np.int64)
    number[r, c] = np.arange(len(rows))
    pairs, scores = [], []
    for which, other in enumerate((number[r, c + 1], number[r + 1, c])):
        on = np.flatnonzero(other >= 0)
        pairs.append(np.stack([on, other[on]], axis=1))
        scores.append(joined[on, which])
    return np.concatenate(pairs), 1 / (1 + np.exp(-np.concatenate(scores).astype(np.float64)))


def _cut(count: int, pairs: Indices, chances: Floats, places: Indices) -> NDArray[np.bool_] | None:
    """(count,) on which side of the best cut each cell is; None where there is none to be made."""
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, island = connected_components(graph, directed=False)
    largest = np.bincount(island).argmax()
    main = np.flatnonzero(island == largest)
    fewest = max(PART_CELLS, PART * count)
    if len(main) < 2 * fewest:
        return None
    number = np.full(count, -1, np.int64)
    number[main] = np.arange(len(main))
    inside = island[pairs[:, 0]] == largest
    a, b = number[pairs[inside]].T
    weight = np.maximum(chances[inside], LEAST)
    ties = np.zeros((len(main), len(main)))
    ties[a, b] = ties[b, a] = weight
    degree = ties.sum(axis=1)
    # Of the Laplacian scaled by 1 / sqrt(degree) on both sides.
    scale = 1 / np.sqrt(degree)
    _, vectors = eigh(np.eye(len(main)) - scale[:, None] * ties * scale, subset_by_index=(0, 1))
    order = np.argsort(vectors[:, 1] * scale)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    # What is cut between ranks i and i + 1, for all i at once: each pair is between its cells' ranks.
    low, high = np.minimum(rank[a], rank[b]), np.maximum(rank[a], rank[b])
    between = np.zeros(len(main) + 1)
    np.add.at(between, low, weight)
    np.add.at(between, high, -weight)
    across = between[:-2].cumsum()
    below = degree[order].cumsum()[:-1]
    costs = across / below + across / (degree.sum() - below)
    sizes = np.arange(1, len(main))
    costs[(sizes < fewest) | (len(main) - sizes < fewest)] = np.inf
    best = int(costs.argmin())
    upper = rank > best
    border = upper[a] != upper[b]
    if not np.isfinite(costs[best]) or border.sum() < BORDER or chances[inside][border].mean() > DOUBT:
        return None
    side = np.zeros(count, np.bool_)
    side[main] = upper
    rest = np.flatnonzero(island != largest)
    if len(rest):  # what touches neither goes to the nearer one
        apart = np.abs(places[rest][:, None] - places[main][None]).sum(axis=2)
        side[rest] = upper[apart.argmin(axis=1)]
    return side
