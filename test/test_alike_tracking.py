"""Objects alike keep their names while they rest, wait while they are hidden, and are forgotten when gone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.perception.alike_tracking import GONE, AlikeTracker
from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.tasks.table_top import TABLE_HEIGHT

CAMERA = CameraModel.table_top(320, 240)
HEIGHT = 0.04


def bare_table() -> NDArray[np.float32]:
    """(240, 320) depth of a table without end."""
    v, u = np.mgrid[0:240, 0:320]
    points = CAMERA.at_height(np.stack([u.ravel(), v.ravel()], axis=1), TABLE_HEIGHT)
    _, depth = CAMERA.project(np.nan_to_num(points))
    return np.where(np.isnan(points[:, 0]), 6.0, depth).reshape(240, 320).astype(np.float32)


def screened(x: float, y: float) -> NDArray[np.float32]:
    """The same with something in the air before a place."""
    depth = bare_table()
    u, v = CAMERA.project(np.array([[x, y, TABLE_HEIGHT + HEIGHT / 2]]))[0][0].round().astype(int)
    depth[v - 8 : v + 8, u - 8 : u + 8] = 0.5
    return depth


def seen(category: str, x: float, y: float = 0.0, name: str = "", share: float = 1.0) -> Detection:
    place = np.array([x, y, TABLE_HEIGHT + HEIGHT / 2])
    pixel = CAMERA.project(place[None])[0][0]
    return Detection(name or category, category, place, 0.0, np.full(3, HEIGHT), 0.9, pixel, share)


def update(tracker: AlikeTracker, stamp: float, *detections: Detection, **screen: float) -> dict[str, float]:
    """Names and x of what is there."""
    depth = screened(**screen) if screen else bare_table()
    return {t.name: round(float(t.position[0]), 3) for t in tracker.update(detections, stamp, depth, CAMERA)}


def test_names_stay_whatever_the_order_of_the_detections() -> None:
    tracker = AlikeTracker()
    first = update(tracker, 0.0, seen("duck", 0.5), seen("duck", 0.6), seen("bear", 0.7))
    assert first == {"duck_0": 0.5, "duck_1": 0.6, "bear_0": 0.7}
    assert update(tracker, 0.1, seen("bear", 0.7), seen("duck", 0.6), seen("duck", 0.5)) == first


def test_two_that_moved_a_little_are_not_swapped() -> None:
    tracker = AlikeTracker()
    update(tracker, 0.0, seen("duck", 0.50), seen("duck", 0.54))
    assert update(tracker, 0.1, seen("duck", 0.525), seen("duck", 0.565)) == {
        "duck_0": 0.525,
        "duck_1": 0.565,
    }


def test_what_is_hidden_is_remembered_and_what_is_gone_is_forgotten() -> None:
    tracker = AlikeTracker()
    update(tracker, 0.0, seen("duck", 0.5), seen("duck", 0.6))
    hidden = update(tracker, 0.1, seen("duck", 0.6), x=0.5, y=0.0)
    assert hidden == {"duck_0": 0.5, "duck_1": 0.6}
    visible = {t.name: t.visible for t in tracker.update([], 0.1, bare_table(), CAMERA)}
    assert visible == {"duck_0": False, "duck_1": True}
    for k in range(GONE):
        left = update(tracker, 0.2 + k / 10, seen("duck", 0.6))
    assert left == {"duck_1": 0.6}


def test_one_image_in_which_something_is_missed_changes_nothing() -> None:
    tracker = AlikeTracker()
    both = update(tracker, 0.0, seen("duck", 0.5), seen("duck", 0.6))
    for k in range(10):
        # Every other image shows the table where the duck is said to be, but never often enough in a row.
        assert update(tracker, 0.1 + k / 5, seen("duck", 0.6)) == both
        assert update(tracker, 0.2 + k / 5, seen("duck", 0.5), seen("duck", 0.6)) == both
    for k in range(10):
        assert update(tracker, 3.0 + k / 5, seen("duck", 0.6)) == both
        assert update(tracker, 3.1 + k / 5, seen("duck", 0.6), x=0.5, y=0.0) == both


def test_a_container_that_is_missed_stays() -> None:
    """The camera sees through to its floor, so that tells nothing; nor does what lies in it."""
    tracker = AlikeTracker()
    box = seen("container", 0.5, 0.2, name="container_2")
    before = update(tracker, 0.0, box)
    for k in range(10):
        assert update(tracker, 0.1 + k / 10) == before
    assert update(tracker, 2.0, seen("duck", 0.5, 0.2)) == {**before, "duck_0": 0.5}


def partly(yaw: float, length: float, share: float, x: float = 0.5) -> Detection:
    return replace(seen("block", x, share=share), yaw=yaw, size=np.array([length, 0.03, 0.018]))


def block_of(tracker: AlikeTracker, stamp: float, sighting: Detection) -> tuple[float, float, float]:
    """x, yaw and length of the only thing there is."""
    (track,) = tracker.update([sighting], stamp, bare_table(), CAMERA)
    return (round(float(track.position[0]), 3), track.yaw, float(track.size[0]))


def test_a_hand_before_a_block_turns_and_shortens_it_not() -> None:
    tracker = AlikeTracker()
    assert block_of(tracker, 0.0, partly(0.3, 0.09, 1.0)) == (0.5, 0.3, 0.09)
    assert block_of(tracker, 0.1, partly(1.2, 0.04, 0.4)) == (0.5, 0.3, 0.09)
    # Its middle seems to be elsewhere, as that of its visible part is.
    assert block_of(tracker, 0.2, partly(1.2, 0.04, 0.4, x=0.51))[1:] == (0.3, 0.09)
    assert block_of(tracker, 0.3, partly(0.9, 0.09, 0.9)) == (0.5, 0.9, 0.09), "well seen, it is believed"
    assert block_of(tracker, 0.4, partly(1.2, 0.08, 0.4, x=0.53)) == (0.53, 1.2, 0.08), "it was moved"


@pytest.mark.parametrize("above", [0.004, -0.003])
def test_what_seemed_to_be_sunk_into_the_table_is_forgotten_too(above: float) -> None:
    tracker = AlikeTracker()
    low = seen("block", 0.5)
    low = replace(low, position=np.array([0.5, 0.0, TABLE_HEIGHT + above]), size=np.array([0.06, 0.03, 0.03]))
    assert update(tracker, 0.0, low) == {"block_0": 0.5}
    assert update(tracker, 0.1, x=0.5, y=0.0) == {"block_0": 0.5}, "something hides its place"
    for k in range(GONE):
        left = update(tracker, 0.2 + k / 10)
    assert left == {}


def test_a_part_of_a_block_is_no_other_block() -> None:
    """A block of 90 x 30 mm, turned by 56 degrees, of which a finger hides the middle."""
    yaw, size = math.radians(56), np.array([0.09, 0.03, 0.018])
    whole = replace(seen("block", 0.66, 0.08), yaw=yaw, size=size)
    away = np.array([math.cos(yaw), math.sin(yaw), 0.0])
    across = np.array([-math.sin(yaw), math.cos(yaw), 0.0])

    def another(offset: np.ndarray, category: str = "block") -> Detection:
        return replace(
            whole, category=category, name=category, confidence=0.6, position=whole.position + offset
        )

    assert len(update(AlikeTracker(), 0.0, another(0.04 * away), whole)) == 1
    for offset in (0.09 * away, 0.031 * across, np.array([0.0, 0.0, 0.018])):
        assert len(update(AlikeTracker(), 0.0, whole, another(offset))) == 2, "it touches the other one"
    assert len(update(AlikeTracker(), 0.0, whole, another(0.04 * away, "duck"))) == 2


def test_an_object_called_otherwise_is_the_same_object() -> None:
    tracker = AlikeTracker()
    update(tracker, 0.0, seen("duck", 0.5))
    assert update(tracker, 0.1, seen("bear", 0.503), x=0.5, y=0.0) == {"bear_0": 0.503}


def test_containers_keep_their_own_names_wherever_they_are() -> None:
    tracker = AlikeTracker()
    box = seen("container", 0.5, 0.4, name="container_2")
    assert update(tracker, 0.0, box) == {"container_2": 0.5}
    moved = seen("container", 0.8, 0.4, name="container_2")
    assert update(tracker, 0.1, moved) == {"container_2": 0.8}


def test_a_half_hidden_container_is_where_it_was_seen_whole() -> None:
    tracker = AlikeTracker()
    update(tracker, 0.0, seen("container", 0.5, 0.4, "container_2", 0.9))
    for k in range(1, 20):
        assert update(tracker, k / 10, seen("container", 0.55, 0.4, "container_2", 0.5)) == {
            "container_2": 0.5
        }
    for k in range(20, 200):  # moved to where less of it can be seen
        last = update(tracker, k / 10, seen("container", 0.6, 0.4, "container_2", 0.5))
    assert last == {"container_2": 0.6}


def test_resting_objects_are_averaged_and_moved_ones_are_not() -> None:
    tracker = AlikeTracker()
    update(tracker, 0.0, seen("duck", 0.500))
    assert update(tracker, 0.1, seen("duck", 0.504)) == {"duck_0": 0.502}
    assert update(tracker, 0.2, seen("duck", 0.530)) == {"duck_0": 0.53}


def test_an_image_that_comes_late_changes_nothing() -> None:
    tracker = AlikeTracker()
    both = update(tracker, 5.0, seen("duck", 0.5), seen("duck", 0.6))
    assert update(tracker, 4.9, seen("duck", 0.7)) == both
    assert update(tracker, 5.1, seen("duck", 0.5), seen("duck", 0.6)) == both
