"""Evaluation through the whole stack: a video in, cameras only, judged by the simulator.

Each episode films a task video in one start layout, resets the simulated world to another, sends the
video as an action goal, and asks the simulator whether the task holds and stays. Neither planner nor
perception ever sees the simulator's state.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import Progress
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import Decision

from taskprog.cli.client import StackClient, video_specification, words_specification
from taskprog.cli.disturber import Disturber, kind_of
from taskprog.cli.episode_log import EpisodeLog, policy_hash
from taskprog.cli.failures import ROBOT, cause_of_failure
from taskprog.cli.record import record_video
from taskprog.cli.stack import StackOptions, running, task_limits
from taskprog.cli.supervisor import NodeDied, random_domains
from taskprog.machine import CancelToken, Event, Trace
from taskprog.nodes.call import ActionError
from taskprog.nodes.convert import from_stamp
from taskprog.nodes.decision_messages import decision_from_message
from taskprog.nodes.specification import NTP
from taskprog.planners.ntp.checkpoint import load_policy
from taskprog.resources import shipped
from taskprog.tasks.called import by_call
from taskprog.tasks.evaluation import wilson
from taskprog.tasks.family import Family, Task

STABLE_FOR = 2.0  # seconds of simulated time
LOOK = 0.5  # seconds of wall time between two looks at what other processes have done
SETTLE = 1.0  # seconds of simulated time after a reset, for the cameras to see the new layout
VIDEO_LAYOUT_OFFSET = 100_000


class ResetRefused(RuntimeError):
    """The simulator would not start an episode; the message says why."""


@dataclass(frozen=True)
class Episode:
    """One task tried.

    Attributes:
        cause: see ``failures``; empty on success; ``detail`` says more of it.
        failed: relations that do not hold; ``right`` of them do, ``wrong`` things are in a wrong container.
        asked: the kind of disturbance that there was to be, one of ``disturber.KINDS``; empty if none.
        disturbed: whether it came; ``disturbance`` says what happened, or why nothing did.
    """

    task: str
    seed: int
    success: bool
    cause: str
    message: str
    failed: tuple[str, ...]
    primitives: int
    simulated_seconds: float
    wall_seconds: float
    right: int = 0
    wrong: int = 0
    detail: str = ""
    asked: str = ""
    disturbed: bool = False
    disturbance: str = ""

    @property
    def counts(self) -> bool:
        """Whether it says something of what was to be tried: what was to go wrong did."""
        return self.disturbed or not self.asked


@dataclass(frozen=True)
class Physics:
    """What is tried, and how.

    Attributes:
        family: of the tasks; its size ``objects``, if it has one, is how many are on the table.
        seed: task i is filmed in the layout ``seed + 100000 + i`` and done in ``seed + i``.
        actor: who moves things in the videos.
        planner: that is asked, one of ``PLANNERS``; checkpoint: folder of its policy, empty: the shipped one.
        disturb: kinds of ``disturber.KINDS``, of which each episode has one, one after another.
        clutter: some objects on the table touch; only where the scene has that.
        folder: for videos, traces and logs; the episodes of an interrupted run with these settings are kept.
    """

    family: Family
    seed: int
    actor: str
    planner: str
    checkpoint: str
    folder: Path
    disturb: tuple[str, ...] = ()
    clutter: bool = False

    @property
    def objects(self) -> int:
        """That are on the table; 0 for the scene's own number."""
        return int(getattr(self.family, "objects", 0))

    @property
    def policy(self) -> Path:
        """Folder of the policy."""
        name = self.family.name if self.planner == NTP else by_call(self.family.name)
        return Path(self.checkpoint) if self.checkpoint else shipped(name)

    @property
    def settings(self) -> dict[str, Any]:
        """All that an episode depends on besides its task."""
        own = {"family": repr(self.family), "policy": policy_hash(self.policy), "world": "physics"}
        chosen = {"seed": self.seed, "actor": self.actor, "planner": self.planner, "disturb": self.disturb}
        return own | chosen | {"clutter": self.clutter}

    def stack(self, seed: int) -> StackOptions:
        """What is started, with the layout of ``seed`` first; a reset keeps the clutter."""
        return StackOptions(
            self.folder,
            self.family.name,
            seed,
            record=False,
            planner=self.planner,
            checkpoint=self.checkpoint,
            objects=self.objects,
            clutter=self.clutter,
        )


