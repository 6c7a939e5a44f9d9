"""A Neural Programmer-Interpreter as a planner of the machine (Reed & de Freitas, algorithm 1).

The machine's stack is the paper's: what the core remembers of a program lies in its frame, nothing (zeros)
when it is called, and is there again once what it called has returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from taskprog.machine import ArgType, Ask, Call, Decision, Frame, PlannerError, TaskSpecification
from taskprog.machine.op import Argument
from taskprog.planners.checkpoint import CheckpointError
from taskprog.planners.npi.checkpoint import load_policy
from taskprog.planners.npi.config import LAYERS
from taskprog.planners.npi.model import NPIModel
from taskprog.planners.npi.step import Stepper
from taskprog.planners.npi.table import ProgramTable
from taskprog.tasks.environment import Environment

__all__ = ["CheckpointError", "NPIPlanner"]


class NPIPlanner:
    """Implements ``taskprog.machine.Planner`` and ``BatchPlanner`` for one environment.

    It works on a copy of the model's weights.
    """

    def __init__(self, model: NPIModel, table: ProgramTable, environment: Environment):
        self._step = Stepper(model, environment)
        self._table = table
        self._view = environment.view
        self._rows = {op: table.row(environment, op) for op in environment.library.values()}
        self._ops = {row: op for op, row in self._rows.items()}
        self._nothing = torch.zeros(2 * LAYERS, model.config.hidden)
        self._calls: dict[tuple[int, tuple[int, ...]], Call] = {}  # made once each

    @staticmethod
    def load(path: Path, environment: Environment) -> NPIPlanner:
        """Load a policy's folder; torch gets one thread, more would only wait for each other.

        Raises:
            CheckpointError: it is missing, damaged, or knows other programs than the environment's.
        """
        torch.set_num_threads(1)
        model, table = load_policy(path)
        alike = [e for e in table.environments if e.kind == environment.kind]
        known = {op for e in alike for op in e.library.values()}
        if not known.issuperset(environment.library.values()):
            names = ", ".join(e.name for e in table.environments)
            raise CheckpointError(
                f"{path}: the policy knows the programs of {names}, not {environment.name}'s "
                f"{', '.join(environment.library)}"
            )
        return NPIPlanner(model, table, environment)

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``.

        Raises:
            PlannerError: it is no call.
        """
        if not isinstance(specification, Call):
            raise PlannerError("an NPI is given a call with arguments, such as ADD(), not a demonstration")

    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        """See ``taskprog.machine.BatchPlanner``."""
        for specification in specifications:
            self.begin(specification)

    def decide(self, frame: Frame, observation: Any) -> Decision:
        """See ``taskprog.machine.Planner``."""
        decision = self.decide_many([Ask(frame, observation)])[0]
        if isinstance(decision, PlannerError):
            raise decision
        return decision

    def decide_many(self, asks: Sequence[Ask[Any]]) -> list[Decision | PlannerError]:
        """See ``taskprog.machine.BatchPlanner``."""
        frames = [ask.frame for ask in asks]
        answer = self._step(
            torch.tensor([self._rows[frame.op] for frame in frames]),
            torch.tensor([self._table.words_of(frame.args) for frame in frames]),
            torch.tensor([self._view(ask.observation, ask.frame.args) for ask in asks]),
            torch.stack([self._nothing if frame.state is None else frame.state for frame in frames]),
        )
        end = answer.end > 0  # r, which ends a program at 0.5
        # Who does not end calls something.
        calls = torch.where(end, answer.call.argmax(1), answer.call[:, :-1].argmax(1)).tolist()
        ends, words = end.tolist(), answer.words.argmax(-1).tolist()
        none = answer.call.shape[1] - 1
        result: list[Decision | PlannerError] = []
        for i, row in enumerate(calls):
            try:
                call = None if row == none else self._call(row, tuple(words[i]))
            except PlannerError as error:
                result.append(error)
                continue
            # No view of the memory, which would keep all of it.
            state = None if ends[i] else answer.memory[i].clone()
            result.append(Decision(call, None, ends[i], state))
        return result

    def _call(self, row: int, words: tuple[int, ...]) -> Call:
        op = self._ops[row]
        key = (row, words[: len(op.args)])
        if key not in self._calls:
            texts = (self._table.words[word] for word in key[1])
            kinds = zip(texts, op.args, strict=True)
            self._calls[key] = Call(op, tuple(_argument(text, kind) for text, kind in kinds))
        return self._calls[key]


def _argument(text: str, kind: ArgType) -> Argument:
    """The argument that a word stands for.

    Raises:
        PlannerError: it should be a number, and is none.
    """
    if kind is not ArgType.METRES:
        return text
    try:
        return float(text)
    except ValueError as error:
        raise PlannerError(f"the core chose the word {text!r} where a number of metres is needed") from error
