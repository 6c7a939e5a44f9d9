"""A whole task through the whole stack: simulated seconds a wall second, and who used the processor.

The baseline is the same world and arm in one process without ROS, cameras and planner: the expert's calls
with exact positions. ``--objects 40`` measures order fulfilment instead, with that many and without baseline.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from taskprog.cli.client import video_specification
from taskprog.cli.record import record_video
from taskprog.cli.stack import StackOptions, running
from taskprog.machine import CancelToken, Machine
from taskprog.nodes.convert import from_stamp
from taskprog.perception.camera import CameraModel
from taskprog.perception.task_video import read_task_video
from taskprog.tasks.block_stacking import LIBRARY, BlockStacking, StackingTask, generate_tasks
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.table_top import CAMERA_SIZE
from taskprog_sim.robot import SimRobot
from taskprog_sim.scene_description import BLOCK_STACKING, ORDER_FULFILMENT
from taskprog_sim.truth_domain import TruthDomain
from taskprog_sim.world import World

ROUNDS, PLACEMENTS = 3, 4
FOLDER = Path("out/bench/task")
TIMEOUT = 600.0  # seconds of wall time


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=0, help="of order fulfilment, on the table")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"tasks (default: {ROUNDS})")
    options = parser.parse_args()
    if options.objects:
        family, title = ORDER_FULFILMENT, f"order fulfilment, {options.objects} objects"
        tasks = FAMILIES[family].tasks(1, options.rounds, "test")
    else:
        family, title = BLOCK_STACKING, "a task of four placements"
        tasks = [t for t in generate_tasks(1, 10 * options.rounds, "train") if len(t.steps) == PLACEMENTS]
        tasks = tasks[: options.rounds]
    FOLDER.mkdir(parents=True, exist_ok=True)
    alone, whole = [], []
    programs = ("simulator", "perception", "executor", "planner")
    used: dict[str, list[float]] = {program: [] for program in programs}
    stack = StackOptions(FOLDER, family=family, objects=options.objects, record=False)
    with running(stack) as (supervisor, client):
        for seed, task in enumerate(tasks):
            video = FOLDER / f"{seed}.mp4"
            record_video(task, 1000 + seed, "hand", video)
            client.reset(family, seed, options.objects)
            client.step(1.0)
            before = {p: cpu_seconds(supervisor.pid(p)) for p in programs}
            began = time.perf_counter()
            result = client.execute(
                video_specification(video.read_bytes(), str(task)), CancelToken(), TIMEOUT
            )
            wall = time.perf_counter() - began
            seconds = from_stamp(result.duration)
            whole.append(seconds / wall)
            for program in programs:
                used[program].append((cpu_seconds(supervisor.pid(program)) - before[program]) / seconds)
            if isinstance(task, StackingTask):
                alone.append(_alone(task, seed, video))
    table = Table(title=f"{title}, median of {len(tasks)}")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_row("whole stack, simulated s a wall s", f"{statistics.median(whole):.2f}")
    if alone:
        table.add_row("same world in one process, no camera", f"{statistics.median(alone):.2f}")
    for program in programs:
        table.add_row(f"CPU s a simulated s, {program}", f"{statistics.median(used[program]):.3f}")
    Console().print(table)


def _alone(task: StackingTask, seed: int, video: Path) -> float:
    demonstration = read_task_video(video, CameraModel.table_top(*CAMERA_SIZE))
    with World(seed=seed) as world:
        domain = TruthDomain(SimRobot(world))
        start, began = world.time, time.perf_counter()
        Machine(LIBRARY, domain, BlockStacking().expert(task)).run(demonstration)
        return (world.time - start) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
