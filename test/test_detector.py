"""The detector of goods: what it is trained towards, how cells become things, bad input, and its skill."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detector_example import SEED, examples, views
from numpy.typing import NDArray
from oracle import neighbours, perfect_output
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import Detection
from taskprog.resources import share_dir
from taskprog.tasks.goods import good_of
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog.vision.boxes import excess, on_one_box
from taskprog.vision.checkpoint import CheckpointError, save_network
from taskprog.vision.detector import ObjectDetector
from taskprog.vision.examples import Examples, cell_grid
from taskprog.vision.grid import STRIDE
from taskprog.vision.grouping import group
from taskprog.vision.labels import CLASSES, LabelledView
from taskprog.vision.measure import halved
from taskprog.vision.network import (
    BEYOND,
    DEPTHS,
    JOINED,
    OFFSET,
    OUTPUTS,
    PIXELS,
    SIZE,
    SIZES,
    GoodsNetwork,
    NetworkConfig,
)
from taskprog.vision.objective import TERMS, losses
from taskprog.vision.relief import Relief
from taskprog.vision.score import Score, add, new_scores, total, yaw_error
from taskprog_sim.goods_views import labelled_views

__all__ = ["examples", "views"]  # fixtures

SHIPPED = share_dir() / "models" / "detectors" / "goods"
CAMERA = CameraModel.table_top(640, 480)


class Oracle(GoodsNetwork):
    """Answers with the truth about one image, whatever it is shown."""

    def __init__(self, output: np.ndarray) -> None:
        nn.Module.__init__(self)
        self.output = torch.from_numpy(output)[None]

    def forward(self, images: Tensor, heights: Tensor | None = None) -> Tensor:
        return self.output[:, :, -(images.shape[2] // STRIDE) :]


def score_of(views: list[LabelledView], found: list[list[Detection]]) -> Score:
    scores = new_scores()
    for view, detections in zip(views, found, strict=True):
        add(scores, view, detections)
    return total(scores.values())


def test_the_same_seed_gives_the_same_views(views: list[LabelledView]) -> None:
    again = next(labelled_views(SEED, 4, 2, exact=True))
    assert np.array_equal(again.rgb, views[0].rgb)
    assert np.array_equal(again.instance, views[0].instance)


def test_views_are_the_same_whoever_renders_them(views: list[LabelledView]) -> None:
    beside = list(labelled_views(SEED, 3, 2, exact=True, jobs=2))
    assert len(beside) == 3
    for one, other in zip(beside, views, strict=False):
        assert np.array_equal(one.rgb, other.rgb)
        assert [thing.seen for thing in one.things] == [thing.seen for thing in other.things]


def test_labels_lie_where_the_camera_sees_their_things(views: list[LabelledView]) -> None:
    for view in views:
        for index, thing in enumerate(view.things):
            mask = view.instance == index + 1
            assert np.count_nonzero(mask) == thing.pixels
            assert 0.0 <= thing.seen <= 1.0
            if thing.pixels:
                points = view.camera.backproject(view.depth, mask)
                reach = np.linalg.norm(thing.size) / 2 + 0.01
                assert (np.linalg.norm(points - thing.position, axis=1) < reach).all(), thing.name


def test_shares_seen_are_about_those_of_outlines(views: list[LabelledView]) -> None:
    for exact, about in zip(views, labelled_views(SEED, 4, 2, exact=False), strict=True):
        apart = [a.seen - b.seen for a, b in zip(exact.things, about.things, strict=True)]
        assert np.median(np.abs(apart)) < 0.15


def test_a_perfect_network_loses_nothing(examples: Examples) -> None:
    output = torch.from_numpy(np.stack([perfect_output(examples, i) for i in range(len(examples))]))
    terms = losses(
        output,
        torch.from_numpy(examples.instance).long(),
        torch.from_numpy(examples.depth),
        torch.from_numpy(examples.things),
    )
    assert terms == pytest.approx([0.0] * len(TERMS), abs=1e-4)


def test_perfect_cells_become_the_things_that_are_there(
    views: list[LabelledView], examples: Examples
) -> None:
    found = [
        ObjectDetector(view.camera, Oracle(perfect_output(examples, i))).detect(view.rgb, view.depth)
        for i, view in enumerate(views)
    ]
    score = score_of(views, found)
    assert score.wanted > 20
    assert score.recall > 0.97
    assert score.precision > 0.97
    assert np.percentile(score.position, 95) < 0.003
    assert np.percentile(score.yaw, 95) < math.radians(2)


def test_a_good_seen_past_another_one_is_a_good_of_its_own() -> None:
    """Nine cells of a brick beside sixteen of a duck, all of which see their middles at the same pixel."""
    output = np.zeros((20, 20, OUTPUTS), np.float32)
    output[..., 0] = 9.0
    for label, rows, columns in (("duck", slice(4, 8), slice(4, 8)), ("lego", slice(4, 7), slice(8, 11))):
        cells = output[rows, columns]
        cells[..., 0], cells[..., CLASSES.index(label)] = 0.0, 9.0
        v, u = cell_grid(20, 20)
        cells[..., OFFSET.start] = (29.5 - u[:, columns]) / PIXELS
        cells[..., OFFSET.start + 1] = (25.5 - v[rows]) / PIXELS
    found = {CLASSES[one.label]: len(one.rows) for one in group(output)}
    assert found == {"duck": 16, "lego": 9}


def test_a_few_votes_on_the_flank_of_many_are_a_good_of_their_own() -> None:
    """Ten cells see a middle six pixels from that of twice as many, whose spread reaches as far."""
    output = np.zeros((20, 20, OUTPUTS), np.float32)
    output[..., 0] = 9.0
    v, u = (np.broadcast_to(axis, (20, 20)) for axis in cell_grid(20, 20))
    both = (((slice(3, 8), slice(3, 8)), (33.5, 33.5)), ((slice(9, 11), slice(10, 15)), (39.5, 35.5)))
    for where, middle in both:
        cells = output[where]
        cells[..., 0], cells[..., CLASSES.index("jenga")] = 0.0, 9.0
        cells[..., OFFSET.start] = (middle[0] - u[where]) / PIXELS
        cells[..., OFFSET.start + 1] = (middle[1] - v[where]) / PIXELS
    assert sorted(len(one.rows) for one in group(output)) == [10, 25]


def boxes_on_table(middles: np.ndarray, size: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """(480, 640) the depth that ``CAMERA`` sees of boxes along x, and which one it is of; -1 of the table."""
    v, u = np.mgrid[0:480, 0:640]
    origin, rays = CAMERA.ray(np.stack([u.ravel(), v.ravel()], axis=1))
    with np.errstate(divide="ignore"):  # rays along a side
        ends = [(middles + way * np.array(size) / 2 - origin) / rays[:, None] for way in (-1, 1)]
    enter, leave = np.min(ends, axis=0).max(axis=2), np.max(ends, axis=0).min(axis=2)
    hits = np.where(enter < leave, enter, np.inf)  # depths, for each pixel and box
    depth = np.minimum(hits.min(axis=1), (TABLE_HEIGHT - origin[2]) / rays[:, 2])
    mine = np.where(np.isfinite(hits).any(axis=1), hits.argmin(axis=1), -1)
    return depth.reshape(v.shape), mine.reshape(v.shape)


def found_by_votes(
    name: str,
    depth: np.ndarray,
    mine: np.ndarray,
    middles: np.ndarray,
    votes: np.ndarray,
    apart: np.ndarray | None = None,
) -> list[Detection]:
    """What is detected where all cells of box i are sure of a good's name, and see its middle at votes[i].

    Args:
        apart: (480, 640) which good each pixel is taken for where the network tells neighbours apart; by
            default it says nothing of them.
    """
    surface, mine = depth[2::STRIDE, 2::STRIDE], mine[2::STRIDE, 2::STRIDE]
    v, u = cell_grid(*surface.shape)
    output = np.zeros((OUTPUTS, *surface.shape), np.float32)
    output[0], output[CLASSES.index(name)] = 20.0 * (mine < 0), 20.0 * (mine >= 0)
    output[OFFSET] = np.stack([votes[mine][..., 0] - u, votes[mine][..., 1] - v]) / PIXELS
    output[BEYOND] = (CAMERA.project(middles)[1][mine] - surface) / DEPTHS
    output[SIZE] = np.reshape(good_of(name).size, (3, 1, 1)) / SIZES
    if apart is not None:
        output[JOINED] = neighbours(apart[2::STRIDE, 2::STRIDE])
    rgb = np.zeros((480, 640, 3), np.uint8)
    found = ObjectDetector(CAMERA, Oracle(output)).detect(rgb, depth.astype(np.float32))
    assert {one.name for one in found} == {name}
    return found


@pytest.mark.parametrize(
    ("name", "own", "told", "reach"),
    [
        ("lego", 0.2, False, 0.008),
        ("jenga", 0.2, False, 0.012),
        ("lego", 0.0, True, 0.008),
        ("jenga", 0.0, True, 0.016),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_two_touching_bricks_or_blocks_with_votes_for_one_middle_are_two(
    name: str, own: float, told: bool, reach: float, count: int
) -> None:
    """Cells of two side by side see a middle between their own one and that of both; or the very same, and
    which neighbours are of one. Votes for that are 15 mm off; a brick's points do better."""
    size = good_of(name).size
    middles = np.array([(0.6, i * size[1], TABLE_HEIGHT + size[2] / 2) for i in range(count)])
    depth, mine = boxes_on_table(middles, size)
    seen, _ = CAMERA.project(middles)
    votes = own * seen + (1 - own) * seen.mean(axis=0)
    found = found_by_votes(name, depth, mine, middles, votes, apart=mine if told else None)
    assert len(found) == count
    positions = np.stack([one.position for one in found])
    positions = positions[positions[:, 1].argsort()]
    assert np.linalg.norm(positions - middles, axis=1).max() < reach