def evaluate(physics: Physics, tasks: Sequence[Task], jobs: int, progress: Progress) -> list[Episode]:
    """Try every task once, in ``jobs`` worlds side by side, each with nodes of its own."""
    settings = physics.settings | {"tasks": [str(task) for task in tasks]}
    log = EpisodeLog(physics.folder, settings, Episode)
    bar = progress.add_task("physics", total=len(tasks))

    def show() -> None:
        done = [log.done[i] for i in range(len(tasks)) if i in log.done]
        successes = sum(e.success for e in done)
        progress.update(bar, completed=len(done), description=f"physics {successes}/{len(done)}")

    show()
    pending = [(task, physics.seed + i) for i, task in enumerate(tasks) if i not in log.done]
    for episode in run_episodes(physics, pending) if jobs == 1 else _side_by_side(physics, pending, jobs):
        log.add(episode.seed - physics.seed, episode)
        show()
    log.finish()
    return [log.done[i] for i in range(len(tasks))]


def _side_by_side(physics: Physics, pending: Sequence[tuple[Task, int]], jobs: int) -> Iterator[Episode]:
    """The episodes of several processes, as they come."""
    domains = random_domains(jobs)
    context = multiprocessing.get_context("spawn")  # ROS and torch do not survive a fork
    with ProcessPoolExecutor(jobs, context) as workers, context.Manager() as manager:
        ended = manager.Queue()
        running: set[Future[None]] = set()
        for worker in range(jobs):
            own = replace(physics, folder=physics.folder / f"world_{worker}")
            running.add(workers.submit(_run_part, own, pending[worker::jobs], ended, domains[worker]))
        left = len(pending)
        try:
            while left:
                finished, running = wait(running, LOOK if running else 0.0, FIRST_COMPLETED)
                while not ended.empty():
                    left -= 1
                    yield ended.get()
                for future in finished:
                    future.result()  # raises what the process raised
                if not running and ended.empty() and left:
                    raise RuntimeError(f"{left} episodes were lost")
        except BaseException:
            # Unlike Ctrl-C, what ends this process alone would have it wait for all that is pending.
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _run_part(physics: Physics, pending: Sequence[tuple[Task, int]], ended: Any, domain: str) -> None:
    os.environ["ROS_DOMAIN_ID"] = domain  # two stacks in one would take each other's messages
    for episode in run_episodes(physics, pending):
        ended.put(episode)


def run_episodes(physics: Physics, pending: Sequence[tuple[Task, int]]) -> Iterator[Episode]:
    """Try tasks in their layouts; where the stack itself breaks, the next one gets a fresh stack."""
    pending = list(pending)
    run = _Listener()
    while pending:
        run.disturber = None
        try:
            for episode in _episodes(physics, pending, run):
                pending = pending[1:]
                run.disturber = None
                yield episode
        except (NodeDied, ActionError, ResetRefused) as error:
            task, layout = pending.pop(0)
            told = run.disturber.told if run.disturber is not None else ""
            broken = type(error).__name__
            yield Episode(
                task=str(task),
                seed=layout,
                success=False,
                cause=ROBOT,
                message=f"{broken}: {error}",
                failed=(),
                primitives=0,
                simulated_seconds=0.0,
                wall_seconds=0.0,
                detail=broken,
                asked=kind_of(physics.disturb, layout - physics.seed),
                disturbed=bool(told),
                disturbance=told,
            )


def _episodes(physics: Physics, pending: Sequence[tuple[Task, int]], run: _Listener) -> Iterator[Episode]:
    with running(physics.stack(pending[0][1]), run.on_event, run.decisions.append) as (supervisor, client):
        for task, seed in list(pending):
            supervisor.check()
            video = None
            if physics.planner == NTP:
                video = physics.folder / "videos" / f"{seed:05d}.mp4"
                video.parent.mkdir(exist_ok=True)
                record_video(task, seed + VIDEO_LAYOUT_OFFSET, physics.actor, video)
            yield _episode(physics, client, run, task, seed, video)


