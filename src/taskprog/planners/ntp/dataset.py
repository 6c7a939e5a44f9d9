"""Traces to learn from: the expert at work on the twin, each decision with what it saw and what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from taskprog.machine import (
    NOTHING_HELD,
    Budget,
    Decision,
    Demonstration,
    Frame,
    Library,
    Machine,
    Observation,
    Planner,
    RunCode,
    TaskSpecification,
)
from taskprog.planners.ntp.features import State, Video, held_one_hot
from taskprog.planners.ntp.objective import Targets
from taskprog.tasks.block_stacking import (
    LIBRARY,
    OFFSETS,
    TRAIN,
    StackingTask,
    random_layout,
    transports,
)
from taskprog.tasks.demonstrator import demonstrate
from taskprog.tasks.stacking_expert import StackingExpert
from taskprog.tasks.twin import Disturbances, TwinDomain, TwinNoise


@dataclass(frozen=True)
class DataConfig:
    """How traces are made.

    Attributes:
        trials: recordings of each task.
        reordered: share in which the towers are built interleaved, in a random order.
        thinned: share whose demonstration lacks up to 30 % of the frames in which something is carried.
        disturbed: share with mishaps, from which the expert recovers, with the probabilities below.
        detector: range of the detector noise, metres, drawn for each recording.
        action: likewise for the action noise.
    """

    trials: int = 2
    reordered: float = 0.3
    thinned: float = 0.3
    disturbed: float = 0.6
    disturbances: Disturbances = field(
        default_factory=lambda: Disturbances(failed_grasp=0.08, drop=0.08, misplace=0.06, meddle=0.04)
    )
    detector: tuple[float, float] = (0.001, 0.006)
    action: tuple[float, float] = (0.001, 0.005)


@dataclass(frozen=True)
class Recording:
    """One run of the expert, as arrays over its S decisions; see ``Video``, ``State`` and ``Targets``."""

    frames: NDArray[np.float32]  # (T, N, 3)
    held: NDArray[np.float32]  # (T, N)
    positions: NDArray[np.float32]  # (S, N, 3)
    tool: NDArray[np.float32]  # (S, 3)
    flags: NDArray[np.float32]  # (S, 2)
    program: NDArray[np.int64]  # (S,)
    scope: NDArray[np.int64]  # (S, 2)
    call: NDArray[np.int64]  # (S,)
    end: NDArray[np.float32]  # (S,)
    object: NDArray[np.int64]  # (S,)
    offset: NDArray[np.int64]  # (S,)
    subscope: NDArray[np.int64]  # (S, 2)

    def __len__(self) -> int:
        return len(self.program)


class _Recorder:
    """A planner that passes on another's decisions and keeps them."""

    def __init__(self, planner: Planner):
        self._planner = planner
        self.kept: list[tuple[Frame, Observation, Decision]] = []

    def begin(self, specification: TaskSpecification) -> None:
        self._planner.begin(specification)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        decision = self._planner.decide(frame, observation)
        self.kept.append((frame, observation, decision))
        return decision


def record_all(
    tasks: Sequence[StackingTask],
    seed: int,
    config: DataConfig,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Recording]:
    """Record every task ``config.trials`` times; the same seed makes the same recordings.

    Raises:
        ValueError: a task is not of the training half.
    """
    for task in tasks:
        if task.half != TRAIN:
            raise ValueError(f"task {task} belongs to the {task.half} half: it must never be trained on")
    recordings = []
    for index in range(len(tasks) * config.trials):
        rng = np.random.default_rng((seed, index))
        recordings.append(record(tasks[index % len(tasks)], rng, config))
        progress(index + 1)
    return recordings


def record(task: StackingTask, rng: np.random.Generator, config: DataConfig) -> Recording:
    """Record the expert once, in layouts and with noise drawn from ``rng``."""
    if rng.uniform() < config.reordered:
        task = task.reordered(rng)
    demonstration = demonstrate(task, random_layout(int(rng.integers(2**31))), rng)
    if rng.uniform() < config.thinned:
        demonstration = thinned(demonstration, rng.uniform(0.0, 0.3), rng)
    disturbed = rng.uniform() < config.disturbed
    domain = TwinDomain(
        random_layout(int(rng.integers(2**31))),
        rng,
        TwinNoise(rng.uniform(*config.detector), rng.uniform(*config.action)),
        config.disturbances if disturbed else Disturbances(),
    )
    recorder = _Recorder(StackingExpert(task))
    budget = Budget(steps=400, seconds=3600.0, failures=20)
    result = Machine(LIBRARY, domain, recorder, budget).run(demonstration)
    if result.code is RunCode.PLANNER_ERROR:
        raise RuntimeError(f"the expert failed on task {task}: {result.message}")
    return to_recording(demonstration, recorder.kept, LIBRARY)


def to_recording(
    demonstration: Demonstration, kept: Sequence[tuple[Frame, Observation, Decision]], library: Library
) -> Recording:
    """Turn decisions into arrays."""
    index = {name: i for i, name in enumerate(library)}
    names = demonstration.names
    steps = len(kept)
    result = Recording(
        frames=demonstration.positions,
        held=held_one_hot(demonstration.held, len(names)),
        positions=np.stack([o.positions for _, o, _ in kept]),
        tool=np.stack([o.gripper for _, o, _ in kept]),
        flags=np.array([(o.closed, o.holding) for _, o, _ in kept], np.float32),
        program=np.array([index[f.op.name] for f, _, _ in kept], np.int64),
        scope=np.array([f.scope for f, _, _ in kept], np.int64),
        call=np.full(steps, -1),
        end=np.array([d.end for _, _, d in kept], np.float32),
        object=np.full(steps, -1),
        offset=np.full(steps, -1),
        subscope=np.full((steps, 2), -1),
    )
    for s, (_, _, decision) in enumerate(kept):
        if decision.call is None:
            continue
        result.call[s] = index[decision.call.op.name]
        if decision.call.args:
            name, height = decision.call.args
            result.object[s] = names.index(str(name))
            result.offset[s] = int(np.argmin([abs(float(height) - offset) for offset in OFFSETS]))
        if decision.scope is not None:
            result.subscope[s] = decision.scope
    return result


def thinned(demonstration: Demonstration, share: float, rng: np.random.Generator) -> Demonstration:
    """Leave out a share of the frames in which something is carried, but two of each carry at least."""
    keep = rng.uniform(size=len(demonstration)) >= share
    keep |= demonstration.held == NOTHING_HELD
    for carry in transports(demonstration):
        keep[carry.start] = True
        keep[carry.stop - 1] = True
    return replace(
        demonstration,
        positions=demonstration.positions[keep],
        held=demonstration.held[keep],
        times=demonstration.times[keep],
    )


def collate(chosen: Sequence[tuple[Recording, NDArray[np.int64]]]) -> tuple[Video, State, Targets]:
    """Batch D recordings, K decisions (given by their indices) of each; videos are padded to the longest."""
    longest = max(len(r.frames) for r, _ in chosen)

    def padded(array: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([array, np.zeros((longest - len(array), *array.shape[1:]), np.float32)])

    def gathered(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(r, name)[steps] for r, steps in chosen]))

    video = Video(
        torch.from_numpy(np.stack([padded(r.frames) for r, _ in chosen])),
        torch.from_numpy(np.stack([padded(r.held) for r, _ in chosen])),
    )
    state = State(*(gathered(name) for name in ("positions", "tool", "flags", "program", "scope")))
    target = Targets(*(gathered(name) for name in ("call", "end", "object", "offset", "subscope")))
    return video, state, target