@pytest.mark.parametrize("bears", [1, 2])
def test_a_bear_behind_another_is_one_of_its_own_though_both_middles_meet_in_the_image(bears: int) -> None:
    """It is seen beside the nearer one, and its cells see its middle 30 mm behind that of the other."""
    near = np.array([0.6, 0.0, TABLE_HEIGHT + 0.06])
    away = near - CAMERA.origin
    middles = near + np.outer([0.0, 0.03], away / np.linalg.norm(away))[:bears]
    depth, mine = boxes_on_table(middles + np.outer([0.0, 0.025], [0, 1, 0])[:bears], good_of("bear").size)
    votes = CAMERA.project(middles)[0] + np.outer([0.0, 2.0], [1, 0])[:bears]
    found = found_by_votes("bear", depth, mine, middles, votes)
    assert sorted(one.position[2] for one in found) == pytest.approx(sorted(middles[:, 2]), abs=0.004)


@pytest.mark.parametrize(
    ("share", "border", "bears"), [(0.5, None, 2), (0.5, "none", 1), (0.25, None, 1), (0.25, "there", 2)]
)
def test_halves_of_a_bear_are_one_or_two_as_their_border_says(
    share: float, border: str | None, bears: int
) -> None:
    """Where it says nothing, halves are two whose middles are half a bear apart, and one if a quarter."""
    size = good_of("bear").size
    middles = np.array([(0.6, 0.0, TABLE_HEIGHT + size[2] / 2)])
    depth, mine = boxes_on_table(middles, size)
    v, u = np.mgrid[0:480, 0:640]
    left, below = u < CAMERA.project(middles)[0][0, 0], v > CAMERA.project(middles)[0][0, 1]
    mine[below] = -1  # hidden
    halves = np.where((mine == 0) & left, 1, mine)
    places = middles + np.outer([-share, share], [0.0, size[1] / 2, 0.0])
    told = {None: None, "none": mine, "there": halves}[border]
    found = found_by_votes("bear", depth, halves, places, CAMERA.project(places)[0], apart=told)
    assert len(found) == bears


