"""The paper's experiments and what goes beyond, at a scale: trainings and evaluations as units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from taskprog.experiments.tables import Row
from taskprog.experiments.unit import Unit
from taskprog.experiments.work import Evaluation, TaskSet, evaluate_policy, train, train_once
from taskprog.planners.ntp.presets import (
    ABLATIONS,
    FLAT,
    FLAT_GRU,
    MODELS,
    NO_SCOPE,
    NTP,
    NTP_GRU,
    RELATIONAL,
    configuration,
    relabelled,
)
from taskprog.planners.ntp.train import TrainConfig
from taskprog.tasks.conditions import Conditions

STACKING = "block_stacking"
RELABELLED = "relabelled"
EVALUATION_SEED = 3_000_000  # added to a training's seed: of starts and noise that no training saw
# About how many CPU seconds a recording of the expert takes, and a gradient step of each model.
RECORDING_SECONDS = 0.005
STEP_SECONDS = {RELATIONAL: 0.033, NTP: 0.028, NO_SCOPE: 0.04, NTP_GRU: 0.04, FLAT: 0.04, FLAT_GRU: 0.08}


@dataclass(frozen=True)
class Scale:
    """How much is done.

    Attributes:
        seeds: of trainings.
        tasks: numbers of training tasks of block stacking.
        episodes: of NTP+ for each seed; ``others``: of each other model.
        quick: fewer gradient steps, and fewer rows.
        steps, trials: gradient steps, and recordings of each task, to try things out; None leaves them to
            the presets.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    tasks: tuple[int, ...] = (50, 200, 1000)
    episodes: int = 300
    others: int = 100
    quick: bool = False
    steps: int | None = None
    trials: int | None = None


FULL = Scale()
QUICK = Scale(seeds=(0,), tasks=(50, 1000), episodes=100, quick=True)


class Paper:
    """All figures at a scale. ``own`` are the NTP authors' tasks, to evaluate on, if there are any."""

    def __init__(self, scale: Scale, own: Sequence[str] = ()):
        self.scale = scale
        self.own = tuple(own)

        self._train = train_once if scale.quick or scale.steps is not None else train

    # Trainings

    def config(self, family: str, model: str, tasks: int, seed: int) -> TrainConfig:
        """How a model is trained, ``RELABELLED`` included."""
        base = NTP if model == RELABELLED else model
        config = configuration(family, base, tasks, seed, quick=self.scale.quick)
        data = replace(config.data, trials=self.scale.trials or config.data.trials)
        config = replace(config, steps=self.scale.steps or config.steps, data=data)
        return relabelled(config) if model == RELABELLED else config

    def trained(
        self, family: str, model: str, tasks: int, seed: int, ablation: str = "", steps: int | None = None
    ) -> Unit:
        """The unit that trains a model, one of ``ABLATIONS`` changed, in other than the usual steps."""
        config = self.config(family, model, tasks, seed)
        name = f"train-{family}-{model}"
        if steps is not None and not self.scale.quick:
            config = replace(config, steps=steps)
            name += f"-{steps}"
        if ablation:
            config = ABLATIONS[ablation].change(config)
            name += f"-{ablation}"
        cost = (
            RECORDING_SECONDS * config.tasks * config.data.trials
            + config.steps * STEP_SECONDS[NTP if model == RELABELLED else model]
        )
        return Unit(f"{name}-{tasks}-seed{seed}", self._train, config, cost=cost)

    def trained_on(self, policy: Unit) -> Unit:
        """The unit that goes on from what another has trained, for as many steps again."""
        return Unit(f"{policy.name}-again", self._train, policy.config, (policy,), cost=policy.cost)

    def evaluated(
        self,
        policy: Unit,
        name: str,
        tasks: TaskSet,
        conditions: Conditions | None = None,
        family: str = STACKING,
        sizes: Mapping[str, int] | None = None,
    ) -> Unit:
        """The unit that tries tasks with the policy that another unit trains."""
        chosen = replace(conditions or Conditions(), seed=EVALUATION_SEED + tasks.seed)
        config = Evaluation(family, tasks, chosen, dict(sizes or {}))
        return Unit(name, evaluate_policy, config, (policy,), cost=2 + tasks.n / 60)

    def row(self, labels: dict[str, str | int], make: Callable[[int], Unit]) -> Row:
        """A row with a unit for each seed."""
        return Row(labels, {seed: make(seed) for seed in self.scale.seeds})

    def episodes(self, model: str) -> int:
        """For each seed."""
        return self.scale.episodes if model == RELATIONAL else self.scale.others

    @property
    def most(self) -> int:
        """The largest number of training tasks."""
        return max(self.scale.tasks)


def label(model: str) -> str:
    """A model's name in tables and pictures."""
    return f"{MODELS[NTP]} (relabelled)" if model == RELABELLED else MODELS[model]
