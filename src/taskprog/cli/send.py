"""``taskprog send``: send a task video to a running planner and watch the run."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.live import Live
from sawyer_ntp.action import ExecuteTask

from taskprog.cli.client import StackClient, video_specification
from taskprog.cli.interrupt import cancel_on_interrupt
from taskprog.cli.main import CommandError
from taskprog.machine import CancelToken
from taskprog.nodes.call import ActionError
from taskprog.nodes.convert import from_stamp
from taskprog.perception.task_video import MAX_BYTES
from taskprog.view.tree import TraceTree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("video", type=Path, help="mp4 or avi file of the task, filmed by the stack's camera")
    parser.add_argument("--planner", default="", help="planner to use; default: the node's")
    parser.add_argument("--namespace", default="", help="of the stack")
    parser.add_argument("--preempt", action="store_true", help="take the place of a running task")
    parser.add_argument("--max-seconds", type=float, default=0.0, help="of robot time; 0: the node's default")
    parser.add_argument("--wait", type=float, default=30.0, help="seconds to wait for the planner to appear")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds to wait for the result")


def run(options: argparse.Namespace) -> int:
    """Send, watch, and say how it ended; Ctrl-C cancels the goal and waits for the robot to stop."""
    video: Path = options.video
    try:
        size = video.stat().st_size
    except OSError as error:
        raise CommandError(f"{video}: {error.strerror}") from error
    if not 0 < size <= MAX_BYTES:
        raise CommandError(f"{video} has {size} bytes; a task video has 1 to {MAX_BYTES}")
    console = Console()
    tree = TraceTree()
    cancel = CancelToken()
    try:
        with (
            Live(tree, console=console, refresh_per_second=8, vertical_overflow="visible"),
            StackClient(options.namespace, tree.add) as client,
            cancel_on_interrupt(cancel),
        ):
            client.wait_ready(options.wait)
            result = client.execute(
                video_specification(video.read_bytes(), video.name),
                cancel,
                options.timeout,
                options.planner,
                options.max_seconds,
                options.preempt,
            )
    except ActionError as error:
        raise CommandError(str(error)) from error
    seconds = from_stamp(result.duration)
    console.print(f"{result.message}; {result.primitives} primitives in {seconds:.1f} s of robot time")
    return 0 if result.error_code == ExecuteTask.Result.SUCCEEDED else 1
