"""What was carried where, from what a detector sees in each frame of a video."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.machine import NOTHING_HELD, Demonstration
from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.perception.errors import NoObjects, NotAVideo, NothingMoves, WrongSize
from taskprog.perception.goods_video import NotIntoAContainer, read_goods_frames, read_sightings
from taskprog.tasks.table_top import TABLE_HEIGHT

CAMERA = CameraModel.table_top(320, 240)
THINGS, BOXES = ("duck", "bear"), ("box_0", "box_1")
HEIGHT, BOX = 0.04, np.array([0.21, 0.21, 0.09])
START = {"duck": (0.55, 0.1), "bear": (0.65, -0.1), "box_0": (0.5, 0.42), "box_1": (0.5, -0.42)}
RATE = 10.0
Places = dict[str, NDArray[np.float64]]


def resting() -> Places:
    return {
        name: np.array([*at, TABLE_HEIGHT + (BOX[2] if name in BOXES else HEIGHT) / 2])
        for name, at in START.items()
    }


def film(
    steps: list[tuple[str, str]], rng: np.random.Generator, pause: int = 0, hidden: int = 0
) -> list[Places]:
    """Where everything is in each frame; in the first ``hidden`` frames of a carry a hand hides the thing."""
    at = resting()
    frames = [dict(at)] * int(rng.integers(4, 12))
    for thing, box in steps:
        over = np.array([*START[box], TABLE_HEIGHT + 0.2])
        lifted = at[thing] + [0.0, 0.0, 0.15]
        path = [at[thing] + (lifted - at[thing]) * s for s in np.linspace(0, 1, 6)]
        path += [lifted + (over - lifted) * s for s in np.linspace(0, 1, 15)]
        path[12:12] = [path[12]] * pause
        dropped = np.array([*(over[:2] + rng.uniform(-0.04, 0.04, 2)), TABLE_HEIGHT + HEIGHT / 2])
        for k, place in enumerate(path):
            frames.append(
                {**at, thing: place} if k >= hidden else {n: p for n, p in at.items() if n != thing}
            )
        at = {**at, thing: dropped}
        frames += [dict(at)] * int(rng.integers(4, 12))
    return frames


def detections(places: Places, rng: np.random.Generator) -> list[Detection]:
    """As an image without depth shows it: pixels are right but for noise, places are as on the table."""
    result = []
    for name, place in places.items():
        box = name in BOXES
        size = BOX if box else np.full(3, HEIGHT)
        pixel = CAMERA.project(place[None])[0][0] + rng.normal(0.0, 0.6, 2)
        ground = CAMERA.at_height(pixel[None], TABLE_HEIGHT + size[2] / 2)[0]
        result.append(Detection(name, "container" if box else name, ground, 0.0, size, 0.9, pixel, 1.0))
    return result


def read(frames: list[Places], rng: np.random.Generator) -> Demonstration:
    times = [k / RATE for k in range(len(frames))]
    return read_sightings(CAMERA, times, [detections(f, rng) for f in frames], THINGS, BOXES)


def steps_of(shown: Demonstration) -> list[tuple[str, str]]:
    """(thing, the container that it ends in), in order."""
    steps = []
    for k in range(1, len(shown)):
        thing = int(shown.held[k - 1])
        if thing != NOTHING_HELD and shown.held[k] != thing:
            end = shown.positions[k, thing]
            boxes = shown.positions[k, len(THINGS) :]
            away = np.linalg.norm(boxes[:, :2] - end[:2], axis=1)
            assert away.min() < 0.08
            steps.append((shown.names[thing], BOXES[int(away.argmin())]))
    return steps


@pytest.mark.parametrize(
    "steps", [[("duck", "box_0"), ("bear", "box_1")], [("bear", "box_0"), ("duck", "box_0")]]
)
@pytest.mark.parametrize(("pause", "hidden"), [(0, 0), (20, 0), (0, 5)])
def test_what_goes_where_and_in_which_order(steps: list[tuple[str, str]], pause: int, hidden: int) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        shown = read(film(steps, rng, pause, hidden), rng)
        assert shown.names == (*THINGS, *BOXES)
        assert steps_of(shown) == steps


class Numbered:
    """Tells a frame by the number in its first pixels, and finds in it what was found there before."""

    def __init__(self, found: list[list[Detection]]) -> None:
        self.camera = CAMERA
        self._found = found

    def detect(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None = None) -> list[Detection]:
        return self._found[int(rgb[0, 0, 0]) + 256 * int(rgb[0, 0, 1])]


def numbered(count: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    for k in range(count):
        image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
        image[0, 0, :2] = k % 256, k // 256
        yield k / RATE, image


def test_frames_are_read_in_their_order() -> None:
    rng = np.random.default_rng(2)
    found = [detections(places, rng) for places in film([("bear", "box_0"), ("duck", "box_1")], rng)]
    shown = read_goods_frames(numbered(len(found)), Numbered(found), THINGS, BOXES)
    wanted = read_sightings(CAMERA, [k / RATE for k in range(len(found))], found, THINGS, BOXES)
    assert steps_of(shown) == [("bear", "box_0"), ("duck", "box_1")]
    np.testing.assert_array_equal(shown.positions, wanted.positions)


def test_a_frame_of_another_size_is_named() -> None:
    def frames() -> Iterator[tuple[float, NDArray[np.uint8]]]:
        yield from numbered(7)
        yield 0.7, np.zeros((480, 640, 3), np.uint8)

    with pytest.raises(WrongSize, match="frame 7 is 640x480, the camera's images are 320x240"):
        read_goods_frames(frames(), Numbered([[]] * 7), THINGS, BOXES)


def test_places_are_those_of_the_scene() -> None:
    rng = np.random.default_rng(1)
    shown = read(film([("duck", "box_1"), ("bear", "box_0")], rng), rng)
    for index, name in enumerate(shown.names):
        assert np.linalg.norm(shown.positions[0, index] - resting()[name]) < 0.01
    carried = shown.positions[shown.held == 0, 0]
    assert carried[:, 2].max() > TABLE_HEIGHT + 0.1
    bear = shown.positions[: int((shown.held == 1).argmax()), 1]
    assert np.allclose(bear, bear[0])


def film_beside(away: float, rng: np.random.Generator, hidden: bool = False) -> list[Places]:
    """The duck goes into its container, and the bear ``away`` metres before the other one's middle."""
    frames = film([("duck", "box_0"), ("bear", "box_1")], rng)
    middle = np.array([START["box_1"][0], START["box_1"][1] + away])
    lying = max(k for k, f in enumerate(frames) if f["bear"][2] > TABLE_HEIGHT + HEIGHT)
    for k, frame in enumerate(frames):
        if (frame["bear"] != resting()["bear"]).any():
            shift = np.array([*(middle - START["box_1"]), 0.0])
            share = np.clip((resting()["bear"][1] - frame["bear"][1]) / 0.32, 0.0, 1.0)
            frames[k] = {**frame, "bear": frame["bear"] + share * shift}
            if hidden and k > lying:
                del frames[k]["bear"]
    return frames


@pytest.mark.parametrize("hidden", [False, True])
def test_a_carry_that_ends_beside_the_containers_is_named(hidden: bool) -> None:
    rng = np.random.default_rng(2)
    with pytest.raises(NotIntoAContainer, match=r"bear is carried, .* s, but into no container: .* box_1"):
        read(film_beside(0.25, rng, hidden), rng)
    assert steps_of(read(film_beside(0.05, rng, hidden), rng)) == [("duck", "box_0"), ("bear", "box_1")]


def test_a_thing_that_is_never_carried_is_named() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(NothingMoves, match="does not show where bear goes: only duck"):
        read(film([("duck", "box_0")], rng), rng)


def test_a_still_video_and_a_missing_thing_are_named() -> None:
    rng = np.random.default_rng(0)
    still = film([], rng)
    with pytest.raises(NothingMoves, match="at least one of duck, bear"):
        read(still, rng)
    without = [{n: p for n, p in f.items() if n != "box_1"} for f in film([("duck", "box_0")], rng)]
    with pytest.raises(NoObjects, match="no box_1 can be seen"):
        read(without, rng)
    with pytest.raises(NotAVideo, match="2 frames"):
        read(still[:2], rng)