class _Listener:
    """Keeps a run's events and decisions, and hands events on to its disturber."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.decisions: list[Decision] = []
        self.disturber: Disturber | None = None

    def on_event(self, event: Event) -> None:
        self.events.append(event)
        if self.disturber is not None:
            self.disturber.on_event(event)


def _episode(
    physics: Physics, client: StackClient, run: _Listener, task: Task, seed: int, video: Path | None
) -> Episode:
    """Without a video the task is told in words.

    Raises:
        ResetRefused, ActionError: it could not be tried, or not to its end.
    """
    began = time.monotonic()
    try:
        client.reset(physics.family.name, seed, physics.objects)
    except ValueError as error:
        raise ResetRefused(str(error)) from error
    client.step(SETTLE)
    specification = words_specification(str(task))
    if video is not None:
        specification = video_specification(video.read_bytes(), str(task))
    limits = task_limits(physics.objects)
    run.events.clear()
    run.decisions.clear()
    kind = kind_of(physics.disturb, seed - physics.seed)
    run.disturber = Disturber(client.disturb, kind, seed, len(task.named)) if kind else None
    result = client.execute(
        specification,
        CancelToken(),
        limits.wall_seconds,
        max_seconds=limits.robot_seconds,
        max_steps=limits.steps,
    )
    disturbance = "" if run.disturber is None else run.disturber.finish()
    verdict = client.check_task(str(task), STABLE_FOR)
    traces = physics.folder / "traces"
    traces.mkdir(exist_ok=True)
    trace = Trace(physics.planner, str(task), tuple(physics.family.names), list(run.events))
    trace.save(traces / f"{seed:05d}.jsonl")
    success = bool(verdict.success) and result.error_code == ExecuteTask.Result.SUCCEEDED
    cause, detail = "", ""
    if not success:
        made = None
        if physics.planner == NTP:
            _, library = load_policy(physics.policy, physics.family)
            made = library, [decision_from_message(message, library) for message in run.decisions]
        cause, detail = cause_of_failure(
            physics.family, task, list(run.events), result.error_code, video, made
        )
    return Episode(
        task=str(task),
        seed=seed,
        success=success,
        cause=cause,
        message=f"{result.message}; {verdict.message}",
        failed=tuple(verdict.failed),
        primitives=result.primitives,
        simulated_seconds=from_stamp(result.duration),
        wall_seconds=time.monotonic() - began,
        right=len(verdict.right),
        wrong=len(verdict.wrong),
        detail=detail,
        asked=kind,
        disturbed=run.disturber is not None and bool(run.disturber.told),
        disturbance=disturbance,
    )


def figures(episodes: Sequence[Episode]) -> dict[str, Any]:
    """What a report says of episodes.

    Episodes in which nothing went wrong though something was to are counted under ``undisturbed`` alone;
    ``disturbances`` and ``failures`` list all. Where no other is left there is no rate.
    """
    counted = [episode for episode in episodes if episode.counts]
    n, successes = len(counted), sum(episode.success for episode in counted)
    kinds = dict.fromkeys(episode.asked for episode in counted if episode.asked)
    missed = [episode for episode in episodes if not episode.counts]
    return {
        "n": n,
        "successes": successes,
        "rate": successes / n if n else None,
        "interval": wilson(successes, n),
        "causes": dict(Counter(episode.cause for episode in counted if not episode.success)),
        "details": dict(Counter(e.detail for e in counted if e.detail).most_common()),
        "decisions": None,
        "primitives": sum(episode.primitives for episode in counted) / max(1, n),
        "simulated_seconds": sum(episode.simulated_seconds for episode in counted) / max(1, n),
        "wall_seconds": sum(episode.wall_seconds for episode in counted) / max(1, n),
        "objects_right": sum(episode.right for episode in counted),
        "objects_wrong": sum(episode.wrong for episode in counted),
        "relations_failed": sum(len(episode.failed) for episode in counted),
        "disturbed": {kind: _share([e for e in counted if e.asked == kind]) for kind in kinds},
        "undisturbed": {
            kind: _share([e for e in missed if e.asked == kind])
            for kind in dict.fromkeys(episode.asked for episode in missed)
        },
        "disturbances": [episode.disturbance for episode in episodes if episode.disturbance],
        "failures": [asdict(episode) for episode in episodes if not episode.success],
    }


def _share(episodes: Sequence[Episode]) -> dict[str, Any]:
    successes = sum(episode.success for episode in episodes)
    return {"n": len(episodes), "successes": successes, "interval": wilson(successes, len(episodes))}
