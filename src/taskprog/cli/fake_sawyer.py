"""``taskprog fake_sawyer``: a ROS 1 master and a robot at it that answers as a Sawyer does."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from taskprog.cli.main import CommandError
from taskprog_sim.intera.gripper import RANGE
from taskprog_sim.intera.network import FakeNetwork

CLOSED_WIDTH = 0.0155  # metres between the pads, closed
HEED = 0.5  # seconds after which a signal is heeded at the latest, as in taskprog.nodes.spin


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--port", type=int, default=11311, help="of the master; 0: any that is free")
    parser.add_argument("--host", default="127.0.0.1", help="this machine's address for other machines")
    parser.add_argument("--old", action="store_true", help="speak as Intera 5.1 does, not 5.3")
    parser.add_argument(
        "--object-width", type=float, default=0.0, help="mm of a thing that the pads always close on; 0: none"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; on a terminal, faults can be typed."""
    width = options.object_width / 1000 - CLOSED_WIDTH
    if options.object_width and not 0 < width < RANGE:
        raise CommandError(f"--object-width {options.object_width:g}: should be 15.5 to 57 mm")
    try:
        network = FakeNetwork(options.port, options.host, options.old)
    except OSError as error:
        raise CommandError(f"port {options.port} of {options.host}: {error.strerror or error}") from error
    with network:
        network.robot.gripper.object_width = width if options.object_width else None
        print(f"a stand-in for a Sawyer; its master is at {network.uri}", flush=True)
        if sys.stdin.isatty():
            _converse(network)
        else:
            while True:  # until a signal's handler raises
                time.sleep(HEED)
    return 0


def _converse(network: FakeNetwork) -> None:
    def cuff(held: bool) -> None:
        network.robot.faults.cuff = held

    def thaw() -> None:
        network.robot.faults.frozen = frozenset()

    actions: dict[str, Callable[[], object]] = {
        "press": lambda: network.robot.press_button(),
        "release": lambda: network.robot.assembly.release(),
        "collide": lambda: network.robot.collide(),
        "free": lambda: network.robot.collide(False),
        "cuff": lambda: cuff(True),
        "let go": lambda: cuff(False),
        "freeze": lambda: network.robot.freeze(),
        "thaw": thaw,
        "reboot": network.reboot,
    }
    print(f"type {', '.join(actions)}; Ctrl-C ends", flush=True)
    for line in sys.stdin:
        action = actions.get(line.strip())
        if action is None:
            print(f"not {line.strip()!r}, but one of {', '.join(actions)}")
            continue
        action()
        a = network.robot.assembly
        print(f"enabled {a.enabled}, stopped {a.stopped}, button {a.button}", flush=True)
