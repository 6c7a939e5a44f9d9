"""A sampling planner for where no simple curve is free: RRT-Connect (Kuffner, LaValle 2000) and shortcuts.

OMPL's would do as well, but it cannot be made to give the same path twice in one process.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

STEP = 0.25  # radians by which a tree grows, in the joint that turns most
RESOLUTION = 0.05  # radians between two checks of a straight piece
NODES = 400  # of both trees together, at most
SHORTCUTS = 40


def segment_free(free: Callable[[Vector], bool], start: Vector, end: Vector) -> bool:
    """Whether the straight line in joint space to ``end`` (7,) is free; ``start`` (7,) is known to be."""
    n = max(1, int(np.ceil(float(np.abs(end - start).max()) / RESOLUTION)))
    return all(free(start + share * (end - start)) for share in _coarse_to_fine(n))


def connect(
    free: Callable[[Vector], bool],
    sample: Callable[[np.random.Generator], Vector],
    start: Vector,
    end: Vector,
) -> Matrix | None:
    """A polyline (K, 7) of free straight pieces from ``start`` to ``end`` (7,); None if none was found.

    Args:
        sample: gives a configuration to grow towards.
    """
    rng = np.random.default_rng(0)
    trees: list[tuple[list[Vector], list[int]]] = [([start], [-1]), ([end], [-1])]
    grows = 0
    for _ in range(NODES):
        if sum(len(nodes) for nodes, _ in trees) >= NODES:
            return None
        new = _extend(free, trees[grows], sample(rng))
        if new is not None:
            target = trees[grows][0][new]
            other = trees[1 - grows]
            # The other tree comes as far as it can.
            reached = _extend(free, other, target)
            while reached is not None and (way := float(np.abs(other[0][reached] - target).max())) > 1e-9:
                again = _extend(free, other, target)
                if again is None or float(np.abs(other[0][again] - target).max()) >= way:
                    break
                reached = again
            if reached is not None and float(np.abs(other[0][reached] - target).max()) <= 1e-9:
                one, two = _branch(trees[grows], new), _branch(other, reached)
                line = one[::-1] + two[1:]
                return np.stack(line if grows == 0 else line[::-1])
        grows = 1 - grows
    return None


def shorten(free: Callable[[Vector], bool], line: Matrix) -> Matrix:
    """The polyline (K, 7) with detours between pairs of its points cut off where that is free."""
    rng = np.random.default_rng(1)
    points = list(line)
    for _ in range(SHORTCUTS):
        if len(points) < 3:
            break
        i, j = np.sort(rng.integers(0, len(points) - 1, 2))
        if i == j:
            continue
        a = points[i] + rng.random() * (points[i + 1] - points[i])
        b = points[j] + rng.random() * (points[j + 1] - points[j])
        if segment_free(free, a, b):
            points = [*points[: i + 1], a, b, *points[j + 1 :]]
    k = 0
    while k + 2 < len(points):
        if segment_free(free, points[k], points[k + 2]):
            del points[k + 1]
        else:
            k += 1
    return np.stack(points)


def _extend(
    free: Callable[[Vector], bool], tree: tuple[list[Vector], list[int]], target: Vector
) -> int | None:
    """Grow a tree by one step towards ``target``; the new node's index, None if something is in the way."""
    nodes, parents = tree
    nearest = int(np.abs(np.stack(nodes) - target).max(axis=1).argmin())
    way = target - nodes[nearest]
    new = nodes[nearest] + way * min(1.0, STEP / max(float(np.abs(way).max()), 1e-12))
    if not segment_free(free, nodes[nearest], new):
        return None
    nodes.append(new)
    parents.append(nearest)
    return len(nodes) - 1


def _branch(tree: tuple[list[Vector], list[int]], node: int) -> list[Vector]:
    """From a node to its tree's root."""
    nodes, parents = tree
    line = []
    while node >= 0:
        line.append(nodes[node])
        node = parents[node]
    return line


def _coarse_to_fine(n: int) -> list[float]:
    """The shares 1/n ... 1, those first that are far from the ones before."""
    order = sorted(range(1, n + 1), key=lambda k: (-(k & -k), k))
    return [1.0, *(k / n for k in order if k != n)]
