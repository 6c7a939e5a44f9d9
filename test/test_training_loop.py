"""What all trainings share: the learning rate's course, and the curriculum, which programs have more of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from ntp_example import SHORT
from numpy.typing import NDArray
from torch import nn

from taskprog.planners.ntp.batches import TraceSet
from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.train import make_recordings
from taskprog.planners.training import CURRICULUM_FLOOR, ERROR_MEMORY, Judged, Training

RIGHT, WRONG, HALF, UNASKED = 3, 5, 7, 8  # programs: always right, always wrong, as often as not, not drawn


@dataclass(frozen=True)
class Settings:
    """Of a training."""

    seed: int = 0
    steps: int = 12
    rate: float = 0.2
    warmup: int = 4
    decay: float = 0.0
    clip: float = 1.0


class Observed(Training):
    """A training whose decisions go as is foreseen; it keeps each step's weights and learning rate."""

    def __init__(self, settings: Settings):
        self._model = nn.Linear(1, 1)
        self.weights: list[NDArray[np.float64]] = []
        self.rates: list[float] = []
        super().__init__(settings, self._model, [RIGHT, WRONG, HALF, UNASKED], "abcdefghi")

    def _judge(self, weights: NDArray[np.float64]) -> Iterable[Judged]:
        self.weights.append(weights)
        self.rates.append(self._optimizer.param_groups[0]["lr"])
        loss = self._model(torch.ones(1)).square().sum()
        yield Judged(loss, 2.0, torch.tensor([RIGHT, WRONG]), torch.tensor([False, True]))
        yield Judged(loss, 2.0, torch.tensor([HALF, HALF]), torch.tensor([False, True]))


def trained(settings: Settings) -> Observed:
    training = Observed(settings)
    training.run()
    return training


def test_the_rate_rises_to_its_peak_and_falls_as_a_cosine() -> None:
    rates = trained(Settings()).rates
    assert len(rates) == 12
    assert rates[:4] == pytest.approx([0.05, 0.1, 0.15, 0.2])
    falling = np.array(rates[4:]) / 0.2 - 1e-3
    turn = np.pi * np.arange(8) / 8
    np.testing.assert_allclose(falling, 0.5 + 0.5 * np.cos(turn), atol=1e-12)
    assert 0 < rates[-1] < 0.05 * max(rates)


@pytest.mark.parametrize(("warmup", "steps", "first"), [(0, 2, 1.001), (3, 2, 1 / 3), (2, 2, 1 / 2)])
def test_the_rate_is_one_however_short_the_training(warmup: int, steps: int, first: float) -> None:
    rates = trained(Settings(steps=steps, warmup=warmup, rate=1.0)).rates
    assert rates[0] == pytest.approx(first)
    assert all(0 < rate <= 1.001 for rate in rates)
    ended = Observed(Settings(steps=2, warmup=2))
    ended.step = 2
    assert ended.rate == pytest.approx(0.2 * 1.001)


def test_programs_weigh_as_much_as_they_are_wrong_and_none_nothing() -> None:
    steps = 200
    training = trained(Settings(steps=steps))
    kept = 0.98 ** np.arange(steps)
    expected = np.stack([kept, np.ones(steps), 0.5 + 0.5 * kept, np.ones(steps)], 1) + 0.03
    np.testing.assert_allclose(np.stack(training.weights), expected)
    assert (ERROR_MEMORY, CURRICULUM_FLOOR) == (0.98, 0.03)
    still = 0.98**steps
    assert training.errors == pytest.approx({"d": still, "f": 1.0, "h": 0.5 + 0.5 * still, "i": 1.0})


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return make_recordings(SHORT)


@pytest.mark.parametrize("scoped", [True, False])
def test_programs_are_drawn_in_proportion_to_their_weights(recordings: list[Recording], scoped: bool) -> None:
    """With scopes, all videos have the root as often in each batch, so that its share is rounded."""
    traces = TraceSet(recordings, False, scoped)
    weights = np.array([0.25, 0.03, 0.62, 0.1]) * 3
    rng, counts = np.random.default_rng(0), np.zeros(4)
    for _ in range(10):
        for group in traces.draw(rng, 48, 12, weights)[1]:
            programs = group.state.program.flatten().numpy()
            counts += [(programs == program).sum() for program in traces.programs]
    assert counts.sum() == 10 * 48 * 12
    if scoped:
        assert counts[0] == 10 * 48 * 3
    np.testing.assert_allclose(counts / counts.sum(), weights / weights.sum(), atol=0.015)


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("root", [0.0, 1.0])
def test_the_root_and_the_others_have_a_decision_each_whatever_the_weights(
    recordings: list[Recording], root: float, recurrent: bool
) -> None:
    traces = TraceSet(recordings, recurrent, True)
    weights = np.array([root, *[1 - root] * 3]) + CURRICULUM_FLOOR / 100
    _, groups = traces.draw(np.random.default_rng(0), 8, 12, weights)
    firsts = np.concatenate([group.state.program[:, 0].numpy() for group in groups])
    roots = (firsts == traces.programs[0]).sum()
    assert roots == 8 * (1 if recurrent or root == 0.0 else 11)
    assert len(firsts) == 8 * 12
