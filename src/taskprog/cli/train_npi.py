"""``taskprog train`` of a Neural Programmer-Interpreter, or of the baselines: the same loop on other data."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from taskprog.cli.main import CommandError
from taskprog.cli.train import add_arguments, progress_bars, train_with_bars
from taskprog.planners.npi import seq2seq
from taskprog.planners.npi.card import write_card, write_sequence_card
from taskprog.planners.npi.checkpoint import load_policy
from taskprog.planners.npi.model import NPIModel
from taskprog.planners.npi.planner import CheckpointError
from taskprog.planners.npi.presets import (
    ADDED,
    ADDED_TO,
    BASELINES,
    SEQUENCES,
    check_lengths,
    configuration,
    maximum,
    sequences,
)
from taskprog.planners.npi.table import ProgramTable
from taskprog.planners.npi.train import TrainConfig, Trainer, make_recordings
from taskprog.planners.training import RESUME
from taskprog.tasks.scratch_pad.evaluation import Summary, evaluate

CHECK_SEED = 900_000  # of the problems of the check at the end
TAKEN = ("family", "model", "base", "output", "seed", "steps", "threads", "check", "logs")


def run(options: argparse.Namespace) -> int:
    """Record, train, check, write policy and model card. After Ctrl-C the same command goes on."""
    refuse_others(options, add_arguments, TAKEN)
    check_seed(options.seed)
    if options.model in SEQUENCES:
        return _run_sequences(options)
    if options.model:
        raise CommandError(
            f"--model {options.model} does not go with --family {options.family}, an NPI; "
            f"its baselines are {' and '.join(SEQUENCES)}"
        )
    console = Console()
    config, base = _configured(options)
    output = options.output or Path("out/policies") / options.family
    problems = sum(len(practice.lengths) * practice.problems for practice in config.practices)
    with progress_bars(console) as bars:
        bar = bars.add_task("recording the expert", total=problems, status="")
        recordings = make_recordings(config, lambda done: bars.update(bar, completed=done))
        trainer = Trainer(config, recordings, options.threads, base)
        train_with_bars(trainer, config.steps, output, options.logs or output / "tensorboard", bars, console)
        trainer.save(output)
        checks = _check(trainer, options.check, bars) if options.check > 0 else []
    write_card(output, options.family, recordings, trainer, checks, options.base)
    (output / RESUME).unlink(missing_ok=True)
    console.print(f"policy in {output}, trained in {trainer.seconds:.0f} s of CPU time")
    for name, summary in checks:
        console.print(f"{name}, length {summary.length}: {summary.successes} of {summary.n} right")
    return 0


def refuse_others(
    options: argparse.Namespace,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    taken: Collection[str],
) -> None:
    """Refuse options of a command that mean nothing to NPIs.

    Args:
        add_arguments: adds all options of the command; taken: names of those that mean something.

    Raises:
        CommandError: another one is not what it is by default; says which.
    """
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for name, usual in vars(parser.parse_args([])).items():
        if name not in taken and getattr(options, name) != usual:
            option = "--" + name.replace("_", "-")
            raise CommandError(f"{option} does not go with --family {options.family}, an NPI's")


def check_seed(seed: int) -> None:
    """Refuse what is no seed.

    Raises:
        CommandError: it is negative.
    """
    if seed < 0:
        raise CommandError(f"--seed is {seed}; it should be at least 0")


def _configured(options: argparse.Namespace) -> tuple[TrainConfig, tuple[NPIModel, ProgramTable] | None]:
    """The training that is asked for, and what it adds to."""
    base = None
    if options.family not in ADDED:
        if options.base is not None:
            raise CommandError(
                f"--base does not go with --family {options.family}, which is learnt from nothing; "
                f"it goes with {' and '.join(ADDED)}"
            )
        config = configuration(options.family, options.seed)
    else:
        if options.base is None:
            raise CommandError(
                f"--family {options.family} is added to an NPI that sorts: name its folder with --base, "
                f"such as {ADDED_TO[options.family]}"
            )
        try:
            base = load_policy(options.base)
            names = tuple(environment.name for environment in base[1].environments)
            config = maximum(TrainConfig(names, (), options.seed, model=base[0].config))
        except (CheckpointError, ValueError) as error:
            raise CommandError(f"--base: {error}") from error
        if options.family not in config.environments:
            raise CommandError(f"--base {options.base} is for --family {config.environments[-1]}")
    return replace(config, steps=options.steps or config.steps), base


def _check(trainer: Trainer, count: int, bars: Progress) -> list[tuple[str, Summary]]:
    checks = []
    worlds = trainer.table.environments
    together = len(trainer.table.sizes) > 1
    for world in worlds:
        for length in check_lengths(world, together):
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


def _run_sequences(options: argparse.Namespace) -> int:
    """Train a baseline; no traces are recorded, its problems are the NPI's."""
    task = options.family if options.model == SEQUENCES[0] else f"{options.family}_{options.model}"
    if task not in BASELINES:
        raise CommandError(
            f"--model {options.model} does not go with --family {options.family}; "
            f"{SEQUENCES[0]} goes with addition and sorting, {SEQUENCES[1]} with addition"
        )
    if options.base is not None:
        raise CommandError(f"--base does not go with --model {options.model}")
    console = Console()
    config = sequences(task, options.seed)
    config = replace(config, steps=options.steps or config.steps)
    output = options.output or Path("out/policies") / f"{options.family}_{options.model}"
    trainer = seq2seq.Seq2SeqTrainer(config, options.threads)
    with progress_bars(console) as bars:
        train_with_bars(trainer, config.steps, output, options.logs or output / "tensorboard", bars, console)
    trainer.save(output)
    checks = []
    for length in (5, config.lengths[-1], 5 * config.lengths[-1]) if options.check > 0 else ():
        tried = seq2seq.evaluate(trainer.model, task, length, options.check, CHECK_SEED)
        checks.append((task, Summary.of(length, tried)))
    write_sequence_card(output, f"{options.family} --model {options.model}", trainer, checks)
    (output / RESUME).unlink(missing_ok=True)
    console.print(f"baseline in {output}, trained in {trainer.seconds:.0f} s of CPU time")
    for _, summary in checks:
        console.print(f"{task}, length {summary.length}: {summary.successes} of {summary.n} right")
    return 0
