"""The command ``taskprog``: one subcommand a module, imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence

COMMANDS = {
    "demo": "show the stack a task video and watch it do the task in the simulator",
    "send": "send a task video to a running planner and watch the run",
    "record": "make a task video in the simulator",
    "train": "train a policy on the kinematic twin",
    "detector": "train the detector of goods, or measure it",
    "evaluate": "measure success on many tasks, in the twin or in physics",
    "paper": "run the paper's experiments: train, evaluate, write figures and pictures",
    "run": "compute with programs: add numbers, sort digits, find the largest, turn a shape to a pose",
    "npi": "run the experiments of NPI, the ancestor of NTP: train, compute, write figures and pictures",
    "replay": "play a recorded run back onto the topics",
    "fake_sawyer": "stand in for a real Sawyer on the network, to try its driver out",
    "calibrate": "find where a camera stands, from a printed board that the arm shows it",
    "trace": "show or draw a recorded trace",
}


class CommandError(Exception):
    """A command cannot do what it was asked; the message says why and what would be right."""


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but for options that are simply not given."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def build_parser(chosen: str | None) -> argparse.ArgumentParser:
    """The parser; only the chosen command's module is imported, so that ``--help`` stays quick."""
    parser = argparse.ArgumentParser(prog="taskprog", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=_Formatter,
        )
        if name == chosen:
            module = importlib.import_module(f"taskprog.cli.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point. Returns 0 on success, 1 when the work failed, 2 on bad usage, 130 on Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = arguments[0] if arguments and arguments[0] in COMMANDS else None
    options = build_parser(chosen).parse_args(arguments)
    # Terminated, too, we leave by the front door: files are finished, nodes stopped.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return int(options.run(options))
    except CommandError as error:
        print(f"taskprog {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\ntaskprog {options.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
