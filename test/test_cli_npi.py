"""The commands with Neural Programmer-Interpreters: train, evaluate, run; bad use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import pytest

from taskprog.cli.main import main
from taskprog.planners.npi.card import write_card
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.dataset import Practice
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.planners.npi.presets import STACKING
from taskprog.planners.npi.train import TrainConfig, Trainer, make_recordings
from taskprog.resources import share_dir
from taskprog.tasks.scratch_pad.evaluation import Computation, Summary


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


def test_a_card_says_what_it_is_of(tmp_path: Path) -> None:
    """Of a core for two kinds of environments; and of table-top tasks, whose recordings have mishaps."""
    texts = {}
    for names, model in ((("sorting", "poses"), "multi"), (("block_stacking_by_call",), STACKING)):
        practices = tuple(Practice(k, (1,), 3) for k in range(len(names)))
        config = TrainConfig(names, practices, steps=1, decisions=8, model=NPIConfig(8, 4, 4, 4, 4, 4))
        recordings = make_recordings(config)
        more = Trainer(config, recordings)
        checks = [(name, Summary.of(1, [Computation(True, "", 3, 1)])) for name in names]
        write_card(tmp_path, model, recordings, more, checks)
        texts[model] = re.sub(r"\s+", " ", (tmp_path / "MODEL_CARD.md").read_text())
    assert "under a scratch pad's pointers, and a picture of a shape" in texts["multi"]
    assert "3 problems of each of one length, 1." in texts["multi"]
    assert "sorting, length 1: 1 of 1" in texts["multi"]
    assert "mishaps" not in texts["multi"]
    assert "scratch pad" not in texts[STACKING]
    assert (
        "3 runs of tasks drawn from 1000 of the training half, of which 60% have mishaps." in texts[STACKING]
    )
    assert "trained on, from other starts, 60% of the runs with mishaps." in texts[STACKING]
    assert "length" not in texts[STACKING]
    for text in texts.values():
        assert "In a batch those are likelier that were missed of late." in text


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


@pytest.mark.parametrize(("family", "length"), [("poses", 4), ("block_stacking_by_call_seen", 1)])
def test_evaluation_has_a_length_of_its_own_for_each_environment(
    family: str, length: int, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    assert main(["evaluate", "--family", family, "--limit", "2", "--json", str(out)]) == 0
    (part,) = json.loads(out.read_text())["lengths"]
    assert (part["length"], part["n"]) == (length, 2)


def test_max_is_added_to_an_npi_that_sorts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = share_dir() / "models/policies/sorting"
    folder, arguments = tmp_path / "policy", ["--steps", "2", "--check", "0"]
    train = ["train", "--family", "maximum", "--base", str(base), "--output", str(folder)]
    assert main([*train, *arguments]) == 0
    NPIPlanner.load(folder, ENVIRONMENTS["maximum"])
    assert main(["run", "sort", "9", "2", "5", "--checkpoint", str(folder)]) == 0  # as before
    limit = ["--length", "3", "--limit", "2"]
    assert main(["evaluate", "--family", "maximum", *limit, "--checkpoint", str(folder)]) == 0
    card = re.sub(r"\s+", " ", (folder / "MODEL_CARD.md").read_text())
    assert f"taskprog train --family maximum --seed 0 --steps 2 --base {base}" in card
    assert "of which only the rows of the new programs are learnt" in card
    capsys.readouterr()
    again = ["train", "--family", "maximum", "--base", str(folder), "--output", str(tmp_path / "other")]
    assert main(again) == 2
    assert "this NPI knows MAX already" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "task"), [("seq2seq", "addition"), ("aligned", "addition_aligned")])
def test_baselines_are_trained_and_tried(
    model: str, task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "policy", tmp_path / "figures.json"
    train = ["train", "--family", "addition", "--model", model, "--steps", "2", "--check", "3"]
    assert main([*train, "--output", str(folder)]) == 0
    assert f"{task}, length 20: 0 of 3 right" in capsys.readouterr().out
    card = re.sub(r"\s+", " ", (folder / "MODEL_CARD.md").read_text())
    assert f"taskprog train --family addition --model {model} --seed 0 --steps 2" in card
    tried = ["--length", "1", "30", "--limit", "3", "--checkpoint", str(folder), "--json", str(out)]
    assert main(["evaluate", "--family", "addition", *tried]) == 0
    assert [part["n"] for part in json.loads(out.read_text())["lengths"]] == [3, 3]
    assert main(["evaluate", "--family", "sorting", *tried]) == 2
    assert f"this baseline is for {task}, not sorting" in capsys.readouterr().err


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
        (["train", "--family", "addition", "--model", "flat"], "--model flat does not go with --family add"),
        (["train", "--family", "addition", "--reordered", "0"], "--reordered does not go with"),
        (["train", "--family", "addition", "--seed", "-1"], "--seed is -1; it should be at least 0"),
        (["train", "--family", "addition", "--base", "POLICY"], "it goes with maximum and maximum_recursive"),
        (["train", "--family", "maximum"], "name its folder with --base, such as models/policies/multi"),
        (["train", "--family", "maximum", "--base", "nowhere"], "--base: nowhere: no such folder"),
        (["train", "--family", "maximum", "--base", "POLICY"], "but this NPI knows addition only"),
        (["train", "--family", "poses", "--model", "seq2seq"], "seq2seq goes with addition and sorting"),
        (["train", "--model", "aligned"], "are for NPI's families only"),
        (["train", "--base", "POLICY"], "are for NPI's families only"),
        (["train", "--family", "sorting", "--tasks", "3"], "--tasks does not go with"),
        (
            ["evaluate", "--family", "sorting", "--checkpoint", "POLICY"],
            "knows the programs of addition, not",
        ),
        (["evaluate", "--family", "addition", "--checkpoint", "nowhere"], "nowhere: no such folder"),
        (["evaluate", "--family", "addition", "--limit", "0"], "--limit is 0"),
        (["evaluate", "--family", "addition", "--world", "physics"], "--world physics does not go with"),
        *(
            (["evaluate", "--family", "addition", *option], f"{option[0]} does not go with --family addition")
            for option in (
                ["--task-file", "tasks.csv"],
                ["--half", "train"],
                ["--jobs", "2"],
                ["--ray", "auto"],
                ["--vision"],
                ["--planner", "npi"],
                ["--drop", "0.5"],
                ["--actor", "arm"],
                ["--output", "elsewhere"],
                ["--cubes", "5"],
            )
        ),
        (["evaluate", "--family", "addition", "--seed", "-1"], "--seed is -1; it should be at least 0"),
        (
            ["evaluate", "--family", "poses", "--length", "15"],
            "--length 15: poses are at most 14 turns apart",
        ),
        (
            ["evaluate", "--family", "block_stacking_by_call_seen", "--length", "2"],
            "whose tasks have their own",
        ),
        (
            ["evaluate", "--family", "maximum"],
            "`taskprog train --family maximum --base models/policies/multi`",
        ),
        (["run", "max", "3", "1", "--checkpoint", "POLICY"], "knows the programs of addition, not maximum"),
        (["run", "add", "3", "1", "--recursive"], "`taskprog train --family addition_recursive`"),
        (["run", "pose", "15", "30", "--seed", "-1"], "--seed is -1"),
        (["run", "add", "3", "1", "--planner", "expert", "--checkpoint", "POLICY"], "does not go with"),
        (["evaluate", "--length", "4"], "--length does not go with --family block_stacking"),
        (["evaluate", "--clutter", "--family", "addition"], "--clutter does not go with --family addition"),
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
