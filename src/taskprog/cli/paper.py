"""``taskprog paper``: the paper's experiments and what goes beyond them, from training to pictures."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from taskprog.cli.main import CommandError
from taskprog.cli.options import add_pool_arguments, tasks_in
from taskprog.experiments.page import write_page
from taskprog.experiments.paper import FULL, QUICK, STACKING, Paper, Scale
from taskprog.experiments.paper_figures import FIGURES, INTRODUCTION, TITLE
from taskprog.experiments.paper_figures import figures as figures_of
from taskprog.experiments.plots import draw
from taskprog.experiments.pool import PoolError, pool
from taskprog.experiments.runner import Failure, run_units
from taskprog.experiments.tables import Figure, cpu_seconds, write_figure
from taskprog.experiments.unit import Store, Unit
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TEST

TRIAL = ("steps", "trials", "episodes")  # options that make figures without meaning
LEDGER = "units.jsonl"  # beside the figures: each unit's result
LINES = 12  # of a failed unit's traceback that are shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed, fewer numbers of tasks, fewer steps and episodes; results stay in --output",
    )
    parser.add_argument(
        "--only", metavar="NAMES", default=",".join(FIGURES), help="these figures, separated by commas"
    )
    add_folder_arguments(parser, "paper")
    parser.add_argument(
        "--task-file",
        type=Path,
        help="CSV file with the NTP authors' tasks, to evaluate on those of the test half",
    )
    trial = parser.add_argument_group("to try it out, with --quick")
    trial.add_argument("--steps", type=int, help="gradient steps of every training")
    trial.add_argument("--trials", type=int, help="recordings of each task")
    trial.add_argument("--episodes", type=int, help="episodes of every evaluation")
    add_pool_arguments(parser, len(os.sched_getaffinity(0)))


def add_folder_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """``--output`` and ``--results`` of a report."""
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of finished units and policies; what is done is not done again"
        f" (default: out/{name}, or out/{name}-quick)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        help="folder of figures and pictures, the page is written beside it"
        f" (default: docs/results/{name}, or OUTPUT/results with --quick);"
        f" what its {LEDGER} has the result of is not run again",
    )
    parser.add_argument(
        "--no-run", action="store_true", help="only write figures and pictures of what is done already"
    )


def run(options: argparse.Namespace) -> int:
    """Run what is not done yet, write figures, pictures and the page. Returns 1 if a unit failed."""
    paper = Paper(_scale(options), _own_tasks(options.task_file))
    figures = figures_of(paper, names_in(options.only, FIGURES))
    page = Page("paper", TITLE, INTRODUCTION, tuple(FIGURES))
    return write_up(figures, page, options, _command(options))


@dataclass(frozen=True)
class Page:
    """What a report is called on disk, its title, what stands before its figures, and their names."""

    name: str
    title: str
    introduction: Sequence[str]
    figures: Sequence[str]


def write_up(figures: Sequence[Figure], page: Page, options: argparse.Namespace, command: str) -> int:
    """Run what figures need and is not done yet, write them, their pictures and the page.

    Returns 1 if a unit failed.
    """
    console = Console()
    output = options.output or Path(f"out/{page.name}-quick" if options.quick else f"out/{page.name}")
    usual = output / "results" if options.quick else Path("docs/results") / page.name
    results = options.results or usual
    try:
        store = Store(output, results / LEDGER)
    except ValueError as error:
        raise CommandError(f"{error}; remove the line") from error
    units = [unit for figure in figures for unit in figure.units]
    try:
        failures = [] if options.no_run else _run(units, store, options, console)
    finally:
        store.write_ledger(units)
    for figure in figures:
        draw(write_figure(figure, store, results, command))
    write_page(results, results.with_name(results.name + ".md"), page.title, page.introduction, page.figures)
    spent = cpu_seconds(units, store) / 60
    console.print(f"{spent:.0f} CPU minutes in all; figures in {results}, the page beside it")
    _tell(failures, console)
    return 1 if failures else 0


def _run(units: Sequence[Unit], store: Store, options: argparse.Namespace, console: Console) -> list[Failure]:
    """Run what is not done yet."""
    try:
        with pool(options.jobs, options.ray, keep_memory=True) as workers:
            return run_units(units, store, workers, console)
    except PoolError as error:
        raise CommandError(str(error)) from error


def _scale(options: argparse.Namespace) -> Scale:
    scale = QUICK if options.quick else FULL
    for name in TRIAL:
        value = getattr(options, name)
        if value is not None and (value < 1 or not options.quick):
            raise CommandError(f"--{name} is {value}; it should be at least 1, and goes with --quick only")
    if options.episodes is not None:
        scale = replace(scale, episodes=options.episodes, others=options.episodes)
    return replace(scale, steps=options.steps, trials=options.trials)


def names_in(text: str, known: Collection[str]) -> list[str]:
    """The names of figures in a list with commas.

    Raises:
        CommandError: one is not known, or there is none.
    """
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise CommandError(f"--only {text!r}: there are {', '.join(known)}")
    return names


def _own_tasks(path: Path | None) -> list[str]:
    if path is None:
        return []
    return [str(task) for task in tasks_in(path, FAMILIES[STACKING], TEST)]


def _command(options: argparse.Namespace) -> str:
    """The command that gives the same figures, without what is particular to a machine."""
    words = ["taskprog", "paper"]
    words += ["--quick"] if options.quick else []
    words += ["--task-file", options.task_file.name] if options.task_file else []
    for name in TRIAL:
        if getattr(options, name) is not None:
            words += [f"--{name}", str(getattr(options, name))]
    return shlex.join(words)


def _tell(failures: Sequence[Failure], console: Console) -> None:
    for failure in failures:
        console.print(f"[red]failed:[/red] {failure.unit.name}", highlight=False)
        lines = failure.error.rstrip().splitlines()
        for line in lines[-LINES:]:
            console.print(f"  {line}", highlight=False, markup=False)
    if failures:
        console.print(f"{len(failures)} units failed; the same command tries them again")
