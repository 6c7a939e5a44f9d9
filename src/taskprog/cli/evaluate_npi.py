"""``taskprog evaluate`` on scratch pads: how often a planner computes the right result."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from taskprog.cli.main import CommandError
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import CheckpointError, NPIPlanner
from taskprog.planners.npi.presets import SHIPPED
from taskprog.resources import share_dir
from taskprog.tasks.scratch_pad.evaluation import Summary, evaluate

MANY = 100  # problems of each length if no limit is given
LENGTHS = (20,)


def run(options: argparse.Namespace) -> int:
    """Evaluate, print a table, write JSON. Returns 0 whatever the success rate: a figure is the result."""
    if options.world != "twin" or options.task_file is not None:
        raise CommandError(f"--world and --task-file do not go with --family {options.family}")
    lengths, limit = options.length or LENGTHS, MANY if options.limit is None else options.limit
    if limit < 1:
        raise CommandError(f"--limit is {limit}; it should be at least 1")
    environment = ENVIRONMENTS[options.family]
    shipped = SHIPPED.get(environment.kind, environment.kind)
    try:
        planner = NPIPlanner.load(
            options.checkpoint or share_dir() / "models/policies" / shipped, environment
        )
    except CheckpointError as error:
        raise CommandError(str(error)) from error
    console, summaries = Console(), []
    with Progress(console=console) as bars:
        for length in lengths:
            bar = bars.add_task(f"length {length}", total=limit)
            tried = evaluate(
                environment,
                planner,
                length,
                limit,
                options.seed,
                on_problem=lambda computation, bar=bar: bars.advance(bar),  # type: ignore[misc]
            )
            summaries.append(Summary.of(length, tried))
    _show(environment.name, summaries, console)
    if options.json is not None:
        report: dict[str, Any] = {
            "command": shlex.join(["taskprog", *sys.argv[1:]]),
            "family": environment.name,
            "seed": options.seed,
            "lengths": [summary.to_json() for summary in summaries],
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


def _show(name: str, summaries: list[Summary], console: Console) -> None:
    table = Table(title=name)
    for column in ("length", "n", "right", "95 % interval", "decisions", "failures by cause"):
        table.add_column(column)
    for s in summaries:
        low, high = s.interval
        causes = ", ".join(f"{cause} {count}" for cause, count in s.causes.items())
        interval = f"{low:.1%} to {high:.1%}"
        table.add_row(str(s.length), str(s.n), f"{s.rate:.1%}", interval, f"{s.decisions:.0f}", causes)
    console.print(table)
