"""Saved policies of NTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from ntp_example import FAMILY, SMALL, VARIANTS, demonstration, model_of, observation, untrained

from taskprog.machine import (
    Ask,
    Decision,
    Frame,
)
from taskprog.planners.checkpoint import CONFIG, WEIGHTS
from taskprog.planners.ntp.checkpoint import save_policy
from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.planner import CheckpointError, NTPPlanner
from taskprog.tasks.block_stacking import (
    BlockStacking,
)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    folder = tmp_path / "policy"
    save_policy(folder, model_of(SMALL), FAMILY, {})
    return folder


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_saved_policy_decides_the_same(config: ModelConfig, tmp_path: Path) -> None:
    fresh = untrained(5, config)
    save_policy(tmp_path, fresh._model, FAMILY, {})
    video, seen = demonstration(), observation()
    loaded = NTPPlanner.load(tmp_path, FAMILY)
    assert loaded.library == fresh.library
    for program in (op.name for op in fresh.library.values() if op.callees):
        asks = [Ask(Frame(fresh.library[program], video.whole), seen)]
        for planner in (fresh, loaded):
            planner.begin(video)
        (one,), (other,) = fresh.decide_many(asks), loaded.decide_many(asks)
        assert isinstance(one, Decision)
        assert isinstance(other, Decision)
        assert replace(one, state=None) == replace(other, state=None)


def truncate(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:500])


def change(**fields: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / CONFIG
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return edit


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / WEIGHTS).unlink(), "model.safetensors: no such file"),
        (lambda folder: (folder / CONFIG).unlink(), "config.json: no such file"),
        (truncate, "model.safetensors: damaged or not safetensors"),
        (lambda folder: (folder / CONFIG).write_text("{"), "config.json: not a policy's configuration"),
        (change(format="other/2"), "format is 'other/2', expected 'taskprog-ntp/2'"),
        (change(model={"channels": "many"}), "not a policy's configuration"),
        (
            change(model={**SMALL.__dict__, "hidden": 24}),
            r"tensor core.first.bias has shape \(16,\).*asks for \(24,\)",
        ),
        (change(root="sorting"), "trained for the library sorting"),
    ],
)
def test_a_damaged_policy_is_refused_by_name(
    policy: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(policy)
    with pytest.raises(CheckpointError, match=reason):
        NTPPlanner.load(policy, FAMILY)


def test_a_policy_for_another_family_or_at_no_such_place_is_refused(policy: Path) -> None:
    @dataclass(frozen=True)
    class Other(BlockStacking):
        release: ClassVar[float] = 0.1

    with pytest.raises(CheckpointError, match="trained for the library block_stacking"):
        NTPPlanner.load(policy, Other())
    vector = policy.with_name("vector")
    save_policy(vector, model_of(VARIANTS["vector"]), FAMILY, {})
    with pytest.raises(CheckpointError, match="sees a vector of 8 objects, the family has 10"):
        NTPPlanner.load(vector, BlockStacking(cubes=10))
    NTPPlanner.load(policy, BlockStacking(cubes=10))
    with pytest.raises(CheckpointError, match="no such folder"):
        NTPPlanner.load(policy / "missing", FAMILY)
