"""The commands with Neural Programmer-Interpreters: train, evaluate, run; bad use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from taskprog.cli.main import main
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import NPIPlanner


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hardly trained, by the command."""
    folder = tmp_path_factory.mktemp("policy")
    arguments = ["--family", "addition", "--steps", "3", "--check", "1", "--output", str(folder)]
    assert main(["train", *arguments]) == 0
    return folder


def test_a_policy_comes_with_a_card_and_curves(policy: Path) -> None:
    NPIPlanner.load(policy, ENVIRONMENTS["addition"])
    card = re.sub(r"\s+", " ", (policy / "MODEL_CARD.md").read_text())
    assert "taskprog train --family addition --seed 0 --steps 3" in card
    assert "32 problems of each of 20 lengths, 1 to 20" in card
    assert "addition, length 100: 0 of 1 problems right" in card
    assert not (policy / "training.pt").exists()
    assert list((policy / "tensorboard").iterdir())


def test_evaluation_tells_of_each_length(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--length", "2", "3", "--limit", "4", "--checkpoint", str(policy), "--json", str(out)]
    assert main(["evaluate", "--family", "addition", *arguments]) == 0
    report = json.loads(out.read_text())
    assert [(part["length"], part["n"]) for part in report["lengths"]] == [(2, 4), (3, 4)]
    for part in report["lengths"]:
        assert part["successes"] + sum(part["causes"].values()) == 4
    assert "0.0%" in capsys.readouterr().out


def test_a_wrong_sum_is_shown_and_told_by_the_exit_code(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "add", "96", "125", "--checkpoint", str(policy)]) == 1
    shown = capsys.readouterr().out
    assert "96 + 125 = 221, but the pad says" in shown.replace("\n", " ")


def test_a_shape_is_turned_and_what_was_seen_can_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strip = tmp_path / "strip.png"
    words = ["run", "pose", "30", "45", "--planner", "expert", "--seed", "3", "--picture", str(strip)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    turns = shown.count("ACT(CAMERA")
    assert turns > 0
    assert "camera at azimuth 30°, elevation 45°, wanted azimuth 30°, elevation 45°" in shown
    picture = cv2.imread(str(strip))
    assert picture is not None
    height, width, _ = picture.shape
    assert width == height * (turns + 1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "--family", "addition", "--model", "flat"], "--model does not go with --family addition"),
        (["train", "--family", "sorting", "--tasks", "3"], "--tasks does not go with"),
        (
            ["evaluate", "--family", "sorting", "--checkpoint", "POLICY"],
            "knows the programs of addition, not",
        ),
        (["evaluate", "--family", "addition", "--checkpoint", "nowhere"], "nowhere: no such folder"),
        (["evaluate", "--family", "addition", "--limit", "0"], "--limit is 0"),
        (["evaluate", "--family", "addition", "--world", "physics"], "--world and --task-file do not go"),
        (["evaluate", "--length", "4"], "--length does not go with --family block_stacking"),
        (["run", "sort", "3", "1", "--checkpoint", "POLICY"], "knows the programs of addition, not sorting"),
        (["run", "pose", "20", "0"], "azimuth 20 is none of the camera's: -75 to 75 degrees, by 15"),
        (["run", "pose", "15", "75"], "elevation 75 is none of the camera's"),
        (["run", "pose", "15", "30", "--checkpoint", "POLICY"], "knows the programs of addition, not poses"),
        (["npi", "--only", "division"], "there are addition, sorting"),
    ],
)
def test_bad_use_is_explained(
    arguments: list[str], reason: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(policy) if word == "POLICY" else word for word in arguments]) == 2
    assert reason in capsys.readouterr().err
