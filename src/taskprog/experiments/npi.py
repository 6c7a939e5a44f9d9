"""Experiments with Neural Programmer-Interpreters (Reed & de Freitas, ICLR 2016, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from taskprog.experiments.npi_work import (
    Computing,
    Timing,
    compute,
    extend,
    measure,
    train,
    train_sequences,
    write_sequences,
)
from taskprog.experiments.tables import Figure, Row
from taskprog.experiments.unit import Unit
from taskprog.planners.npi.presets import (
    ADDED,
    ADDITION,
    BASELINES,
    MAXIMUM,
    MODELS,
    MULTI,
    ORDERS,
    POSES,
    RECURSIVE,
    SORTING,
    STACKING,
    configuration,
    maximum,
    sequences,
    with_examples,
)
from taskprog.planners.npi.seq2seq import ALIGNED
from taskprog.planners.npi.speed import MACHINE, NPI, ORACLE, TRACED

EVALUATION_SEED = 3_000_000  # added to a training's seed
STEP_SECONDS = 0.11  # about how many CPU seconds a gradient step takes
DECISION_SECONDS = 1e-4  # likewise a decision


@dataclass(frozen=True)
class Scale:
    """How much is done.

    Attributes:
        seeds: of trainings.
        problems: that each seed's policy is tried on, unless said otherwise.
        additions, sorts, recursive_sorts: lengths, and problems of each: bubble sort takes as many decisions
            as ten times the length's square, so that long arrays are few.
        stacked, aligned: lengths of sums, and problems of each, for the two baselines.
        examples: training problems of the curve of sample complexity, of NPI and of the baseline.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    problems: int = 100
    additions: tuple[tuple[int, int], ...] = ((20, 100), (100, 100), (500, 100), (3000, 1))
    stacked: tuple[tuple[int, int], ...] = ((1, 100), (2, 100), (5, 100), (10, 100), (20, 100), (100, 100))
    aligned: tuple[tuple[int, int], ...] = ((20, 100), (100, 100), (500, 100))
    sorts: tuple[tuple[int, int], ...] = ((5, 100), (20, 100), (60, 34), (100, 7), (150, 3))
    recursive_sorts: tuple[tuple[int, int], ...] = ((20, 100), (60, 34), (200, 4))
    examples: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    quick: bool = False


FULL = Scale()
QUICK = Scale(
    (0,),
    20,
    ((20, 20), (100, 20), (500, 5)),
    ((1, 20), (5, 20), (20, 20)),
    ((20, 20), (100, 20)),
    ((5, 20), (20, 20), (40, 10)),
    ((20, 20), (60, 5)),
    (2, 8, 64),
    True,
)


