"""Programs that are added to an NPI whose core stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from npi_example import CONFIG_BOTH, trained

from taskprog.planners.npi.batches import ActivationSet
from taskprog.planners.npi.checkpoint import load_policy
from taskprog.planners.npi.dataset import Practice, Recordings, record_all
from taskprog.planners.npi.extension import begin_as_likeliest
from taskprog.planners.npi.presets import maximum
from taskprog.planners.npi.train import Trainer, make_recordings
from taskprog.resources import share_dir
from taskprog.tasks.scratch_pad.addition import Addition
from taskprog.tasks.scratch_pad.evaluation import evaluate
from taskprog.tasks.scratch_pad.sorting import Sorting


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return make_recordings(CONFIG_BOTH)


def test_programs_are_added_while_all_else_stays_as_it_is(recordings: Recordings) -> None:
    trainer = trained(recordings)
    config = replace(maximum(CONFIG_BOTH), steps=30, decisions=60)
    config = replace(
        config, practices=tuple(replace(p, lengths=(1, 2, 4), problems=2) for p in config.practices)
    )
    more = Trainer(config, make_recordings(config), base=(trainer.model, trainer.table))
    before = {name: value.clone() for name, value in more.model.state_dict().items()}
    more.run()
    added = [more.table.rows.index(f"sorting.{name}") for name in ("RJMP", "MAX")]
    for name, value in more.model.state_dict().items():
        changed = (value != before[name]).nonzero()[:, 0].unique().tolist()
        assert set(changed) <= (set(added) if name in ("program_memory", "key_memory") else set()), name
    assert (more.model.program_memory[added] != before["program_memory"][added]).any(1).all()
    assert set(more.errors) == {"sorting.RJMP", "sorting.MAX"}
    for world in (Addition(), Sorting()):  # what it knew before, it does as before
        ours, theirs = (t.planner(world) for t in (trainer, more))
        results = [evaluate(world, planner, 3, 6, 1) for planner in (ours, theirs)]
        assert results[0] == results[1]


def test_a_new_program_begins_as_the_known_one_that_does_the_same() -> None:
    model, table = load_policy(share_dir() / "models/policies/multi")
    recorded = record_all(table, (Practice(table.environments.index(Sorting()), (2, 5), 4),), 0).activations
    new, memory = table.rows.index("sorting.RSHIFT"), model.program_memory
    known = [row for row in range(len(table.rows)) if row != new]
    right = memory[new].clone()
    with torch.no_grad():
        memory[known[-1]], memory[new] = right, 0.0
    begin_as_likeliest(model, ActivationSet(table, [a for a in recorded if a.program == new]).whole, known)
    assert torch.equal(memory[new], right)


def test_only_more_programs_make_an_extension(recordings: Recordings) -> None:
    trainer = Trainer(CONFIG_BOTH, recordings)
    base = (trainer.model, trainer.table)
    config = replace(CONFIG_BOTH, environments=("addition", "maximum"), decay=0.0)
    Trainer(config, make_recordings(config), base=base)
    config = replace(config, environments=("sorting",), practices=(Practice(0, (2,), 2),))
    with pytest.raises(ValueError, match=r"missing are: addition\.ADD"):
        Trainer(config, make_recordings(config), base=base)
    with pytest.raises(ValueError, match="decay should be 0"):
        Trainer(replace(maximum(CONFIG_BOTH), decay=0.1), recordings, base=base)