@pytest.mark.parametrize(("gap", "blocks"), [(0.0, 1), (0.012, 2)])
def test_two_ends_of_a_block_behind_a_finger_are_one_block(gap: float, blocks: int) -> None:
    """Cells at either end see a middle of that end alone; two blocks end to end stick out of one."""
    good = good_of("jenga")
    x, y, z = good.size
    height = TABLE_HEIGHT + z / 2
    ends = np.array([(0.6 + way * (x / 4 + gap), 0.0, height) for way in (-1, 1)])
    depth, mine = boxes_on_table(ends, (x / 2, y, z))
    finger = slice(*np.round(CAMERA.project([(0.61, 0, height), (0.59, 0, height)])[0][:, 1]).astype(int))
    depth[finger], mine[finger] = depth.min() - 0.1, -1
    seen, _ = CAMERA.project(ends + np.array([[-0.01], [0.01]]) * [1, 0, 0])
    found = found_by_votes("jenga", depth, mine, ends, seen)
    assert len(found) == blocks
    if blocks == 1:
        assert np.linalg.norm(found[0].position - [0.6, 0.0, height]) < 0.008


def test_how_much_points_stick_out_of_a_box() -> None:
    size = np.array([0.09, 0.03, 0.018])
    rng = np.random.default_rng(0)
    for way in Rotation.random(20, random_state=1):
        inside = rng.uniform(-0.5, 0.5, (200, 3)) * size
        assert excess(way.apply(inside) + [0.5, 0.1, 0.2], size) < 0.005
        assert 0.01 < excess(way.apply(inside * [1, 2, 1]), size) < 0.03  # two side by side


