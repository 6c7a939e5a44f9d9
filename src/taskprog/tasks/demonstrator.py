"""Demonstrations as a camera would read them: dense tracks of a hand or arm at work, then key frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.tasks.block_stacking import Layout, StackingTask
from taskprog.tasks.keyframes import keyframes
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

FRAME_RATE = 10.0  # frames per second


@dataclass(frozen=True)
class TrackNoise:
    """How a camera's tracks differ from the truth; metres unless said, standard deviations unless said.

    Attributes:
        offset: of a resting object, the same for as long as it rests.
        jitter: of a resting object, new in each frame.
        carried: of the carried object in x and y, new in each frame.
        carried_height: of its height, drifting: without depth, height in the air is the hardest to see.
        jump: largest displacement of another object's track while something is carried past it.
        jump_probability: of such a jump in a carry.
        cue: the cue of what is held begins and ends up to so many frames early or late.
        missed: share of frames that are lost, drawn at random.
    """

    offset: float = 0.0015
    jitter: float = 0.0010
    carried: float = 0.010
    carried_height: float = 0.030
    jump: float = 0.010
    jump_probability: float = 0.3
    cue: int = 2
    missed: float = 0.0


TRACK_NOISE = TrackNoise()


@dataclass(frozen=True)
class Tracks:
    """Dense tracks: times (T,) seconds, positions (T, 8, 3) metres, held (T,) index or ``NOTHING_HELD``."""

    times: NDArray[np.float64]
    positions: NDArray[np.float64]
    held: NDArray[np.int64]


def demonstrate(
    task: StackingTask, layout: Layout, rng: np.random.Generator, noise: TrackNoise = TRACK_NOISE
) -> Demonstration:
    """A demonstration of a task that starts in a layout, read with perception-like noise."""
    tracks = dense_tracks(task, layout, rng, noise)
    return keyframes(tracks.times, tracks.positions, tracks.held)


def dense_tracks(
    task: StackingTask, layout: Layout, rng: np.random.Generator, noise: TrackNoise = TRACK_NOISE
) -> Tracks:
    """Tracks at ``FRAME_RATE`` of a quick hand or a slow arm, which may pause on its way."""
    hand = rng.uniform() < 0.5
    speed = rng.uniform(0.25, 0.9) if hand else rng.uniform(0.06, 0.25)
    rests = (0.4, 2.0) if hand else (1.5, 6.0)
    truth = layout.positions.copy()
    apparent = truth + rng.normal(0.0, noise.offset, truth.shape)
    pieces = [_rest(apparent, rng.uniform(*rests), rng, noise)]
    held = [np.full(len(pieces[0]), NOTHING_HELD, np.int64)]
    for a, b in task.steps:
        target = truth[b] + [*rng.normal(0.0, 0.003, 2), CUBE_SIZE]
        path = _carry(truth[a], target, speed, rng)
        frames = np.broadcast_to(apparent, (len(path), *apparent.shape)).copy()
        frames += rng.normal(0.0, noise.jitter, frames.shape)
        frames[:, a] = path + _carried_noise(len(path), rng, noise)
        if rng.uniform() < noise.jump_probability:
            other = int(rng.choice([c for c in range(len(truth)) if c != a]))
            start, stop = np.sort(rng.integers(0, len(path) + 1, 2))
            frames[start:stop, other, :2] += rng.uniform(-noise.jump, noise.jump, 2) / np.sqrt(2)
        pieces.append(frames)
        held.append(np.full(len(path), a, np.int64))
        truth[a] = target
        apparent[a] = target + rng.normal(0.0, noise.offset, 3)
        pieces.append(_rest(apparent, rng.uniform(*rests), rng, noise))
        held.append(np.full(len(pieces[-1]), NOTHING_HELD, np.int64))
    positions = np.concatenate(pieces)
    tracks = Tracks(np.arange(len(positions)) / FRAME_RATE, positions, _jittered(held, rng, noise.cue))
    if noise.missed == 0.0:
        return tracks
    kept = rng.uniform(size=len(positions)) >= noise.missed
    kept[0] = True
    return Tracks(tracks.times[kept], positions[kept], tracks.held[kept])


def _rest(
    apparent: NDArray[np.float64], seconds: float, rng: np.random.Generator, noise: TrackNoise
) -> NDArray[np.float64]:
    frames = max(2, round(seconds * FRAME_RATE))
    return apparent + rng.normal(0.0, noise.jitter, (frames, *apparent.shape))


def _carry(
    start: NDArray[np.float64], target: NDArray[np.float64], speed: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(K, 3) true positions of a carried object: up, across and down at a speed, perhaps with a pause."""
    top = max(start[2], target[2], TABLE_HEIGHT) + rng.uniform(0.06, 0.22)
    corners = np.array([start, [*start[:2], top], [*target[:2], top], target])
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    arrival = np.concatenate([[0.0], np.cumsum(lengths)]) / speed
    moments = np.linspace(0.0, arrival[-1], max(4, round(arrival[-1] * FRAME_RATE)))
    if rng.uniform() < 0.2:
        at = int(rng.integers(0, len(moments)))
        moments = np.insert(moments, at, np.full(int(rng.integers(5, 40)), moments[at]))
    return np.stack([np.interp(moments, arrival, corners[:, axis]) for axis in range(3)], axis=1)


def _carried_noise(frames: int, rng: np.random.Generator, noise: TrackNoise) -> NDArray[np.float64]:
    """(frames, 3): white in x and y; a drift in height that vanishes where the object leaves and lands."""
    result = rng.normal(0.0, noise.carried, (frames, 3))
    phase = np.linspace(0.0, 1.0, frames)
    drift = rng.normal(0.0, noise.carried_height, 2)
    result[:, 2] = drift[0] * np.sin(np.pi * phase) + drift[1] * np.sin(2 * np.pi * phase)
    return result


def _jittered(held: list[NDArray[np.int64]], rng: np.random.Generator, most: int) -> NDArray[np.int64]:
    """The cue over all pieces; each change moved by up to ``most`` frames, no piece made half as short."""
    lengths = [len(piece) for piece in held]
    edges = np.cumsum(lengths)[:-1]
    room = np.minimum(lengths[:-1], lengths[1:])
    limit = np.minimum(most, (room - 2) // 4)
    moved = edges + rng.integers(-limit, limit + 1)
    result = np.empty(sum(lengths), np.int64)
    for piece, start, stop in zip(held, [0, *moved], [*moved, len(result)], strict=True):
        result[start:stop] = piece[0]
    return result
