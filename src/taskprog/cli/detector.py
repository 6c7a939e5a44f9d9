"""``taskprog detector``: train the detector of goods on rendered images, and measure it on unseen ones."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from taskprog.cli.main import CommandError
from taskprog.cli.options import positive
from taskprog.resources import share_dir
from taskprog.vision.card import write_card
from taskprog.vision.checkpoint import CheckpointError, load_network, load_rounds, save_network
from taskprog.vision.examples import make_examples
from taskprog.vision.measure import TEST_SEED, measure
from taskprog.vision.objective import TERMS
from taskprog.vision.report import write_report
from taskprog.vision.train import TrainConfig, train
from taskprog_sim.goods_views import labelled_views

NAME = "goods"
REPORTED = 50  # steps between two lines about a training


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
    training.add_argument("--steps", type=positive, default=default.steps, help="gradient steps")
    training.add_argument("--start", type=Path, help="folder of a detector that is trained on")
    training.add_argument("--threads", type=positive, default=1, help="torch's threads")
    measuring = jobs.add_parser("evaluate", help="measure on unseen images")
    measuring.add_argument("--detector", type=Path, help="folder of the detector (default: the shipped one)")
    measuring.add_argument("--views", type=positive, default=1000, help="images")
    measuring.add_argument(
        "--report",
        type=Path,
        default=Path("docs/results/detector.md"),
        help="page; figures as .json beside it",
    )


def run(options: argparse.Namespace) -> int:
    """Train, or measure."""
    return _train(options) if options.job == "train" else _evaluate(options)


def _train(options: argparse.Namespace) -> int:
    console = Console()
    config = TrainConfig(seed=options.seed, views=options.views, steps=options.steps)
    if config.seed >= TEST_SEED:
        raise CommandError(f"seeds from {TEST_SEED} on are for evaluation; choose a smaller one")
    try:
        start = load_network(options.start) if options.start else None
        rounds = load_rounds(options.start) if options.start else []
    except CheckpointError as error:
        raise CommandError(str(error)) from error
    views = labelled_views(config.seed, config.views, config.looks, exact=False)
    shown = track(views, "rendering", config.views, console=console)
    examples = make_examples(shown, config.views, np.random.default_rng(config.seed))

    def on_step(step: int, terms: list[float]) -> None:
        if step % REPORTED == 0 or step == config.steps:
            text = ", ".join(f"{name} {value:.3f}" for name, value in zip(TERMS, terms, strict=True))
            console.print(f"step {step} of {config.steps}: {text}")

    network, seconds = train(config, examples, options.threads, on_step, start)
    rounds.append({**asdict(config), "seconds": seconds})
    save_network(options.output, network, rounds)
    write_card(options.output, network, rounds)
    console.print(f"detector in {options.output}, trained in {seconds:.0f} s of CPU time")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    console = Console()
    folder = options.detector or share_dir() / "models" / "detectors" / NAME
    count = options.views
    sets = {
        "random": labelled_views(TEST_SEED, count, 4, exact=True),
        "usual": labelled_views(TEST_SEED + 1, count, 4, exact=True, usual=True),
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
