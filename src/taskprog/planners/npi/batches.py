"""Activations as tensors, and batches of them drawn by program; shapes as in ``model.py``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taskprog.planners.npi.dataset import NONE, Activation
from taskprog.planners.npi.table import ProgramTable


@dataclass
class Batch:
    """B activations of one program, padded to the longest.

    Attributes:
        environment: its kind.
        program: (B,); args: (B, A); values: (B, T, S): see ``NPIModel.forward``.
        call: (B, T) rows; words: (B, T, A), or ``NONE``; end: (B, T) 1.0 where it ends.
        weight: (B, T) 1.0, or 0.0 for padding.
    """

    environment: str
    program: Tensor
    args: Tensor
    values: Tensor
    call: Tensor
    words: Tensor
    end: Tensor
    weight: Tensor


class ActivationSet:
    """Distinct activations, to draw from by program: each is as likely as any other of its program.

    Args:
        counts: how often each occurred; frequency: share of the draws that go by that instead.

    Attributes:
        programs: rows of the programs there are activations of.
    """

    def __init__(
        self,
        table: ProgramTable,
        activations: Sequence[Activation],
        counts: Sequence[int] = (),
        frequency: float = 0.0,
    ):
        groups: dict[int, list[Activation]] = defaultdict(list)
        occurred: dict[int, list[int]] = defaultdict(list)
        for activation, count in zip(activations, counts or [1] * len(activations), strict=True):
            groups[activation.program].append(activation)
            occurred[activation.program].append(count)
        self.programs = sorted(groups)
        self._all = [_padded(table, groups[program]) for program in self.programs]
        self._lengths = [batch.weight.sum(1).numpy() for batch in self._all]
        self._chances: list[NDArray[np.float64] | None] = [None] * len(self.programs)
        if frequency > 0.0:
            for k, program in enumerate(self.programs):
                often = np.array(occurred[program], float)
                self._chances[k] = (1.0 - frequency) / len(often) + frequency * often / often.sum()

    def draw(self, rng: np.random.Generator, decisions: int, weights: NDArray[np.float64]) -> list[Batch]:
        """A batch for each program, ``decisions`` in all, about, shared as the weights say; each program has
        at least one activation. Where a program has fewer than its share, those it has weigh more."""
        share = weights / weights.sum()
        result = []
        for everything, lengths, chances, part in zip(
            self._all, self._lengths, self._chances, share, strict=True
        ):
            count = max(1, round(decisions * part / float(lengths.mean())))
            if count >= len(lengths):
                result.append(replace(everything, weight=everything.weight * (count / len(lengths))))
            else:
                rows = rng.choice(len(lengths), count, replace=False, p=chances)
                result.append(_chosen(everything, rows, int(lengths[rows].max())))
        return result


def _chosen(batch: Batch, rows: NDArray[np.int64], length: int) -> Batch:
    at = torch.from_numpy(rows)
    return Batch(
        batch.environment,
        batch.program[at],
        batch.args[at],
        batch.values[at, :length],
        batch.call[at, :length],
        batch.words[at, :length],
        batch.end[at, :length],
        batch.weight[at, :length],
    )


def _padded(table: ProgramTable, activations: Sequence[Activation]) -> Batch:
    longest = max(map(len, activations))
    first = activations[0]
    shape = (len(activations), longest)
    values = np.zeros((*shape, len(first.values[0])), np.int64)
    call, words = np.zeros(shape, np.int64), np.full((*shape, len(first.args)), NONE)
    end, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, activation in enumerate(activations):
        n = len(activation)
        values[row, :n] = activation.values
        call[row, :n] = activation.calls
        words[row, :n] = activation.words
        end[row, :n] = activation.ends
        weight[row, :n] = 1.0
    return Batch(
        table.environments[first.environment].kind,
        torch.tensor([activation.program for activation in activations]),
        torch.tensor([activation.args for activation in activations]),
        *map(torch.from_numpy, (values, call, words, end, weight)),
    )
