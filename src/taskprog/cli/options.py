"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from taskprog.cli.main import CommandError
from taskprog.tasks.conditions import Conditions, Disturbances, TrackNoise, VideoConditions, WorldNoise
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import Family, Task
from taskprog.tasks.order_fulfilment import OrderFulfilment
from taskprog.tasks.task_file import read_tasks


def _sizes(family: Any) -> dict[str, int]:
    """The numbers that make up a family, such as how many cubes it has."""
    values = {field.name: getattr(family, field.name) for field in fields(family)}
    return {name: value for name, value in values.items() if type(value) is int}


def add_family_arguments(parser: argparse.ArgumentParser, others: Sequence[str] = ()) -> None:
    """``--family``, and an option for each of its sizes; ``others`` are names of no family."""
    choices = (*FAMILIES, *others)
    parser.add_argument("--family", choices=choices, default="block_stacking", help="which tasks")
    known: set[str] = set()
    for name, family in FAMILIES.items():
        group = parser.add_argument_group(f"sizes of {name.replace('_', ' ')}")
        for size, usual in _sizes(family).items():
            if size in known:  # of another family as well
                continue
            known.add(size)
            group.add_argument(f"--{size}", type=int, metavar="N", help=f"usually {usual}")


def family_of(options: argparse.Namespace) -> Family:
    """The family asked for, in the sizes asked for.

    Raises:
        CommandError: it has no such size, or the size is impossible.
    """
    family: Any = FAMILIES[options.family]
    known = _sizes(family)
    every = {size for other in FAMILIES.values() for size in _sizes(other)}
    sizes = {size: getattr(options, size) for size in every if getattr(options, size) is not None}
    for size in sorted(sizes.keys() - known.keys()):
        has = ", ".join(f"--{name}" for name in known)
        raise CommandError(f"--{size}: {options.family} has no such size, but {has}")
    try:
        resized: Family = replace(family, **sizes)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return resized


def clutter_of(options: argparse.Namespace, family: Family) -> bool:
    """``--clutter``: whether some objects touch.

    Raises:
        CommandError: it is asked for, and the family's objects always start apart.
    """
    if options.clutter and not isinstance(family, OrderFulfilment):
        raise CommandError(
            f"--clutter: in {family.name} all objects start apart; in {OrderFulfilment().name} some can touch"
        )
    return bool(options.clutter)


def add_pool_arguments(parser: argparse.ArgumentParser, jobs: int) -> None:
    """``--jobs`` and ``--ray``."""
    group = parser.add_argument_group("processes").add_mutually_exclusive_group()
    group.add_argument("--jobs", type=positive, default=jobs, help="processes on this machine")
    group.add_argument(
        "--ray", metavar="ADDRESS", help="use all processors of the Ray cluster at this address"
    )


def add_condition_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for all of ``Conditions``; the defaults are the usual ones."""
    usual = Conditions()
    world = parser.add_argument_group("twin: noise and mishaps")
    noise = usual.noise
    world.add_argument(
        "--detector-noise", type=float, default=noise.detector, help="metres, standard deviation"
    )
    world.add_argument("--action-noise", type=float, default=noise.action, help="metres, standard deviation")
    world.add_argument("--drop", type=share, default=0.0, help="probability that a move loses what is held")
    world.add_argument(
        "--meddle",
        type=share,
        default=0.0,
        help="probability, after each primitive, that someone moves a thing",
    )
    world.add_argument(
        "--meddle-once", action="store_true", help="someone moves a thing once, early in the run"
    )
    video = parser.add_argument_group("twin: the task video")
    video.add_argument("--missed-frames", type=share, default=0.0, help="share of its frames that are lost")
    video.add_argument(
        "--speed", type=float, default=usual.video.speed, help="of the demonstrator, against the usual one"
    )
    video.add_argument(
        "--pause", type=share, default=usual.video.pause, help="probability that a carry pauses"
    )
    video.add_argument("--mirrored", action="store_true", help="as seen in a mirror")
    video.add_argument(
        "--turned", type=float, default=0.0, metavar="DEG", help="the table is turned by so many degrees"
    )


def conditions_of(options: argparse.Namespace) -> Conditions:
    """The conditions asked for.

    Raises:
        CommandError: a noise is negative, or the speed not positive.
    """
    for name in ("detector_noise", "action_noise"):
        if getattr(options, name) < 0:
            raise CommandError(
                f"--{name.replace('_', '-')} is {getattr(options, name)}; it cannot be negative"
            )
    if options.speed <= 0:
        raise CommandError(f"--speed is {options.speed}; it should be above 0")
    return Conditions(
        options.seed,
        VideoConditions(
            TrackNoise(missed=options.missed_frames),
            options.speed,
            options.pause,
            options.mirrored,
            math.radians(options.turned),
        ),
        WorldNoise(options.detector_noise, options.action_noise),
        Disturbances(drop=options.drop, meddle=options.meddle, meddle_once=options.meddle_once),
    )


def tasks_in(path: Path, family: Family, half: str | None) -> list[Task]:
    """The tasks of a half in a file; None keeps both halves.

    Raises:
        CommandError: there is no such file, no such task in it, or a line holds no possible task.
    """
    try:
        tasks = [task for task in read_tasks(path, family) if half in (None, task.half)]
    except (OSError, ValueError) as error:
        raise CommandError(f"--task-file: {error}") from error
    if not tasks:
        raise CommandError(f"{path}: no task of the {half} half in it")
    return tasks


def positive(text: str) -> int:
    """A whole number of at least one, for ``argparse``."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} should be at least 1")
    return number


def share(text: str) -> float:
    """A number from 0 to 1, for ``argparse``."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} should be from 0 to 1")
    return number
