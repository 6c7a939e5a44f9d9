"""Training of an NPI from the expert's traces; loop and curriculum are those of ``planners/training.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taskprog.planners.npi.batches import ActivationSet, Decisions
from taskprog.planners.npi.checkpoint import new_model, save_policy
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.dataset import Practice, Recordings, record_all
from taskprog.planners.npi.environments import table_of
from taskprog.planners.npi.extension import begin_as_likeliest, extended
from taskprog.planners.npi.model import NPIModel
from taskprog.planners.npi.objective import losses, wrong
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.planners.npi.table import ProgramTable
from taskprog.planners.training import Judged, Training
from taskprog.tasks.environment import Environment


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training run depends on; saved with the policy.

    Attributes:
        environments: names of what the core is to work in, see ``environments.ENVIRONMENTS``.
        practices: what is recorded.
        seed: of problems, initial weights and batches.
        steps: gradient steps.
        decisions: in a batch, about.
        rate: peak learning rate, reached after ``warmup`` steps, then a cosine towards zero.
    """

    environments: tuple[str, ...]
    practices: tuple[Practice, ...]
    seed: int = 0
    steps: int = 1500
    decisions: int = 512
    rate: float = 2e-3
    warmup: int = 100
    decay: float = 1e-4
    clip: float = 1.0
    model: NPIConfig = field(default_factory=NPIConfig)


class Trainer(Training):
    """One training run of an NPI; see ``Training``.

    Args:
        base: a trained model and its programs, to which those of the configuration are added.

    Raises:
        ValueError: the configuration's programs are not the base's and more, or its weights would decay.
    """

    def __init__(
        self,
        config: TrainConfig,
        recordings: Recordings,
        threads: int = 1,
        base: tuple[NPIModel, ProgramTable] | None = None,
    ):
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.table = table_of(config.environments)
        if base is None:
            self.model = new_model(config.model, self.table)
            self._set = ActivationSet(self.table, list(recordings.activations))
        else:
            if config.decay:
                raise ValueError("weights that decay do not stay as they are: decay should be 0")
            self.model = extended(*base, self.table)
            known = [self.table.rows.index(name) for name in base[1].rows]
            chosen = [activation for activation in recordings.activations if activation.program not in known]
            self._set = ActivationSet(self.table, chosen)
            begin_as_likeliest(self.model, self._set.whole, known)
        super().__init__(config, self.model, self._set.programs, self.table.rows)

    def planner(self, environment: Environment) -> NPIPlanner:
        """The policy as it is."""
        return NPIPlanner(self.model, self.table, environment)

    def _judge(self, weights: NDArray[np.float64]) -> Iterator[Judged]:
        batches = self._set.draw(self._rng, self.config.decisions, weights)
        decisions = Decisions.of(batches)
        prediction = self.model.together([batch.asked for batch in batches])
        with torch.no_grad():
            missed = wrong(prediction, decisions)
        loss, weight = losses(prediction, decisions).sum(), float(decisions.weight.sum())
        yield Judged(loss, weight, decisions.program, missed)
        activations = torch.zeros(sum(len(batch.rows) for batch in batches), dtype=torch.bool)
        activations[decisions.activation[missed]] = True
        self._set.judged(batches, activations)

    @property
    def memory(self) -> list[Tensor]:
        """See ``Training``."""
        return self._set.errors

    @memory.setter
    def memory(self, kept: list[Tensor]) -> None:
        self._set.errors = kept

    def save(self, folder: Path) -> None:
        """Save the policy as it is, with the configuration it came from."""
        training = asdict(self.config)
        training["result"] = {"steps": self.step, "loss": self.loss, "errors": self.errors}
        save_policy(folder, self.model, self.table, training)


def make_recordings(config: TrainConfig, progress: Callable[[int], None] = lambda done: None) -> Recordings:
    """The training set of a configuration."""
    return record_all(table_of(config.environments), config.practices, config.seed, progress)
