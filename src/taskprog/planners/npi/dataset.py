"""Traces to learn from: activations of programs by the expert, each on its own.

A program's hidden state is 0 when it is called, and is the caller's again after it returns. So what an
activation decides follows from its program, its arguments and what it saw: activations are learnt
independently of their callers, and equal ones are one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taskprog.machine import Call, Machine, RunCode
from taskprog.planners.npi.table import ProgramTable
from taskprog.planners.recording import Kept, Recorder
from taskprog.tasks.environment import Environment, Problem

NONE = -1  # of words where there is nothing to predict
TRAINED = 1  # ends the seeds of problems that are trained on; those of evaluation end in another number


@dataclass(frozen=True)
class Practice:
    """Which problems of an environment are recorded.

    Attributes:
        environment: its index in the table.
        lengths: of the problems, each length equally often.
        problems: of each length.
        program: that is run; None is the root.
    """

    environment: int
    lengths: tuple[int, ...]
    problems: int
    program: str | None = None


@dataclass(frozen=True)
class Activation:
    """One call of a program, and what it did, T decisions long.

    Attributes:
        environment: index of it; program: row; args: words it was called with.
        values: (T, S) symbols seen.
        calls: (T,) rows called; the number of rows stands for none.
        words: (T, A) of the calls' arguments, ``NONE`` where they have none.
        ends: (T,) whether the program ended.
    """

    environment: int
    program: int
    args: tuple[int, ...]
    values: tuple[tuple[int, ...], ...]
    calls: tuple[int, ...]
    words: tuple[tuple[int, ...], ...]
    ends: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.calls)


@dataclass
class Recordings:
    """Distinct activations, and how many there were in how many problems and decisions."""

    activations: dict[Activation, int] = field(default_factory=dict)
    problems: int = 0
    decisions: int = 0


def record_all(
    table: ProgramTable,
    practices: Sequence[Practice],
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Recordings:
    """Record the expert; the same seed makes the same recordings.

    Raises:
        ValueError: an environment has no such problem.
    """
    result = Recordings()
    for which, practice in enumerate(practices):
        environment = table.environments[practice.environment]
        for length in practice.lengths:
            for index in range(practice.problems):
                rng = np.random.default_rng((seed, which, length, index, TRAINED))
                kept = _recorded(environment, environment.problem(rng, length, practice.program))
                for activation in activations(table, practice.environment, kept):
                    result.activations[activation] = result.activations.get(activation, 0) + 1
                result.problems += 1
                result.decisions += len(kept)
                progress(result.problems)
    return result


def _recorded(environment: Environment, problem: Problem[Any]) -> list[Kept[Any]]:
    recorder: Recorder[Any] = Recorder(environment.expert())
    machine = Machine(environment.library, problem.pad, recorder, problem.budget)
    result = machine.run(problem.call)
    if result.code is not RunCode.RETURNED:
        raise RuntimeError(f"the expert failed on {problem.call} of {environment.name}: {result.message}")
    return recorder.kept


def activations(table: ProgramTable, environment: int, kept: Sequence[Kept[Any]]) -> list[Activation]:
    """The activations of a run."""
    grouped: dict[int, list[Kept[Any]]] = {}
    for entry in kept:
        grouped.setdefault(entry.activation, []).append(entry)
    world = table.environments[environment]
    none, nothing = len(table.rows), (NONE,) * table.arguments
    result = []
    for entries in grouped.values():
        frame = entries[0].frame
        made = [entry.decision.call for entry in entries]
        result.append(
            Activation(
                environment,
                table.row(world, frame.op),
                table.words_of(frame.args),
                tuple(world.view(entry.observation, frame.args) for entry in entries),
                tuple(none if call is None else table.row(world, call.op) for call in made),
                tuple(nothing if call is None else _wanted(table, call) for call in made),
                tuple(entry.decision.end for entry in entries),
            )
        )
    return result


def _wanted(table: ProgramTable, call: Call) -> tuple[int, ...]:
    """The words of a call's own arguments; what stands in place of others is for nobody to learn."""
    count = len(call.args)
    return (*table.words_of(call.args)[:count], *(NONE,) * (table.arguments - count))
