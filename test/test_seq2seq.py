"""The sequence-to-sequence baseline: what it reads and writes, training, answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from taskprog.planners.checkpoint import CONFIG, CheckpointError
from taskprog.planners.npi.seq2seq import (
    ALIGNED,
    STOP,
    Seq2SeqConfig,
    Seq2SeqTrainer,
    evaluate,
    example,
    load,
)
from taskprog.tasks.scratch_pad.addition import Addition
from taskprog.tasks.scratch_pad.evaluation import WRONG
from taskprog.tasks.scratch_pad.pad import BLANK
from taskprog.tasks.scratch_pad.sorting import Sorting

SMALL = Seq2SeqConfig("sorting", (2, 3), 60, steps=300, rate=1e-2, hidden=32, embedding=12)


@pytest.fixture(scope="module")
def trainer() -> Seq2SeqTrainer:
    trainer = Seq2SeqTrainer(SMALL)
    trainer.run()
    return trainer


def test_numbers_are_read_and_written_from_the_right() -> None:
    read, written = example(Addition().of("96", "125").pad)
    assert read.tolist() == [[6, 5], [9, 2], [BLANK, 1]]
    assert written.tolist() == [1, 2, 2, STOP]
    assert example(Addition().of("9", "3").pad).written.tolist() == [2, 1, STOP]


def test_aligned_the_digit_of_a_column_stands_where_the_column_is_read() -> None:
    read, written = example(Addition().of("96", "125").pad, aligned=True)
    assert read.tolist() == [[6, 5], [9, 2], [BLANK, 1], [BLANK, BLANK]]
    assert written.tolist() == [1, 2, 2, STOP]
    assert example(Addition().of("9", "3").pad, aligned=True).written.tolist() == [2, 1]


def test_aligned_it_learns_to_add_longer_numbers_than_it_saw() -> None:
    config = replace(SMALL, task=ALIGNED, lengths=(2, 4, 6), problems=300, rate=2e-2, embedding=24, steps=400)
    trainer = Seq2SeqTrainer(config)
    trainer.run()
    tried = evaluate(trainer.model, ALIGNED, 8, 50, 3)
    assert sum(each.success for each in tried) > 30


def test_arrays_are_read_as_they_are_and_written_in_order() -> None:
    read, written = example(Sorting().of(["9", "2", "5"]).pad)
    assert read.tolist() == [[9], [2], [5]]
    assert written.tolist() == [2, 5, 9, STOP]


def test_it_learns_to_sort_short_arrays(trainer: Seq2SeqTrainer) -> None:
    tried = evaluate(trainer.model.eval(), "sorting", 2, 50, 3)
    assert sum(each.success for each in tried) > 40
    assert {each.cause for each in tried} <= {"", WRONG}


def test_an_answer_is_what_training_predicts_of_itself(trainer: Seq2SeqTrainer) -> None:
    read = torch.from_numpy(np.random.default_rng(0).integers(0, 10, (20, 3, 1)))
    answer = trainer.model.answer(read, 4)
    with torch.no_grad():
        assert torch.equal(trainer.model(read, answer).argmax(-1), answer)


def test_it_is_kept_and_loaded(trainer: Seq2SeqTrainer, tmp_path: Path) -> None:
    trainer.save(tmp_path)
    model, config = load(tmp_path)
    assert config == SMALL
    assert evaluate(model, "sorting", 3, 20, 3) == evaluate(trainer.model.eval(), "sorting", 3, 20, 3)
    with pytest.raises(CheckpointError, match="no such folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "value"), [("hidden", "x"), ("hidden", -3), ("task", "division"), ("lengths", 4), ("color", 1)]
)
def test_damaged_configurations_are_refused(
    name: str, value: object, trainer: Seq2SeqTrainer, tmp_path: Path
) -> None:
    trainer.save(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    config["training"][name] = value
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="not a policy's configuration"):
        load(tmp_path)


def test_sums_of_one_length_may_have_more_digits_than_others() -> None:
    trainer = Seq2SeqTrainer(replace(SMALL, task="addition", lengths=(1, 4), steps=4))
    trainer.run()
    assert len(evaluate(trainer.model.eval(), "addition", 4, 9, 3)) == 9
