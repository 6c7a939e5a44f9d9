"""Detection in rendered images whose truth is known."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from cube_scene import GREY, CubeScene, scattered
from numpy.typing import NDArray

from taskprog.perception.detection import GUESS_CONFIDENCE, CubeDetector, Detection
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, TABLE_HEIGHT

SIZES = [(640, 480), (320, 240)]


@pytest.fixture(scope="module", params=SIZES, ids=str)
def scene(request: pytest.FixtureRequest) -> Iterator[CubeScene]:
    with CubeScene(*request.param) as opened:
        yield opened


def by_name(detections: list[Detection]) -> dict[str, Detection]:
    names = [d.name for d in detections]
    assert len(set(names)) == len(names)
    return {d.name: d for d in detections}


def turn_between(a: float, b: float) -> float:
    return float(abs((a - b + np.pi / 4) % (np.pi / 2) - np.pi / 4))


def tower_of(places: NDArray[np.float64], order: list[int]) -> NDArray[np.float64]:
    """Positions with the cubes of ``order`` stacked upon each other, each a little off."""
    stacked = places.copy()
    rng = np.random.default_rng(0)
    for lower, upper in pairwise(order):
        stacked[upper] = stacked[lower] + [*rng.normal(0, 0.002, 2), CUBE_SIZE]
    return stacked


@pytest.mark.parametrize("seed", range(5))
def test_cubes_apart_on_the_table(scene: CubeScene, seed: int) -> None:
    places, yaws = scattered(seed)
    scene.place(places, yaws)
    found = by_name(CubeDetector(scene.camera).detect(*scene.render()))
    assert set(found) == set(CUBE_NAMES)
    for index, name in enumerate(CUBE_NAMES):
        assert np.linalg.norm(found[name].position - places[index]) < 0.002
        assert turn_between(found[name].yaw, yaws[index]) < np.radians(2)
        assert found[name].confidence > 0.9


def test_tower_of_eight(scene: CubeScene) -> None:
    places, yaws = scattered(2)
    places = tower_of(places, [3, 0, 7, 2, 5, 1, 6, 4])
    scene.place(places, yaws)
    found = by_name(CubeDetector(scene.camera).detect(*scene.render()))
    assert set(found) == set(CUBE_NAMES)
    for index, name in enumerate(CUBE_NAMES):
        assert np.linalg.norm(found[name].position[:2] - places[index, :2]) < 0.003
        assert abs(found[name].position[2] - places[index, 2]) < 0.005


def test_depth_noise_of_two_millimetres(scene: CubeScene) -> None:
    places, yaws = scattered(3)
    scene.place(places, yaws)
    rgb, depth = scene.render()
    noisy = depth + np.random.default_rng(0).normal(0, 0.002, depth.shape).astype(np.float32)
    found = by_name(CubeDetector(scene.camera).detect(rgb, noisy))
    errors = [np.linalg.norm(found[name].position - places[i]) for i, name in enumerate(CUBE_NAMES)]
    assert np.median(errors) < 0.002
    assert max(errors) < 0.006


def test_colour_alone_puts_cubes_on_the_table(scene: CubeScene) -> None:
    places, yaws = scattered(4)
    scene.place(places, yaws)
    found = by_name(CubeDetector(scene.camera).detect(scene.render()[0]))
    for index, name in enumerate(CUBE_NAMES):
        assert np.linalg.norm(found[name].position - places[index]) < 0.003


def test_a_hidden_cube_is_not_found_and_a_sliver_is_not_trusted() -> None:
    with CubeScene() as scene:
        screen = scene.box((0, 0, -5), (0.01, 0.2, 0.12), GREY)
        places = np.array([[0.6, 0.1, TABLE_HEIGHT + CUBE_SIZE / 2]])
        scene.place(places)
        detector = CubeDetector(scene.camera)
        confidences = []
        for side in np.linspace(0.1, 0.23, 14):
            scene.move(screen, (0.66, side, TABLE_HEIGHT + 0.06))
            found = by_name(detector.detect(*scene.render()))
            if "red" not in found:
                confidences.append(0.0)
                continue
            error = np.linalg.norm(found["red"].position - places[0])
            assert error < 0.004 or found["red"].confidence <= GUESS_CONFIDENCE
            confidences.append(found["red"].confidence)
        assert confidences[0] == 0.0
        assert confidences[-1] > 0.9


def test_red_things_away_from_the_table_are_not_cubes() -> None:
    with CubeScene() as scene:
        scene.box((0.0, 0.3, 0.0), (0.1, 0.1, 0.4), (0.9, 0.06, 0.06))
        assert CubeDetector(scene.camera).detect(*scene.render()) == []


def test_a_red_thing_larger_than_a_cube_is_not_a_cube() -> None:
    with CubeScene() as scene:
        scene.box((0.6, 0.0, TABLE_HEIGHT + 0.05), (0.1, 0.1, 0.1), (0.9, 0.06, 0.06))
        assert CubeDetector(scene.camera).detect(*scene.render()) == []


@pytest.mark.parametrize("rgb", [(0.55, 0.85, 0.05), (0.35, 0.13, 0.0), (0.8, 0.05, 0.85)])
def test_objects_of_other_colours_are_unknown(rgb: tuple[float, float, float]) -> None:
    with CubeScene() as scene:
        places, yaws = scattered(6)
        scene.place(places, yaws)
        detector = CubeDetector(scene.camera)
        assert detector.unknown(detector.segmenter.blobs(scene.render()[0])) == []
        place = (0.84, 0.0, TABLE_HEIGHT + CUBE_SIZE / 2)
        scene.box(place, (CUBE_SIZE,) * 3, rgb)
        found = detector.unknown(detector.segmenter.blobs(scene.render()[0]))
        assert len(found) == 1
        assert np.linalg.norm(found[0].position - place) < 0.01


def test_images_of_another_size_are_refused(scene: CubeScene) -> None:
    detector = CubeDetector(scene.camera)
    with pytest.raises(ValueError, match="must be"):
        detector.detect(np.zeros((100, 100, 3), np.uint8))
    with pytest.raises(ValueError, match="differ"):
        detector.detect(scene.render()[0], np.zeros((10, 10), np.float32))
