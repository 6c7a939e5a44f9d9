"""``taskprog run``: programs at work on scratch pads, on the terminal."""

from __future__ import annotations

import pytest

from taskprog.cli.main import main


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_the_expert_adds_and_its_trace_shows_what_each_action_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "add", "96", "125", "--planner", "expert"]) == 0
    shown = lines(capsys)
    assert shown[0] == "96 + 125  planner expert"
    (first, *_) = [line for line in shown if "ACT" in line]
    assert first.endswith("ACT(WRITE, OUT, 1)  ✔  OUT   ····[1]")
    assert shown[-5:] == ["INP1  ·[·]·96", "INP2  ·[·]125", "CARRY ·[·]11·", "OUT   ·[·]221", "right"]


def test_the_expert_sorts_with_programs_that_call_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "sort", "9", "2", "5", "--planner", "expert", "--recursive"]) == 0
    shown = lines(capsys)
    assert sum("BUBBLESORT" in line for line in shown) == 3
    assert shown[-2:] == ["2[12] 5 9[3]", "right"]


def test_folded_only_the_root_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "add", "96", "125", "--planner", "expert", "--fold"]) == 0
    assert "ADD  21 primitives" in lines(capsys)[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "96", "12x"], "'12x' is no number"),
        (["sort"], "nothing to sort"),
        (["sort", "3", "12"], "'12' is no digit"),
    ],
)
def test_bad_input_is_refused(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *arguments, "--planner", "expert"]) == 2
    assert reason in capsys.readouterr().err
