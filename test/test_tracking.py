"""Identities over time: steady at rest, no lag when moved, remembered when hidden."""

import numpy as np
import pytest

from taskprog.perception.detection import Detection
from taskprog.perception.tracking import ObjectTracker, Track

HERE = np.array([0.6, 0.1, -0.0775])
THERE = np.array([0.5, -0.2, -0.0325])


def seen(position: np.ndarray, confidence: float = 1.0, name: str = "red", yaw: float = 0.0) -> Detection:
    return Detection(
        name, "cube", position, yaw, np.full(3, 0.045), confidence, np.zeros(2), min(1.0, confidence)
    )


def only(tracks: list[Track]) -> Track:
    assert len(tracks) == 1
    return tracks[0]


def test_a_resting_object_gets_steadier() -> None:
    rng = np.random.default_rng(0)
    tracker = ObjectTracker()
    single, tracked = [], []
    for frame in range(200):
        noisy = HERE + rng.normal(0, 0.001, 3)
        track = only(tracker.update([seen(noisy)], frame * 0.1))
        if frame > 20:
            single.append(np.linalg.norm(noisy - HERE))
            tracked.append(np.linalg.norm(track.position - HERE))
    assert np.mean(tracked) < 0.5 * np.mean(single)


def test_a_moved_object_is_followed_without_lag() -> None:
    tracker = ObjectTracker()
    for frame in range(20):
        tracker.update([seen(HERE)], frame * 0.1)
    for step in range(1, 6):
        place = HERE + (THERE - HERE) * step / 5
        track = only(tracker.update([seen(place)], 2.0 + step * 0.1))
        np.testing.assert_allclose(track.position, place)
        assert track.visible


def test_a_hidden_object_is_remembered() -> None:
    tracker = ObjectTracker()
    tracker.update([seen(HERE), seen(THERE, name="blue")], 0.0)
    red, blue = tracker.update([seen(THERE, name="blue")], 0.1)
    assert (red.name, red.visible, red.seen_at) == ("red", False, 0.0)
    np.testing.assert_array_equal(red.position, HERE)
    assert blue.visible
    assert tracker.update([seen(HERE)], 0.2)[0].visible


def test_a_sliver_does_not_overwrite_a_good_estimate() -> None:
    tracker = ObjectTracker()
    tracker.update([seen(HERE)], 0.0)
    track = only(tracker.update([seen(HERE + [0.03, 0.0, 0.0], confidence=0.3)], 0.1))
    np.testing.assert_array_equal(track.position, HERE)
    assert not track.visible


def test_a_first_guess_gives_way_to_any_better_sighting() -> None:
    tracker = ObjectTracker()
    tracker.update([seen(HERE + [0.004, 0.0, 0.0], confidence=0.3)], 0.0)
    track = only(tracker.update([seen(HERE, confidence=0.6)], 0.1))
    np.testing.assert_array_equal(track.position, HERE)


def test_a_half_seen_move_needs_two_sightings_that_agree() -> None:
    tracker = ObjectTracker()
    tracker.update([seen(HERE)], 0.0)
    np.testing.assert_array_equal(only(tracker.update([seen(THERE, 0.6)], 0.1)).position, HERE)
    np.testing.assert_array_equal(only(tracker.update([seen(THERE, 0.6)], 0.2)).position, THERE)


def test_the_same_image_twice_counts_once() -> None:
    tracker = ObjectTracker()
    tracker.update([seen(HERE)], 0.0)
    tracker.update([seen(THERE, 0.6)], 0.1)
    track = only(tracker.update([seen(THERE, 0.6)], 0.1))
    np.testing.assert_array_equal(track.position, HERE)


def test_an_image_that_comes_late_changes_nothing() -> None:
    tracker = ObjectTracker()
    tracker.update([seen(HERE)], 5.0)
    np.testing.assert_array_equal(only(tracker.update([seen(THERE)], 4.9)).position, HERE)
    assert only(tracker.update([], 4.8)).visible


def test_yaw_is_averaged_across_the_quarter_turn() -> None:
    tracker = ObjectTracker()
    edge = np.pi / 4
    tracker.update([seen(HERE, yaw=edge - 0.02)], 0.0)
    track = only(tracker.update([seen(HERE, yaw=-edge + 0.02)], 0.1))
    assert abs(abs(track.yaw) - edge) == pytest.approx(0.0, abs=1e-9)
