"""Demonstrations as a camera would read them: dense tracks of a hand or arm at work, then key frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.tasks.conditions import TrackNoise, VideoConditions
from taskprog.tasks.keyframes import keyframes
from taskprog.tasks.scene import Body, Layout, spot_in, takes
from taskprog.tasks.table_top import LAYOUT_REGION, TABLE_HEIGHT

FRAME_RATE = 10.0  # frames per second
PLACE_ERROR = 0.003  # metres, standard deviation of where something is put
TABLE_CENTRE = (sum(LAYOUT_REGION.x) / 2, sum(LAYOUT_REGION.y) / 2)


@dataclass(frozen=True)
class Tracks:
    """Dense tracks: times (T,) seconds, positions (T, N, 3) metres, held (T,) index or ``NOTHING_HELD``."""

    times: NDArray[np.float64]
    positions: NDArray[np.float32]
    held: NDArray[np.int64]


def demonstrate(
    steps: Sequence[tuple[int, int]],
    bodies: Sequence[Body],
    layout: Layout,
    rng: np.random.Generator,
    video: VideoConditions | None = None,
) -> Demonstration:
    """A demonstration of steps (a, b), body a carried onto or into b, read with perception-like noise."""
    video = video or VideoConditions()
    tracks = dense_tracks(steps, bodies, layout, rng, video)
    names = tuple(body.name for body in bodies)
    shown = keyframes(tracks.times, tracks.positions, tracks.held, names)
    if not (video.mirrored or video.turned):
        return shown
    return replace(shown, positions=_seen_from(shown.positions, video.mirrored, video.turned))


def dense_tracks(
    steps: Sequence[tuple[int, int]],
    bodies: Sequence[Body],
    layout: Layout,
    rng: np.random.Generator,
    video: VideoConditions,
) -> Tracks:
    """Tracks at ``FRAME_RATE`` of a quick hand or a slow arm, which may pause on its way."""
    noise = video.noise
    hand = rng.uniform() < 0.5
    speed = video.speed * (rng.uniform(0.25, 0.9) if hand else rng.uniform(0.06, 0.25))
    rests = (0.4, 2.0) if hand else (1.5, 6.0)
    apparent = layout.positions + rng.normal(0.0, noise.offset, layout.positions.shape)
    paths = _carries(steps, bodies, layout.positions.copy(), speed, video.pause, rng)
    seconds = rng.uniform(*rests, size=len(steps) + 1) / video.speed
    waits = np.maximum(2, np.rint(seconds * FRAME_RATE)).astype(int).tolist()
    lengths = [waits[0]]
    for path, wait in zip(paths, waits[1:], strict=True):
        lengths += (len(path), wait)
    positions = rng.standard_normal((sum(lengths), *apparent.shape), np.float32)
    positions *= noise.jitter
    positions[: lengths[0]] += apparent
    held = [NOTHING_HELD]
    first = lengths[0]
    for (a, _), path, wait in zip(steps, paths, waits[1:], strict=True):
        frames = positions[first : first + len(path)]
        frames += apparent
        frames[:, a] = path + _carried_noise(len(path), rng, noise)
        if rng.uniform() < noise.jump_probability:
            other = int(rng.choice([c for c in range(len(bodies)) if c != a]))
            start, stop = np.sort(rng.integers(0, len(path) + 1, 2))
            frames[start:stop, other, :2] += rng.uniform(-noise.jump, noise.jump, 2) / np.sqrt(2)
        apparent[a] = path[-1] + rng.normal(0.0, noise.offset, 3)
        first += len(path) + wait
        positions[first - wait : first] += apparent
        held += (a, NOTHING_HELD)
    cue = _jittered(held, lengths, rng, noise.cue)
    tracks = Tracks(np.arange(len(positions)) / FRAME_RATE, positions, cue)
    if noise.missed == 0.0:
        return tracks
    kept = rng.uniform(size=len(positions)) >= noise.missed
    kept[0] = True
    return Tracks(tracks.times[kept], tracks.positions[kept], tracks.held[kept])


def _carries(
    steps: Sequence[tuple[int, int]],
    bodies: Sequence[Body],
    at: NDArray[np.float64],
    speed: float,
    pause: float,
    rng: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """The true path of what is carried in each step; ``at`` (N, 3) becomes where all end."""
    paths = []
    for a, b in steps:
        target = _destination(bodies, at, a, b, rng)
        paths.append(_carry(at[a], target, speed, pause, rng))
        at[a] = target
    return paths


def _destination(
    bodies: Sequence[Body], at: NDArray[np.float64], a: int, b: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    if takes(bodies[b], bodies[a]):
        return spot_in(bodies[b], bodies[a], at[b], rng)
    aside = rng.normal(0.0, PLACE_ERROR, 2)
    x, y, z = at[b].tolist()
    return np.array([x + aside[0], y + aside[1], z + bodies[b].top + bodies[a].height / 2])


def _carry(
    start: NDArray[np.float64],
    target: NDArray[np.float64],
    speed: float,
    pause: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(K, 3) true positions of a carried object: up, across and down at a speed, perhaps with a pause."""
    top = max(start[2], target[2], TABLE_HEIGHT) + rng.uniform(0.06, 0.22)
    corners = np.array([start, [*start[:2], top], [*target[:2], top], target])
    rise, sink = top - start[2], top - target[2]
    across = math.dist(start[:2], target[:2])
    arrival = np.array([0.0, rise, rise + across, rise + across + sink]) / speed
    moments = np.linspace(0.0, arrival[-1], max(4, round(arrival[-1] * FRAME_RATE)))
    pauses, share, length = rng.uniform(), rng.uniform(), int(rng.integers(5, 40))
    if pauses < pause:
        at = int(share * len(moments))
        moments = np.insert(moments, at, np.full(length, moments[at]))
    return np.stack([np.interp(moments, arrival, corners[:, axis]) for axis in range(3)], axis=1)


def _carried_noise(frames: int, rng: np.random.Generator, noise: TrackNoise) -> NDArray[np.float64]:
    """(frames, 3): white in x and y; a drift in height that vanishes where the object leaves and lands."""
    result = rng.normal(0.0, noise.carried, (frames, 3))
    phase = np.linspace(0.0, np.pi, frames)
    drift = rng.normal(0.0, noise.carried_height, 2)
    result[:, 2] = drift[0] * np.sin(phase) + drift[1] * np.sin(2 * phase)
    return result


def _jittered(
    held: Sequence[int], lengths: Sequence[int], rng: np.random.Generator, most: int
) -> NDArray[np.int64]:
    """The cue over all pieces; each change moved by up to ``most`` frames, no piece made half as short."""
    edges = np.cumsum(lengths)
    room = np.minimum(lengths[:-1], lengths[1:])
    limit = np.minimum(most, (room - 2) // 4)
    moved = edges[:-1] + rng.integers(-limit, limit + 1)
    return np.repeat(np.array(held, np.int64), np.diff(moved, prepend=0, append=edges[-1]))


def _seen_from(positions: NDArray[np.float32], mirrored: bool, turned: float) -> NDArray[np.float32]:
    """(T, N, 3) with left and right swapped, or turned about the table's centre by radians."""
    centre = np.array(TABLE_CENTRE)
    x, y = np.moveaxis(positions[..., :2] - centre, -1, 0)
    if mirrored:
        y = -y
    cos, sin = math.cos(turned), math.sin(turned)
    flat = np.stack([cos * x - sin * y, sin * x + cos * y], -1) + centre
    return np.concatenate([flat, positions[..., 2:]], -1).astype(np.float32)
