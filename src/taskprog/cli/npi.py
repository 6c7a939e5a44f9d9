"""``taskprog npi``: the experiments of Neural Programmer-Interpreters, from training to pictures."""

from __future__ import annotations

import argparse
import os

from taskprog.cli.options import add_pool_arguments
from taskprog.cli.paper import Page, add_folder_arguments, names_in, write_up
from taskprog.experiments.npi import FIGURES, FULL, INTRODUCTION, QUICK, TITLE, Experiments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed, fewer steps, shorter and fewer problems; results stay in --output",
    )
    parser.add_argument(
        "--only", metavar="NAMES", default=",".join(FIGURES), help="these figures, separated by commas"
    )
    add_folder_arguments(parser, "npi")
    add_pool_arguments(parser, len(os.sched_getaffinity(0)))


def run(options: argparse.Namespace) -> int:
    """Run what is not done yet, write figures, pictures and the page. Returns 1 if a unit failed."""
    figures = Experiments(QUICK if options.quick else FULL).figures(names_in(options.only, FIGURES))
    page = Page("npi", TITLE, INTRODUCTION, tuple(FIGURES))
    return write_up(figures, page, options, "taskprog npi" + (" --quick" if options.quick else ""))
