"""``taskprog run``: add two numbers or sort digits on a scratch pad, and see the programs at work."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from taskprog.cli.main import CommandError
from taskprog.machine import Event, EventKind, Machine, Planner, RunCode, Trace
from taskprog.resources import share_dir
from taskprog.tasks.environment import Environment, Problem
from taskprog.tasks.scratch_pad.addition import Addition, AdditionPad
from taskprog.tasks.scratch_pad.pad import Pad, Symbols
from taskprog.tasks.scratch_pad.sorting import Sorting, SortingPad
from taskprog.view.tree import render_tree

EXPERT, NPI = "expert", "npi"
LONG = 20  # cells; longer pads are not shown beside every action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add two numbers")
    add.add_argument("first", help="a number of any length, such as 96")
    add.add_argument("second", help="another one, such as 125")
    sort = actions.add_parser("sort", help="sort digits by bubble sort")
    sort.add_argument("digits", nargs="*", metavar="digit", help="the digits, such as 9 2 5")
    for action in (add, sort):
        action.add_argument("--planner", choices=(EXPERT, NPI), default=NPI, help="who decides")
        action.add_argument(
            "--recursive", action="store_true", help="programs call themselves instead of looping"
        )
        action.add_argument("--checkpoint", type=Path, help="folder of an NPI; default: the shipped one")
        action.add_argument("--fold", action="store_true", help="show the root program only")


def run(options: argparse.Namespace) -> int:
    """Compute, print tree and pad. Returns 1 if the result is wrong or the program did not return."""
    environment, problem = _problem(options)
    planner, name = _planner(options, environment)
    trace = Trace(planner=name, task=_title(options))
    notes: dict[int, str] = {}
    if _short(problem.pad):
        trace.listener = lambda event: _note(event, problem.pad, notes)
    result = Machine(environment.library, problem.pad, planner, problem.budget).run(problem.call, trace)
    console = Console()
    console.print(render_tree(trace, options.fold, notes))
    console.print(Text(problem.pad.text()))
    wrong = problem.pad.wrong()
    if result.code is not RunCode.RETURNED:
        wrong = wrong or "the program did not return"
    console.print(Text(wrong, style="red") if wrong else Text("right", style="green"))
    return 1 if wrong else 0


def _problem(options: argparse.Namespace) -> tuple[Environment, Problem[AdditionPad] | Problem[SortingPad]]:
    try:
        if options.action == "add":
            addition = Addition(options.recursive)
            return addition, addition.of(options.first, options.second)
        sorting = Sorting(options.recursive)
        return sorting, sorting.of(options.digits)
    except ValueError as error:
        raise CommandError(str(error)) from error


def _planner(options: argparse.Namespace, environment: Environment) -> tuple[Planner[Symbols], str]:
    if options.planner == EXPERT:
        return environment.expert(), EXPERT
    from taskprog.planners.npi.planner import CheckpointError, NPIPlanner

    checkpoint = options.checkpoint or share_dir() / "models/policies" / environment.kind
    try:
        return NPIPlanner.load(checkpoint, environment), NPI
    except CheckpointError as error:
        raise CommandError(str(error)) from error


def _title(options: argparse.Namespace) -> str:
    if options.action == "add":
        return f"{options.first} + {options.second}"
    return f"sort {' '.join(options.digits)}"


def _short(pad: Pad) -> bool:
    return pad.width <= LONG


def _note(event: Event, pad: Pad, notes: dict[int, str]) -> None:
    """Keep how the pad is after an action."""
    if event.kind is EventKind.OUTCOME:
        notes[event.index] = pad.changed(event.args)
