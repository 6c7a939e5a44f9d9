"""What the units of NPI's experiments do: train, extend, compute; and the baseline's."""

from __future__ import annotations

from dataclasses import dataclass

from taskprog.experiments.unit import Files, Output
from taskprog.experiments.work import folder_of, kept
from taskprog.planners.npi.checkpoint import load_policy
from taskprog.planners.npi.environments import ENVIRONMENTS
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.planners.npi.seq2seq import Seq2SeqConfig, Seq2SeqTrainer
from taskprog.planners.npi.seq2seq import evaluate as answer
from taskprog.planners.npi.seq2seq import load as load_seq2seq
from taskprog.planners.npi.speed import step_times
from taskprog.planners.npi.train import TrainConfig, Trainer, make_recordings
from taskprog.tasks.scratch_pad.evaluation import Summary, evaluate


@dataclass(frozen=True)
class Computing:
    """Configuration of ``compute``: ``n`` problems of a length, drawn from ``seed``.

    Attributes:
        environment: its name; for ``write_sequences`` that of a baseline's task.
    """

    environment: str
    length: int
    n: int
    seed: int


@dataclass(frozen=True)
class Timing:
    """Configuration of ``measure``: the environment, and the length of its problem."""

    environment: str
    length: int


def train(config: TrainConfig) -> Output:
    """Record, train, and keep the policy."""
    recordings = make_recordings(config)
    trainer = Trainer(config, recordings)
    trainer.run()
    return kept(trainer, recordings.problems, recordings.decisions)


def extend(config: TrainConfig, policy: Files) -> Output:
    """Add programs to a policy that ``train`` kept, whose core stays as it is."""
    with folder_of(policy) as folder:
        base = load_policy(folder)
    recordings = make_recordings(config)
    trainer = Trainer(config, recordings, base=base)
    trainer.run()
    return kept(trainer, recordings.problems, recordings.decisions)


def train_sequences(config: Seq2SeqConfig) -> Output:
    """Train the baseline, and keep it."""
    trainer = Seq2SeqTrainer(config)
    trainer.run()
    problems = config.problems * len(config.lengths)
    return kept(trainer, problems, problems)


def write_sequences(config: Computing, policy: Files) -> Output:
    """Try problems with a baseline that ``train_sequences`` kept."""
    with folder_of(policy) as folder:
        model, _ = load_seq2seq(folder)
    tried = answer(model, config.environment, config.length, config.n, config.seed)
    return Output(Summary.of(config.length, tried).to_json())


def compute(config: Computing, policy: Files) -> Output:
    """Have problems computed with a policy that ``train`` kept.

    Raises:
        CheckpointError: the policy is for other programs.
    """
    environment = ENVIRONMENTS[config.environment]
    with folder_of(policy) as folder:
        planner = NPIPlanner.load(folder, environment)
    tried = evaluate(environment, planner, config.length, config.n, config.seed)
    return Output(Summary.of(config.length, tried).to_json())


def measure(config: Timing, policy: Files) -> Output:
    """How long a step of the machine takes, with the policy that ``train`` kept and without.

    Its ``seconds`` are of a million steps, so that they are microseconds of one.

    Raises:
        CheckpointError: the policy is for other programs.
    """
    environment = ENVIRONMENTS[config.environment]
    with folder_of(policy) as folder:
        planner = NPIPlanner.load(folder, environment)
    return Output({"length": config.length}, seconds=step_times(environment, config.length, planner))
