"""The command that trains: policy, model card, curves; interruptions; bad use."""

from __future__ import annotations

import _thread
import argparse
import re
import threading
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn.modules.module import register_module_forward_pre_hook

from taskprog.cli import train
from taskprog.cli.main import main
from taskprog.planners.checkpoint import WEIGHTS
from taskprog.planners.ntp.model import NTPModel
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.presets import RELATIONAL, configuration, shipped
from taskprog.tasks.families import FAMILIES

TINY = ["--tasks", "4", "--trials", "1"]


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_defaults_make_the_shipped_policy(family: str) -> None:
    assert train.configured(options("--family", family)) == shipped(family)


def test_options_change_the_training() -> None:
    config = train.configured(
        options("--model", "flat", "--tasks", "50", "--seed", "3", "--steps", "9", "--relabelled")
    )
    flat = configuration("block_stacking", "flat", 50, 3)
    assert (config.model, config.tasks, config.seed, config.steps) == (flat.model, 50, 3, 9)
    assert config.data.relabelled
    assert config.data.trials == flat.data.trials
    assert config.data.reordered == flat.data.reordered
    assert train.configured(options("--trials", "7", "--reordered", "0.5")).data.reordered == 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_a_policy_comes_with_a_card_and_curves(family: str, tmp_path: Path) -> None:
    arguments = ["--family", family, *TINY, "--steps", "40", "--check", "3", "--output", str(tmp_path)]
    assert main(["train", *arguments]) == 0
    NTPPlanner.load(tmp_path, FAMILIES[family])
    card = (tmp_path / "MODEL_CARD.md").read_text()
    command = re.sub(r"\s+", " ", card)
    assert f"taskprog train --family {family} --model {RELATIONAL} --seed 0 --tasks 4 --trials 1" in command
    assert f"{family}: pick_and_" in command
    # Order fulfilment has four tasks to train on, and all are trained on.
    tasks = (
        "that were trained on, from new starts" if family == "order_fulfilment" else "of the training half"
    )
    assert f"of 3 tasks {tasks}" in command
    assert not (tmp_path / "training.pt").exists()
    curves = EventAccumulator(str(tmp_path / "tensorboard"))  # type: ignore[no-untyped-call]
    curves.Reload()  # type: ignore[no-untyped-call]
    names = set(curves.Tags()["scalars"])  # type: ignore[no-untyped-call]
    assert {"loss", "rate", "wrong/pick", f"wrong/{family}"} <= names
    assert [point.step for point in curves.Scalars("loss")] == [20, 40]  # type: ignore[no-untyped-call]


@pytest.mark.timeout(60)
def test_after_ctrl_c_the_same_command_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", *TINY, "--steps", "100000", "--output", str(tmp_path)]
    reached = []
    for run in range(2):
        ctrl_c(tmp_path / f"logs{run}")
        assert main([*arguments, "--logs", str(tmp_path / f"logs{run}")]) == 130
        shown = capsys.readouterr().out
        stopped = re.search(r"stopped at step (\d+); the same command goes on", shown)
        assert stopped is not None
        reached.append(int(stopped[1]))
    assert f"going on at step {reached[0]}" in shown
    assert 0 < reached[0] < reached[1]


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a step's computation, in two of the six: the same weights in the end."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    arguments = ["train", *TINY, "--steps", "6", "--check", "0"]
    assert main([*arguments, "--output", str(whole)]) == 0
    calls = 0

    def interrupt(module: object, inputs: object) -> None:
        nonlocal calls
        calls += isinstance(module, NTPModel)
        if isinstance(module, NTPModel) and calls in (2, 4):
            _thread.interrupt_main()

    with register_module_forward_pre_hook(interrupt):
        codes = [main([*arguments, "--output", str(parts)]) for _ in range(3)]
    assert codes == [130, 130, 0]
    assert (parts / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()


def test_it_does_not_matter_who_records_the_expert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes, which get three of the eight recordings at a time: the same policy as by one."""
    monkeypatch.setattr(train, "PART", 3)
    arguments = ["train", "--tasks", "4", "--trials", "2", "--steps", "3", "--check", "0"]
    for jobs in ("1", "2"):
        assert main([*arguments, "--jobs", jobs, "--output", str(tmp_path / jobs)]) == 0
    assert (tmp_path / "2" / WEIGHTS).read_bytes() == (tmp_path / "1" / WEIGHTS).read_bytes()
    too_many = ["train", "--family", "order_fulfilment", "--tasks", "5", "--jobs", "2"]
    assert main([*too_many, "--output", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.startswith("taskprog train: only 4 tasks exist")


def ctrl_c(logs: Path) -> None:
    """Press it as soon as the training is on its way: when its curves begin."""

    def press() -> None:
        while not any(logs.glob("*")):
            threading.Event().wait(0.02)
        threading.Event().wait(0.5)
        _thread.interrupt_main()

    threading.Thread(target=press, daemon=True).start()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--family", "order_fulfilment", "--tasks", "5"], "only 4 tasks exist, not 5"),
        (["--family", "laundry"], "'laundry'"),
        (["--model", "transformer"], "'transformer'"),
        (["--steps", "0"], "--steps: 0 should be at least 1"),
        (["--family", "sorting", "--jobs", "2"], "--jobs and --ray are not for NPI's families"),
        (["--reordered", "2"], "--reordered: 2 should be from 0 to 1"),
    ],
)
def test_bad_use_is_explained(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(["train", *arguments])
    except SystemExit as stopped:  # what the parser itself refuses
        code = stopped.code
    assert code == 2
    assert reason in capsys.readouterr().err
