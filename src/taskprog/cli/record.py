"""``taskprog record``: film a task in the simulator, done by a hand or, cubes only, by the Sawyer."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from taskprog.cli.main import CommandError
from taskprog.perception.camera import CameraModel
from taskprog.perception.recording import writing_recording
from taskprog.tasks.block_stacking import BlockStacking, StackingTask, random_layout
from taskprog.tasks.family import Family, Task
from taskprog.tasks.order_fulfilment import OrderFulfilment, OrderTask
from taskprog.tasks.table_top import CAMERA_SIZE
from taskprog.view.video import writing_video
from taskprog_sim.camera import Image
from taskprog_sim.film import order_film, stacking_film
from taskprog_sim.hand_scene import film_hand
from taskprog_sim.sawyer_film import FilmError, film_sawyer

ACTORS = ("hand", "sawyer")
FAMILIES: dict[str, Family] = {family.name: family for family in (BlockStacking(), OrderFulfilment())}
FPS = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--scene", choices=tuple(FAMILIES), default=BlockStacking().name, help="what is on the table"
    )
    parser.add_argument(
        "--task",
        required=True,
        help='what to do: "2>6 7>1" or "duck>container_2 bear>container_0 ..."',
    )
    parser.add_argument("--seed", type=int, default=0, help="of the start layout")
    parser.add_argument("--actor", choices=ACTORS, default="hand", help="who does it")
    parser.add_argument("--output", type=Path, default=Path("out/task.mp4"), help="mp4 file to write")
    parser.add_argument("--size", default="{}x{}".format(*CAMERA_SIZE), help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--fps", type=float, default=FPS, help="pictures a simulated second")
    parser.add_argument(
        "--depth", action="store_true", help="also write a recording with depth, OUTPUT.rgbd.zip"
    )


def run(options: argparse.Namespace) -> int:
    """Film the task; the files appear whole or not at all."""
    try:
        task = FAMILIES[options.scene].parse(options.task)
    except ValueError as error:
        raise CommandError(f"--task {options.task!r}: {error}") from error
    size = _size(options.size)
    if not 1.0 <= options.fps <= 60.0:
        raise CommandError(f"--fps {options.fps:g}: should be 1 to 60")
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    console = Console()
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(f"filming {task}", total=len(task.named))
        try:
            frames = record_video(
                task,
                options.seed,
                options.actor,
                options.output,
                size,
                options.fps,
                options.depth,
                lambda done: progress.update(bar, completed=done),
            )
        except (FilmError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
    console.print(f"{options.output}: {frames} frames, {frames / options.fps:.1f} s, by {options.actor}")
    return 0


def record_video(
    task: Task,
    seed: int,
    actor: str,
    path: Path,
    size: tuple[int, int] = CAMERA_SIZE,
    fps: float = FPS,
    depth: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Film a task from the table-top camera's place.

    Args:
        task: of block stacking, or of order fulfilment, which is shown with one thing of each category.
        seed: of the start layout.
        actor: one of ``ACTORS``; the Sawyer grasps by contact, in simulated physics.
        path: mp4 to write; with ``depth`` also ``path`` with the ending .rgbd.zip, see
            ``perception.recording``.
        size: width and height, pixels.
        fps: pictures a second of simulated time.
        on_progress: gets the number of placements done, with each picture.

    Returns:
        Number of frames.

    Raises:
        ValueError: a task of another family, an actor who cannot do it, or a name or size that no video can
            have.
        FilmError: the Sawyer did not manage the task.
        OSError: a file cannot be written.
    """
    if actor not in ACTORS:
        raise ValueError(f"unknown actor {actor!r}; known are {', '.join(ACTORS)}")
    if not isinstance(task, StackingTask | OrderTask):
        raise ValueError(f"only {' and '.join(FAMILIES)} can be filmed, not {task}")
    if actor != "hand" and isinstance(task, OrderTask):
        raise ValueError("order fulfilment is filmed with a hand only")
    with ExitStack() as files:
        video = files.enter_context(writing_video(path, size, fps))
        recording = files.enter_context(writing_recording(path.with_suffix(".rgbd.zip"))) if depth else None

        def on_frame(image: Image, done: int) -> None:
            video.write(np.asarray(cv2.cvtColor(image.rgb, cv2.COLOR_RGB2BGR), np.uint8))
            if recording is not None:
                recording.write(image.rgb, image.depth, image.stamp)
            if on_progress is not None:
                on_progress(done)

        if isinstance(task, OrderTask):
            film_hand(order_film(task, seed), seed, CameraModel.table_top(*size), fps, on_frame)
        elif actor == "hand":
            film = stacking_film(task, random_layout(seed))
            film_hand(film, seed, CameraModel.table_top(*size), fps, on_frame)
        else:
            film_sawyer(task, seed, size, fps, on_frame)
        return video.frames


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise CommandError(f"--size {text!r}: should be WIDTHxHEIGHT, such as 640x480")
    return int(width), int(height)
