"""``taskprog train`` of a Neural Programmer-Interpreter: the same loop on other traces."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from taskprog.cli.main import CommandError
from taskprog.cli.train import progress_bars, train_with_bars
from taskprog.planners.npi.card import write_card
from taskprog.planners.npi.presets import CHECK_LENGTHS, configuration
from taskprog.planners.npi.train import Trainer, make_recordings
from taskprog.planners.training import RESUME
from taskprog.tasks.scratch_pad.evaluation import Summary, evaluate

CHECK_SEED = 900_000  # of the problems of the check at the end
OTHERS = ("model", "tasks", "trials", "reordered", "relabelled")  # options of planners that follow videos


def run(options: argparse.Namespace) -> int:
    """Record, train, check, write policy and model card. After Ctrl-C the same command goes on."""
    for name in OTHERS:
        if getattr(options, name):
            raise CommandError(f"--{name} does not go with --family {options.family}, an NPI")
    console = Console()
    config = configuration(options.family, options.seed)
    config = replace(config, steps=options.steps or config.steps)
    output = options.output or Path("out/policies") / options.family
    problems = sum(len(practice.lengths) * practice.problems for practice in config.practices)
    with progress_bars(console) as bars:
        bar = bars.add_task("recording the expert", total=problems, status="")
        recordings = make_recordings(config, lambda done: bars.update(bar, completed=done))
        trainer = Trainer(config, recordings, options.threads)
        train_with_bars(trainer, config.steps, output, options.logs or output / "tensorboard", bars, console)
        trainer.save(output)
        checks = _check(trainer, options.check, bars) if options.check > 0 else []
    write_card(output, options.family, recordings, trainer, checks)
    (output / RESUME).unlink(missing_ok=True)
    console.print(f"policy in {output}, trained in {trainer.seconds:.0f} s of CPU time")
    for name, summary in checks:
        console.print(f"{name}, length {summary.length}: {summary.successes} of {summary.n} right")
    return 0


def _check(trainer: Trainer, count: int, bars: Progress) -> list[tuple[str, Summary]]:
    checks = []
    for world in trainer.table.environments:
        for length in CHECK_LENGTHS[world.name]:
            bar = bars.add_task(f"checking {world.name}, length {length}", total=count, status="")
            tried = evaluate(
                world,
                trainer.planner(world),
                length,
                count,
                CHECK_SEED,
                on_problem=lambda computation, bar=bar: bars.advance(bar),  # type: ignore[misc]
            )
            checks.append((world.name, Summary.of(length, tried)))
    return checks
