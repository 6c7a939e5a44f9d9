"""``taskprog train``: a policy from traces of the expert on the kinematic twin."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from taskprog.cli.interrupt import resumable
from taskprog.cli.main import CommandError
from taskprog.cli.options import add_pool_arguments, positive, share
from taskprog.planners.logs import TrainingLog
from taskprog.planners.npi.presets import SEQUENCES
from taskprog.planners.npi.presets import TRAINABLE as NPI
from taskprog.planners.ntp.card import Check, write_card
from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.presets import MODELS, RELATIONAL, configuration, relabelled, shipped
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings, unseen_tasks
from taskprog.planners.training import RESUME, SAVE_EVERY, Training
from taskprog.planners.training import Progress as Step
from taskprog.tasks.conditions import Conditions
from taskprog.tasks.evaluation import Summary, evaluate
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TRAIN

PART = 50  # recordings that a process makes at a time
CHECK_SEED = 900_000  # of starts and noise of the check at the end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options; the defaults make the shipped policy of the family."""
    families = (*FAMILIES, *NPI)
    parser.add_argument("--family", choices=families, default="block_stacking", help="which tasks")
    parser.add_argument(
        "--model",
        choices=(*MODELS, *SEQUENCES),
        help=f"which networks (default: {RELATIONAL}, or an NPI); {' and '.join(SEQUENCES)}: its baselines",
    )
    parser.add_argument("--base", type=Path, help="maximum: folder of the NPI that MAX is added to")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of the policy; an unfinished training in it is continued (default: out/policies/FAMILY)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of tasks, noise, weights and batches")
    parser.add_argument(
        "--tasks",
        type=positive,
        help="distinct tasks, all of the training half (default: as many as the family's shipped policy)",
    )
    parser.add_argument(
        "--trials", type=positive, help="recordings of each task (default: fewer, the more tasks)"
    )
    parser.add_argument("--steps", type=positive, help="gradient steps (default: the model's)")
    parser.add_argument(
        "--reordered",
        type=share,
        help="share of recordings that reach the goal in another order (default: that of the shipped policy,"
        " none for the paper's models)",
    )
    parser.add_argument(
        "--relabelled", action="store_true", help="renumber objects at random, which makes new tasks"
    )
    parser.add_argument(
        "--threads", type=positive, default=1, help="torch's threads; with one, runs repeat exactly"
    )
    parser.add_argument(
        "--check",
        type=int,
        default=300,
        help="tasks of the training half to try at the end: unseen ones, if there are any",
    )
    parser.add_argument(
        "--logs", type=Path, help="folder of curves for TensorBoard (default: OUTPUT/tensorboard)"
    )
    add_pool_arguments(parser, 1)


def run(options: argparse.Namespace) -> int:
    """Record, train, check, write policy and model card. After Ctrl-C the same command goes on."""
    if options.family in NPI:
        from taskprog.cli import train_npi

        if options.jobs > 1 or options.ray is not None:
            raise CommandError("--jobs and --ray are not for NPI's families: their experts record in seconds")
        return train_npi.run(options)
    if options.base is not None or options.model in SEQUENCES:
        raise CommandError(f"--base, --model {' and --model '.join(SEQUENCES)} are for NPI's families only")
    console = Console()
    config = configured(options)
    output = options.output or Path("out/policies") / config.family
    with progress_bars(console) as bars:
        try:
            recordings = _recordings(config, options, bars)
        except ValueError as error:
            raise CommandError(str(error)) from error
        trainer = Trainer(config, recordings, options.threads)
        logs = options.logs or output / "tensorboard"
        train_with_bars(trainer, config.steps, output, logs, bars, console)
        trainer.save(output)
        check = _check(trainer, options.check, bars)
    write_card(output, options.model or RELATIONAL, recordings, trainer, check)
    (output / RESUME).unlink(missing_ok=True)
    console.print(f"policy in {output}, trained in {trainer.seconds:.0f} s of CPU time")
    if check is not None:
        low, high = check.summary.interval
        console.print(
            f"{check.summary.successes} of {check.summary.n} {check.tasks} done"
            f" ({check.summary.rate:.1%}, 95 % interval {low:.1%} to {high:.1%})"
        )
    return 0


def _recordings(config: TrainConfig, options: argparse.Namespace, bars: Progress) -> list[Recording]:
    """What is trained on, which is the same whoever records it."""
    total = config.tasks * config.data.trials
    bar = bars.add_task("recording the expert", total=total, status="")
    if options.ray is None and options.jobs == 1:
        return make_recordings(config, lambda done: bars.update(bar, completed=done))
    FAMILIES[config.family].tasks(config.seed, config.tasks, TRAIN)  # raises if there are not so many
    from taskprog.cli.processes import ends
    from taskprog.experiments.work import record_part

    calls = [(config, range(first, min(first + PART, total))) for first in range(0, total, PART)]
    parts: dict[int, list[Recording]] = {}
    for number, part in ends(options, record_part, lambda slots: calls):
        parts[number] = part
        bars.advance(bar, len(part))
    return [recording for number in sorted(parts) for recording in parts[number]]


def configured(options: argparse.Namespace) -> TrainConfig:
    """The training that is asked for."""
    model, usual = options.model or RELATIONAL, shipped(options.family)
    config = configuration(options.family, model, options.tasks or usual.tasks, options.seed)
    if model == RELATIONAL:
        data = replace(config.data, reordered=usual.data.reordered)
        config = replace(config, steps=usual.steps, data=data)
    trials = options.trials or config.data.trials
    reordered = config.data.reordered if options.reordered is None else options.reordered
    data = replace(config.data, trials=trials, reordered=reordered)
    config = replace(config, steps=options.steps or config.steps, data=data)
    return relabelled(config) if options.relabelled else config


def progress_bars(console: Console) -> Progress:
    """Bars with a status beside them."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    )
    return Progress(*columns, console=console)


def train_with_bars(
    trainer: Training, steps: int, folder: Path, logs: Path, bars: Progress, console: Console
) -> None:
    """Train up to ``steps``, from where an interrupted training in the folder stands, showing how far it is.

    Raises:
        CommandError: that training had another configuration.
    """
    try:
        continued = trainer.load_state(folder)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if continued:
        console.print(f"going on at step {trainer.step}")
    bar: TaskID = bars.add_task("training", total=steps, completed=trainer.step, status="")

    def on_step(step: Step) -> None:
        log.add(step, trainer.rate)
        if step.step % SAVE_EVERY == 0:
            trainer.save_state(folder)
        worst = max(step.errors, key=lambda name: step.errors[name])
        status = f"loss {step.loss:.3f}, wrong {worst} {step.errors[worst]:.1%}"
        bars.update(bar, completed=step.step, status=status)

    with TrainingLog(logs, trainer.step) as log, resumable(trainer, folder, console):
        trainer.run(on_step)


def _check(trainer: Trainer, count: int, bars: Progress) -> Check | None:
    if count <= 0:
        return None
    tasks = unseen_tasks(trainer.config, count)
    seen = not tasks
    if seen:  # the training half has no others
        trained = trainer.family.tasks(trainer.config.seed, trainer.config.tasks, TRAIN)
        tasks = [trained[index % len(trained)] for index in range(count)]
    planner = trainer.planner()
    bar = bars.add_task("checking", total=len(tasks), status="")
    episodes = evaluate(
        trainer.family,
        tasks,
        planner,
        Conditions(CHECK_SEED),
        planner.library,
        on_episode=lambda episode: bars.advance(bar),
    )
    return Check(Summary.of(episodes), seen)
