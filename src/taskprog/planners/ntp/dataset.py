"""Traces to learn from: the expert at work on the twin, each decision with what it saw and what it did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import (
    NOTHING_HELD,
    Budget,
    Decision,
    Demonstration,
    FlatPlanner,
    Frame,
    Library,
    Machine,
    Observation,
    Planner,
    RunCode,
    Scope,
    flattened,
)
from taskprog.planners.ntp.config import Returns
from taskprog.planners.ntp.features import hand_of, held_one_hot
from taskprog.planners.recording import Kept, Recorder
from taskprog.tasks.carrying import transports
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise
from taskprog.tasks.family import TRAIN, Family, Task

SLIP = 3  # frames by which a slip may move either end of a scope
BUDGET = Budget(steps=2000, seconds=1e6, failures=20)


@dataclass(frozen=True)
class DataConfig:
    """How traces are made.

    Attributes:
        trials: recordings of each task.
        reordered: share that reaches the goal in another order.
        thinned: share whose demonstration lacks up to 30 % of the frames in which something is carried.
        disturbed: share with mishaps, from which the expert recovers, with the probabilities below.
        slips: in recordings with mishaps, share of the decisions that are carried out otherwise than the
            expert decided: a scope a little off, an end too early or too late. What is learnt is what it
            decided, there and in the states that follow.
        detector: range of the detector noise, metres, drawn for each recording.
        action: likewise for the action noise.
        relabelled: objects are renumbered at random in each batch, which makes new tasks.
    """

    trials: int = 2
    reordered: float = 0.0
    thinned: float = 0.3
    disturbed: float = 0.6
    disturbances: Disturbances = field(
        default_factory=lambda: Disturbances(failed_grasp=0.08, drop=0.08, misplace=0.06, meddle=0.04)
    )
    slips: float = 0.05
    detector: tuple[float, float] = (0.001, 0.007)
    action: tuple[float, float] = (0.001, 0.005)
    relabelled: bool = False


@dataclass(frozen=True)
class Recording:
    """One run of the expert, as arrays over its S decisions; T frames, N objects.

    ``activation`` numbers the calls of programs; decisions of one share a number. ``call``, ``object``,
    ``offset`` and ``subscope`` are -1 where there is nothing to predict.
    """

    frames: NDArray[np.float32]  # (T, N, 3)
    held: NDArray[np.float32]  # (T, N)
    hand: NDArray[np.float32]  # (T, 3)
    positions: NDArray[np.float32]  # (S, N, 3)
    present: NDArray[np.float32]  # (S, N)
    receptacle: NDArray[np.float32]  # (S, N)
    tool: NDArray[np.float32]  # (S, 3)
    flags: NDArray[np.float32]  # (S, 2)
    program: NDArray[np.int64]  # (S,)
    activation: NDArray[np.int64]  # (S,)
    scope: NDArray[np.int64]  # (S, 2)
    call: NDArray[np.int64]  # (S,)
    end: NDArray[np.float32]  # (S,)
    object: NDArray[np.int64]  # (S,)
    offset: NDArray[np.int64]  # (S,)
    subscope: NDArray[np.int64]  # (S, 2)

    def __len__(self) -> int:
        return len(self.program)


class _Recorder(Recorder[Observation]):
    """Keeps decisions with scopes inside the caller's; some are carried out changed by a slip."""

    def __init__(self, planner: Planner, rng: np.random.Generator, slips: float):
        super().__init__(planner)
        self._rng = rng
        self._slips = slips

    def keep(self, frame: Frame, decision: Decision) -> Decision:
        """See ``Recorder``."""
        if decision.scope is not None:  # which the expert takes from the whole video
            return replace(decision, scope=_clipped(*decision.scope, frame.scope))
        return decision

    def carried_out(self, frame: Frame, decision: Decision) -> Decision:
        """See ``Recorder``."""
        if decision.call is None or self._slips == 0.0:
            return decision
        if frame.depth > 0 and self._rng.uniform() < self._slips:
            decision = replace(decision, end=not decision.end)
        if decision.scope is not None and self._rng.uniform() < self._slips:
            start, stop = np.array(decision.scope) + self._rng.integers(-SLIP, SLIP + 1, 2)
            decision = replace(decision, scope=_clipped(int(start), int(stop), frame.scope))
        return decision


def _clipped(start: int, stop: int, within: Scope) -> Scope:
    """The scope, or at least one frame, inside another."""
    start = min(max(start, within.start), within.stop - 1)
    return Scope(start, max(start + 1, min(stop, within.stop)))


def record_all(
    family: Family,
    tasks: Sequence[Task],
    seed: int,
    config: DataConfig,
    flat: bool = False,
    returns: Returns = Returns.MIXED,
    progress: Callable[[int], None] = lambda done: None,
    part: range | None = None,
) -> list[Recording]:
    """Record every task ``config.trials`` times; the same seed makes the same recordings.

    Args:
        part: which of these recordings; by default all.

    Raises:
        ValueError: a task is not of the training half.
    """
    for task in tasks:
        if task.half != TRAIN:
            raise ValueError(f"task {task} belongs to the {task.half} half: it must never be trained on")
    recordings = []
    for index in range(len(tasks) * config.trials) if part is None else part:
        rng = np.random.default_rng((seed, index))
        recordings.append(record(family, tasks[index % len(tasks)], rng, config, flat, returns))
        progress(len(recordings))
    return recordings