def test_what_is_far_behind_does_not_count_but_nothing_is_on_no_box() -> None:
    size = np.array([0.09, 0.03, 0.018])
    inside = np.random.default_rng(0).uniform(-0.5, 0.5, (40, 3)) * size
    assert on_one_box(np.concatenate([inside, [[0.0, 0.3, 0.0]]]), size, 0.008)
    assert not on_one_box(np.concatenate([inside, inside + [0.0, 0.4, 0.0]]), size, 0.008)  # as many there
    assert not on_one_box(np.zeros((0, 3)), size, 0.008)


@pytest.mark.parametrize("small", [False, True], ids=["640x480", "320x240"])
def test_heights_are_those_of_what_is_seen(views: list[LabelledView], small: bool) -> None:
    view = halved(views[0]) if small else views[0]
    depth = view.depth.copy()
    depth[:10] = np.nan
    heights = Relief(view.camera).heights(depth)
    assert heights.shape == (480, 640)
    assert np.isnan(heights[: 20 if small else 10]).all()
    assert np.isfinite(heights[20:]).all()
    if small:
        heights = heights[::2, ::2]
    for index, thing in enumerate(view.things):
        seen = heights[view.instance == index + 1]
        low, high = thing.position[2] - TABLE_HEIGHT + np.array([-0.6, 0.6]) * thing.size[2]
        assert (
            np.mean((seen[np.isfinite(seen)] > low - 0.003) & (seen[np.isfinite(seen)] < high + 0.003)) > 0.97
        )


def test_yaws_of_squares_repeat_after_a_quarter_turn(views: list[LabelledView]) -> None:
    things = [thing for view in views for thing in view.things]
    square = next(thing for thing in things if thing.size[0] == thing.size[1])
    block = next(thing for thing in things if thing.size[0] > 2 * thing.size[1])
    assert yaw_error(square.yaw + math.pi / 2, square) == pytest.approx(0.0, abs=1e-6)
    assert yaw_error(block.yaw + math.pi, block) == pytest.approx(0.0, abs=1e-6)
    assert yaw_error(block.yaw + math.pi / 2, block) == pytest.approx(math.pi / 2)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untrained")
    save_network(folder, GoodsNetwork(NetworkConfig((8, 8, 8, 8, 8))), [])
    return folder


