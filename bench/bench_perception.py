"""Processor time of perception for one image, at rest and with towers, and for one frame of a task video.

The images are the simulator's. Times are medians of processor time in one thread.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from taskprog.perception.camera import CameraModel
from taskprog.perception.detection import CubeDetector
from taskprog.perception.task_video import read_frames
from taskprog.perception.tracking import ObjectTracker
from taskprog.tasks.block_stacking import Layout, StackingTask, random_layout
from taskprog.tasks.table_top import CUBE_SIZE
from taskprog_sim.camera import Image
from taskprog_sim.film import stacking_film
from taskprog_sim.hand_scene import film_hand
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World

ROUNDS = 100
LAYOUTS = 5
SIZES = ((640, 480), (320, 240))
TASK = StackingTask.parse("2>6 7>1")
FPS = 10.0


def apart_and_stacked(seed: int) -> tuple[Layout, Layout]:
    """Eight cubes apart on the table, and in two towers of four."""
    apart = random_layout(seed)
    positions = apart.positions.copy()
    for cube in range(1, 8):
        if cube != 4:
            positions[cube] = positions[cube - 1] + [0.0, 0.0, CUBE_SIZE]
    return apart, Layout(positions, apart.yaws)


def pictures(size: tuple[int, int]) -> list[Image]:
    """Of cubes apart and of towers, the arm behind them."""
    result = []
    with World(camera_size=size) as world:
        for seed in range(LAYOUTS):
            for layout in apart_and_stacked(seed):
                world.start(stacking_scene(layout))
                result.append(world.camera.render())
    return result


def milliseconds(work: Callable[[Image], object], images: list[Image]) -> float:
    """Median processor time that ``work`` takes for an image."""
    taken = []
    for index in range(ROUNDS):
        begin = time.process_time()
        work(images[index % len(images)])
        taken.append((time.process_time() - begin) * 1e3)
    return statistics.median(taken)


def video_milliseconds(size: tuple[int, int]) -> float:
    """Processor time to read a task video without depth, a frame."""
    camera = CameraModel.table_top(*size)
    frames: list[NDArray[np.uint8]] = []
    film_hand(
        stacking_film(TASK, random_layout(0)), 0, camera, FPS, lambda image, _: frames.append(image.rgb)
    )
    begin = time.process_time()
    read_frames(frames, [index / FPS for index in range(len(frames))], camera)
    return (time.process_time() - begin) * 1e3 / len(frames)


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    table = Table(title="Perception: processor time, ms a frame", title_justify="left")
    for heading in ("size", "detect and track, colour and depth", "detect, colour alone", "task video"):
        table.add_column(heading, justify="right")
    for size in SIZES:
        images = pictures(size)
        detector, tracker = CubeDetector(CameraModel.table_top(*size)), ObjectTracker()
        stamps = itertools.count(0.0)

        def see(
            image: Image,
            eyes: CubeDetector = detector,
            memory: ObjectTracker = tracker,
            clock: Iterator[float] = stamps,
        ) -> None:
            memory.update(eyes.detect(image.rgb, image.depth), next(clock))

        def glance(image: Image, eyes: CubeDetector = detector) -> None:
            eyes.detect(image.rgb)

        times = milliseconds(see, images), milliseconds(glance, images), video_milliseconds(size)
        table.add_row("{}x{}".format(*size), *(f"{taken:.1f}" for taken in times))
    Console().print(table)


if __name__ == "__main__":
    main()
