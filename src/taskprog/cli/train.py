"""``taskprog train``: a block-stacking policy from traces of the expert on the kinematic twin."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from taskprog.cli.main import CommandError
from taskprog.planners.ntp.card import write_card
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.train import (
    RESUME,
    SAVE_EVERY,
    TrainConfig,
    Trainer,
    make_recordings,
    unseen_tasks,
)
from taskprog.planners.ntp.train import Progress as Step
from taskprog.tasks.block_stacking import LIBRARY, OFFSETS
from taskprog.tasks.evaluation import Conditions, Summary, evaluate

CHECK_SEED = 900_000  # of layouts and noise of the check at the end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options; the defaults make the shipped policy."""
    config = TrainConfig()
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("out/policies/block_stacking"),
        help="folder of the policy; an unfinished training in it is continued",
    )
    parser.add_argument("--seed", type=int, default=config.seed, help="of tasks, noise, weights and batches")
    parser.add_argument(
        "--tasks", type=int, default=config.tasks, help="distinct tasks, all of the training half"
    )
    parser.add_argument("--trials", type=int, default=config.data.trials, help="recordings of each task")
    parser.add_argument("--steps", type=int, default=config.steps, help="gradient steps")
    parser.add_argument(
        "--threads", type=int, default=1, help="torch's threads; with one, runs repeat exactly"
    )
    parser.add_argument(
        "--check", type=int, default=300, help="unseen tasks of the training half to try at the end"
    )


def run(options: argparse.Namespace) -> int:
    """Record, train, check, write policy and model card. After Ctrl-C the same command goes on."""
    for name in ("tasks", "trials", "steps", "threads"):
        if getattr(options, name) < 1:
            raise CommandError(f"--{name} is {getattr(options, name)}; it should be at least 1")
    console = Console()
    base = TrainConfig()
    config = replace(
        base,
        seed=options.seed,
        tasks=options.tasks,
        steps=options.steps,
        data=replace(base.data, trials=options.trials),
    )
    with _bars(console) as bars:
        bar = bars.add_task("recording the expert", total=config.tasks * config.data.trials, status="")
        try:
            recordings = make_recordings(config, lambda done: bars.update(bar, completed=done))
        except ValueError as error:
            raise CommandError(str(error)) from error
        trainer = Trainer(config, recordings, options.threads)
        _train(trainer, options.output, bars, console)
        trainer.save(options.output)
        summary = _check(trainer, options.check, bars)
    write_card(options.output, config, recordings, trainer, summary)
    (options.output / RESUME).unlink(missing_ok=True)
    console.print(f"policy in {options.output}, trained in {trainer.seconds:.0f} s of CPU time")
    if summary is not None:
        low, high = summary.interval
        console.print(
            f"{summary.successes} of {summary.n} unseen tasks of the training half done"
            f" ({summary.rate:.1%}, 95 % interval {low:.1%} to {high:.1%})"
        )
    return 0


def _bars(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )
    return Progress(*columns, console=console)


def _train(trainer: Trainer, folder: Path, bars: Progress, console: Console) -> None:
    try:
        continued = trainer.load_state(folder)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if continued:
        console.print(f"going on at step {trainer.step}")
    bar: TaskID = bars.add_task("training", total=trainer.config.steps, completed=trainer.step, status="")

    def on_step(step: Step) -> None:
        if step.step % SAVE_EVERY == 0:
            trainer.save_state(folder)
        worst = max(step.errors, key=lambda name: step.errors[name])
        status = f"loss {step.loss:.3f}, wrong {worst} {step.errors[worst]:.1%}"
        bars.update(bar, completed=step.step, status=status)

    try:
        trainer.run(on_step)
    except KeyboardInterrupt:
        trainer.save_state(folder)
        console.print(f"stopped at step {trainer.step}; the same command goes on from there")
        raise


def _check(trainer: Trainer, count: int, bars: Progress) -> Summary | None:
    if count <= 0:
        return None
    planner = NTPPlanner(trainer.model, LIBRARY, OFFSETS)
    tasks = unseen_tasks(trainer.config, count)
    bar = bars.add_task("checking", total=len(tasks), status="")
    episodes = evaluate(tasks, planner, Conditions(CHECK_SEED), lambda episode: bars.advance(bar))
    return Summary.of(episodes)