def test_images_of_another_size_are_refused(untrained: Path) -> None:
    detector = ObjectDetector.load(untrained, CameraModel.table_top(640, 480))
    rgb, depth = np.zeros((480, 640, 3), np.uint8), np.ones((480, 640), np.float32)
    with pytest.raises(ValueError, match=r"colour image must be \(480, 640, 3\)"):
        detector.detect(rgb[:240])
    with pytest.raises(ValueError, match="uint8"):
        detector.detect(rgb.astype(np.float32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"depth image must be \(480, 640\)"):
        detector.detect(rgb, depth[:, :320])
    with pytest.raises(ValueError, match="too small"):
        ObjectDetector.load(untrained, CameraModel.table_top(160, 120))


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_a_depth_image_without_depths_is_refused(untrained: Path, value: float) -> None:
    detector = ObjectDetector.load(untrained, CameraModel.table_top(320, 240))
    with pytest.raises(ValueError, match="without any depth"):
        detector.detect(np.zeros((240, 320, 3), np.uint8), np.full((240, 320), value, np.float32))


def test_damaged_detectors_are_refused(untrained: Path, tmp_path: Path) -> None:
    camera = CameraModel.table_top(320, 240)
    with pytest.raises(CheckpointError, match="no such file"):
        ObjectDetector.load(tmp_path, camera)
    (tmp_path / "config.json").write_text((untrained / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not safetensors"):
        ObjectDetector.load(tmp_path, camera)
    (tmp_path / "config.json").write_text('{"format": "other"}')
    with pytest.raises(CheckpointError, match="format is 'other'"):
        ObjectDetector.load(tmp_path, camera)
    save_network(tmp_path, GoodsNetwork(NetworkConfig((8, 8, 8, 8, 16))), [])
    (tmp_path / "config.json").write_text((untrained / "config.json").read_text())
    with pytest.raises(CheckpointError, match="has shape"):
        ObjectDetector.load(tmp_path, camera)


@pytest.mark.parametrize("small", [False, True], ids=["640x480", "320x240"])
def test_the_shipped_detector_finds_goods(views: list[LabelledView], small: bool) -> None:
    seen = [halved(view) for view in views] if small else views
    found = [ObjectDetector.load(SHIPPED, view.camera).detect(view.rgb, view.depth) for view in seen]
    score = score_of(seen, found)
    assert score.recall > 0.9
    assert score.precision > 0.9
    assert np.median(score.position) < 0.004


def moved_without(depth: NDArray[np.float32], view: LabelledView) -> list[tuple[Detection, float]]:
    """What the shipped detector is sure of with the depth of the view, and metres to it with this one."""
    detector = ObjectDetector.load(SHIPPED, view.camera)
    whole, other = detector.detect(view.rgb, view.depth), detector.detect(view.rgb, depth)
    assert len(other) <= len(whole)
    sure = [one for one in whole if one.confidence > 0.9]
    assert len(sure) > 10
    return [
        (one, min(float(np.linalg.norm(o.position - one.position)) for o in other if o.name == one.name))
        for one in sure
    ]


def test_single_pixels_without_depth_do_no_harm(views: list[LabelledView]) -> None:
    depth = views[0].depth.copy()
    depth[np.random.default_rng(0).uniform(size=depth.shape) < 0.2] = np.nan
    moved = [apart for _, apart in moved_without(depth, views[0])]
    assert max(moved) < 0.005
    assert np.median(moved) < 0.002


def test_what_depth_says_nothing_of_is_left_out(views: list[LabelledView]) -> None:
    view = views[0]
    largest = max(range(len(view.things)), key=lambda i: view.things[i].pixels)
    around = cv2.dilate((view.instance == largest + 1).astype(np.uint8), np.ones((9, 9), np.uint8))
    moved = moved_without(np.where(around > 0, np.float32(np.nan), view.depth), view)
    (lost,) = (one for one, apart in moved if apart > 0.005)
    assert lost.name == view.things[largest].name
    assert np.linalg.norm(lost.position - view.things[largest].position) < 0.01


def test_without_depth_things_are_put_on_the_table(views: list[LabelledView]) -> None:
    view = views[0]
    found = ObjectDetector.load(SHIPPED, view.camera).detect(view.rgb)
    assert found
    scores = new_scores()
    add(scores, view, found, heights=False)
    assert total(scores.values()).recall > 0.8
