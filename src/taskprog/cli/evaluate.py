"""``taskprog evaluate``: success on many tasks, on the kinematic twin or through the stack in physics."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from taskprog.cli.main import CommandError
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import BlockStacking, StackingTask, generate_tasks, read_task_file
from taskprog.tasks.conditions import Conditions, Disturbances, TrackNoise, VideoConditions, WorldNoise
from taskprog.tasks.evaluation import Episode, Summary, evaluate, wilson
from taskprog.tasks.family import TEST, TRAIN

BOTH = "both"
MANY = 300  # generated tasks if no limit is given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--world", choices=("twin", "physics"), default="twin", help="where the tasks are done"
    )
    parser.add_argument(
        "--vision", action="store_true", help="physics: cameras only; there is no other way yet"
    )
    parser.add_argument("--task-file", type=Path, help="CSV file with tasks; default: generated ones")
    parser.add_argument("--half", choices=(TRAIN, TEST, BOTH), default=TEST, help="keep these tasks only")
    parser.add_argument("--limit", type=int, help=f"at most so many tasks; default: all, or {MANY} generated")
    parser.add_argument("--seed", type=int, default=0, help="of start layouts, noise, and generated tasks")
    parser.add_argument("--checkpoint", type=Path, help="folder of a policy; default: the shipped one")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to this file")
    twin = parser.add_argument_group("twin")
    noise = WorldNoise()
    twin.add_argument(
        "--detector-noise", type=float, default=noise.detector, help="metres, standard deviation"
    )
    twin.add_argument("--action-noise", type=float, default=noise.action, help="metres, standard deviation")
    twin.add_argument("--drop", type=float, default=0.0, help="probability that a move loses its cube")
    twin.add_argument(
        "--meddle",
        type=float,
        default=0.0,
        help="probability, after each primitive, that someone moves a cube",
    )
    twin.add_argument(
        "--missed-frames", type=float, default=0.0, help="share of the video's frames that are lost"
    )
    physics = parser.add_argument_group("physics")
    physics.add_argument("--actor", default="hand", help="who moves the cubes in the task videos")
    physics.add_argument(
        "--output",
        type=Path,
        default=Path("out/evaluate"),
        help="folder for videos and logs; a run in it is continued",
    )


def run(options: argparse.Namespace) -> int:
    """Evaluate, print a table, write JSON. Returns 0 whatever the success rate: a figure is the result."""
    tasks = _tasks(options)
    console = Console()
    checkpoint = options.checkpoint or share_dir() / "models/policies/block_stacking"
    began = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        figures = (_twin if options.world == "twin" else _physics)(options, tasks, checkpoint, bars)
    report = {
        "command": shlex.join(["taskprog", *sys.argv[1:]]),
        "world": options.world,
        "tasks": str(options.task_file.name) if options.task_file else f"generated from seed {options.seed}",
        "half": options.half,
        "seed": options.seed,
        "seconds": round(time.monotonic() - began, 1),
        **figures,
    }
    _show(report, console)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _tasks(options: argparse.Namespace) -> list[StackingTask]:
    if options.limit is not None and options.limit < 1:
        raise CommandError(f"--limit is {options.limit}; it should be at least 1")
    half = None if options.half == BOTH else options.half
    if options.task_file is None:
        return generate_tasks(options.seed, options.limit or MANY, half)
    try:
        tasks = read_task_file(options.task_file)
    except (OSError, ValueError) as error:
        raise CommandError(f"--task-file: {error}") from error
    tasks = [task for task in tasks if half in (None, task.half)][: options.limit]
    if not tasks:
        raise CommandError(f"{options.task_file}: no task of the {options.half} half in it")
    return tasks


def _twin(
    options: argparse.Namespace, tasks: list[StackingTask], checkpoint: Path, bars: Progress
) -> dict[str, Any]:
    from taskprog.planners.ntp.planner import CheckpointError, NTPPlanner

    try:
        planner = NTPPlanner.load(checkpoint, BlockStacking())
    except CheckpointError as error:
        raise CommandError(str(error)) from error
    conditions = Conditions(
        options.seed,
        VideoConditions(TrackNoise(missed=options.missed_frames)),
        WorldNoise(options.detector_noise, options.action_noise),
        Disturbances(drop=options.drop, meddle=options.meddle),
    )
    bar = bars.add_task("twin", total=len(tasks))
    successes = 0

    def on_episode(episode: Episode) -> None:
        nonlocal successes
        successes += episode.success
        bars.update(bar, advance=1, description=f"twin {successes}/{episode.index + 1}")

    episodes = evaluate(BlockStacking(), tasks, planner, conditions, on_episode=on_episode)
    return {
        "conditions": asdict(conditions),
        **Summary.of(episodes).to_json(),
        "failures": [asdict(episode) for episode in episodes if not episode.success],
    }


def _physics(
    options: argparse.Namespace, tasks: list[StackingTask], checkpoint: Path, bars: Progress
) -> dict[str, Any]:
    if not options.vision:
        raise CommandError("--world physics needs --vision: the stack sees through its cameras only")
    from taskprog.cli import evaluate_physics

    episodes = evaluate_physics.evaluate(
        tasks, options.seed, options.actor, str(checkpoint), options.output, bars
    )
    successes = sum(episode.success for episode in episodes)
    return {
        "n": len(episodes),
        "successes": successes,
        "rate": successes / len(episodes),
        "interval": wilson(successes, len(episodes)),
        "causes": dict(Counter(episode.cause for episode in episodes if not episode.success)),
        "decisions": None,
        "primitives": sum(episode.primitives for episode in episodes) / len(episodes),
        "simulated_seconds": sum(episode.simulated_seconds for episode in episodes) / len(episodes),
        "failures": [asdict(episode) for episode in episodes if not episode.success],
    }


def _show(report: dict[str, Any], console: Console) -> None:
    low, high = report["interval"]
    table = Table(title=f"{report['world']}: {report['tasks']}, {report['half']} half", show_header=False)
    table.add_row("tasks", str(report["n"]))
    table.add_row(
        "done", f"{report['successes']} ({report['rate']:.1%}; 95 % interval {low:.1%} to {high:.1%})"
    )
    for cause, count in report["causes"].items():
        table.add_row(f"failed: {cause}", str(count))
    table.add_row("primitives a task", f"{report['primitives']:.1f}")
    table.add_row("wall time", f"{report['seconds']:.0f} s")
    console.print(table)
    for failure in report["failures"][:10]:
        console.print(f"  {failure['task']}: {failure['cause']} ({failure['message']})", highlight=False)
