"""The experiments of NPI: what is trained and tried; units from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from taskprog.cli.train_npi import CHECK_SEED
from taskprog.experiments.npi import EVALUATION_SEED, FIGURES, FULL, QUICK, Experiments
from taskprog.experiments.npi_work import (
    Computing,
    Timing,
    compute,
    extend,
    measure,
    train,
    train_sequences,
    write_sequences,
)
from taskprog.experiments.page import write_page
from taskprog.experiments.plots import draw
from taskprog.experiments.tables import write_figure
from taskprog.experiments.unit import Store, Unit, closure
from taskprog.machine import Ask, Decision, PlannerError, TaskSpecification
from taskprog.planners.npi import seq2seq
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.dataset import Practice, record_all
from taskprog.planners.npi.presets import configuration, maximum, sequences
from taskprog.planners.npi.speed import MACHINE, NPI, ORACLE, TRACED
from taskprog.planners.npi.table import ProgramTable
from taskprog.resources import share_dir
from taskprog.tasks.scratch_pad.addition import Addition
from taskprog.tasks.scratch_pad.evaluation import Computation, Summary, evaluate
from taskprog.tasks.scratch_pad.sorting import Sorting

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


class Idle:
    """Ends every program at once."""

    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        pass

    def decide_many(self, asks: Sequence[Ask[Any]]) -> list[Decision | PlannerError]:
        return [Decision(None, end=True) for _ in asks]


@pytest.mark.parametrize("base", [Addition, Sorting])
def test_no_problem_is_both_trained_on_and_tried(base: type[Addition] | type[Sorting]) -> None:
    """Problems so long that two hardly ever are equal by chance; tried with the seed of the training, too."""
    made: list[str] = []

    class Watched(base):  # type: ignore[misc, valid-type]
        def problem(self, *args: Any) -> Any:
            problem = super().problem(*args)
            made.append(problem.pad.text())
            return problem

    def problems_of(work: Callable[[], object]) -> list[str]:
        made.clear()
        work()
        return list(made)

    table, name = ProgramTable((Watched(),)), base().name
    trained = problems_of(lambda: record_all(table, (Practice(0, (11, 12), 15),), 0))
    assert len(set(trained)) == 30
    for seed in (0, EVALUATION_SEED, CHECK_SEED):
        tried = problems_of(lambda seed=seed: evaluate(Watched(), Idle(), 12, 50, seed))  # type: ignore[misc]
        assert len(set(tried)) == 50
        assert not set(tried) & set(trained)
    # The baseline has the same ones.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(seq2seq.TASKS, name, Watched())
        config = seq2seq.Seq2SeqConfig(name, (11, 12), 15, hidden=4, embedding=4)
        assert problems_of(lambda: seq2seq.Seq2SeqTrainer(config)) == trained
        model = seq2seq.new_model(config)
        assert problems_of(lambda: seq2seq.evaluate(model, name, 12, 50, CHECK_SEED)) == tried


def test_both_curves_of_sample_complexity_have_the_same_points() -> None:
    (figure,) = Experiments(FULL).figures(["samples"])
    points: dict[str, list[int]] = {}
    for row in figure.rows:
        points.setdefault(str(row.labels["model"]), []).append(int(row.labels["examples"]))
    assert list(points.values()) == [[2**k for k in range(9)]] * 2


def test_steps_are_timed_with_the_policy_that_was_trained() -> None:
    folder = share_dir() / "models/policies/addition"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    times = measure(Timing("addition", 4), files).seconds
    assert list(times) == [MACHINE, ORACLE, TRACED, NPI]
    assert 0.0 < times[MACHINE] < times[NPI]


def test_figures_have_tables_and_pictures(tmp_path: Path) -> None:
    """With results made up by the store only, as units would leave them."""
    store, results = Store(tmp_path), tmp_path / "results"
    figures = Experiments(QUICK).figures()
    for unit in closure([unit for figure in figures for unit in figure.units]):
        store.keep(unit, _output(unit), {"cpu": 1.0, "wall": 1.0})
    for figure in figures:
        picture = draw(write_figure(figure, store, results, "taskprog npi --quick"))
        assert (picture is None) == (figure.name == "speed")
        assert picture is None or picture.is_file()
    write_page(results, tmp_path / "results.md", "Experiments", ("Words.",), tuple(FIGURES))
    page = (tmp_path / "results.md").read_text()
    assert "| sums of 10 digits | NPI, addition | 10 | 100.0 (72.2–100.0) |" in page
    assert page.count("![") == len(FIGURES) - 1  # none of how long steps take
    assert "| addition | 500 | 1 | 3.0 | 4.0 | 7.0 | 240.0 |" in page
    assert json.loads((results / "addition.json").read_text())["across"] == "digits"


def _output(unit: Unit):  # type: ignore[no-untyped-def]
    from taskprog.experiments.unit import Output

    if isinstance(unit.config, Computing):
        return Output(Summary.of(unit.config.length, [Computation(True, "", 9, 5)] * 10).to_json())
    if isinstance(unit.config, Timing):
        return Output({}, seconds={MACHINE: 3.0, ORACLE: 4.0, TRACED: 7.0, NPI: 240.0})
    curve = [{"step": step, "loss": 1.0, "errors": {"addition.ADD": 0.1}} for step in (1, 2)]
    sizes = {"parameters": 1, "steps": 1, "recordings": 1, "decisions": 1}
    return Output({**sizes, "loss": 0.1, "errors": {}, "curve": curve})
