"""Training from the expert's traces, with NPI's adaptive curriculum; can be interrupted and resumed.

One loop for every model: NTP+, the paper's NTP and its baselines differ in ``ModelConfig`` alone.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taskprog.files import written_whole
from taskprog.planners.ntp.batches import Group, TraceSet
from taskprog.planners.ntp.checkpoint import library_of, new_model, save_policy
from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.dataset import DataConfig, Recording, record_all
from taskprog.planners.ntp.model import NTPModel
from taskprog.planners.ntp.objective import losses, wrong
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import TRAIN, Task

RESUME = "training.pt"  # state of an unfinished training
SAVE_EVERY = 200  # steps
UNSEEN_SEED = 1_000_003  # added to a training's seed: of the tasks to check it on
CURRICULUM_FLOOR = 0.03  # added to a program's error: none is ever left out
ERROR_MEMORY = 0.98  # of the running mean of a program's error, a step
HISTORY = 40  # points of the training curve that is kept


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


@dataclass(frozen=True)
class Progress:
    """Where a training run is: gradient steps done, mean loss and error of each program so far."""

    step: int
    loss: float
    errors: dict[str, float]


class Trainer:
    """One training run; ``run`` may be called again after an interruption.

    Attributes:
        history: the training curve, ``HISTORY`` points at most.
        seconds: of CPU time spent in ``run``.
    """

    def __init__(self, config: TrainConfig, recordings: Sequence[Recording], threads: int = 1):
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.family = FAMILIES[config.family]
        self.library = library_of(self.family, config.model)
        self.model: NTPModel = new_model(config.model, self.library, len(self.family.offsets))
        self.step = 0
        self.loss = math.nan
        self.seconds = 0.0
        self.history: list[Progress] = []
        self._traces = TraceSet(recordings, config.model.recurrent, config.model.scoped)
        self._rng = np.random.default_rng((config.seed, 1))
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.rate, weight_decay=config.decay
        )
        self._names = list(self.library)
        self._errors = dict.fromkeys(self._traces.programs, 1.0)

    @property
    def errors(self) -> dict[str, float]:
        """Running mean of the share of wrong decisions, by program."""
        return {self._names[program]: error for program, error in self._errors.items()}

    @property
    def rate(self) -> float:
        """The present learning rate."""
        return self.config.rate * _schedule(self.step, self.config.warmup, self.config.steps)

    def run(self, on_step: Callable[[Progress], None] = lambda progress: None) -> None:
        """Train up to ``config.steps``."""
        began, before = time.process_time(), self.seconds
        every = max(1, self.config.steps // HISTORY)
        self.model.train()
        while self.step < self.config.steps:
            self._train_step()
            self.seconds = before + time.process_time() - began
            progress = Progress(self.step, self.loss, self.errors)
            if self.step % every == 0:
                self.history.append(progress)
            on_step(progress)
        self.model.eval()

    def planner(self) -> NTPPlanner:
        """The policy as it is."""
        return NTPPlanner(self.model.eval(), self.family, self.library)

    def _train_step(self) -> None:
        config = self.config
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate
        weights = np.array([error + CURRICULUM_FLOOR for error in self._errors.values()])
        frames, groups = self._traces.draw(
            self._rng, config.videos, config.decisions, weights, config.data.relabelled
        )
        video = self.model.encode(frames)
        total, count = torch.zeros(()), 0.0
        mistakes: list[tuple[torch.Tensor, torch.Tensor]] = []
        for batch in groups:
            loss, missed = self._judge(video, batch)
            total = total + loss
            count += float(batch.target.weight.sum())
            kept = batch.target.weight > 0
            mistakes.append((batch.state.program[kept], missed[kept]))
        mean = total / count
        self._optimizer.zero_grad(set_to_none=True)
        mean.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self._optimizer.step()
        self.step += 1
        value = float(mean.detach())
        self.loss = value if math.isnan(self.loss) else ERROR_MEMORY * self.loss + (1 - ERROR_MEMORY) * value
        asked = torch.cat([program for program, _ in mistakes])
        missed = torch.cat([error for _, error in mistakes]).float()
        for program in self._errors:
            rows = asked == program
            if rows.any():
                error = float(missed[rows].mean())
                self._errors[program] = ERROR_MEMORY * self._errors[program] + (1 - ERROR_MEMORY) * error

    def _judge(self, video: Any, batch: Group) -> tuple[torch.Tensor, torch.Tensor]:
        """A group's summed loss, and which of its decisions (B, K) are wrong."""
        scoped, joint = self.config.model.scoped, self.config.model.joint
        prediction = self.model(video, batch.window, batch.state)
        loss = losses(prediction, batch.target, batch.window, scoped).sum()
        with torch.no_grad():
            return loss, wrong(prediction, batch.target, batch.window, scoped, joint)

    def save(self, folder: Path) -> None:
        """Save the policy as it is, with the configuration it came from."""
        training: dict[str, Any] = asdict(self.config)
        training["result"] = {"steps": self.step, "loss": self.loss, "errors": self.errors}
        save_policy(folder, self.model, self.family, training)

    def save_state(self, folder: Path) -> None:
        """Save all that is needed to go on later."""
        with written_whole(folder / RESUME) as partial:
            torch.save(
                {
                    "config": json.dumps(asdict(self.config)),
                    "model": self.model.state_dict(),
                    "optimizer": self._optimizer.state_dict(),
                    "rng": self._rng.bit_generator.state,
                    "torch": torch.get_rng_state(),
                    "errors": self._errors,
                    "step": self.step,
                    "loss": self.loss,
                    "seconds": self.seconds,
                    "history": [(p.step, p.loss, p.errors) for p in self.history],
                },
                partial,
            )

    def load_state(self, folder: Path) -> bool:
        """Go on where ``save_state`` left off; False if there is nothing to go on from.

        Raises:
            ValueError: the state belongs to another configuration.
        """
        path = folder / RESUME
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        if state["config"] != json.dumps(asdict(self.config)):
            raise ValueError(
                f"{path} belongs to a training with another configuration; use that one, or remove the file"
            )
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch"])
        self._errors = state["errors"]
        self.step, self.loss, self.seconds = state["step"], state["loss"], state["seconds"]
        self.history = [Progress(*point) for point in state["history"]]
        return True


def make_recordings(
    config: TrainConfig, progress: Callable[[int], None] = lambda done: None
) -> list[Recording]:
    """The training set of a configuration: generated tasks of the training half, recorded on the twin."""
    family, model = FAMILIES[config.family], config.model
    tasks = family.tasks(config.seed, config.tasks, TRAIN)
    return record_all(family, tasks, config.seed, config.data, model.flat, model.returns, progress)


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


def _schedule(step: int, warmup: int, steps: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) + 1e-3
