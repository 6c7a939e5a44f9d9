"""The command that evaluates a policy: its figures, the same with more processes, bad use."""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from taskprog.cli.main import main
from taskprog.cli.options import add_condition_arguments, conditions_of
from taskprog.experiments.pool import LOOPBACK, QUIET, Pool
from taskprog.planners.ntp.checkpoint import library_of, new_model, save_policy
from taskprog.planners.ntp.config import ModelConfig
from taskprog.tasks.block_stacking import generate_tasks
from taskprog.tasks.conditions import Conditions, Disturbances, TrackNoise, VideoConditions, WorldNoise
from taskprog.tasks.families import FAMILIES

SMALL = ModelConfig(channels=8, embedding=8, hidden=16)


def untrained(folder: Path, family: str) -> Path:
    world = FAMILIES[family]
    save_policy(folder, new_model(SMALL, library_of(world, SMALL), len(world.offsets)), world, {})
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return untrained(tmp_path / "policy", "block_stacking")


def figures_of(folder: Path, *arguments: str) -> dict[str, Any]:
    out = folder / "figures.json"
    assert main(["evaluate", "--json", str(out), "--output", str(folder / "log"), *arguments]) == 0
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures


def test_the_command_writes_figures_for_the_half_asked_for(policy: Path, tmp_path: Path) -> None:
    tasks = generate_tasks(seed=3, n=12)
    file = tmp_path / "tasks.csv"
    rows = "\n".join(f"{i},{task}" for i, task in enumerate(tasks))
    file.write_text(f"# some tasks\ntask,steps\n{rows}\n")
    arguments = ["--checkpoint", str(policy), "--task-file", str(file), "--half", "test", "--limit", "3"]
    figures = figures_of(tmp_path, *arguments)
    assert (figures["n"], figures["half"], figures["tasks"]) == (3, "test", "tasks.csv")
    assert figures["successes"] + sum(figures["causes"].values()) == 3
    unseen = [str(task) for task in tasks if task.half == "test"][:3]
    assert {failure["task"] for failure in figures["failures"]} <= set(unseen)


def test_why_tasks_failed_is_shown(policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--checkpoint", str(policy), "--limit", "2", "--output", str(tmp_path / "log")]
    assert main(["evaluate", *arguments]) == 0
    shown = capsys.readouterr().out
    assert "failed: wrong" in shown
    assert "block_stacking" in shown


def test_more_processes_give_the_same_figures(workers: Pool, policy: Path, tmp_path: Path) -> None:
    arguments = ["--checkpoint", str(policy), "--limit", "5", "--drop", "0.1"]
    alone = figures_of(tmp_path, *arguments)
    together = figures_of(tmp_path, *arguments, "--jobs", "2")
    for figures in (alone, together):
        figures.pop("seconds")
        figures.pop("command")
    assert together == alone
    assert alone["n"] == 5


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_cluster_gives_the_same_figures(policy: Path, tmp_path: Path) -> None:
    """A Ray cluster of one machine, with which a process of its own speaks by its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    # On loopback only, without tokens.
    environment = os.environ | QUIET | LOOPBACK | {"RAY_AUTH_MODE": "disabled"}
    bin_dir = Path(sys.executable).parent
    start = f"start --head --port={address.partition(':')[2]} --node-ip-address=127.0.0.1 --num-cpus=1"
    options = "--include-dashboard=false --object-store-memory=100000000 --disable-usage-stats --block"
    command = [str(bin_dir / "ray"), *start.split(), *options.split()]
    arguments = ["--checkpoint", str(policy), "--limit", "5"]
    alone = figures_of(tmp_path, *arguments)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as cluster:
        try:
            assert cluster.stdout is not None
            assert any("Ray runtime started" in line for line in cluster.stdout)
            out = tmp_path / "cluster.json"
            subprocess.run(
                [bin_dir / "taskprog", "evaluate", *arguments, "--ray", address, "--json", out],
                env=environment,
                cwd=tmp_path,
                check=True,
            )
        finally:
            cluster.terminate()
    together = json.loads(out.read_text())
    for figures in (alone, together):
        figures.pop("seconds")
        figures.pop("command")
    assert together == alone


def test_other_sizes_of_another_family(tmp_path: Path) -> None:
    policy = untrained(tmp_path / "policy", "order_fulfilment")
    figures = figures_of(
        tmp_path,
        "--family",
        "order_fulfilment",
        "--objects",
        "9",
        "--limit",
        "2",
        "--checkpoint",
        str(policy),
    )
    assert (figures["family"], figures["n"]) == ("order_fulfilment", 2)


def test_every_condition_has_an_option() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    add_condition_arguments(parser)
    assert conditions_of(parser.parse_args([])) == Conditions()
    changed = (
        "--detector-noise 0.005 --action-noise 0.001 --missed-frames 0.3 --speed 2 --pause 1 --mirrored "
        "--turned 90 --drop 0.1 --meddle 0.2 --meddle-once --seed 4"
    )
    assert conditions_of(parser.parse_args(changed.split())) == Conditions(
        4,
        VideoConditions(TrackNoise(missed=0.3), 2.0, 1.0, True, math.pi / 2),
        WorldNoise(0.005, 0.001),
        Disturbances(drop=0.1, meddle=0.2, meddle_once=True),
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--task-file", "nowhere.csv"], "nowhere.csv"),
        (["--limit", "0"], "--limit is 0"),
        (["--limit", "300", "--family", "order_fulfilment"], "only 252 tasks exist"),
        (["--checkpoint", "nowhere"], "nowhere: no such folder"),
        (["--world", "physics"], "needs --vision"),
        (["--world", "physics", "--vision", "--cubes", "9"], "has eight cubes, or"),
        (["--disturb", "topple"], "--disturb goes with --world physics"),
        (["--disturb"], "--disturb goes with --world physics"),
        (["--clutter", "--family", "order_fulfilment"], "--clutter goes with --world physics"),
        (["--objects", "8"], "--objects: block_stacking has no such size, but --cubes"),
        (["--family", "order_fulfilment", "--objects", "2"], "2 objects are too few"),
        (["--speed", "0"], "--speed is 0"),
        (["--detector-noise", "-1"], "--detector-noise is -1"),
        (["--ray", "127.0.0.1:1"], "no Ray cluster at 127.0.0.1:1"),
        (["--ray", "cluster"], "'cluster' is no address"),
    ],
)
def test_bad_use_is_explained(
    arguments: list[str], reason: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--limit", "1", "--checkpoint", str(policy), *arguments]) == 2
    assert reason in capsys.readouterr().err
