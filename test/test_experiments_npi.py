"""The experiments of NPI: what is trained and tried; units from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from taskprog.experiments.npi import FIGURES, FULL, QUICK, Experiments
from taskprog.experiments.npi_work import (
    Computing,
    compute,
    extend,
    train,
    train_sequences,
    write_sequences,
)
from taskprog.experiments.page import write_page
from taskprog.experiments.plots import draw
from taskprog.experiments.tables import write_figure
from taskprog.experiments.unit import Store, Unit, closure
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.presets import configuration, maximum, sequences

SMALL = NPIConfig(hidden=16, state=8, program=8, key=6, fused=12, encoder=12)


def test_the_paper_s_training_sets() -> None:
    (addition, shifts) = configuration("addition", 0).practices
    assert (addition.lengths, addition.problems, addition.program) == (tuple(range(1, 21)), 32, None)
    assert shifts.program == "RSHIFT"
    (sorting,) = configuration("sorting", 0).practices
    assert len(sorting.lengths) * sorting.problems == 1216


@pytest.mark.parametrize("scale", [FULL, QUICK], ids=["full", "quick"])
def test_every_unit_has_a_result_of_its_own_and_seeds_that_training_has_not(scale: object) -> None:
    figures = Experiments(FULL if scale is FULL else QUICK).figures()
    units = closure([unit for figure in figures for unit in figure.units])
    assert len({unit.key for unit in units}) == len(units)
    for unit in units:
        if isinstance(unit.config, Computing):
            assert unit.config.seed not in FULL.seeds
    assert {figure.name for figure in figures} == set(FIGURES)


def test_units_train_extend_and_compute(tmp_path: Path) -> None:
    config = configuration("sorting", 0)
    practices = tuple(replace(p, lengths=(2, 3), problems=3) for p in config.practices)
    config = replace(config, practices=practices, steps=4, decisions=40, model=SMALL)
    trained = train(config)
    assert trained.figures["recordings"] == 6
    figures = compute(Computing("sorting", 3, 5, 3_000_000), trained.files).figures
    assert (figures["n"], figures["length"]) == (5, 3)
    more = replace(
        maximum(config), practices=(replace(maximum(config).practices[0], lengths=(2,), problems=2),)
    )
    extended = extend(replace(more, steps=3), trained.files)
    assert set(extended.figures["errors"]) == {"sorting.RJMP", "sorting.MAX"}
    assert compute(Computing("maximum", 3, 5, 3_000_000), extended.files).figures["n"] == 5
    baseline = replace(sequences("sorting", 0), lengths=(2,), problems=3, steps=3, hidden=8, embedding=4)
    written = write_sequences(Computing("sorting", 2, 5, 3_000_000), train_sequences(baseline).files)
    assert written.figures["n"] == 5


def test_figures_have_tables_and_pictures(tmp_path: Path) -> None:
    """With results made up by the store only, as units would leave them."""
    store, results = Store(tmp_path), tmp_path / "results"
    figures = Experiments(QUICK).figures()
    for unit in closure([unit for figure in figures for unit in figure.units]):
        store.keep(unit, _output(unit), {"cpu": 1.0, "wall": 1.0})
    for figure in figures:
        picture = draw(write_figure(figure, store, results, "taskprog npi --quick"))
        assert picture is not None
        assert picture.is_file()
    write_page(results, tmp_path / "results.md", "Experiments", ("Words.",), tuple(FIGURES))
    page = (tmp_path / "results.md").read_text()
    assert "| sums of 10 digits | NPI, addition | 10 | 100.0 (72.2–100.0) |" in page
    assert page.count("![") == len(FIGURES)
    assert json.loads((results / "addition.json").read_text())["across"] == "digits"


def _output(unit: Unit):  # type: ignore[no-untyped-def]
    from taskprog.experiments.unit import Output
    from taskprog.tasks.scratch_pad.evaluation import Computation, Summary

    if isinstance(unit.config, Computing):
        return Output(Summary.of(unit.config.length, [Computation(True, "", 9, 5)] * 10).to_json())
    curve = [{"step": step, "loss": 1.0, "errors": {"addition.ADD": 0.1}} for step in (1, 2)]
    sizes = {"parameters": 1, "steps": 1, "recordings": 1, "decisions": 1}
    return Output({**sizes, "loss": 0.1, "errors": {}, "curve": curve})
