"""Demonstrations: what a camera would have read of a task, under which conditions whatever."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.tasks.block_stacking import BlockStacking, demonstrated_steps, random_layout
from taskprog.tasks.carrying import transports
from taskprog.tasks.conditions import TrackNoise, VideoConditions
from taskprog.tasks.demonstrator import TABLE_CENTRE, demonstrate, dense_tracks
from taskprog.tasks.table_top import CUBE_NAMES

FAMILY = BlockStacking()
SILENT = TrackNoise(0, 0, 0, 0, 0, 0, 0, 0)
TASK = FAMILY.parse("1>0 2>1 5>4")


def filmed(video: VideoConditions, seed: int = 7) -> Demonstration:
    return demonstrate(TASK.steps, FAMILY.filmed, random_layout(seed), np.random.default_rng(seed), video)


@pytest.mark.parametrize(
    "video",
    [
        VideoConditions(),
        VideoConditions(TrackNoise(missed=0.3)),
        VideoConditions(speed=0.5),
        VideoConditions(speed=2.0),
        VideoConditions(pause=1.0),
        VideoConditions(mirrored=True),
        VideoConditions(turned=2.5),
    ],
    ids=["usual", "lost frames", "slow", "fast", "pauses", "mirrored", "turned"],
)
def test_the_task_is_shown_despite_noise_and_conditions(video: VideoConditions) -> None:
    for seed, task in enumerate(FAMILY.tasks(0, 20)):
        demonstration = FAMILY.demonstrate(task, np.random.default_rng(seed), video)
        assert demonstrated_steps(demonstration) == task.named


def test_the_same_seed_makes_the_same_demonstration() -> None:
    first, second, other = filmed(VideoConditions()), filmed(VideoConditions()), filmed(VideoConditions(), 8)
    np.testing.assert_array_equal(first.positions, second.positions)
    np.testing.assert_array_equal(first.times, second.times)
    assert not np.array_equal(first.positions[0], other.positions[0])


def test_without_noise_nothing_moves_but_what_is_carried() -> None:
    demonstration = filmed(VideoConditions(SILENT))
    for before, after, held in zip(
        demonstration.positions, demonstration.positions[1:], demonstration.held.tolist(), strict=False
    ):
        moved = np.flatnonzero(np.abs(after - before).max(1) > 1e-6).tolist()
        assert len(moved) <= 1
        if held != NOTHING_HELD:
            assert moved in ([held], [])
    assert not np.allclose(filmed(VideoConditions()).positions[0], demonstration.positions[0], atol=1e-4)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_slow_or_fast_video_lasts_that_much_longer_or_shorter_and_shows_the_same(speed: float) -> None:
    usual, changed = filmed(VideoConditions(SILENT, pause=0.0)), filmed(VideoConditions(SILENT, speed, 0.0))
    assert changed.times[-1] * speed == pytest.approx(usual.times[-1], rel=0.1)
    assert demonstrated_steps(changed) == demonstrated_steps(usual) == TASK.named
    np.testing.assert_allclose(changed.positions[-1], usual.positions[-1], atol=1e-6)


def test_pauses_are_still_moments_in_carries() -> None:
    def still(pause: float) -> int:
        tracks = dense_tracks(
            TASK.steps,
            FAMILY.filmed,
            random_layout(1),
            np.random.default_rng(1),
            VideoConditions(SILENT, pause=pause),
        )
        path = tracks.positions[np.arange(len(tracks.held)), np.maximum(tracks.held, 0)]
        at_rest = np.linalg.norm(np.diff(path, axis=0), axis=1) < 1e-6
        carried = (tracks.held[:-1] != NOTHING_HELD) & (tracks.held[:-1] == tracks.held[1:])
        return int((at_rest & carried).sum())

    assert still(0.0) == 0
    assert still(1.0) >= 3 * 5 - 3


def test_a_mirrored_video_swaps_left_and_right() -> None:
    usual, mirrored = filmed(VideoConditions()), filmed(VideoConditions(mirrored=True))
    np.testing.assert_allclose(mirrored.positions, usual.positions * [1, -1, 1], atol=1e-6)


def test_a_turned_video_turns_about_the_tables_centre() -> None:
    usual, turned = filmed(VideoConditions()), filmed(VideoConditions(turned=math.pi / 2))
    aside = usual.positions[..., :2] - TABLE_CENTRE
    expected = np.stack([-aside[..., 1], aside[..., 0]], -1) + TABLE_CENTRE
    np.testing.assert_allclose(turned.positions[..., :2], expected, atol=1e-6)
    np.testing.assert_array_equal(turned.positions[..., 2], usual.positions[..., 2])


def test_lost_frames_are_gone() -> None:
    def frames(missed: float) -> int:
        video = VideoConditions(TrackNoise(missed=missed))
        return len(
            dense_tracks(TASK.steps, FAMILY.filmed, random_layout(1), np.random.default_rng(1), video).times
        )

    assert frames(0.4) == pytest.approx(0.6 * frames(0.0), rel=0.15)


def test_carries_are_found_in_the_order_in_which_they_are_made() -> None:
    found = transports(filmed(VideoConditions()))
    assert [CUBE_NAMES[t.held] for t in found] == ["orange", "yellow", "blue"]
    assert all(earlier.stop < later.start for earlier, later in pairwise(found))
