"""Evaluation through the whole stack: a video in, cameras only, judged by the simulator.

Each episode films a task video in one start layout, resets the simulated world to another, sends the
video as an action goal, and asks the simulator whether the task holds and stays. Neither planner nor
perception ever sees the simulator's state.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import Progress
from sawyer_ntp.action import ExecuteTask

from taskprog.cli.client import StackClient, video_specification
from taskprog.cli.record import record_video
from taskprog.cli.stack import StackOptions, running
from taskprog.cli.supervisor import NodeDied
from taskprog.machine import CancelToken, Demonstration, Event, EventKind, OutcomeCode, RunCode
from taskprog.nodes.call import ActionError
from taskprog.nodes.convert import from_stamp
from taskprog.perception.camera import CameraModel
from taskprog.perception.task_video import TaskVideoError, read_task_video
from taskprog.tasks.block_stacking import GRASP_OFFSET, StackingTask, demonstrated_steps
from taskprog.tasks.table_top import CAMERA_SIZE, CUBE_NAMES

STABLE_FOR = 2.0  # seconds of simulated time
EPISODE_TIMEOUT = 600.0  # seconds of wall time
SETTLE = 1.0  # seconds of simulated time after a reset, for the cameras to see the new layout
VIDEO_LAYOUT_OFFSET = 100_000

# Why an episode failed; the first that applies.
WRONG_PICK = "wrong pick"  # moved a cube that the task does not move
WRONG_DECISION = "wrong decision"  # put a cube where the task does not want it, or stopped too early
TIMEOUT = "timeout"  # the program did not return by itself
DROPPED, TOPPLED = "dropped", "toppled"  # and was not put right before the program returned
PERCEPTION, ROBOT = "perception", "robot"
CAUSES = (WRONG_DECISION, WRONG_PICK, DROPPED, TOPPLED, PERCEPTION, TIMEOUT, ROBOT)


@dataclass(frozen=True)
class Episode:
    """One task tried. ``cause`` is one of ``CAUSES``, or empty on success."""

    task: str
    seed: int
    success: bool
    cause: str
    message: str
    failed: tuple[str, ...]
    primitives: int
    simulated_seconds: float
    wall_seconds: float


def evaluate(
    tasks: Sequence[StackingTask], seed: int, actor: str, checkpoint: str, folder: Path, progress: Progress
) -> list[Episode]:
    """Try every task once; episodes already in ``folder/episodes.jsonl`` (an interrupted run) are kept.

    Task i is filmed in layout ``seed + 100000 + i`` and done in layout ``seed + i``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "episodes.jsonl"
    done = {(e.task, e.seed): e for e in _load(log)}
    bar = progress.add_task("physics", total=len(tasks))
    pending = [(task, seed + i) for i, task in enumerate(tasks) if (str(task), seed + i) not in done]
    progress.advance(bar, len(tasks) - len(pending))
    successes = sum(e.success for e in done.values())
    while pending:
        try:
            for episode in _episodes(pending, actor, checkpoint, folder):
                done[episode.task, episode.seed] = episode
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(episode)) + "\n")
                pending = pending[1:]
                successes += episode.success
                progress.update(bar, advance=1, description=f"physics {successes}/{len(done)}")
        except (NodeDied, ActionError) as error:
            # The stack itself broke: that episode failed, and the next one gets a fresh stack.
            task, layout = pending.pop(0)
            episode = Episode(str(task), layout, False, ROBOT, str(error), (), 0, 0.0, 0.0)
            done[episode.task, episode.seed] = episode
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(episode)) + "\n")
            progress.advance(bar)
    return [done[str(task), seed + i] for i, task in enumerate(tasks)]


def _load(log: Path) -> Iterator[Episode]:
    if not log.exists():
        return
    for line in log.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        yield Episode(**data | {"failed": tuple(data["failed"])})


def _episodes(
    pending: Sequence[tuple[StackingTask, int]], actor: str, checkpoint: str, folder: Path
) -> Iterator[Episode]:
    events: list[Event] = []
    options = StackOptions(folder, seed=pending[0][1], record=False, checkpoint=checkpoint)
    with running(options, events.append) as (supervisor, client):
        for task, seed in list(pending):
            supervisor.check()
            video = folder / "videos" / f"{seed:05d}.mp4"
            video.parent.mkdir(exist_ok=True)
            record_video(task, seed + VIDEO_LAYOUT_OFFSET, actor, video)
            events.clear()
            yield _episode(client, events, task, seed, video)


def _episode(client: StackClient, events: list[Event], task: StackingTask, seed: int, video: Path) -> Episode:
    began = time.monotonic()
    client.reset("block_stacking", seed)
    client.step(SETTLE)
    result = client.execute(
        video_specification(video.read_bytes(), str(task)), CancelToken(), EPISODE_TIMEOUT
    )
    verdict = client.check_task(str(task), STABLE_FOR)
    success = bool(verdict.success) and result.error_code == ExecuteTask.Result.SUCCEEDED
    return Episode(
        task=str(task),
        seed=seed,
        success=success,
        cause="" if success else cause_of_failure(task, list(events), result.error_code, video),
        message=f"{result.message}; {verdict.message}",
        failed=tuple(verdict.failed),
        primitives=result.primitives,
        simulated_seconds=from_stamp(result.duration),
        wall_seconds=time.monotonic() - began,
    )


def cause_of_failure(task: StackingTask, events: Sequence[Event], code: int, video: Path) -> str:
    """The first thing that went wrong, as one of ``CAUSES``."""
    if code in (ExecuteTask.Result.BAD_SPECIFICATION, RunCode.NO_OBSERVATION):
        return PERCEPTION
    if code == RunCode.PLANNER_ERROR:
        return WRONG_DECISION if _read_rightly(task, video) else PERCEPTION
    if code in (RunCode.ROBOT_STOPPED, RunCode.PRIMITIVE_FAILED, RunCode.CANCELLED):
        return ROBOT
    wanted = {(CUBE_NAMES[a], CUBE_NAMES[b]) for a, b in task.relations}
    for picked, placed in moves(events):
        if (picked, placed) not in wanted:
            if not _read_rightly(task, video):
                return PERCEPTION
            return WRONG_DECISION if picked in {a for a, _ in wanted} else WRONG_PICK
    if any(e.outcome == OutcomeCode.NOTHING_HELD.name for e in events):
        return DROPPED
    if code in (RunCode.STEP_BUDGET, RunCode.TIME_BUDGET, RunCode.DEPTH_BUDGET):
        return TIMEOUT
    return TOPPLED


def moves(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Which object a run put on which, in order, read from its calls of ``move_to``."""
    picked = ""
    for event in events:
        if event.kind is EventKind.CALL and event.op == "move_to":
            name, height = str(event.args[0]), float(event.args[1])
            if height == GRASP_OFFSET:
                picked = name
            else:
                yield picked, name


def _read_rightly(task: StackingTask, video: Path) -> bool:
    try:
        demonstration: Demonstration = read_task_video(video, CameraModel.table_top(*CAMERA_SIZE))
    except TaskVideoError:
        return False
    return demonstrated_steps(demonstration) == tuple((CUBE_NAMES[a], CUBE_NAMES[b]) for a, b in task.steps)
