"""Key frames: what is kept of a video does not depend on how fast it is played."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.tasks.keyframes import keyframes

NAMES = ("red", "orange")


def carry(
    samples: int, pauses: tuple[int, ...] = (), rest: int = 5
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Red is carried 0.4 m along x in an arch; the hand stands still for 20 frames at each of ``pauses``."""
    share = np.linspace(0.0, 1.0, samples)
    for pause in sorted(pauses, reverse=True):
        at = round(pause / 100 * samples)
        share = np.concatenate([share[:at], np.full(20, share[at]), share[at:]])
    path = np.column_stack([0.4 * share, 0 * share, 0.1 * np.sin(np.pi * share)])
    red = np.concatenate([path[:1].repeat(rest, 0), path, path[-1:].repeat(rest, 0)])
    orange = np.broadcast_to([0.2, 0.3, 0.0], red.shape)
    held = np.concatenate([np.full(rest, NOTHING_HELD), np.zeros(len(path)), np.full(rest, NOTHING_HELD)])
    return np.arange(len(red)) / 10, np.stack([red, orange], 1), held.astype(np.int64)


def summary(demonstration: Demonstration) -> tuple[list[int], NDArray[np.float32]]:
    return demonstration.held.tolist(), demonstration.positions


def test_a_carry_keeps_frames_by_distance_between_one_frame_of_rest_each() -> None:
    held, positions = summary(keyframes(*carry(200), NAMES))
    assert held[0] == held[-1] == NOTHING_HELD
    assert held[1:-1] == [0] * len(held[1:-1])
    steps = np.linalg.norm(np.diff(positions[1:-1, 0], axis=0), axis=1)
    assert 5 <= len(steps) <= 7
    assert steps.max() < 0.10
    np.testing.assert_allclose(positions[1, 0], [0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(positions[-2, 0], [0.4, 0, 0], atol=1e-6)


@pytest.mark.parametrize("slow", [carry(400), carry(100, pauses=(30, 60)), carry(200, rest=60)])
def test_speed_and_pauses_change_nothing(
    slow: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]],
) -> None:
    held, positions = summary(keyframes(*carry(100), NAMES))
    slow_held, slow_positions = summary(keyframes(*slow, NAMES))
    assert slow_held == held
    np.testing.assert_allclose(slow_positions, positions, atol=0.02)


def test_noise_of_a_slow_video_does_not_add_frames() -> None:
    times, positions, held = carry(600)
    noisy = positions + np.random.default_rng(0).normal(0, 0.03, positions.shape)
    clean = keyframes(times, positions, held, NAMES)
    assert abs(len(keyframes(times, noisy, held, NAMES)) - len(clean)) <= 2


def test_a_quick_carry_still_has_start_middle_and_end() -> None:
    held, positions = summary(keyframes(*carry(3), NAMES))
    assert held == [NOTHING_HELD, 0, 0, 0, NOTHING_HELD]
    np.testing.assert_allclose(positions[2, 0, 0], 0.2, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_carry_of_which_hardly_a_frame_is_left_is_kept(samples: int) -> None:
    times, positions, held = carry(40)
    kept = np.r_[0:5, 20 : 20 + samples, 45:50]
    demonstration = keyframes(times[kept], positions[kept], held[kept], NAMES)
    assert demonstration.held.tolist() == [NOTHING_HELD, 0, 0, 0, NOTHING_HELD]
    moved = demonstration.positions[-2, 0] - demonstration.positions[1, 0]
    np.testing.assert_allclose(moved, [0.4, 0, 0], atol=1e-6)


def test_holding_without_carrying_counts_as_rest() -> None:
    times, positions, held = carry(100)
    held[:] = NOTHING_HELD
    held[2:8] = 1  # a hand on orange, which does not move
    assert keyframes(times, positions, held, NAMES).held.tolist() == [NOTHING_HELD]


def test_a_flickering_cue_does_not_cut_a_carry() -> None:
    times, positions, held = carry(100)
    clean = keyframes(times, positions, held, NAMES)
    held[40:42] = NOTHING_HELD
    held[60] = 1
    flickering = keyframes(times, positions, held, NAMES)
    assert flickering.held.tolist() == clean.held.tolist()


def test_shapes_that_disagree_are_named() -> None:
    times, positions, held = carry(10)
    with pytest.raises(ValueError, match=r"positions should be \(20, 2, 3\)"):
        keyframes(times, positions[:-1], held, NAMES)
    with pytest.raises(ValueError, match="no frames"):
        keyframes(times[:0], positions[:0], held[:0], NAMES)
