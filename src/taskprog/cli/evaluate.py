"""``taskprog evaluate``: success on many tasks, on the kinematic twin or through the stack in physics."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from taskprog.cli.disturber import KINDS, OF_FAMILY
from taskprog.cli.episode_log import EpisodeLog, policy_hash
from taskprog.cli.main import CommandError
from taskprog.cli.options import (
    add_condition_arguments,
    add_family_arguments,
    add_pool_arguments,
    clutter_of,
    conditions_of,
    family_of,
    positive,
    tasks_in,
)
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.resources import shipped
from taskprog.tasks.called import by_call
from taskprog.tasks.conditions import Conditions
from taskprog.tasks.evaluation import Episode, Summary, evaluate
from taskprog.tasks.family import TEST, TRAIN, Family, Task

BOTH = "both"
MANY = 300  # generated tasks if no limit is given
PART = 64  # tasks that a process is given at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--world", choices=("twin", "physics"), default="twin", help="where the tasks are done"
    )
    parser.add_argument(
        "--vision", action="store_true", help="physics: cameras only; there is no other way yet"
    )
    add_family_arguments(parser, tuple(ENVIRONMENTS))
    parser.add_argument(
        "--length",
        type=positive,
        nargs="+",
        metavar="N",
        help="scratch pads: of the problems (default: 20; poses 4; tasks by call have their own)",
    )
    parser.add_argument("--task-file", type=Path, help="CSV file with tasks; default: generated ones")
    parser.add_argument("--half", choices=(TRAIN, TEST, BOTH), default=TEST, help="keep these tasks only")
    parser.add_argument("--limit", type=int, help=f"at most so many tasks; default: all, or {MANY} generated")
    parser.add_argument("--seed", type=int, default=0, help="of start layouts, noise, and generated tasks")
    parser.add_argument("--checkpoint", type=Path, help="folder of a policy; default: the shipped one")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures to this file")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("out/evaluate"),
        help="folder for episodes, videos, traces and logs; what was interrupted goes on",
    )
    add_pool_arguments(parser, 1)
    add_condition_arguments(parser)
    physics = parser.add_argument_group("physics")
    physics.add_argument(
        "--planner",
        choices=("ntp", "npi"),
        default="ntp",
        help="npi: no video, the task in words; on the twin that is --family block_stacking_by_call_seen",
    )
    physics.add_argument(
        "--disturb",
        nargs="*",
        metavar="KIND",
        help="something goes wrong once in each episode, one kind after another: "
        f"{', '.join(KINDS)}; without KIND all that the scene has. Where nothing could, it does not count",
    )
    physics.add_argument("--clutter", action="store_true", help="order fulfilment: some objects touch")
    physics.add_argument("--actor", default="hand", help="who moves the cubes in the task videos")


def run(options: argparse.Namespace) -> int:
    """Evaluate, print a table, write JSON. Returns 0 whatever the success rate: a figure is the result."""
    if options.family in ENVIRONMENTS:
        from taskprog.cli import evaluate_npi

        return evaluate_npi.run(options)
    if options.length:
        raise CommandError(f"--length does not go with --family {options.family}, whose tasks have none")
    family = family_of(options)
    conditions = conditions_of(options)
    tasks = _tasks(options, family)
    console = Console()
    if options.world == "twin" and options.planner != "ntp":
        raise CommandError(
            f"--planner {options.planner} goes with --world physics; "
            f"on the twin that is --family {by_call(family.name)}_seen"
        )
    if options.world == "twin" and options.disturb is not None:
        raise CommandError(
            "--disturb goes with --world physics; on the twin things go wrong with --drop and --meddle"
        )
    if options.world == "twin" and options.clutter:
        raise CommandError("--clutter goes with --world physics; on the twin all objects start apart")
    checkpoint = options.checkpoint or shipped(family.name)
    began = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        if options.world == "twin":
            figures = _twin(options, family, tasks, conditions, checkpoint, bars)
        else:
            figures = _physics(options, family, tasks, bars)
    report = {
        "command": shlex.join(["taskprog", *sys.argv[1:]]),
        "world": options.world,
        "family": family.name,
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


def _tasks(options: argparse.Namespace, family: Family) -> Sequence[Task]:
    if options.limit is not None and options.limit < 1:
        raise CommandError(f"--limit is {options.limit}; it should be at least 1")
    half = None if options.half == BOTH else options.half
    if options.task_file is not None:
        return tasks_in(options.task_file, family, half)[: options.limit]
    try:
        return family.tasks(options.seed, options.limit or MANY, half)
    except ValueError as error:
        raise CommandError(f"--limit {options.limit or MANY}: {error}") from error


def _twin(
    options: argparse.Namespace,
    family: Family,
    tasks: Sequence[Task],
    conditions: Conditions,
    checkpoint: Path,
    bars: Progress,
) -> dict[str, Any]:
    from taskprog.planners.ntp.planner import CheckpointError, NTPPlanner

    try:
        planner = NTPPlanner.load(checkpoint, family)
    except CheckpointError as error:
        raise CommandError(str(error)) from error
    settings = {
        "world": "twin",
        "family": repr(family),
        "tasks": [str(task) for task in tasks],
        "conditions": asdict(conditions),
        "policy": policy_hash(checkpoint),
    }
    log = EpisodeLog(options.output, settings, Episode)
    if log.path.exists():
        bars.console.print(f"going on after {len(log.done)} episodes")
    bar = bars.add_task("twin", total=len(tasks))

    def show() -> None:
        done = [log.done[i] for i in range(len(tasks)) if i in log.done]
        successes = sum(episode.success for episode in done)
        bars.update(bar, completed=len(done), description=f"twin {successes}/{len(done)}")

    def keep(episode: Episode) -> None:
        log.add(episode.index, episode)
        show()

    show()
    pending = [(i, task) for i, task in enumerate(tasks) if i not in log.done]
    if options.ray is None and options.jobs == 1:
        for first, part in _runs(pending, PART):
            evaluate(family, part, planner, conditions, planner.library, on_episode=keep, first=first)
    else:
        for ended in _parts(options, family, pending, conditions, checkpoint):
            for episode in ended:
                keep(episode)
    log.finish()
    episodes = [log.done[i] for i in range(len(tasks))]
    return {
        "conditions": asdict(conditions),
        **Summary.of(episodes).to_json(),
        "failures": [asdict(episode) for episode in episodes if not episode.success],
    }


def _runs(pending: Sequence[tuple[int, Task]], most: int) -> Iterator[tuple[int, list[Task]]]:
    """Tasks that follow one another, at most so many at once, with the number of the first."""
    part: list[tuple[int, Task]] = []
    for index, task in pending:
        if part and (len(part) == most or index != part[-1][0] + 1):
            yield part[0][0], [task for _, task in part]
            part = []
        part.append((index, task))
    if part:
        yield part[0][0], [task for _, task in part]


def _parts(
    options: argparse.Namespace,
    family: Family,
    pending: Sequence[tuple[int, Task]],
    conditions: Conditions,
    checkpoint: Path,
) -> Iterator[list[Episode]]:
    """The episodes of numbered tasks, evaluated in other processes, as they come."""
    from taskprog.cli.processes import ends
    from taskprog.experiments.work import evaluate_part

    policy = {path.name: path.read_bytes() for path in checkpoint.iterdir() if path.is_file()}

    def calls(slots: int) -> Iterator[tuple[Any, ...]]:
        for first, part in _runs(pending, min(PART, math.ceil(len(pending) / slots))):
            yield family, part, policy, conditions, first

    for _, episodes in ends(options, evaluate_part, calls):
        yield episodes


def _physics(
    options: argparse.Namespace, family: Family, tasks: Sequence[Task], bars: Progress
) -> dict[str, Any]:
    if not options.vision:
        raise CommandError("--world physics needs --vision: the stack sees through its cameras only")
    from taskprog.cli import evaluate_physics
    from taskprog.cli.stack import DETECTORS
    from taskprog.tasks.families import FAMILIES
    from taskprog.tasks.order_fulfilment import OrderFulfilment

    if family.name not in DETECTORS:
        raise CommandError(f"--world physics knows {' and '.join(DETECTORS)} only")
    usual = FAMILIES[family.name]
    own = ("objects",) if isinstance(family, OrderFulfilment) else ("shortest", "tallest")
    if family != replace(usual, **{name: getattr(family, name) for name in own}):  # type: ignore[type-var]
        raise CommandError(
            "--world physics has eight cubes, or four categories and containers; "
            "--shortest and --tallest, or --objects, may differ"
        )
    if options.ray is not None:
        raise CommandError("--world physics runs on this machine: use --jobs, not --ray")
    checkpoint = str(options.checkpoint or "")
    physics = evaluate_physics.Physics(
        family,
        options.seed,
        options.actor,
        options.planner,
        checkpoint,
        options.output,
        _disturbances(options.disturb, family),
        clutter_of(options, family),
    )
    return evaluate_physics.figures(evaluate_physics.evaluate(physics, tasks, options.jobs, bars))


def _disturbances(asked: Sequence[str] | None, family: Family) -> tuple[str, ...]:
    """The kinds of disturbances that ``--disturb`` asks for."""
    possible = OF_FAMILY[family.name]
    for kind in asked or ():
        if kind not in possible:
            raise CommandError(f"--disturb {kind}: in {family.name} there are {', '.join(possible)}")
    return () if asked is None else tuple(asked) or possible


def _done(share: dict[str, Any]) -> str:
    """How many of ``n`` tasks, and which share of them."""
    if not share["n"]:
        return "none counts"
    low, high = share["interval"]
    rate = share["successes"] / share["n"]
    return f"{share['successes']} ({rate:.1%}; 95 % interval {low:.1%} to {high:.1%})"


def _show(report: dict[str, Any], console: Console) -> None:
    title = f"{report['world']}, {report['family']}: {report['tasks']}, {report['half']} half"
    table = Table(title=title, show_header=False)
    table.add_row("tasks", str(report["n"]))
    table.add_row("done", _done(report))
    for kind, share in report.get("disturbed", {}).items():
        table.add_row(f"  with {kind}: {share['n']}", _done(share))
    for kind, share in report.get("undisturbed", {}).items():
        table.add_row(f"not counted, as no {kind} came", f"{share['n']}, of which {share['successes']} done")
    if "met" in report:
        table.add_row("relations that hold at the end", f"{report['met']:.1%}")
    for cause, count in report["causes"].items():
        table.add_row(f"failed: {cause}", str(count))
    for detail, count in report["details"].items():
        table.add_row(f"  {detail}", str(count))
    if report.get("objects_right") is not None:
        right, failed = report["objects_right"], report["relations_failed"]
        table.add_row(
            "objects in their places", f"{right} of {right + failed}; {report['objects_wrong']} in wrong ones"
        )
    table.add_row("primitives a task", f"{report['primitives']:.1f}")
    table.add_row("wall time", f"{report['seconds']:.0f} s")
    console.print(table)
    for failure in report["failures"][:10]:
        console.print(f"  {failure['task']}: {failure['cause']} ({failure['message']})", highlight=False)
