"""Turning shapes to a pose: pictures, the turntable, the oracle, and networks that look."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from taskprog.machine import Call, CancelToken, Machine, OutcomeCode, RunCode
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.model import Eye, StateEncoder
from taskprog.planners.npi.presets import configuration
from taskprog.planners.npi.train import Trainer, make_recordings
from taskprog.tasks.pose.canonical import (
    AZIMUTHS,
    ELEVATIONS,
    FARTHEST,
    POSES,
    CanonicalPose,
    Turntable,
    number_of,
    pose_of,
)
from taskprog.tasks.pose.shapes import SIZE, Part, Shape, random_shape, render
from taskprog.tasks.scratch_pad.evaluation import Summary, evaluate
from taskprog.tasks.scratch_pad.pad import ACT

SEEN, UNSEEN = CanonicalPose(shapes=3), CanonicalPose(unseen=True, shapes=3)
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def noiseless(shape: Shape, azimuth: float, elevation: float) -> np.ndarray:
    class Silent:
        def normal(self, mean: float, deviation: float, size: tuple[int, ...]) -> np.ndarray:
            return np.zeros(size)

    return render(shape, math.radians(azimuth), math.radians(elevation), Silent()).astype(float)  # type: ignore[arg-type]


def test_the_camera_goes_around_and_above() -> None:
    """A red block in front (x), a green one at the left (y), a blue one above (z)."""
    parts = tuple(
        Part(middle, (0.2, 0.2, 0.2), colour)
        for middle, colour in (((0.8, 0, 0.3), RED), ((0, 0.8, 0.3), GREEN), ((0, 0, 1.0), BLUE))
    )
    shape = Shape(parts, (1.0, 1.0, 1.0), (0.0, 0.0, 1.0))

    def columns(picture: np.ndarray, channel: int) -> np.ndarray:
        strength = picture[..., channel] - picture.sum(-1) / 3
        row_and_column: np.ndarray = np.argwhere(strength > 20).mean(0)
        return row_and_column

    front = noiseless(shape, 0, 0)
    assert columns(front, 1)[1] > SIZE / 2 + 5  # what is at its left is at the right of who faces it
    assert abs(columns(front, 0)[1] - SIZE / 2) < 2
    assert columns(front, 2)[0] < SIZE / 2 - 5
    left = noiseless(shape, 90, 0)
    assert columns(left, 0)[1] < SIZE / 2 - 5
    above = noiseless(shape, 0, 60)
    assert columns(above, 0)[0] > columns(front, 0)[0] + 3


def test_every_pose_of_a_shape_looks_different() -> None:
    for seed in range(3):
        shape = random_shape(np.random.default_rng(seed))
        views = [noiseless(shape, a, e) for a in AZIMUTHS for e in ELEVATIONS]
        apart = [np.abs(a - b).mean() for i, a in enumerate(views) for b in views[:i]]
        assert min(apart) > 2.5


def test_albums_are_the_same_each_time_and_have_other_shapes() -> None:
    seen, unseen = SEEN.album.make(), UNSEEN.album.make()
    assert seen.shape == unseen.shape == (3 * POSES, SIZE, SIZE, 3)
    longer = CanonicalPose(shapes=4).album.make()
    assert np.array_equal(longer[: len(seen)], seen)
    assert np.array_equal(longer[3 * POSES :], unseen[:POSES])
    assert {pose_of(number_of(2, a, e)) for a in range(11) for e in range(5)} == {
        (a, e) for a in range(11) for e in range(5)
    }


def test_the_turntable_turns_by_steps_and_stops_at_its_ends() -> None:
    table = Turntable(0, (0, 4), (3, 4))
    for word, pose in (("LEFT", (0, 4)), ("RIGHT", (1, 4)), ("UP", (1, 4)), ("DOWN", (1, 3))):
        assert table.execute(Call(ACT, ("CAMERA", word, "15")), CancelToken()).code is OutcomeCode.SUCCEEDED
        assert table.pose == pose
    assert table.observe().values == (3, 4, number_of(0, 1, 3))
    for words in (("CAMERA", "BACK", "15"), ("CAMERA", "LEFT", "30"), ("PTR", "LEFT", "15")):
        assert table.execute(Call(ACT, words), CancelToken()).code is OutcomeCode.INVALID_GOAL
    was, should = "azimuth -60°, elevation 45°", "azimuth -30°, elevation 60°"
    assert table.wrong() == f"the shape is seen from {was}, not from {should}"


@pytest.mark.parametrize("length", [1, 2, 7, FARTHEST])
def test_the_oracle_turns_as_far_as_needed(length: int) -> None:
    for seed in range(20):
        problem = SEEN.problem(np.random.default_rng(seed), length)
        result = Machine(SEEN.library, problem.pad, SEEN.expert(), problem.budget).run(problem.call)
        assert (result.code, result.primitives) == (RunCode.RETURNED, length)
        assert problem.pad.wrong() == ""


@pytest.mark.parametrize("length", [0, FARTHEST + 1])
def test_impossible_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match=str(length)):
        SEEN.problem(np.random.default_rng(0), length)


def test_the_eye_sees_shape_and_not_brightness() -> None:
    torch.manual_seed(0)
    eye = Eye((SIZE, SIZE), 8)
    pictures = torch.from_numpy(SEEN.album.make()[:4])
    features = eye(pictures)
    assert features.shape == (4, 8)
    assert torch.allclose(eye(pictures // 2), features, atol=0.1)
    assert (features[0] - features[3]).abs().max() > 0.2


def test_the_core_gets_the_picture_and_never_its_number() -> None:
    """The same numbers in another album are other pictures, and other decisions."""
    config = configuration("poses", 0)
    config = replace(config, steps=2, model=NPIConfig(16, 8, 8, 6, 12, 12))
    config = replace(config, practices=tuple(replace(p, lengths=(2,), problems=4) for p in config.practices))
    trainer = Trainer(config, make_recordings(config))
    encoder = trainer.model.encoders["poses"]
    assert isinstance(encoder, StateEncoder)
    args = torch.zeros(1, 3, dtype=torch.long)
    seen = torch.tensor([[[4, 2, 7]]])
    assert encoder.album is not None
    first = encoder(seen, args)
    pictures = encoder.album.make()
    encoder.album = replace(encoder.album, make=lambda: pictures[::-1])
    assert not torch.allclose(encoder(seen, args), first)
    mirrored = torch.tensor([[[4, 2, len(pictures) - 1 - 7]]])
    assert torch.allclose(encoder(mirrored, args), first)


@pytest.mark.slow
def test_a_small_core_learns_to_turn_by_looking() -> None:
    config = replace(configuration("poses", 0), steps=300)
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    world = CanonicalPose(unseen=True)
    tried = Summary.of(4, evaluate(world, trainer.planner(world), 4, 60, 7))
    assert tried.rate >= 0.4  # by chance: one pose in 55
