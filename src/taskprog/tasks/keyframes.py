"""Key frames: what is kept of a task video's dense tracks, independent of its speed and pauses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.tasks.table_top import CUBE_NAMES

SPACING = 0.08  # metres of the held object's path between frames
FEWEST = 3  # frames of a carry: start, middle, end
SMOOTHING = 5  # frames
SHORTEST = 0.02  # metres; what is held but ends nearer to where it began was not carried anywhere


@dataclass
class _Stretch:
    """Dense frames [start, stop) in which the same object, or nothing, is held."""

    held: int
    start: int
    stop: int

    @property
    def is_long_rest(self) -> bool:
        """Whether nothing is held, for more than one frame."""
        return self.held == NOTHING_HELD and self.stop - self.start > 1


def keyframes(
    times: NDArray[np.floating],
    positions: NDArray[np.floating],
    held: NDArray[np.integer],
    names: tuple[str, ...] = CUBE_NAMES,
) -> Demonstration:
    """Keep one frame (the middle) of each stretch in which nothing is held, and frames along each carry.

    A carry keeps a frame every ``SPACING`` of the carried object's path, the first and the last among them,
    at least ``FEWEST`` if the video has as many of it. Letting go and taking hold of the same object again is
    one carry; one that moves its object by less than ``SHORTEST`` counts as nothing held.

    Args:
        times: (T,) seconds, rising.
        positions: (T, N, 3) metres, frame ``base``.
        held: (T,) index of the held object, or ``NOTHING_HELD``.

    Raises:
        ValueError: the shapes disagree, or there is no frame.
    """
    frames = len(times)
    if frames == 0:
        raise ValueError("no frames")
    if positions.shape != (frames, len(names), 3) or held.shape != (frames,):
        raise ValueError(
            f"for {frames} times and {len(names)} names, positions should be ({frames}, {len(names)}, 3) and "
            f"held ({frames},), not {positions.shape} and {held.shape}"
        )
    kept: list[int] = []
    shown: list[int] = []
    for stretch in _stretches(positions, held):
        if stretch.held == NOTHING_HELD:
            chosen = [(stretch.start + stretch.stop - 1) // 2]
        else:
            chosen = _along(positions[stretch.start : stretch.stop, stretch.held], stretch.start)
        kept += chosen
        shown += [stretch.held] * len(chosen)
    return Demonstration(
        names,
        positions[kept].astype(np.float32),
        np.array(shown, np.int64),
        np.asarray(times, np.float64)[kept],
    )


def _stretches(positions: NDArray[np.floating], held: NDArray[np.integer]) -> list[_Stretch]:
    edges = [0, *(np.flatnonzero(np.diff(held)) + 1).tolist(), len(held)]
    stretches = _merged([_Stretch(int(held[i]), i, j) for i, j in pairwise(edges)])
    for stretch in stretches:
        before, after = max(stretch.start - 1, 0), min(stretch.stop, len(held) - 1)
        moved = positions[after, stretch.held] - positions[before, stretch.held]
        if stretch.held != NOTHING_HELD and np.linalg.norm(moved) < SHORTEST:
            stretch.held = NOTHING_HELD
    return _widened(_merged(stretches))


def _merged(stretches: list[_Stretch]) -> list[_Stretch]:
    """Join neighbours that hold the same, also where the same object was let go for a while."""
    result: list[_Stretch] = []
    for stretch in stretches:
        if len(result) > 1 and result[-1].held == NOTHING_HELD and result[-2].held == stretch.held:
            result.pop()
        if result and result[-1].held == stretch.held:
            result[-1].stop = stretch.stop
        else:
            result.append(stretch)
    return result


def _widened(stretches: list[_Stretch]) -> list[_Stretch]:
    """Give a carry of too few frames one of the rest before and one of the rest after, if these have more."""
    for i, stretch in enumerate(stretches):
        if stretch.held == NOTHING_HELD or stretch.stop - stretch.start >= FEWEST:
            continue
        if i > 0 and stretches[i - 1].is_long_rest:
            stretches[i - 1].stop -= 1
            stretch.start -= 1
        if i + 1 < len(stretches) and stretches[i + 1].is_long_rest:
            stretches[i + 1].start += 1
            stretch.stop += 1
    return stretches


def _along(path: NDArray[np.floating], first: int) -> list[int]:
    """Indices of frames along ``path`` (K, 3), whose first frame has index ``first``.

    Distances are taken on the path smoothed over ``SMOOTHING`` frames, from the last frame kept, so that
    noise does not add up to more frames in a slow video.
    """
    half = SMOOTHING // 2
    padded = np.concatenate([path[:1].repeat(half, 0), path, path[-1:].repeat(half, 0)])
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    sums[SMOOTHING:] -= sums[:-SMOOTHING].copy()
    smooth = (sums[SMOOTHING - 1 :] / SMOOTHING).tolist()
    kept = [0]
    last = smooth[0]
    for i in range(1, len(path) - 1):
        if math.dist(smooth[i], last) >= SPACING:
            kept.append(i)
            last = smooth[i]
    if len(kept) < FEWEST - 1 and len(path) >= FEWEST:
        kept.append((len(path) - 1) // 2)
    if len(path) > 1:
        kept.append(len(path) - 1)
    return [first + i for i in kept]