class Experiments:
    """All figures at a scale."""

    def __init__(self, scale: Scale):
        self.scale = scale

    def figures(self, only: Sequence[str] = ()) -> list[Figure]:
        """The figures of these names, or all."""
        return [make(self) for name, make in FIGURES.items() if not only or name in only]

    def trained(self, model: str, seed: int) -> Unit:
        """The unit that trains a model."""
        config = configuration(model, seed, self.scale.quick)
        return Unit(f"npi-{_slug(model)}-seed{seed}", train, config, cost=10 + STEP_SECONDS * config.steps)

    def extended(self, model: str, seed: int) -> Unit:
        """The unit that adds MAX and RJMP to a model."""
        base = self.trained(model, seed)
        config = maximum(configuration(model, seed, self.scale.quick))
        cost = 20 + STEP_SECONDS * config.steps
        return Unit(f"npi-{_slug(model)}-max-seed{seed}", extend, config, (base,), cost)

    def with_examples(self, model: str, problems: int, seed: int) -> Unit:
        """The unit that trains a model on a few problems of one length."""
        config = with_examples(configuration(model, seed, self.scale.quick), SAMPLE_LENGTH, problems)
        name = f"npi-{_slug(model)}-{problems}-of-{SAMPLE_LENGTH}-seed{seed}"
        return Unit(name, train, config, cost=10 + STEP_SECONDS * config.steps)

    def sequence_row(
        self, labels: dict[str, str | int], task: str, length: int, n: int, examples: int = 0
    ) -> Row:
        """A row of a baseline, trained as the task's NPI or on so many examples of ``SAMPLE_LENGTH``."""
        units = {}
        for seed in self.scale.seeds:
            config = sequences(task, seed, self.scale.quick)
            name = f"seq2seq-{_slug(task)}-seed{seed}"
            if examples:
                config = replace(config, lengths=(SAMPLE_LENGTH,), problems=examples)
                name = f"seq2seq-{_slug(task)}-{examples}-of-{SAMPLE_LENGTH}-seed{seed}"
            needed = Unit(name, train_sequences, config, cost=STEP_SECONDS * config.steps)
            tried = Computing(task, length, n, EVALUATION_SEED + seed)
            units[seed] = Unit(f"{name}-{length}", write_sequences, tried, (needed,), cost=2 + 1e-3 * length)
        return Row(labels, units)

    def row(
        self, labels: dict[str, str | int], policy: Callable[[int], Unit], kind: str, length: int, n: int
    ) -> Row:
        """A row with a unit for each seed, of problems of one kind and length."""
        units = {}
        for seed in self.scale.seeds:
            needed = policy(seed)
            config = Computing(kind, length, n, EVALUATION_SEED + seed)
            decisions = n * (10 * length**2 if kind in QUADRATIC else 12 * length)
            name = f"{needed.name}-{_slug(kind)}-{length}"
            units[seed] = Unit(name, compute, config, (needed,), cost=2 + DECISION_SECONDS * decisions)
        return Row(labels, units)


QUADRATIC = (SORTING, SORTING + RECURSIVE, MAXIMUM)  # in their length
SAMPLE_LENGTH = 20  # of the arrays in the curve of sample complexity
POSES_UNSEEN = f"{POSES}_unseen"
# What is tried together: its title, where, the model for it alone, the length.
TOGETHER = (
    ("sums of 10 digits", ADDITION, ADDITION, 10),
    ("5 cells sorted", SORTING, SORTING, 5),
    ("poses 4 turns away", POSES, POSES, 4),
    ("the same, other shapes", POSES_UNSEEN, POSES, 4),
)
TIMED = {ADDITION: 500, SORTING: 25}  # environments, and lengths of the problems whose steps are timed


def _addition(on: Experiments) -> Figure:
    rows = [
        on.row(
            {"model": MODELS[model], "digits": length},
            lambda seed, model=model: on.trained(model, seed),  # type: ignore[misc]
            model,
            length,
            n,
        )
        for model in (ADDITION, ADDITION + RECURSIVE)
        for length, n in on.scale.additions
    ]
    rows += [
        on.sequence_row({"model": BASELINES[task], "digits": length}, task, length, n)
        for task, lengths in ((ADDITION, on.scale.stacked), (ALIGNED, on.scale.aligned))
        for length, n in lengths
    ]
    return Figure(
        "addition",
        "Addition, by number of digits",
        (
            "Trained on 32 problems of each length from 1 to 20 digits. One number has the length given, the "
            "other as many digits or, half the time, fewer. A sum counts if every digit is right and ADD "
            "returned by itself.",
            "Both LSTMs are of the core's size, trained on the same problems, and read the two digits of a "
            "column at once, from the right. The sequence-to-sequence one reads all, then writes; the other "
            "one writes a digit as soon as it has read a column.",
            "The paper (section 6.3): 100 % at every length tried, up to 3000 digits. Its s2s-easy, which "
            "writes a digit for each column, trained on twice as many examples: right up to just over 2000 "
            "digits. Its s2s-stacked, which reads all first: barely beyond 5, with far more data.",
        ),
        rows,
        across="digits",
    )


