"""Training from the expert's traces, with NPI's adaptive curriculum; can be interrupted and resumed."""

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
from numpy.typing import NDArray

from taskprog.machine import OpKind
from taskprog.planners.ntp.checkpoint import new_model, save_policy
from taskprog.planners.ntp.dataset import DataConfig, Recording, collate, record_all
from taskprog.planners.ntp.model import ModelConfig, NTPModel
from taskprog.planners.ntp.objective import losses, wrong
from taskprog.tasks.block_stacking import LIBRARY, OFFSETS, TRAIN, StackingTask, generate_tasks

RESUME = "training.pt"  # state of an unfinished training
SAVE_EVERY = 200  # steps
UNSEEN_SEED = 1_000_003  # added to a training's seed: of the tasks to check it on
CURRICULUM_FLOOR = 0.03  # added to a program's error: none is ever left out
ERROR_MEMORY = 0.98  # of the running mean of a program's error, a step


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training run depends on; saved with the policy.

    Attributes:
        seed: of tasks, recordings, initial weights and batches.
        tasks: number of distinct training tasks, all of the training half.
        steps: gradient steps.
        videos: demonstrations in a batch (D); decisions: of each of them (K).
        rate: peak learning rate, reached after ``warmup`` steps, then a cosine towards zero.
    """

    seed: int = 0
    tasks: int = 1000
    steps: int = 3000
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
    """One training run; ``run`` may be called again after an interruption."""

    def __init__(self, config: TrainConfig, recordings: Sequence[Recording], threads: int = 1):
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.model: NTPModel = new_model(config.model, LIBRARY, len(OFFSETS))
        self.step = 0
        self.loss = math.nan
        self.seconds = 0.0  # of CPU time
        self._recordings = recordings
        self._rng = np.random.default_rng((config.seed, 1))
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.rate, weight_decay=config.decay
        )
        self._names = list(LIBRARY)
        programs = [i for i, op in enumerate(LIBRARY.values()) if op.kind is OpKind.PROGRAM]
        self._errors = dict.fromkeys(programs, 1.0)
        self._of_program = [{p: np.flatnonzero(r.program == p) for p in programs} for r in recordings]

    @property
    def errors(self) -> dict[str, float]:
        """Running mean of the share of wrong decisions, by program."""
        return {self._names[program]: error for program, error in self._errors.items()}

    def run(self, on_step: Callable[[Progress], None] = lambda progress: None) -> None:
        """Train up to ``config.steps``."""
        began, before = time.process_time(), self.seconds
        self.model.train()
        while self.step < self.config.steps:
            self._train_step()
            self.seconds = before + time.process_time() - began
            on_step(Progress(self.step, self.loss, self.errors))
        self.model.eval()

    def _train_step(self) -> None:
        config = self.config
        for group in self._optimizer.param_groups:
            group["lr"] = config.rate * _schedule(self.step, config.warmup, config.steps)
        video, state, target = collate(self._draw())
        prediction = self.model(self.model.encode(video), state)
        loss = losses(prediction, target, state.scope).mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self._optimizer.step()
        self.step += 1
        value = float(loss.detach())
        self.loss = value if math.isnan(self.loss) else ERROR_MEMORY * self.loss + (1 - ERROR_MEMORY) * value
        mistakes = wrong(prediction, target, state.scope)
        for program in self._errors:
            asked = state.program == program
            if asked.any():
                error = float(mistakes[asked].float().mean())
                self._errors[program] = ERROR_MEMORY * self._errors[program] + (1 - ERROR_MEMORY) * error

    def _draw(self) -> list[tuple[Recording, NDArray[np.int64]]]:
        """Random recordings; their decisions are drawn in proportion to their program's error."""
        programs = list(self._errors)
        weights = np.array([self._errors[p] + CURRICULUM_FLOOR for p in programs])
        chosen = []
        for index in self._rng.integers(0, len(self._recordings), self.config.videos):
            drawn = self._rng.choice(programs, self.config.decisions, p=weights / weights.sum())
            steps = [self._rng.choice(self._of_program[index][program]) for program in drawn]
            chosen.append((self._recordings[index], np.array(steps, np.int64)))
        return chosen

    def save(self, folder: Path) -> None:
        """Save the policy as it is, with the configuration it came from."""
        training: dict[str, Any] = asdict(self.config)
        training["result"] = {"steps": self.step, "loss": self.loss, "errors": self.errors}
        save_policy(folder, self.model, self.config.model, LIBRARY, OFFSETS, training)

    def save_state(self, folder: Path) -> None:
        """Save all that is needed to go on later."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / (RESUME + ".part")
        torch.save(
            {
                "config": json.dumps(asdict(self.config)),
                "model": self.model.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "rng": self._rng.bit_generator.state,
                "errors": self._errors,
                "step": self.step,
                "loss": self.loss,
                "seconds": self.seconds,
            },
            partial,
        )
        partial.replace(folder / RESUME)

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
        self._errors = state["errors"]
        self.step, self.loss, self.seconds = state["step"], state["loss"], state["seconds"]
        return True


def make_recordings(
    config: TrainConfig, progress: Callable[[int], None] = lambda done: None
) -> list[Recording]:
    """The training set of a configuration: generated tasks of the training half, recorded on the twin."""
    tasks = generate_tasks(config.seed, config.tasks, TRAIN)
    return record_all(tasks, config.seed, config.data, progress)


def unseen_tasks(config: TrainConfig, n: int) -> list[StackingTask]:
    """``n`` tasks of the training half that a configuration does not train on, to choose by."""
    seen = {task.towers for task in generate_tasks(config.seed, config.tasks, TRAIN)}
    candidates = generate_tasks(config.seed + UNSEEN_SEED, config.tasks + n, TRAIN)
    return [task for task in candidates if task.towers not in seen][:n]


def _schedule(step: int, warmup: int, steps: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) + 1e-3
