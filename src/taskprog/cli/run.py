"""``taskprog run``: add numbers, sort digits, find the largest, turn a shape to a pose, and see how."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.text import Text

from taskprog.cli.main import CommandError
from taskprog.machine import Event, EventKind, Machine, OutcomeCode, Planner, RunCode, Trace
from taskprog.tasks.environment import Environment, Problem
from taskprog.tasks.pose.canonical import AZIMUTHS, ELEVATIONS, STEP, CanonicalPose, Turntable
from taskprog.tasks.scratch_pad.addition import Addition, AdditionPad
from taskprog.tasks.scratch_pad.pad import Pad, Symbols
from taskprog.tasks.scratch_pad.sorting import Sorting, SortingPad
from taskprog.view.tree import render_tree

EXPERT, NPI = "expert", "npi"
ENLARGED = 3  # pixels for one
LONG = 20  # cells; longer pads are not shown beside every action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add two numbers")
    add.add_argument("first", help="a number of any length, such as 96")
    add.add_argument("second", help="another one, such as 125")
    sort = actions.add_parser("sort", help="sort digits by bubble sort")
    sort.add_argument("digits", nargs="*", metavar="digit", help="the digits, such as 9 2 5")
    largest = actions.add_parser("max", help="find the largest of some digits: sort them, go to the last")
    largest.add_argument("digits", nargs="*", metavar="digit", help="the digits, such as 9 2 5")
    pose = actions.add_parser("pose", help="turn a shape, seen in pictures, until it is seen from somewhere")
    pose.add_argument("azimuth", type=int, help=f"degrees, {AZIMUTHS[0]} to {AZIMUTHS[-1]} by {STEP}")
    pose.add_argument("elevation", type=int, help=f"degrees, {ELEVATIONS[0]} to {ELEVATIONS[-1]} by {STEP}")
    pose.add_argument("--seed", type=int, default=0, help="of the shape and its first pose")
    pose.add_argument("--seen", action="store_true", help="a shape that was trained on")
    pose.add_argument("--picture", type=Path, help="PNG file to write: all that was seen, side by side")
    for action in (add, sort, largest, pose):
        action.add_argument("--planner", choices=(EXPERT, NPI), default=NPI, help="who decides")
        if action is not pose:
            action.add_argument(
                "--recursive", action="store_true", help="programs call themselves instead of looping"
            )
        action.add_argument(
            "--checkpoint", type=Path, help="folder of an NPI; default: the shipped one, if one is"
        )
        action.add_argument("--fold", action="store_true", help="show the root program only")


def run(options: argparse.Namespace) -> int:
    """Compute, print tree and pad. Returns 1 if the result is wrong or the program did not return."""
    environment, problem = _problem(options)
    planner, name = _planner(options, environment)
    trace = Trace(planner=name, task=_title(options))
    notes: dict[int, str] = {}
    looks = [problem.pad.observe().values[-1]]
    if _short(problem.pad):
        trace.listener = lambda event: _note(event, problem.pad, notes, looks)
    result = Machine(environment.library, problem.pad, planner, problem.budget).run(problem.call, trace)
    console = Console()
    console.print(render_tree(trace, options.fold, notes, timed=False))
    console.print(Text(problem.pad.text()))
    if options.action == "pose" and options.picture is not None:
        _draw(environment, looks, options.picture)
    wrong = problem.pad.wrong()
    if result.code is not RunCode.RETURNED:
        wrong = wrong or "the program did not return"
    console.print(Text(wrong, style="red") if wrong else Text("right", style="green"))
    return 1 if wrong else 0


def _problem(
    options: argparse.Namespace,
) -> tuple[Environment, Problem[AdditionPad] | Problem[SortingPad] | Problem[Turntable]]:
    try:
        if options.action == "pose":
            if options.seed < 0:
                raise CommandError(f"--seed is {options.seed}; it should be at least 0")
            poses = CanonicalPose(unseen=not options.seen)
            rng = np.random.default_rng(options.seed)
            return poses, poses.of(options.azimuth, options.elevation, rng)
        if options.action == "add":
            addition = Addition(options.recursive)
            return addition, addition.of(options.first, options.second)
        sorting = Sorting(options.recursive, maximum=options.action == "max")
        return sorting, sorting.of(options.digits)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _planner(options: argparse.Namespace, environment: Environment) -> tuple[Planner[Symbols], str]:
    if options.planner == EXPERT:
        if options.checkpoint is not None:
            raise CommandError("--checkpoint does not go with --planner expert, who needs none")
        return environment.expert(), EXPERT
    from taskprog.planners.npi.planner import CheckpointError, NPIPlanner
    from taskprog.planners.npi.presets import policy_folder

    try:
        return NPIPlanner.load(policy_folder(environment, options.checkpoint), environment), NPI
    except CheckpointError as error:
        raise CommandError(str(error)) from error


def _title(options: argparse.Namespace) -> str:
    if options.action == "add":
        return f"{options.first} + {options.second}"
    if options.action == "pose":
        return f"azimuth {options.azimuth}, elevation {options.elevation}"
    return f"{options.action} {' '.join(options.digits)}"


def _short(pad: Pad | Turntable) -> bool:
    return isinstance(pad, Turntable) or pad.width <= LONG


def _note(event: Event, pad: Pad | Turntable, notes: dict[int, str], looks: list[int]) -> None:
    """Keep how the pad is after an action; one that failed changed nothing, and may name no row of it."""
    if event.kind is EventKind.OUTCOME and event.outcome == OutcomeCode.SUCCEEDED.name:
        notes[event.index] = pad.changed(event.args)
        looks.append(pad.observe().values[-1])


def _draw(environment: Environment, looks: Sequence[int], path: Path) -> None:
    """Write the pictures of these numbers as one, from left to right."""
    assert environment.album is not None
    strip = np.concatenate(environment.album.make()[np.array(looks)], axis=1)
    larger = cv2.resize(strip, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_NEAREST)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(larger, cv2.COLOR_RGB2BGR)):
        raise CommandError(f"{path} cannot be written; its name should end in .png")