def _sorting(on: Experiments) -> Figure:
    scale = on.scale
    lengths = {SORTING: scale.sorts, SORTING + RECURSIVE: scale.recursive_sorts}
    plan = [(model, length, n) for model, many in lengths.items() for length, n in many]
    rows = [
        on.row(
            {"model": MODELS[model], "cells": length},
            lambda seed, model=model: on.trained(model, seed),  # type: ignore[misc]
            model,
            length,
            n,
        )
        for model, length, n in plan
    ]
    rows += [
        on.sequence_row({"model": BASELINES[SORTING], "cells": length}, SORTING, length, scale.problems)
        for length, _ in scale.sorts
    ]
    return Figure(
        "sorting",
        "Bubble sort, by number of cells",
        (
            "Trained on 64 arrays of each length, 2 to 20 cells. With recursive traces (Cai et al., 2017) "
            "every loop is a program that calls itself.",
            "The paper (section 4.2), with a counting pointer and bits that say if a pointer is at an end of "
            "the row, as here: right up to 60 cells; at 60 and beyond, sweeps take a wrong number of steps. "
            "Its sequence-to-sequence LSTM fails beyond 25 cells.",
        ),
        rows,
        across="cells",
    )


def _samples(on: Experiments) -> Figure:
    n = on.scale.problems
    rows = [
        on.row(
            {"model": MODELS[SORTING], "examples": problems},
            lambda seed, problems=problems: on.with_examples(SORTING, problems, seed),  # type: ignore[misc]
            SORTING,
            SAMPLE_LENGTH,
            n,
        )
        for problems in on.scale.examples
    ]
    rows += [
        on.sequence_row({"model": BASELINES[SORTING], "examples": k}, SORTING, SAMPLE_LENGTH, n, k)
        for k in on.scale.examples
    ]
    return Figure(
        "samples",
        f"Bubble sort of {SAMPLE_LENGTH} cells, by number of training examples",
        (
            f"Trained on so many arrays of {SAMPLE_LENGTH} cells, tried on others.",
            "The paper (section 4.2): it starts with 2 examples and is almost perfect with 8; its "
            "sequence-to-sequence LSTM needs 64 to start and more than 250 to do well.",
        ),
        rows,
        across="examples",
    )


def _poses(on: Experiments) -> Figure:
    rows = [
        on.row(
            {"shapes": shapes, "turns": turns},
            lambda seed: on.trained(POSES, seed),
            environment,
            turns,
            on.scale.problems,
        )
        for shapes, environment in (("trained on", POSES), ("others", POSES_UNSEEN))
        for turns in (1, 4, 8, 12)
    ]
    return Figure(
        "poses",
        "A shape turned to the pose that is asked for, by number of turns",
        (
            "Our substitute for the paper's CAD cars, which cannot be had: car-like shapes of random "
            "proportions, colours and light, 48 x 48 pixels, 11 azimuths and 5 elevations 15 degrees apart. "
            "Not comparable with the paper's figures (up to four turns: 89.5 % of cars seen, 88.7 % of "
            "others). A run counts if it ends in exactly the pose asked for and GOTO returned by itself.",
        ),
        rows,
        across="turns",
    )


