"""``taskprog detector``: train the detector of goods on rendered images, and measure it on unseen ones."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress, track

from taskprog.cli.interrupt import resumable
from taskprog.cli.main import CommandError
from taskprog.cli.options import positive
from taskprog.cli.train import progress_bars
from taskprog.resources import share_dir
from taskprog.vision.card import write_card
from taskprog.vision.checkpoint import FORMAT, CheckpointError, load_network, load_rounds, save_network
from taskprog.vision.examples import Examples, load_examples, make_examples
from taskprog.vision.measure import TEST_SEED, measure
from taskprog.vision.objective import TERMS
from taskprog.vision.report import write_report
from taskprog.vision.train import RESUME, DetectorTraining, TrainConfig, check_device
from taskprog_sim.goods_views import labelled_views

NAME = "goods"
EXAMPLES = "examples"  # folder with what is learned from, beside an unfinished detector
SAVE_EVERY = 200  # steps between two times that a training is saved
REPORTED = 100  # steps between two lines about a training where there is no terminal to show a bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options; the defaults make and measure the shipped detector."""
    jobs = parser.add_subparsers(dest="job", metavar="JOB", required=True)
    default = TrainConfig()
    training = jobs.add_parser("train", help="render images and train")
    training.add_argument(
        "--output", type=Path, default=Path("out/detectors") / NAME, help="folder of the detector"
    )
    training.add_argument("--seed", type=int, default=default.seed, help="of scenes, weights and batches")
    training.add_argument("--views", type=positive, default=default.views, help="images to render")
    training.add_argument("--looks", type=positive, default=default.looks, help="images of each scene")
    training.add_argument(
        "--usual",
        type=int,
        default=default.usual,
        help="how many of these are with the simulator's own camera, light, room and colours",
    )
    training.add_argument("--steps", type=positive, default=default.steps, help="gradient steps")
    training.add_argument("--batch", type=positive, default=default.batch, help="images in a step")
    training.add_argument("--rate", type=float, default=default.rate, help="peak learning rate")
    training.add_argument("--start", type=Path, help="folder of a detector that is trained on")
    training.add_argument("--threads", type=positive, default=1, help="torch's threads")
    training.add_argument("--device", choices=("cpu", "cuda"), default=default.device, help="where to train")
    measuring = jobs.add_parser("evaluate", help="measure on unseen images")
    measuring.add_argument("--detector", type=Path, help="folder of the detector (default: the shipped one)")
    measuring.add_argument("--views", type=positive, default=1000, help="images")
    for job in (training, measuring):
        job.add_argument("--jobs", type=positive, default=1, help="processes that render and prepare images")
    measuring.add_argument(
        "--report",
        type=Path,
        default=Path("docs/results/detector.md"),
        help="page; figures as .json beside it",
    )


def run(options: argparse.Namespace) -> int:
    """Train, or measure. After Ctrl-C the same training goes on."""
    return _train(options) if options.job == "train" else _evaluate(options)


def _train(options: argparse.Namespace) -> int:
    console = Console()
    config = TrainConfig(
        options.seed,
        options.views,
        options.looks,
        options.usual,
        options.steps,
        options.batch,
        options.rate,
        device=options.device,
    )
    if not 0 <= config.usual <= config.looks:
        raise CommandError(f"--usual must be 0 to {config.looks}, the images of a scene, got {config.usual}")
    if not 0 < config.rate < 1:
        raise CommandError(f"--rate must be above 0 and below 1, got {config.rate}")
    if config.seed >= TEST_SEED:
        raise CommandError(f"seeds from {TEST_SEED} on are for evaluation; choose a smaller one")
    try:
        check_device(config.device)
        start = load_network(options.start) if options.start else None
        rounds = load_rounds(options.start) if options.start else []
    except (CheckpointError, ValueError) as error:
        raise CommandError(str(error)) from error
    with progress_bars(console) as bars:
        examples = _examples(config, options.output, options.jobs, bars)
        training = DetectorTraining(config, examples, options.threads, start, options.jobs)
        _train_with_bar(training, options.output, bars, console)
    rounds.append(
        {**asdict(config), "threads": options.threads, "seconds": training.seconds, "format": FORMAT}
    )
    save_network(options.output, training.network, rounds)
    write_card(options.output, training.network, rounds)
    (options.output / RESUME).unlink(missing_ok=True)
    shutil.rmtree(options.output / EXAMPLES)
    console.print(f"detector in {options.output}, trained in {training.seconds:.0f} s")
    return 0


def _examples(config: TrainConfig, output: Path, jobs: int, bars: Progress) -> Examples:
    """Rendered, or those that an interrupted training left.

    Raises:
        CommandError: there is a training that learns from others, whose images would be lost.
    """
    folder = output / EXAMPLES
    name = f"seed {config.seed}, {config.views} views, {config.looks} looks, {config.usual} of them usual"
    examples = load_examples(folder, name)
    if examples is None:
        if (output / RESUME).exists():
            raise CommandError(
                f"{output / RESUME} belongs to a training with other images than {name}; go on with its "
                "--seed, --views, --looks and --usual, choose another --output, or remove the file"
            )
        bar = bars.add_task("rendering", total=config.views, status="")
        views = labelled_views(config.seed, config.views, config.looks, False, config.usual, jobs)
        shown = bars.track(views, task_id=bar)
        examples = make_examples(shown, config.views, np.random.default_rng(config.seed), folder, name)
    return examples


def _train_with_bar(training: DetectorTraining, output: Path, bars: Progress, console: Console) -> None:
    try:
        if training.load_state(output):
            console.print(f"going on at step {training.step}")
    except ValueError as error:
        raise CommandError(str(error)) from error
    steps = training.config.steps
    bar = bars.add_task("training", total=steps, completed=training.step, status="")

    def on_step() -> None:
        if training.step % SAVE_EVERY == 0:
            training.save_state(output)
        terms = zip(TERMS, training.losses, strict=True)
        status = ", ".join(f"{name} {value:.3f}" for name, value in terms)
        bars.update(bar, completed=training.step, status=status)
        if not console.is_terminal and training.step % REPORTED == 0:
            console.print(f"step {training.step} of {steps}: {status}", soft_wrap=True)

    with resumable(training, output, console):
        training.run(on_step)


def _evaluate(options: argparse.Namespace) -> int:
    console = Console()
    folder = options.detector or share_dir() / "models" / "detectors" / NAME
    count, jobs = options.views, options.jobs
    sets = {
        "random": labelled_views(TEST_SEED, count, 4, exact=True, jobs=jobs),
        "usual": labelled_views(TEST_SEED + 1, count, 4, exact=True, usual=4, jobs=jobs),
    }
    try:
        results = {
            name: measure(folder, track(views, name, count, console=console)) for name, views in sets.items()
        }
    except CheckpointError as error:
        raise CommandError(str(error)) from error
    write_report(options.report, results)
    console.print(options.report.read_text(encoding="utf-8"))
    return 0
