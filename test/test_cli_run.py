"""``taskprog run``: programs at work on scratch pads, on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from taskprog.cli.main import main
from taskprog.planners.npi.checkpoint import new_model, save_policy
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.environments import table_of


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_expert_adds_and_its_trace_shows_what_each_action_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "add", "96", "125", "--planner", "expert"]) == 0
    shown = lines(capsys)
    assert shown[0] == "96 + 125  planner expert"
    (first, *_) = [line for line in shown if "ACT" in line]
    assert first.endswith("ACT(WRITE, OUT, 1)  ✔  OUT   ····[1]")
    assert shown[-6].endswith("RETURNED, 30 decisions")  # and no seconds: a pad has none
    assert shown[-5:] == ["INP1  ·[·]·96", "INP2  ·[·]125", "CARRY ·[·]11·", "OUT   ·[·]221", "right"]


def test_the_expert_sorts_with_programs_that_call_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "sort", "9", "2", "5", "--planner", "expert", "--recursive"]) == 0
    shown = lines(capsys)
    assert sum("BUBBLESORT" in line for line in shown) == 3
    assert shown[-2:] == ["2[12] 5 9[3]", "right"]


def test_the_expert_finds_the_largest_digit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "max", "9", "2", "5", "--planner", "expert"]) == 0
    shown = lines(capsys)
    assert shown[0] == "max 9 2 5  planner expert"
    assert shown[-2:] == ["2 5 9[123]", "right"]


@pytest.mark.parametrize(
    ("kind", "task"), [("addition", ["add", "96", "125"]), ("poses", ["pose", "30", "45"])]
)
def test_an_act_that_the_pad_cannot_do_is_shown_as_failed(
    kind: str, task: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By an NPI that never ends, and whose every word is the table's last but one."""
    table = table_of((kind,))
    torch.manual_seed(0)
    model = new_model(NPIConfig(8, 4, 4, 4, 4, 4), table)
    with torch.no_grad():
        model.end.bias.fill_(-100.0)
        model.arguments.bias.zero_()
        model.arguments.bias[len(table.words) - 2 :: len(table.words)] = 100.0
    save_policy(tmp_path, model, table, {})
    assert main(["run", *task, "--checkpoint", str(tmp_path)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count("✘ INVALID_GOAL: the ") == 3  # as many in a row end a run
    assert "PRIMITIVE_FAILED" in shown
    assert "✔" not in shown


def test_folded_only_the_root_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "add", "96", "125", "--planner", "expert", "--fold"]) == 0
    assert "ADD  21 primitives" in lines(capsys)[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "96", "12x"], "'12x' is no number"),
        (["sort"], "there are no digits"),
        (["sort", "3", "12"], "'12' is no digit"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *arguments, "--planner", "expert"]) == 2
    assert reason in capsys.readouterr().err
