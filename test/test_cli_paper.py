"""The paper's experiments: what is trained and tried, honestly; the command from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ntp_example import SHORT

from taskprog.cli.main import main
from taskprog.experiments.paper import FULL, QUICK, STACKING, Paper, Scale
from taskprog.experiments.paper_figures import ORDERS, figures
from taskprog.experiments.pool import Pool
from taskprog.experiments.tables import Figure
from taskprog.experiments.unit import Unit, closure
from taskprog.experiments.work import (
    ATTEMPTS,
    GIVEN,
    SEEN,
    TOPOLOGY,
    UNSEEN,
    Evaluation,
    TaskSet,
    choose,
    sized,
    train,
    train_once,
)
from taskprog.planners.checkpoint import WEIGHTS
from taskprog.planners.ntp.config import Returns
from taskprog.planners.ntp.presets import MODELS, NTP, RELATIONAL, configuration, relabelled
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TEST, TRAIN

OWN = ("1>0 2>1", "5>4 7>6")


def figure(paper: Paper, name: str) -> Figure:
    (found,) = figures(paper, [name])
    return found


def evaluations(found: Figure) -> list[tuple[Unit, Evaluation, TrainConfig]]:
    """Each unit with its configuration, and that of the training of its policy."""
    return [(unit, unit.config, unit.needs[0].config) for unit in found.units]


# Which tasks


def test_seen_tasks_are_those_of_the_training_and_come_again() -> None:
    family = FAMILIES[STACKING]
    trained = [str(task) for task in family.tasks(3, 20, TRAIN)]
    assert [str(task) for task in choose(family, TaskSet(SEEN, 50, 3, 20))] == (3 * trained)[:50]


def test_topology_keeps_the_goals_and_changes_the_order() -> None:
    family = FAMILIES[STACKING]
    trained = {task.goal: str(task) for task in family.tasks(3, 40, TRAIN)}
    tasks = choose(family, TaskSet(TOPOLOGY, 40, 3, 40))
    assert all(str(task) != trained[task.goal] for task in tasks)
    assert [str(task) for task in choose(family, TaskSet(TOPOLOGY, 40, 3, 40))] == [
        str(task) for task in tasks
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_unseen_tasks_are_of_the_test_half(family: str) -> None:
    tasks = choose(FAMILIES[family], TaskSet(UNSEEN, 30, 3, 4))
    assert {task.half for task in tasks} == {TEST}
    assert len({task.goal for task in tasks}) == 30


def test_families_of_other_sizes() -> None:
    assert len(sized(STACKING, {"cubes": 10}).names) == 10
    with pytest.raises(ValueError, match="block_stacking has no objects"):
        sized(STACKING, {"objects": 10})


# Which units


@pytest.mark.parametrize("scale", [FULL, QUICK], ids=["full", "quick"])
def test_units_have_names_of_their_own(scale: object) -> None:
    units = closure(
        unit for found in figures(Paper(QUICK if scale is QUICK else FULL, OWN)) for unit in found.units
    )
    assert len({unit.name for unit in units}) == len(units)


def test_figure_5_has_all_models_numbers_of_tasks_and_seeds() -> None:
    found = evaluations(figure(Paper(FULL), "fig5"))
    points = {
        (training.tasks, training.seed, str(training.model), training.data.relabelled, evaluation.tasks.test)
        for _, evaluation, training in found
    }
    curve = len(FULL.tasks) * len(FULL.seeds) * 3  # tests
    assert len(points) == len(found) == curve * (len(MODELS) + 1)
    assert sum(training.data.relabelled for _, _, training in found) == curve
    for unit, evaluation, training in found:
        assert evaluation.tasks.n == (300 if RELATIONAL in unit.name else 100)
        assert (evaluation.tasks.seed, evaluation.tasks.trained) == (training.seed, training.tasks)
        assert evaluation.conditions.noise.detector == 0.002
        assert evaluation.conditions.noise.action == 0.003


def test_other_figures_use_the_policies_of_figures_5_and_6() -> None:
    paper = Paper(FULL)
    names = ("fig5", "fig6", "cleanup")
    trained = {unit.needs[0].key for name in names for unit in figure(paper, name).units}
    usual = [unit for unit in figure(paper, "robustness").units if "usual" in unit.name]
    assert len(usual) == 3 * 11
    assert {unit.needs[0].key for unit in usual} <= trained
    assert {unit.key for unit in figure(paper, "cost").units} <= trained
    assert {unit.needs[0].key for unit in figure(paper, "fig5").units} < {
        unit.key for unit in figure(paper, "cost").units
    }
    changed = [unit for unit in figure(paper, "robustness").units if "no_mishaps" in unit.name]
    assert {unit.needs[0].config.data.disturbed for unit in changed} == {0.0}


def test_figure_6_tries_every_unseen_map_with_every_seed() -> None:
    found = evaluations(figure(Paper(FULL), "fig6"))
    ours = [evaluation for unit, evaluation, _ in found if RELATIONAL in unit.name]
    assert sorted(evaluation.sizes["objects"] for evaluation in ours) == sorted([4, 8, 20, 40] * 3)
    for evaluation in ours:
        tasks = choose(sized(ORDERS, evaluation.sizes), evaluation.tasks)
        assert len({task.goal for task in tasks}) == 252
    assert {training.tasks for _, _, training in found} == {4}


def test_the_authors_tasks_are_tried_and_never_trained_on() -> None:
    own = [unit for unit in figure(Paper(QUICK, OWN), "fig5").units if unit.config.tasks.test == GIVEN]
    assert [unit.config.tasks.texts for unit in own] == [OWN]
    assert [str(task) for task in choose(FAMILIES[STACKING], own[0].config.tasks)] == list(OWN)
    assert not [unit for unit in figure(Paper(QUICK), "fig5").units if unit.config.tasks.test == GIVEN]


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_convergence_is_tried_by_training_the_usual_policies_on(scale: Scale) -> None:
    rows = figure(Paper(scale), "convergence").rows
    for usual, again in zip([*rows[0::4], *rows[1::4]], [*rows[2::4], *rows[3::4]], strict=True):
        (tried,), (tried_again,) = usual.units.values(), again.units.values()
        (policy,), (trained_on,) = tried.needs, tried_again.needs
        assert trained_on.needs == (policy,)
        assert trained_on.config == policy.config
        assert again.labels["steps"] == f"{policy.config.steps} + {policy.config.steps}"


def test_a_unit_trains_what_another_has_trained_on() -> None:
    once = train(replace(SHORT, data=replace(SHORT.data, trials=1)))
    still = replace(SHORT, data=replace(SHORT.data, trials=1), rate=0.0, steps=1)
    assert train(still, once.files).files[WEIGHTS] == once.files[WEIGHTS]
    assert train(still).files[WEIGHTS] != once.files[WEIGHTS]


def test_a_stuck_training_is_begun_anew_from_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(SHORT, steps=2, data=replace(SHORT.data, trials=1))  # nothing is learnt in two steps
    once, anew = train_once(short), train(short)
    assert (once.figures["attempts"], anew.figures["attempts"]) == (1, ATTEMPTS)
    others = [Trainer(short, make_recordings(short), weights=weights) for weights in range(ATTEMPTS)]
    for trainer in others:
        trainer.run()
    best = min(others, key=lambda trainer: max(trainer.errors.values()))
    assert anew.figures["errors"] == best.errors
    assert len({trainer.loss for trainer in others}) == ATTEMPTS
    monkeypatch.setattr("taskprog.experiments.work.STUCK", 1.0)
    assert train(short).figures["attempts"] == 1


def test_what_is_only_tried_out_is_trained_once() -> None:
    for scale, function in ((FULL, train), (QUICK, train_once), (Scale(steps=2), train_once)):
        assert {unit.needs[0].function for unit in figure(Paper(scale), "fig6").units} == {function}


def test_trainings_on_the_same_tasks_share_their_recordings() -> None:
    """How long recording took to the last digit tells whose recordings they are."""
    base = replace(SHORT, seed=77, steps=2, data=replace(SHORT.data, trials=1))
    first = train_once(base)
    coordinates = replace(base, model=configuration(STACKING, NTP, 12, 0).model)
    for alike in (replace(base, rate=1e-4), relabelled(base), coordinates):
        again = train_once(alike)
        assert again.seconds["recording"] == first.seconds["recording"]
        assert again.figures["decisions"] == first.figures["decisions"]
    for other in (
        replace(base, seed=78),
        replace(base, tasks=base.tasks + 1),
        replace(base, data=replace(base.data, slips=0.5)),
        replace(base, model=replace(base.model, flat=True)),
        replace(base, model=replace(base.model, returns=Returns.SEPARATE)),
    ):
        own = train_once(other)
        assert own.seconds["recording"] != first.seconds["recording"]
        assert own.figures["decisions"] == sum(len(recording) for recording in make_recordings(other))


# The command


@pytest.mark.slow
def test_from_training_to_the_page(workers: Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = ["--steps", "2", "--trials", "2", "--episodes", "2"]
    arguments = ["paper", "--quick", "--only", "fig6", *tiny, "--output", str(tmp_path)]
    assert main(arguments) == 0
    results = tmp_path / "results"
    content = json.loads((results / "fig6.json").read_text())
    assert content["command"] == "taskprog paper --quick " + " ".join(tiny)
    assert [(row["model"], row["objects"], row["n"]) for row in content["rows"]] == [
        (model, objects, 2) for model in MODELS.values() for objects in (4, 40)
    ]
    for row in content["rows"]:
        assert row["successes"] + sum(row["causes"].values()) == row["n"]
    assert (results / "fig6.png").exists()
    assert "| NTP (GRU) | 2 |" in (tmp_path / "results.md").read_text()
    capsys.readouterr()
    assert main(arguments) == 0
    assert "18 of 18 units are done already" in capsys.readouterr().out
    assert json.loads((results / "fig6.json").read_text()) == content


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--only", "fig7"], "--only 'fig7': there are fig5, fig6"),
        (["--only", ""], "--only ''"),
        (["--task-file", "nowhere.csv"], "nowhere.csv"),
        (["--steps", "5"], "--steps is 5; it should be at least 1, and goes with --quick only"),
        (["--quick", "--episodes", "0"], "--episodes is 0"),
        (["--jobs", "0"], "--jobs: 0 should be at least 1"),
        (["--jobs", "3", "--ray", "127.0.0.1:1"], "not allowed with argument --jobs"),
    ],
)
def test_bad_use_is_explained(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(["paper", *arguments])
    except SystemExit as stopped:  # what the parser itself refuses
        code = stopped.code
    assert code == 2
    assert reason in capsys.readouterr().err