def record(
    family: Family,
    task: Task,
    rng: np.random.Generator,
    config: DataConfig,
    flat: bool = False,
    returns: Returns = Returns.MIXED,
) -> Recording:
    """Record the expert once, from starts and with noise drawn from ``rng``."""
    if rng.uniform() < config.reordered:
        task = family.reordered(task, rng)
    demonstration = family.demonstrate(task, rng, VideoConditions())
    if rng.uniform() < config.thinned:
        demonstration = thinned(demonstration, rng.uniform(0.0, 0.3), rng)
    disturbed = rng.uniform() < config.disturbed
    noise = WorldNoise(rng.uniform(*config.detector), rng.uniform(*config.action))
    world = family.world(task, rng, noise, config.disturbances if disturbed else Disturbances())
    expert = family.expert(task)
    library = flattened(family.library) if flat else family.library
    planner = FlatPlanner(expert, family.library) if flat else expert
    recorder = _Recorder(planner, rng, config.slips if disturbed else 0.0)
    result = Machine(library, world, recorder, BUDGET).run(demonstration)
    if result.code is RunCode.PLANNER_ERROR:
        raise RuntimeError(f"the expert failed on task {task}: {result.message}")
    return to_recording(demonstration, returning(recorder.kept, returns), library, family)


def returning(kept: Sequence[Kept], returns: Returns) -> list[Kept]:
    """The same decisions, with programs that end when ``returns`` says."""
    result: list[Kept] = []
    if returns is Returns.MIXED:
        return list(kept)
    if returns is Returns.WITH_CALL:
        for entry in kept:
            if entry.decision.call is not None:
                result.append(entry)
                continue
            for i in range(len(result) - 1, -1, -1):
                if result[i].activation == entry.activation:
                    result[i] = replace(result[i], decision=replace(result[i].decision, end=True))
                    break
        return result
    ending: list[Kept] = []  # programs whose last call is under way, the deepest last
    for entry in kept:
        while ending and ending[-1].frame.depth >= entry.frame.depth:
            stop = Decision(None, end=True)
            result.append(replace(ending.pop(), observation=entry.observation, decision=stop))
        if entry.decision.end and entry.decision.call is not None:
            ending.append(entry)
            entry = replace(entry, decision=replace(entry.decision, end=False))
        result.append(entry)
    return result


def to_recording(
    demonstration: Demonstration, kept: Sequence[Kept], library: Library, family: Family
) -> Recording:
    """Turn decisions into arrays."""
    index = {name: i for i, name in enumerate(library)}
    names = demonstration.names
    place = {name: i for i, name in enumerate(names)}
    steps = len(kept)
    result = Recording(
        frames=demonstration.positions,
        held=held_one_hot(demonstration.held, len(names)),
        hand=hand_of(demonstration),
        positions=np.zeros((steps, len(names), 3), np.float32),
        present=np.zeros((steps, len(names)), np.float32),
        receptacle=np.tile(np.array([name in family.receptacles for name in names], np.float32), (steps, 1)),
        tool=np.stack([k.observation.gripper for k in kept]),
        flags=np.array([(k.observation.closed, k.observation.holding) for k in kept], np.float32),
        program=np.array([index[k.frame.op.name] for k in kept], np.int64),
        activation=np.array([k.activation for k in kept], np.int64),
        scope=np.array([k.frame.scope for k in kept], np.int64),
        call=np.full(steps, -1),
        end=np.array([k.decision.end for k in kept], np.float32),
        object=np.full(steps, -1),
        offset=np.full(steps, -1),
        subscope=np.full((steps, 2), -1),
    )
    for s, entry in enumerate(kept):
        seen = [place[name] for name in entry.observation.names]
        result.positions[s, seen] = entry.observation.positions
        result.present[s, seen] = 1.0
        decision = entry.decision
        if decision.call is None:
            continue
        result.call[s] = index[decision.call.op.name]
        if decision.call.args:
            name, height = decision.call.args
            result.object[s] = place[str(name)]
            result.offset[s] = int(np.argmin([abs(float(height) - offset) for offset in family.offsets]))
        if decision.scope is not None:
            result.subscope[s] = decision.scope
    return result


def thinned(demonstration: Demonstration, share: float, rng: np.random.Generator) -> Demonstration:
    """Leave out a share of the frames in which something is carried, but two of each carry at least."""
    held = demonstration.held
    keep = (rng.uniform(size=len(held)) >= share) | (held == NOTHING_HELD)
    for carry in transports(demonstration):
        keep[[carry.start, carry.stop - 1]] = True
    return replace(
        demonstration,
        positions=demonstration.positions[keep],
        held=held[keep],
        times=demonstration.times[keep],
    )
