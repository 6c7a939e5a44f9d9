"""What an NPI is trained on: recordings, and batches of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from npi_example import BOTH, CONFIG_BOTH, trained

from taskprog.planners.npi.batches import ActivationSet, Decisions
from taskprog.planners.npi.dataset import NONE, Recordings
from taskprog.planners.npi.environments import table_of
from taskprog.planners.npi.objective import losses
from taskprog.planners.npi.presets import configuration
from taskprog.planners.npi.train import Trainer, make_recordings


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return make_recordings(CONFIG_BOTH)


@pytest.fixture(scope="module")
def trainer(recordings: Recordings) -> Trainer:
    return trained(recordings)


def test_recordings_repeat_and_hold_each_activation_once(recordings: Recordings) -> None:
    again = make_recordings(CONFIG_BOTH)
    assert list(again.activations.items()) == list(recordings.activations.items())
    assert sum(len(a) * n for a, n in recordings.activations.items()) == recordings.decisions
    other = make_recordings(replace(CONFIG_BOTH, seed=1))
    assert set(other.activations) != set(recordings.activations)
    rows = {table_of(BOTH).rows[activation.program] for activation in recordings.activations}
    assert "addition.RSHIFT" in rows
    assert "ACT" not in rows, "ACT calls nothing, and decides nothing"


def test_every_activation_ends_with_its_last_decision(recordings: Recordings) -> None:
    none = len(table_of(BOTH).rows)
    for activation in recordings.activations:
        assert activation.ends == (False,) * (len(activation) - 1) + (True,)
        assert none not in activation.calls[:-1]
        for call, words in zip(activation.calls, activation.words, strict=True):
            assert (words == (NONE,) * 3) == (table_of(BOTH).rows[call : call + 1] != ("ACT",))


def test_padding_counts_for_nothing(recordings: Recordings, trainer: Trainer) -> None:
    activations = [a for a in recordings.activations if trainer.table.rows[a.program] == "sorting.RESET"]
    (batch,) = ActivationSet(trainer.table, activations).draw(np.random.default_rng(0), 10**6, np.ones(1))
    whole = losses(trainer.model(batch.environment, batch.program, batch.args, batch.values), batch).detach()
    assert (batch.weight == 0).any()
    assert (whole[batch.weight == 0] == 0).all()
    for row, activation in enumerate(activations):
        (alone,) = ActivationSet(trainer.table, [activation]).draw(np.random.default_rng(0), 1, np.ones(1))
        prediction = trainer.model(alone.environment, alone.program, alone.args, alone.values)
        mean = float(losses(prediction, alone).detach().sum() / alone.weight.max())
        assert mean == pytest.approx(float(whole[row].sum() / batch.weight.max()), rel=1e-4)


def test_activations_are_decided_together_as_each_batch_alone(
    recordings: Recordings, trainer: Trainer
) -> None:
    drawn = ActivationSet(trainer.table, list(recordings.activations))
    batches = drawn.draw(np.random.default_rng(0), 200, np.ones(len(drawn.programs)))
    assert len({batch.environment for batch in batches}) == 2
    assert len({batch.values.shape[1] for batch in batches}) > 3
    wanted, together = Decisions.of(batches), trainer.model.together([batch.asked for batch in batches])
    alone = [trainer.model(b.environment, b.program, b.args, b.values) for b in batches]
    kept = [batch.weight > 0 for batch in batches]
    for name in ("end", "call", "words"):
        parts = [getattr(p, name)[mask] for p, mask in zip(alone, kept, strict=True)]
        torch.testing.assert_close(getattr(together, name), torch.cat(parts))
    each = torch.cat([losses(p, batch)[mask] for p, batch, mask in zip(alone, batches, kept, strict=True)])
    torch.testing.assert_close(losses(together, wanted), each)
    assert len(torch.unique(wanted.activation)) == sum(len(batch.rows) for batch in batches)


def test_a_batch_has_every_program_and_about_the_size_asked_for(recordings: Recordings) -> None:
    drawn = ActivationSet(table_of(BOTH), list(recordings.activations))
    rng = np.random.default_rng(0)
    weights = np.ones(len(drawn.programs))
    batches = drawn.draw(rng, 100, weights)
    assert [int(batch.program[0]) for batch in batches] == drawn.programs
    weights[2] = 50.0
    batches = drawn.draw(rng, 100, weights)
    sizes = [float(batch.weight.sum()) for batch in batches]
    assert max(range(len(sizes)), key=sizes.__getitem__) == 2


def test_a_program_of_few_activations_has_its_share_too(recordings: Recordings) -> None:
    """CARRY sees eight different things at most, which count as much as all columns of another program."""
    drawn = ActivationSet(table_of(BOTH), list(recordings.activations))
    batches = drawn.draw(np.random.default_rng(0), 2000, np.ones(len(drawn.programs)))
    names = [table_of(BOTH).rows[int(batch.program[0])] for batch in batches]
    assert len(batches[names.index("addition.CARRY")].program) == 8
    sizes = np.array([float(batch.weight.sum()) for batch in batches])
    assert sizes.max() / sizes.min() < 1.2


def test_what_was_missed_of_late_is_drawn_more_often(recordings: Recordings) -> None:
    table = table_of(BOTH)
    program = table.rows.index("addition.ADD1")
    chosen = [a for a in recordings.activations if a.program == program]
    several, rng = ActivationSet(table, chosen), np.random.default_rng(0)

    def drawn(row: int) -> int:
        """In how many of 100 batches of a few it is."""
        batches = [several.draw(rng, 4, np.ones(1))[0] for _ in range(100)]
        return sum(row in batch.rows.tolist() for batch in batches)

    assert drawn(7) < 30
    (everything,) = several.draw(rng, 10**6, np.ones(1))
    missed = torch.arange(len(chosen)) == 7
    for _ in range(6):
        several.judged([everything], missed)
    assert drawn(7) > 3 * drawn(8)


def test_arguments_that_a_call_lacks_are_not_learnt() -> None:
    """The root of block stacking has twelve arguments, ``pick`` one."""
    config = configuration("block_stacking_by_call", 0)
    config = replace(config, practices=(replace(config.practices[0], problems=3),))
    table, lengths = table_of(config.environments), set()
    for activation in make_recordings(config).activations:
        for call, words in zip(activation.calls, activation.words, strict=True):
            meant = [word for word in words if word != NONE]
            assert words == (*meant, *(NONE,) * (table.arguments - len(meant)))
            if call < len(table.rows):
                lengths.add((table.rows[call].rpartition(".")[2], len(meant)))
    assert lengths == {
        ("pick_and_place", 2),
        ("pick", 1),
        ("place", 1),
        ("move_to", 2),
        ("close_gripper", 0),
        ("open_gripper", 0),
    }
