"""Which NPIs there are, and how each is trained."""

from __future__ import annotations

from dataclasses import replace

from taskprog.planners.npi.dataset import Practice
from taskprog.planners.npi.seq2seq import Seq2SeqConfig
from taskprog.planners.npi.train import TrainConfig

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
# The paper's training sets (section 4): problems of each length.
ADDITIONS, ADDITION_LENGTHS = 32, tuple(range(1, 21))
SORTS, SORT_LENGTHS = 64, tuple(range(2, 21))
SHIFTS, SHIFT_LENGTHS = 16, (5, 10)  # of RSHIFT by itself, which no addition calls
TURNS, TURN_LENGTHS = 150, tuple(range(1, 15))  # problems with poses so many turns apart
STEPS = {ADDITION: 1500, SORTING: 500, POSES: 800, MULTI: 3000, STACKING: 4500, ORDERS: 1000}
RATES = {STACKING: 5e-3}  # peak learning rates other than usual: a thousand tasks are slow to learn
# Of the problems that a training is checked on at its end: as long as it saw, and longer.
CHECK_LENGTHS = {
    ADDITION: (20, 100),
    ADDITION + RECURSIVE: (20, 100),
    SORTING: (20, 40),
    SORTING + RECURSIVE: (20, 40),
    POSES: (4, 10),
    STACKING: (1,),
    ORDERS: (1,),
}
# Recordings; of a thousand tasks, drawn at random, so many that none is left out.
STARTS = {STACKING: 10000, ORDERS: 1000}
MAXIMA, MAXIMUM_STEPS = 8, 400  # problems of each length, gradient steps
# The policy in models/policies for a kind of environment, where its name is another one.
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
        elif name == POSES:
            practices.append(Practice(index, TURN_LENGTHS, TURNS))
        else:  # a task has no length; it comes again from other starts
            practices.append(Practice(index, (1,), STARTS[name]))
    steps = round(STEPS[kind] * (QUICK if quick else 1.0))
    config = TrainConfig(names, tuple(practices), seed, steps)
    # What ends a recursion is one activation of thousands: drawn like any other, it hardly ever came up.
    frequency = 0.2 if model.endswith(RECURSIVE) else 0.0
    return replace(config, rate=RATES.get(model, config.rate), frequency=frequency)


def maximum(base: TrainConfig) -> TrainConfig:
    """MAX and RJMP added to what was trained on sorting and perhaps more: these two rows alone are learnt."""
    index = len(base.environments)
    practices = (Practice(index, SORT_LENGTHS, MAXIMA),)
    names = (*base.environments, MAXIMUM)
    return replace(base, environments=names, practices=practices, steps=MAXIMUM_STEPS, rate=1e-2, decay=0.0)


def sequences(task: str, seed: int, quick: bool = False) -> Seq2SeqConfig:
    """The baseline on the same problems as the NPI of the task, ``ADDITION`` or ``SORTING``."""
    lengths, problems = {ADDITION: (ADDITION_LENGTHS, ADDITIONS), SORTING: (SORT_LENGTHS, SORTS)}[task]
    config = Seq2SeqConfig(task, lengths, problems, seed)
    return replace(config, steps=round(config.steps * (QUICK if quick else 1.0)))


def with_examples(config: TrainConfig, length: int, problems: int) -> TrainConfig:
    """Trained on so many problems of one length only: a point of the curve of sample complexity."""
    practices = tuple(replace(p, lengths=(length,), problems=problems) for p in config.practices)
    return replace(config, practices=practices)
