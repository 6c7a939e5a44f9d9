"""Which NPIs there are, and how each is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from taskprog.planners.checkpoint import CheckpointError
from taskprog.planners.npi.dataset import Practice
from taskprog.planners.npi.seq2seq import ALIGNED, Seq2SeqConfig
from taskprog.planners.npi.train import TrainConfig
from taskprog.resources import shipped
from taskprog.tasks.called import CalledTasks
from taskprog.tasks.environment import Environment

ADDITION, SORTING, MAXIMUM, POSES, MULTI = "addition", "sorting", "maximum", "poses", "multi"
RECURSIVE = "_recursive"
STACKING, ORDERS = "block_stacking_by_call", "order_fulfilment_by_call"
MODELS = {
    ADDITION: "NPI, addition",
    ADDITION + RECURSIVE: "NPI, addition, recursive traces",
    SORTING: "NPI, bubble sort",
    SORTING + RECURSIVE: "NPI, bubble sort, recursive traces",
    POSES: "NPI, poses",
    MULTI: "NPI, all three in one core",
    STACKING: "NPI, block stacking by call",
    ORDERS: "NPI, order fulfilment by call",
}
# Programs added to another model, whose core stays as it is.
ADDED = {
    MAXIMUM: "NPI, MAX added to a fixed core",
    MAXIMUM + RECURSIVE: "NPI, MAX added to a fixed core, recursive traces",
}
# Where an NPI to add them to is: a shipped one, or where training leaves it.
ADDED_TO = {MAXIMUM: f"models/policies/{MULTI}", MAXIMUM + RECURSIVE: f"out/policies/{SORTING}{RECURSIVE}"}
TRAINABLE = (*MODELS, *ADDED)
SEQUENCES = ("seq2seq", "aligned")  # names of the baselines, see ``seq2seq.py``
# The baselines by the name of their task, and what people call them.
BASELINES = {
    ADDITION: "sequence-to-sequence LSTM",
    ALIGNED: "LSTM, a digit for each column",
    SORTING: "sequence-to-sequence LSTM",
}
# The paper's training sets (sections 4.2 and 6.3): problems of each length.
ADDITIONS, ADDITION_LENGTHS = 32, tuple(range(1, 21))
SORTS, SORT_LENGTHS = 64, tuple(range(2, 21))
SHIFTS, SHIFT_LENGTHS = 16, (5, 10)  # of RSHIFT by itself, which no addition calls
# Of bubble sort's in the core that MAX is added to: sorting never calls it with both pointers at one cell, as
# RJMP does, and what the core makes of that cannot be mended later.
BOTH_SHIFTS, BOTH_SHIFT_LENGTHS = 64, (2, 3, 5, 10)
TURNS, TURN_LENGTHS = 150, tuple(range(1, 15))  # problems with poses so many turns apart
STEPS = {ADDITION: 1500, SORTING: 500, POSES: 800, MULTI: 2000, STACKING: 4500, ORDERS: 1000}
RATES = {STACKING: 5e-3}  # peak learning rates other than usual: a thousand tasks are slow to learn
# Of the problems that a training is checked on at its end: the longest that it saw, and longer ones.
CHECK_LENGTHS = {
    ADDITION: (20, 100),
    ADDITION + RECURSIVE: (20, 100),
    SORTING: (20, 40),
    SORTING + RECURSIVE: (20, 40),
    MAXIMUM: (20, 40),
    MAXIMUM + RECURSIVE: (20, 40),
    POSES: (4, 10),
}
TOGETHER_LENGTHS = {ADDITION: 10, SORTING: 5, POSES: 4, MAXIMUM: 5}  # of the paper's table 1, for one core
ITS_OWN = 1  # stands for the length of a table-top task, which is its own
# Recordings; of a thousand tasks, drawn at random, so many that none is left out.
STARTS = {STACKING: 10000, ORDERS: 1000}
MAXIMA, MAXIMUM_STEPS = 8, 400  # problems of each length, gradient steps
# The policy in models/policies that does what a model of another name would.
SHIPPED = {POSES: MULTI}
QUICK = 0.5  # of the steps, in a quick run


def configuration(model: str, seed: int, quick: bool = False) -> TrainConfig:
    """How a model is trained.

    Raises:
        KeyError: there is no such model.
    """
    if model not in MODELS:
        raise KeyError(model)
    kind = model.removesuffix(RECURSIVE)
    names = (ADDITION, SORTING, POSES) if model == MULTI else (model,)
    practices: list[Practice] = []
    for index, name in enumerate(names):
        if name.startswith(ADDITION):
            practices.append(Practice(index, ADDITION_LENGTHS, ADDITIONS))
            practices.append(Practice(index, SHIFT_LENGTHS, SHIFTS, "RSHIFT"))
        elif name.startswith(SORTING):
            practices.append(Practice(index, SORT_LENGTHS, SORTS))
            if model == MULTI:
                practices.append(Practice(index, BOTH_SHIFT_LENGTHS, BOTH_SHIFTS, "RSHIFT"))
        elif name == POSES:
            practices.append(Practice(index, TURN_LENGTHS, TURNS))
        else:  # a task has no length; it comes again from other starts
            practices.append(Practice(index, (1,), STARTS[name]))
    steps = round(STEPS[kind] * (QUICK if quick else 1.0))
    config = TrainConfig(names, tuple(practices), seed, steps)
    return replace(config, rate=RATES.get(model, config.rate))


def maximum(base: TrainConfig) -> TrainConfig:
    """MAX and RJMP added to what was trained on sorting and perhaps more: these two rows alone are learnt.

    Raises:
        ValueError: the base knows no sorting.
    """
    ways = [way for way in ("", RECURSIVE) if SORTING + way in base.environments]
    if not ways:
        raise ValueError(
            f"MAX calls programs that sort, but this NPI knows {', '.join(base.environments)} only"
        )
    name = MAXIMUM + ways[0]
    if name in base.environments:
        raise ValueError("this NPI knows MAX already")
    practices = (Practice(len(base.environments), SORT_LENGTHS, MAXIMA),)
    names = (*base.environments, name)
    return replace(base, environments=names, practices=practices, steps=MAXIMUM_STEPS, rate=1e-2, decay=0.0)


def sequences(task: str, seed: int, quick: bool = False) -> Seq2SeqConfig:
    """A baseline of ``BASELINES`` on the same problems as the NPI of addition or of sorting."""
    lengths, problems = (SORT_LENGTHS, SORTS) if task == SORTING else (ADDITION_LENGTHS, ADDITIONS)
    config = Seq2SeqConfig(task, lengths, problems, seed)
    return replace(config, steps=round(config.steps * (QUICK if quick else 1.0)))


def check_lengths(environment: Environment, together: bool = False) -> tuple[int, ...]:
    """Of the problems that a model is tried on; ``together``: it does those of other environments as well."""
    if isinstance(environment, CalledTasks):
        return (ITS_OWN,)
    model = model_for(environment)
    if together and model in TOGETHER_LENGTHS:
        return (TOGETHER_LENGTHS[model],)
    return CHECK_LENGTHS[model]


def model_for(environment: Environment) -> str:
    """The model, of ``MODELS`` or ``ADDED``, that is trained for an environment's root program."""
    return environment.name if environment.name in ADDED else environment.kind


def policy_folder(environment: Environment, chosen: Path | None = None) -> Path:
    """Folder of the NPI for an environment: the chosen one, or else the one that is shipped.

    Raises:
        CheckpointError: none is chosen, and none is shipped; says how to train one.
    """
    if chosen is not None:
        return chosen
    model = model_for(environment)
    folder = shipped(SHIPPED.get(model, model))
    if not folder.is_dir():
        how = f"taskprog train --family {model}"
        if model in ADDED:
            how += f" --base {ADDED_TO[model]}"
        raise CheckpointError(
            f"no NPI of {environment.name} is shipped: train one, `{how}`, "
            f"and name its folder, --checkpoint out/policies/{model}"
        )
    return folder


def with_examples(config: TrainConfig, length: int, problems: int) -> TrainConfig:
    """Trained on so many problems of one length only: a point of the curve of sample complexity."""
    practices = tuple(replace(p, lengths=(length,), problems=problems) for p in config.practices)
    return replace(config, practices=practices)
