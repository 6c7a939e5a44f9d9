"""What the units of the experiments do: train a policy, and evaluate one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from taskprog.experiments.unit import Files, Output
from taskprog.planners.ntp.checkpoint import load_policy
from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings
from taskprog.tasks.conditions import Conditions
from taskprog.tasks.evaluation import Episode, Summary, evaluate
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TEST, TRAIN, Family, Task

SEEN, UNSEEN, TOPOLOGY, GIVEN = "seen", "unseen", "topology", "given"
TRIES = 50  # to find another order of a task
UNSEEN_SEED = 7_000_000  # added to the seed of tasks of the test half
TOLD = 20  # failed episodes that are kept in words
ATTEMPTS = 3  # at a training that is stuck, each from other weights
# Share of a program's decisions, on the data trained on, that are wrong at the end where a training is
# stuck: an argument stays at chance. Of others at most 27 % are.
STUCK = 0.3
KEPT = 3  # sets of recordings that a process keeps for its next trainings: of as many seeds, some 100 MB each


@dataclass(frozen=True)
class TaskSet:
    """Which tasks of a family; the same everywhere.

    Attributes:
        test: SEEN, tasks that were trained on; TOPOLOGY, these in another order; UNSEEN, of the test half;
            GIVEN, ``texts``.
        n: how many; a task comes again, from another start, if there are fewer.
        seed, trained: of the training, and its number of tasks; ``seed`` also chooses the unseen tasks.
    """

    test: str
    n: int
    seed: int = 0
    trained: int = 0
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """Configuration of ``evaluate_policy``; ``sizes`` are fields of the family to be changed."""

    family: str
    tasks: TaskSet
    conditions: Conditions = field(default_factory=Conditions)
    sizes: dict[str, int] = field(default_factory=dict)


def train(config: TrainConfig, begun: Files | None = None) -> Output:
    """Record, train, and keep the policy; ``begun`` is one to go on from, which a ``train`` kept.

    A training that is stuck, as its own data tells, is begun anew from other weights; all of them count in
    what it cost.

    Raises:
        CheckpointError: ``begun`` is for another family.
    """
    return _trained(config, begun, ATTEMPTS if begun is None else 1)


def train_once(config: TrainConfig, begun: Files | None = None) -> Output:
    """``train`` whatever comes of it: with few steps, all are stuck."""
    return _trained(config, begun, 1)


def _trained(config: TrainConfig, begun: Files | None, attempts: int) -> Output:
    recordings, seconds = _recorded(_what_is_recorded(config))
    trainers: list[Trainer] = []
    while not trainers or (_error(trainers[-1]) > STUCK and len(trainers) < attempts):
        trainer = Trainer(config, recordings, weights=len(trainers))
        if begun is not None:
            with folder_of(begun) as folder:
                trainer.begin_from(load_policy(folder, trainer.family)[0])
        trainer.run()
        trainers.append(trainer)
    best = min(trainers, key=_error)
    output = kept(best, len(recordings), sum(len(recording) for recording in recordings))
    spent = {"training": sum(trainer.seconds for trainer in trainers), "recording": seconds}
    return replace(output, figures={**output.figures, "attempts": len(trainers)}, seconds=spent)


def _error(trainer: Trainer) -> float:
    """Of the program that is worst, on what is trained on."""
    return max(trainer.errors.values())


@lru_cache(maxsize=KEPT)
def _recorded(config: TrainConfig) -> tuple[list[Recording], float]:
    """A training's recordings, and the CPU seconds that they took."""
    began = time.process_time()
    return make_recordings(config), time.process_time() - began


def _what_is_recorded(config: TrainConfig) -> TrainConfig:
    """The same for all trainings that learn from the same recordings: without what only concerns learning."""
    data = replace(config.data, relabelled=False)
    model = replace(ModelConfig(), flat=config.model.flat, returns=config.model.returns)
    return TrainConfig(config.family, config.seed, config.tasks, data=data, model=model)


def record_part(config: TrainConfig, part: range) -> list[Recording]:
    """Some of a training's recordings."""
    return make_recordings(config, part=part)


def kept(trainer: Any, recordings: int, decisions: int) -> Output:
    """What a unit returns of a ``Training`` that has ended: its figures, and the policy as files.

    Args:
        recordings, decisions: that were trained on.
    """
    with tempfile.TemporaryDirectory() as name:
        trainer.save(Path(name))
        files = {path.name: path.read_bytes() for path in Path(name).iterdir()}
    figures = {
        "steps": trainer.step,
        "loss": trainer.loss,
        "errors": trainer.errors,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "recordings": recordings,
        "decisions": decisions,
        "curve": [asdict(point) for point in trainer.history],
    }
    return Output(figures, files, {"training": trainer.seconds})


def evaluate_policy(config: Evaluation, policy: Files) -> Output:
    """Try the tasks with a policy that ``train`` kept.

    Raises:
        ValueError: the tasks do not exist.
        CheckpointError: the policy is for another family.
    """
    family = sized(config.family, config.sizes)
    episodes = evaluate_part(family, choose(family, config.tasks), policy, config.conditions)
    failed = [episode for episode in episodes if not episode.success]
    told = [{"task": e.task, "cause": e.cause, "detail": e.detail, "message": e.message} for e in failed]
    return Output({**Summary.of(episodes).to_json(), "failures": told[:TOLD]})


def evaluate_part(
    family: Family, tasks: Sequence[Task], policy: Files, conditions: Conditions, first: int = 0
) -> list[Episode]:
    """Evaluate a policy that came as files; ``first`` is the index of the first task among all."""
    with folder_of(policy) as folder:
        planner = NTPPlanner.load(folder, family)
    return evaluate(family, tasks, planner, conditions, planner.library, first=first)


@contextmanager
def folder_of(policy: Files) -> Iterator[Path]:
    """A folder with a policy's files, for a while."""
    with tempfile.TemporaryDirectory() as name:
        for file, content in policy.items():
            (Path(name) / file).write_bytes(content)
        yield Path(name)


def sized(name: str, sizes: dict[str, int]) -> Family:
    """The family of a name with other sizes, such as ``{"cubes": 10}``.

    Raises:
        ValueError: it has no such sizes, or they are impossible.
    """
    family: Any = FAMILIES[name]
    for size in sizes:
        if not hasattr(family, size):
            raise ValueError(f"{name} has no {size}")
    resized: Family = replace(family, **sizes)
    return resized


def choose(family: Family, chosen: TaskSet) -> list[Task]:
    """The tasks of a set.

    Raises:
        ValueError: they do not exist.
    """
    if chosen.test in (SEEN, TOPOLOGY):
        tasks = list(family.tasks(chosen.seed, chosen.trained, TRAIN))
        if chosen.test == TOPOLOGY:
            tasks = _reordered(family, tasks, np.random.default_rng(chosen.seed))
    elif chosen.test == UNSEEN:
        tasks = list(family.tasks(UNSEEN_SEED + chosen.seed, chosen.n, TEST))
    else:
        tasks = [family.parse(text) for text in chosen.texts]
    return [tasks[index % len(tasks)] for index in range(chosen.n)]


def _reordered(family: Family, tasks: Sequence[Task], rng: np.random.Generator) -> list[Task]:
    """The tasks that have another order, in such a one."""
    result = []
    for task in tasks:
        for _ in range(TRIES):
            other = family.reordered(task, rng)
            if str(other) != str(task):
                result.append(other)
                break
    if not result:
        raise ValueError("none of the tasks can be done in another order")
    return result
