"""``taskprog send``: send a task video, or a task in words, to a running planner and watch the run."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.live import Live
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import TaskSpecification

from taskprog.cli.client import StackClient, video_specification, words_specification
from taskprog.cli.interrupt import cancel_on_interrupt
from taskprog.cli.main import CommandError
from taskprog.machine import CancelToken
from taskprog.nodes.call import ActionError
from taskprog.nodes.convert import from_stamp
from taskprog.nodes.specification import NPI
from taskprog.perception.task_video import MAX_BYTES
from taskprog.view.tree import TraceTree


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "video", type=Path, nargs="?", help="mp4 or avi file of the task, filmed by the stack's camera"
    )
    parser.add_argument(
        "--task",
        help='instead of a video, for planners that are called: the task in words, such as "2>6 7>1"',
    )
    parser.add_argument(
        "--planner", default="", help=f"planner to use; default: the node's, or {NPI} with --task"
    )
    parser.add_argument("--namespace", default="", help="of the stack")
    parser.add_argument("--preempt", action="store_true", help="take the place of a running task")
    parser.add_argument("--max-seconds", type=float, default=0.0, help="of robot time; 0: the node's default")
    parser.add_argument("--wait", type=float, default=30.0, help="seconds to wait for the planner to appear")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds to wait for the result")


def run(options: argparse.Namespace) -> int:
    """Send, watch, and say how it ended; Ctrl-C cancels the goal and waits for the robot to stop."""
    if (options.video is None) == (options.task is None):
        raise CommandError("give one of them: a video's file, or --task")
    specification = _video(options.video) if options.task is None else words_specification(options.task)
    planner = options.planner or (NPI if options.task is not None else "")
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
                specification,
                cancel,
                options.timeout,
                planner=planner,
                max_seconds=options.max_seconds,
                preempt=options.preempt,
            )
    except ActionError as error:
        raise CommandError(str(error)) from error
    seconds = from_stamp(result.duration)
    console.print(f"{result.message}; {result.primitives} primitives in {seconds:.1f} s of robot time")
    return 0 if result.error_code == ExecuteTask.Result.SUCCEEDED else 1


def _video(path: Path) -> TaskSpecification:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    if not 0 < size <= MAX_BYTES:
        raise CommandError(f"{path} has {size} bytes; a task video has 1 to {MAX_BYTES}")
    return video_specification(path.read_bytes(), path.name)
