"""``taskprog trace``: show a recorded run's call tree on the terminal, or draw it as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from taskprog.cli.main import CommandError
from taskprog.machine import Trace
from taskprog.view.tree import render_tree
from taskprog.view.tree_picture import save_tree_picture


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the tree")
    show.add_argument("file", type=Path, help="trace as JSON lines, such as out/demo/trace.jsonl")
    draw = actions.add_parser("draw", help="draw the tree, with the scope of every call")
    draw.add_argument("file", type=Path, help="trace as JSON lines, such as out/demo/trace.jsonl")
    draw.add_argument("picture", type=Path, help=".png or .jpg file to write")


def run(options: argparse.Namespace) -> int:
    """Show or draw."""
    try:
        trace = Trace.load(options.file)
        if options.action == "draw":
            save_tree_picture(trace, options.picture)
        else:
            Console().print(render_tree(trace))
    except OSError as error:
        raise CommandError(f"{error.filename or options.file}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error
    return 0
