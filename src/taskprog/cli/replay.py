"""``taskprog replay``: play a recorded run back onto the topics, for rviz and whoever listens."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import rclpy
from rclpy.context import Context
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from taskprog.cli.main import CommandError
from taskprog.nodes.bag import BagError, BagReader
from taskprog.nodes.convert import NANO
from taskprog.nodes.replay import Replayer
from taskprog.nodes.transport import roomy_transport

DISCOVERY = 1.0  # seconds of wall time for listeners to find the publishers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "recording", type=Path, help="rosbag2 folder, or the folder of a demo that holds bag/"
    )
    parser.add_argument("--rate", type=float, default=1.0, help="recorded seconds a second")
    parser.add_argument("--loop", action="store_true", help="begin again at the end, until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    """Publish all messages in order, with their timing; Ctrl-C ends it."""
    if not options.rate > 0.0:
        raise CommandError(f"--rate {options.rate:g}: should be positive")
    try:
        with BagReader(options.recording) as bag, _stop_on_interrupt() as stop:
            _play(bag, options.rate, options.loop, stop)
    except BagError as error:
        raise CommandError(str(error)) from error
    return 0


def _play(bag: BagReader, rate: float, loop: bool, stop: threading.Event) -> None:
    console = Console()
    seconds = (bag.end - bag.start) / NANO
    console.print(f"{bag.folder}: {bag.count} messages on {len(bag.channels)} topics, {seconds:.1f} s")
    with ExitStack() as cleanup:
        context = Context()
        rclpy.init(context=context)
        cleanup.callback(rclpy.try_shutdown, context=context)
        with roomy_transport():
            node = rclpy.create_node("replay", context=context)
        cleanup.callback(node.destroy_node)
        replayer = Replayer(node, bag)
        stop.wait(DISCOVERY)
        if not replayer.heard():
            console.print("[yellow]nobody listens to any of its topics (another ROS_DOMAIN_ID?)")
        columns = TextColumn("replaying"), BarColumn(), TimeElapsedColumn()
        progress = cleanup.enter_context(Progress(*columns, console=console, transient=True))
        bar = progress.add_task("replay", total=bag.count)
        while (
            replayer.play(rate, stop, lambda count: progress.update(bar, completed=count))
            and loop
            and not stop.is_set()
        ):
            continue


@contextmanager
def _stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
