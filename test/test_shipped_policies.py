"""The shipped policies of NTP are what the code makes, and do tasks that they were not trained on."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from taskprog.planners.card import CARD
from taskprog.planners.checkpoint import CONFIG
from taskprog.planners.ntp.card import write_card
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.presets import FLAT, NTP, RELATIONAL, configuration, shipped
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings
from taskprog.resources import share_dir
from taskprog.tasks.conditions import Conditions
from taskprog.tasks.evaluation import evaluate
from taskprog.tasks.families import FAMILIES

POLICIES = share_dir() / "models/policies"


def card_of(config: TrainConfig, model: str, folder: Path) -> str:
    """A card as training would write it, but of a few recordings, without figures."""
    recordings = make_recordings(replace(config, tasks=2, data=replace(config.data, trials=1)))
    write_card(folder, model, recordings, Trainer(config, recordings), None)
    return said(folder)


def said(folder: Path) -> str:
    """A policy's card on one line."""
    return re.sub(r"\s+", " ", (folder / CARD).read_text())


@pytest.mark.parametrize("family", FAMILIES)
def test_it_was_trained_as_the_preset_says(family: str) -> None:
    saved = json.loads((POLICIES / family / CONFIG).read_text())
    del saved["training"]["result"]
    config = json.loads(json.dumps(asdict(shipped(family))))
    assert saved["training"] == config
    assert saved["model"] == config["model"]


@pytest.mark.parametrize("family", FAMILIES)
def test_its_card_says_what_training_would_write(family: str, tmp_path: Path) -> None:
    """All but figures: what was measured, and the number of recordings."""

    def without_figures(card: str) -> str:
        text = re.sub("## Figures.*## Limits", "", card)
        return re.sub(r"\d+ (demonstrations|decisions\.|s of CPU time)", r"\1", text)

    card = card_of(shipped(family), RELATIONAL, tmp_path)
    assert without_figures(said(POLICIES / family)) == without_figures(card)


def test_a_card_tells_of_slips_and_doubt_where_there_are_any(tmp_path: Path) -> None:
    """Without programs, whose scopes and ends they are, nothing slips; only who points at objects doubts."""
    plus, paper, flat = (configuration("order_fulfilment", m, 2, 0) for m in (RELATIONAL, NTP, FLAT))
    cases = [
        (plus, RELATIONAL, True, True),
        (replace(plus, data=replace(plus.data, slips=0.0)), RELATIONAL, False, True),
        (replace(plus, model=replace(plus.model, doubt=0.0)), RELATIONAL, True, False),
        (paper, NTP, True, False),
        (flat, FLAT, False, False),
    ]
    for config, model, slips, doubt in cases:
        card = card_of(config, model, tmp_path)
        assert ("Slips: in recordings with mishaps, 5% of the decisions" in card) == slips
        assert ("pointing has to do without the relations of 10% of the objects" in card) == doubt
        assert ("Slips" in card, "Doubt" in card) == (slips, doubt)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_does_unseen_tasks_on_the_twin(family: str) -> None:
    """Of order fulfilment, on maps that it has not seen; seeds are fixed, and it does hundreds of such."""
    world = FAMILIES[family]
    planner = NTPPlanner.load(POLICIES / family, world)
    episodes = evaluate(world, world.tasks(0, 5, "test"), planner, Conditions())
    assert [(e.task, e.success, e.cause) for e in episodes] == [(e.task, True, "") for e in episodes]
