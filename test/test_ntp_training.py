"""NTP's training, of all models."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ntp_example import FAMILY, SHORT, VARIANTS

from taskprog.planners.ntp.dataset import DataConfig, Recording
from taskprog.planners.ntp.presets import ABLATIONS, MODELS, RELATIONAL, configuration, relabelled
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings, unseen_tasks
from taskprog.tasks.conditions import Conditions
from taskprog.tasks.evaluation import Summary, evaluate


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return make_recordings(SHORT)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


@pytest.mark.parametrize("model", MODELS)
def test_training_repeats_with_its_seed_and_goes_on_after_an_interruption(model: str, tmp_path: Path) -> None:
    """The same weights, errors and curve; of a family for which NTP+ draws doubts, too."""
    config = configuration("order_fulfilment", model, 4, 0)
    config = replace(config, steps=6, videos=3, warmup=2, data=replace(config.data, trials=1))
    recordings = make_recordings(config)
    whole = Trainer(config, recordings)
    whole.run()

    def interrupt(progress: object) -> None:
        if first.step == 4:
            raise KeyboardInterrupt

    first = Trainer(config, recordings)
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupt)
    first.save_state(tmp_path)
    second = Trainer(config, recordings)
    assert second.load_state(tmp_path)
    assert second.step == 4
    second.run()
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(second)[name], value, rtol=0, atol=0)
    assert second.errors == whole.errors
    assert second.loss == whole.loss
    assert second.history == whole.history
    assert [point.step for point in whole.history] == [1, 2, 3, 4, 5, 6]


def test_a_training_goes_on_from_what_another_ended_with_on_other_batches(
    recordings: list[Recording],
) -> None:
    begun = Trainer(SHORT, recordings)
    begun.run()
    still = replace(SHORT, rate=0.0, steps=1)  # of which a step shows the loss that it begins with
    losses = {}
    for name, batches_of_its_own in (("copied", False), ("begun", True)):
        trainer = Trainer(still, recordings)
        if batches_of_its_own:
            trainer.begin_from(begun.model)
        else:
            trainer.model.load_state_dict(begun.model.state_dict())
        trainer.run()
        for key, value in weights(begun).items():
            torch.testing.assert_close(weights(trainer)[key], value, rtol=0, atol=0)
        losses[name] = trainer.loss
    untrained = Trainer(still, recordings)
    untrained.run()
    assert losses["begun"] != losses["copied"]
    assert max(losses.values()) < untrained.loss


def test_padding_of_whole_sequences_is_not_counted(recordings: list[Recording]) -> None:
    trainer = Trainer(replace(SHORT, model=VARIANTS["recurrent"]), recordings)
    drawn = list(trainer._judge(np.ones(len(trainer.errors))))
    assert drawn
    for judged in drawn:
        assert len(judged.program) == len(judged.wrong) == judged.weight


def test_an_interrupted_training_is_not_continued_with_another_configuration(
    recordings: list[Recording], tmp_path: Path
) -> None:
    Trainer(SHORT, recordings).save_state(tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        Trainer(replace(SHORT, rate=1e-4), recordings).load_state(tmp_path)
    assert not Trainer(SHORT, recordings).load_state(tmp_path / "elsewhere")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains(model: str) -> None:
    config = configuration("block_stacking", model, 4, 0)
    config = replace(config, steps=2, videos=3, data=DataConfig(trials=1))
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    assert math.isfinite(trainer.loss)
    assert [point.step for point in trainer.history] == [1, 2]


def test_every_difference_from_the_paper_changes_one_thing() -> None:
    base = configuration("order_fulfilment", RELATIONAL, 4, 0)
    for name, ablation in ABLATIONS.items():
        changed = ablation.change(base)
        assert changed != base, name
        assert changed.steps == base.steps
        fields = [
            field
            for before, after in ((base.model, changed.model), (base.data, changed.data))
            for field, value in vars(after).items()
            if value != getattr(before, field)
        ]
        assert len(fields) == 1, (name, fields)
    assert relabelled(base).data.relabelled


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_training_learns_to_do_unseen_tasks() -> None:
    """With a thousand steps nearly all are done; an untrained policy does none."""
    config = TrainConfig(tasks=200, steps=700)
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    summary = Summary.of(evaluate(FAMILY, unseen_tasks(config, 40), trainer.planner(), Conditions()))
    assert summary.rate >= 0.6, summary
