"""``taskprog evaluate`` on scratch pads, poses and tasks by call: how often the result is right."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from taskprog.cli.evaluate import add_arguments
from taskprog.cli.main import CommandError
from taskprog.cli.train_npi import check_seed, refuse_others
from taskprog.planners.npi import seq2seq
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import CheckpointError, NPIPlanner
from taskprog.planners.npi.presets import ITS_OWN, check_lengths, policy_folder
from taskprog.tasks.called import CalledTasks
from taskprog.tasks.environment import Environment
from taskprog.tasks.scratch_pad.evaluation import Computation, Summary, evaluate

MANY = 100  # problems of each length if no limit is given
TAKEN = ("world", "family", "length", "limit", "seed", "checkpoint", "json")
Trial = Callable[[int, Callable[[Computation], None]], list[Computation]]


def run(options: argparse.Namespace) -> int:
    """Evaluate, print a table, write JSON. Returns 0 whatever the success rate: a figure is the result."""
    refuse_others(options, add_arguments, TAKEN)
    if options.world != "twin":
        raise CommandError(
            f"--world {options.world} does not go with --family {options.family}; "
            "table-top tasks by call are done there by --planner npi"
        )
    check_seed(options.seed)
    limit = MANY if options.limit is None else options.limit
    if limit < 1:
        raise CommandError(f"--limit is {limit}; it should be at least 1")
    environment = ENVIRONMENTS[options.family]
    lengths = options.length or check_lengths(environment)[:1]
    _check_lengths(environment, lengths)
    try:
        attempt = _trial(environment, policy_folder(environment, options.checkpoint), limit, options.seed)
    except CheckpointError as error:
        raise CommandError(str(error)) from error
    console, summaries = Console(), []
    with Progress(console=console) as bars:
        for length in lengths:
            bar = bars.add_task(f"length {length}", total=limit)
            tried = attempt(length, lambda computation, bar=bar: bars.advance(bar))  # type: ignore[misc]
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


def _check_lengths(environment: Environment, lengths: list[int] | tuple[int, ...]) -> None:
    """Refuse lengths of which there are no problems, before any is tried."""
    for length in lengths:
        if isinstance(environment, CalledTasks) and length != ITS_OWN:
            raise CommandError(
                f"--length {length} does not go with --family {environment.name}, whose tasks have their own"
            )
        try:
            environment.problem(np.random.default_rng(0), length)
        except ValueError as error:
            raise CommandError(f"--length {length}: {error}") from error


def _trial(environment: Environment, folder: Path, limit: int, seed: int) -> Trial:
    """What tries problems of a length with the NPI, or the baseline, in a folder."""
    if not seq2seq.is_one(folder):
        planner = NPIPlanner.load(folder, environment)
        return lambda length, progress: evaluate(
            environment, planner, length, limit, seed, on_problem=progress
        )
    model, config = seq2seq.load(folder)
    if seq2seq.TASKS[config.task].name != environment.name:
        raise CheckpointError(f"{folder}: this baseline is for {config.task}, not {environment.name}")

    def answered(length: int, progress: Callable[[Computation], None]) -> list[Computation]:
        tried = seq2seq.evaluate(model, config.task, length, limit, seed)
        for computation in tried:
            progress(computation)
        return tried

    return answered


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
