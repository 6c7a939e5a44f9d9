"""Training from the expert's traces on the kinematic twin.

One class for every model: NTP+, the paper's NTP and its baselines differ in ``ModelConfig`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from taskprog.planners.ntp.batches import Group, TraceSet
from taskprog.planners.ntp.checkpoint import library_of, new_model, save_policy
from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.dataset import DataConfig, Recording, record_all
from taskprog.planners.ntp.model import NTPModel
from taskprog.planners.ntp.objective import losses, wrong
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.training import Judged, Training
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TRAIN, Task

UNSEEN_SEED = 1_000_003  # added to a training's seed: of the tasks to check it on
WEIGHTS_SEED = 2_000_003  # added to it for each further attempt: of the initial weights


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training run depends on; saved with the policy.

    Attributes:
        family: name of the task family.
        seed: of tasks, recordings, initial weights and batches.
        tasks: number of distinct training tasks, all of the training half.
        steps: gradient steps.
        videos: demonstrations in a batch; decisions: of each of them (sequences, for a recurrent core).
        rate: peak learning rate, reached after ``warmup`` steps, then a cosine towards zero.
    """

    family: str = "block_stacking"
    seed: int = 0
    tasks: int = 1000
    steps: int = 1500
    videos: int = 16
    decisions: int = 12
    rate: float = 3e-3
    warmup: int = 100
    decay: float = 1e-4
    clip: float = 1.0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)


class Trainer(Training):
    """One training run of an NTP; see ``Training``.

    Args:
        weights: other initial weights than the first ones of the seed, for another attempt at the same.
    """

    def __init__(
        self, config: TrainConfig, recordings: Sequence[Recording], threads: int = 1, weights: int = 0
    ):
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed + weights * WEIGHTS_SEED)
        self.config = config
        self.family = FAMILIES[config.family]
        self.library = library_of(self.family, config.model)
        self.model: NTPModel = new_model(config.model, self.library, len(self.family.offsets))
        self._traces = TraceSet(recordings, config.model.recurrent, config.model.scoped)
        super().__init__(config, self.model, self._traces.programs, list(self.library))

    def planner(self) -> NTPPlanner:
        """The policy as it is."""
        return NTPPlanner(self.model.eval(), self.family, self.library)

    def _judge(self, weights: NDArray[np.float64]) -> Iterator[Judged]:
        config = self.config
        frames, groups = self._traces.draw(
            self._rng, config.videos, config.decisions, weights, config.data.relabelled
        )
        video = self.model.encode(frames)
        for batch in groups:
            yield self._judged(video, batch)

    def _judged(self, video: Any, batch: Group) -> Judged:
        scoped, joint = self.config.model.scoped, self.config.model.joint
        prediction = self.model(video, batch.window, batch.state)
        loss = losses(prediction, batch.target, batch.window, scoped).sum()
        with torch.no_grad():
            missed = wrong(prediction, batch.target, batch.window, scoped, joint)
        kept = batch.target.weight > 0
        weight = float(batch.target.weight.sum())
        return Judged(loss, weight, batch.state.program[kept], missed[kept])

    def save(self, folder: Path) -> None:
        """Save the policy as it is, with the configuration it came from."""
        training: dict[str, Any] = asdict(self.config)
        training["result"] = {"steps": self.step, "loss": self.loss, "errors": self.errors}
        save_policy(folder, self.model, self.family, training)


def make_recordings(
    config: TrainConfig, progress: Callable[[int], None] = lambda done: None, part: range | None = None
) -> list[Recording]:
    """The training set of a configuration: generated tasks of the training half, recorded on the twin.

    ``part`` says which of the recordings are made; by default all.
    """
    family, model = FAMILIES[config.family], config.model
    tasks = family.tasks(config.seed, config.tasks, TRAIN)
    return record_all(family, tasks, config.seed, config.data, model.flat, model.returns, progress, part)


def unseen_tasks(config: TrainConfig, n: int) -> list[Task]:
    """``n`` tasks of the training half that a configuration does not train on, to choose by; fewer, or none,
    where the half is too small for as many besides those trained on."""
    family = FAMILIES[config.family]
    seen = {task.goal for task in family.tasks(config.seed, config.tasks, TRAIN)}
    try:
        candidates = family.tasks(config.seed + UNSEEN_SEED, config.tasks + n, TRAIN)
    except ValueError:  # so many do not exist: there may be none that is not trained on
        return []
    return [task for task in candidates if task.goal not in seen][:n]
