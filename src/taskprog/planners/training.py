"""The training loop of all learnt planners: supervised by the expert's traces, with NPI's adaptive
curriculum (Reed & de Freitas, section 3.2); can be interrupted and resumed.

What differs is the model, and what a gradient step's decisions are: subclasses of ``Training`` say that.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from taskprog.files import written_whole

RESUME = "training.pt"  # state of an unfinished training
SAVE_EVERY = 200  # steps
CURRICULUM_FLOOR = 0.03  # added to a program's error: none is ever left out
ERROR_MEMORY = 0.98  # of the running mean of a program's error, a step
HISTORY = 40  # points of the training curve that is kept


class LoopConfig(Protocol):
    """What the loop reads of a training's configuration, a dataclass that ``json`` can write.

    Attributes:
        seed: of initial weights and batches.
        steps: gradient steps.
        rate: peak learning rate, reached after ``warmup`` steps, then a cosine towards zero.
        decay: of weights; clip: norm that a gradient is cut to.
    """

    @property
    def seed(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def decay(self) -> float: ...
    @property
    def clip(self) -> float: ...


@dataclass(frozen=True)
class Progress:
    """Where a training run is: gradient steps done, mean loss and error of each program so far."""

    step: int
    loss: float
    errors: dict[str, float]


class Judged(NamedTuple):
    """Some of a step's decisions: their summed loss, the sum of their weights, and of each that counts its
    program's index (S,) and whether it is wrong (S,)."""

    loss: Tensor
    weight: float
    program: Tensor
    wrong: Tensor


class Training(ABC):
    """One training run; ``run`` may be called again after an interruption.

    Args:
        programs: indices of the programs that decide.
        names: of all operations, by index.

    Attributes:
        stopped: set it, from a signal handler or ``on_step``, to end ``run`` after the present step.
        history: the training curve, ``HISTORY`` points at most.
        seconds: of CPU time spent in ``run``.
    """

    def __init__(self, settings: LoopConfig, model: nn.Module, programs: Sequence[int], names: Sequence[str]):
        self.step = 0
        self.loss = math.nan
        self.seconds = 0.0
        self.stopped = False
        self.history: list[Progress] = []
        self._settings = settings
        self._network = model
        self._rng = np.random.default_rng((settings.seed, 1))
        learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(learnt, lr=settings.rate, weight_decay=settings.decay, fused=True)
        self._names = list(names)
        self._errors = dict.fromkeys(programs, 1.0)

    def begin_from(self, trained: nn.Module) -> None:
        """Go on from the weights that another training ended with, with other batches than it had."""
        self._network.load_state_dict(trained.state_dict())
        self._rng = np.random.default_rng((self._settings.seed, 2))

    @abstractmethod
    def _judge(self, weights: NDArray[np.float64]) -> Iterable[Judged]:
        """A gradient step's decisions, drawn with ``self._rng``, and how the model does on them.

        Args:
            weights: of the programs, in their order: how many decisions each is to have of the step.
        """

    @property
    def memory(self) -> list[Tensor]:
        """What a training remembers besides, to be gone on with; it can be set."""
        return []

    @memory.setter
    def memory(self, kept: list[Tensor]) -> None:
        del kept

    @property
    def errors(self) -> dict[str, float]:
        """Running mean of the share of wrong decisions, by program."""
        return {self._names[program]: error for program, error in self._errors.items()}

    @property
    def rate(self) -> float:
        """The present learning rate."""
        return self._settings.rate * _schedule(self.step, self._settings.warmup, self._settings.steps)

    def run(self, on_step: Callable[[Progress], None] = lambda progress: None) -> None:
        """Train up to the configured number of steps, or until ``stopped``."""
        began, before = time.process_time(), self.seconds
        every = max(1, self._settings.steps // HISTORY)
        self._network.train()
        self.stopped = False
        while self.step < self._settings.steps and not self.stopped:
            self._train_step()
            self.seconds = before + time.process_time() - began
            progress = Progress(self.step, self.loss, self.errors)
            if self.step % every == 0:
                self.history.append(progress)
            on_step(progress)
        self._network.eval()

    def _train_step(self) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate
        weights = np.array([error + CURRICULUM_FLOOR for error in self._errors.values()])
        total, count = torch.zeros(()), 0.0
        judged = list(self._judge(weights))
        for part in judged:
            total = total + part.loss
            count += part.weight
        mean = total / count
        self._optimizer.zero_grad(set_to_none=True)
        mean.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._settings.clip)
        self._optimizer.step()
        self.step += 1
        value = float(mean.detach())
        self.loss = value if math.isnan(self.loss) else ERROR_MEMORY * self.loss + (1 - ERROR_MEMORY) * value
        asked = torch.cat([part.program for part in judged])
        missed = torch.cat([part.wrong for part in judged]).float()
        for program in self._errors:
            rows = asked == program
            if rows.any():
                error = float(missed[rows].mean())
                self._errors[program] = ERROR_MEMORY * self._errors[program] + (1 - ERROR_MEMORY) * error

    def save_state(self, folder: Path) -> None:
        """Save all that is needed to go on later."""
        with written_whole(folder / RESUME) as partial:
            torch.save(
                {
                    "config": self._described,
                    "model": self._network.state_dict(),
                    "optimizer": self._optimizer.state_dict(),
                    "rng": self._rng.bit_generator.state,
                    "torch": torch.get_rng_state(),
                    "errors": self._errors,
                    "memory": self.memory,
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
        if state["config"] != self._described:
            raise ValueError(
                f"{path} belongs to a training with another configuration; use that one, or remove the file"
            )
        self._network.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch"])
        self._errors, self.memory = state["errors"], state["memory"]
        self.step, self.loss, self.seconds = state["step"], state["loss"], state["seconds"]
        self.history = [Progress(*point) for point in state["history"]]
        return True

    @property
    def _described(self) -> str:
        settings: Any = self._settings
        return json.dumps(asdict(settings))


def _schedule(step: int, warmup: int, steps: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup))) + 1e-3