def _together(on: Experiments) -> Figure:
    rows = [
        on.row(
            {"task": title, "model": MODELS[model]},
            lambda seed, model=model: on.trained(model, seed),  # type: ignore[misc]
            kind,
            length,
            on.scale.problems,
        )
        for title, kind, alone, length in TOGETHER
        for model in (alone, MULTI)
    ]
    rows += [
        on.row(
            {"task": title, "model": f"{MODELS[MULTI]}, then MAX"},
            lambda seed: on.extended(MULTI, seed),
            kind,
            length,
            on.scale.problems,
        )
        for title, kind, _, length in (*TOGETHER, ("the largest of 5 cells", MAXIMUM, MULTI, 5))
    ]
    return Figure(
        "together",
        "One core for several tasks (the paper's table 1)",
        (
            "Trained on sums of 1 to 20 digits, arrays of 2 to 20 cells and poses 1 to 14 turns away; tried "
            "on sums of 10 digits, arrays of 5 cells and poses exactly 4 turns away. MAX: its two rows of "
            "memory are learnt while the core stays as it is.",
            "The paper (section 4.4) trained and tried on 10 digits, 5 cells and up to four turns: addition "
            "100.0 % by itself, 97.0 % in a core that does all; sorting 100.0 % both; its cars 89.5 and "
            "91.4 % (seen), 88.7 and 89.9 % (others), not comparable with our shapes; MAX 100.0 %.",
        ),
        rows,
    )


def _robot(on: Experiments) -> Figure:
    rows = [
        on.row(
            {"model": MODELS[model], "tasks": tasks},
            lambda seed, model=model: on.trained(model, seed),  # type: ignore[misc]
            environment,
            1,
            on.scale.problems,
        )
        for model in (STACKING, ORDERS)
        for tasks, environment in (("trained on", f"{model}_seen"), ("others", f"{model}_unseen"))
    ]
    return Figure(
        "robot",
        "Table-top tasks as calls with arguments",
        (
            "No video: the root's arguments are the task's steps. On the kinematic twin with its usual "
            "noise. *trained on*: 1000 tasks of block stacking, 4 of order fulfilment, from new starts. "
            "*others*: of the test half, whose arguments no training saw together.",
        ),
        rows,
    )


def _cost(on: Experiments) -> Figure:
    rows = [
        Row({"model": MODELS[model]}, {seed: on.trained(model, seed) for seed in on.scale.seeds})
        for model in MODELS
    ]
    rows.append(Row({"model": ADDED[MAXIMUM]}, {seed: on.extended(MULTI, seed) for seed in on.scale.seeds}))
    return Figure(
        "npi_cost",
        "What training costs",
        ("CPU seconds of one core: recording the expert and training.",),
        rows,
        costs=True,
    )


def _speed(on: Experiments) -> Figure:
    def timed(kind: str, length: int, seed: int) -> Unit:
        needed = on.trained(kind, seed)
        return Unit(f"{needed.name}-speed", measure, Timing(kind, length), (needed,), cost=20.0)

    rows = [
        Row({"task": kind, "length": length}, {seed: timed(kind, length, seed) for seed in on.scale.seeds})
        for kind, length in TIMED.items()
    ]
    return Figure(
        "speed",
        "What a step of the machine takes",
        (
            "Microseconds of CPU time a step, of the quickest of three runs, a problem at a time; mean of "
            f"the training seeds. *{MACHINE}*: decisions that were made before, and a pad that does nothing; "
            f"*{ORACLE}*: the expert decides; *{TRACED}*: the same, each call is kept; *{NPI}*: it decides.",
        ),
        rows,
        times=(MACHINE, ORACLE, TRACED, NPI),
    )


def _slug(name: str) -> str:
    return name.replace("_", "-")


TITLE = "Experiments with Neural Programmer-Interpreters"
INTRODUCTION = (
    "How the experiments of Neural Programmer-Interpreters (Reed & de Freitas, 2016, section 4) come out "
    "here. Everything on this page is written by one command; the JSON files beside the pictures have all "
    "figures, with each seed's.",
    "A problem counts as done if the pad holds the right result *and* the program returned by itself. n "
    "counts problems over all training seeds; in brackets, Wilson's 95 % interval of all problems together, "
    "in per cent. Problems are drawn from other seeds than those trained on; short ones may still be equal.",
)
FIGURES: dict[str, Callable[[Experiments], Figure]] = {
    "addition": _addition,
    "sorting": _sorting,
    "samples": _samples,
    "poses": _poses,
    "together": _together,
    "robot": _robot,
    "npi_cost": _cost,
    "speed": _speed,
}
