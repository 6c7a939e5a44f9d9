"""Evaluations that are interrupted go on; others begin anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from taskprog.cli import evaluate as command
from taskprog.cli.episode_log import EpisodeLog, policy_hash
from taskprog.cli.main import main
from taskprog.tasks.evaluation import Episode, evaluate

EPISODE = Episode("2>6", 3, False, "no return", "", "stopped", 1, ("2>6",), ("dropped",), 4, 2)


def log(folder: Path, **settings: object) -> EpisodeLog[Episode]:
    return EpisodeLog(folder, settings, Episode)


def test_episodes_of_an_interrupted_evaluation_come_back_until_it_is_finished(tmp_path: Path) -> None:
    first = log(tmp_path, seed=1)
    first.add(3, EPISODE)
    with first.path.open("a") as file:
        file.write('[4, {"task": "2>')  # written half
    again = log(tmp_path, seed=1)
    assert again.done == {3: EPISODE}
    again.finish()
    assert log(tmp_path, seed=1).done == {}
    assert (tmp_path / "episodes.jsonl").exists()


def test_other_settings_are_another_evaluation(tmp_path: Path) -> None:
    log(tmp_path, seed=1, policy="a").add(3, EPISODE)
    assert log(tmp_path, seed=1, policy="b").done == {}
    assert log(tmp_path, seed=1, policy="a").done == {3: EPISODE}


def test_episodes_of_which_other_things_were_kept_are_another_evaluation(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Longer(Episode):
        disturbed: bool = False

    log(tmp_path, seed=1).add(3, EPISODE)
    assert EpisodeLog(tmp_path, {"seed": 1}, Longer).done == {}


def test_a_policy_is_told_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1")
    before = policy_hash(tmp_path)
    (tmp_path / "weights").write_bytes(b"2")
    assert policy_hash(tmp_path) != before


def test_the_command_goes_on_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C after three of eight episodes; the same command then does the other five, and all count."""
    tried: list[int] = []
    interruptions: list[bool] = []

    def interrupted(*arguments: Any, on_episode: Callable[[Episode], None], **others: Any) -> None:
        def count(episode: Episode) -> None:
            on_episode(episode)
            tried.append(episode.index)
            if len(tried) == 3 and not interruptions:
                interruptions.append(True)
                raise KeyboardInterrupt

        evaluate(*arguments, **{**others, "on_episode": count})

    monkeypatch.setattr(command, "evaluate", interrupted)
    arguments = ["evaluate", "--limit", "8", "--output", str(tmp_path)]
    assert main(arguments) == 130
    tasks = [json.loads(line)[1]["task"] for line in next(tmp_path.glob("episodes-*")).open()]
    assert main([*arguments, "--half", "train"]) == 0  # other tasks: begun anew
    assert tried[3:] == list(range(8))
    assert not set(tasks) & {json.loads(line)[1]["task"] for line in (tmp_path / "episodes.jsonl").open()}
    del tried[3:]
    assert main(arguments) == 0
    assert tried == [0, 1, 2, *range(3, 8)]
    shown = capsys.readouterr().out
    assert "going on after 3 episodes" in shown
    assert not list(tmp_path.glob("episodes-*"))
    assert len((tmp_path / "episodes.jsonl").read_text().splitlines()) == 8
