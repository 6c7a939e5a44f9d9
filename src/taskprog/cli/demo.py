"""``taskprog demo``: a task video goes in, and the simulated Sawyer does the task."""

from __future__ import annotations

import argparse
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.live import Live
from sawyer_ntp.action import ExecuteTask

from taskprog.cli.client import StackClient, video_specification
from taskprog.cli.interrupt import cancel_on_interrupt
from taskprog.cli.main import CommandError
from taskprog.cli.options import clutter_of
from taskprog.cli.record import ACTORS, record_video
from taskprog.cli.stack import DETECTORS, StackOptions, running, task_limits
from taskprog.cli.supervisor import NodeDied
from taskprog.machine import CancelToken, Event, EventKind, Trace
from taskprog.nodes.call import ActionError
from taskprog.nodes.convert import from_stamp
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TEST, Task
from taskprog.view.side_by_side import side_by_side
from taskprog.view.tree import TraceTree

STABLE_FOR = 2.0  # seconds of simulated time that a finished task must stay finished
VIDEO_LAYOUT_OFFSET = 100_000  # the video is filmed in another start layout than the robot finds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--task",
        default="",
        help='what to do, such as "2>6 7>1" or "duck>container_1 ..."; default: one by the seed',
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the start layout, and of the task if none is given"
    )
    parser.add_argument(
        "--scene", choices=tuple(DETECTORS), default="block_stacking", help="kind of task, and its scene"
    )
    parser.add_argument(
        "--objects", type=int, default=0, help="on the table; default: the scene's own number"
    )
    parser.add_argument("--clutter", action="store_true", help="order fulfilment: some of them touch")
    parser.add_argument("--actor", choices=ACTORS, default="hand", help="who moves things in the video")
    parser.add_argument("--gui", action="store_true", help="open PyBullet's window, in real time")
    parser.add_argument("--checkpoint", default="", help="folder of a policy; default: the shipped one")
    parser.add_argument(
        "--output", type=Path, default=Path("out/demo"), help="folder for everything it leaves"
    )


@dataclass
class Progress:
    """The running program on the terminal, fed by trace events from another thread."""

    live: Live
    tree: TraceTree
    finished: threading.Event = field(default_factory=threading.Event)

    def __call__(self, event: Event) -> None:
        self.tree.add(event)
        self.live.update(self.tree)
        if event.kind is EventKind.FINISH:
            self.finished.set()


def run(options: argparse.Namespace) -> int:
    """Record a video, start the stack, run the task, judge it, and leave everything in the output folder."""
    console = Console()
    task = _task(options)
    stack = stack_of(options)
    folder: Path = options.output
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    began = time.monotonic()
    console.rule(f"[bold]{options.scene.replace('_', ' ')}: {task}")
    video = folder / "task.mp4"
    record_video(task, options.seed + VIDEO_LAYOUT_OFFSET, options.actor, video)
    console.print(f"task video   {video} ({options.actor}, {time.monotonic() - began:.0f} s)")
    try:
        with Live(console=console, refresh_per_second=8, vertical_overflow="visible") as live:
            progress = Progress(live, TraceTree(Trace("ntp", str(task))))
            with running(stack, progress) as (_, client):
                sent = time.monotonic()
                result = _execute(client, video, str(task), options.objects)
                ran = time.monotonic() - sent
                progress.finished.wait(2.0)
                verdict = client.check_task(str(task), STABLE_FOR)
    except (NodeDied, ActionError) as error:
        raise CommandError(str(error)) from error
    if not console.is_terminal:
        console.print()
    execution = folder / "execution.mp4"
    side_by_side(video, execution, folder / "side_by_side.mp4", last_picture=folder / "final.png")
    seconds = from_stamp(result.duration)
    console.rule("[bold green]success" if verdict.success else "[bold red]failure")
    console.print(f"program      {result.message}")
    console.print(f"simulator    {verdict.message}")
    console.print(f"primitives   {result.primitives} (decisions {result.steps})")
    ratio = seconds / max(ran, 1e-9)
    console.print(f"time         {seconds:.1f} s simulated, {ran:.1f} s wall ({ratio:.1f} x real time)")
    console.print(f"whole demo   {time.monotonic() - began:.0f} s wall; everything is in {folder}/")
    done = verdict.success and result.error_code == ExecuteTask.Result.SUCCEEDED
    return 0 if done else 1


def stack_of(options: argparse.Namespace) -> StackOptions:
    """What is started.

    Raises:
        CommandError: the scene has no clutter.
    """
    return StackOptions(
        options.output,
        options.scene,
        options.seed,
        options.gui,
        checkpoint=options.checkpoint,
        objects=options.objects,
        clutter=clutter_of(options, FAMILIES[options.scene]),
    )


def _task(options: argparse.Namespace) -> Task:
    family = FAMILIES[options.scene]
    if not options.task:
        # The test half: never seen in training.
        return family.tasks(options.seed + 1, 1, TEST)[0]
    try:
        return family.parse(options.task)
    except ValueError as error:
        raise CommandError(f"--task {options.task!r}: {error}") from error


def _execute(client: StackClient, video: Path, label: str, objects: int) -> ExecuteTask.Result:
    cancel, limits = CancelToken(), task_limits(objects)
    specification = video_specification(video.read_bytes(), label)
    with cancel_on_interrupt(cancel):
        result = client.execute(
            specification,
            cancel,
            limits.wall_seconds,
            max_seconds=limits.robot_seconds,
            max_steps=limits.steps,
        )
    if cancel.cancelled:
        raise KeyboardInterrupt
    return result
