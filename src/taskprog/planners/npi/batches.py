"""Activations as tensors, and batches of them drawn by program; shapes as in ``model.py``."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taskprog.planners.npi.dataset import NONE, Activation
from taskprog.planners.npi.model import Asked
from taskprog.planners.npi.table import ProgramTable

MEMORY = 0.5  # of the running mean of an activation's error, each time that it is drawn
FLOOR = 0.0003  # added to it: while none is missed, all are alike
EVEN = 0.5  # share of the draws that errors do not count in: what is learnt is not to be forgotten meanwhile


@dataclass
class Batch:
    """B activations of one program, padded to the longest.

    Attributes:
        environment: its kind.
        program: (B,); args: (B, A); values: (B, T, S): see ``NPIModel.forward``.
        call: (B, T) rows; words: (B, T, A), or ``NONE``; end: (B, T) 1.0 where it ends.
        weight: (B, T) 1.0, or 0.0 for padding.
        rows: (B,) which of the set's activations of the program these are.
    """

    environment: str
    program: Tensor
    args: Tensor
    values: Tensor
    call: Tensor
    words: Tensor
    end: Tensor
    weight: Tensor
    rows: Tensor

    @property
    def asked(self) -> Asked:
        """What the networks are asked: all but padding."""
        lengths = (self.weight > 0).sum(1)
        return Asked(self.environment, self.program, self.args, self.values, lengths)


@dataclass
class Decisions:
    """J decisions of several batches, activation behind activation, without padding.

    Attributes:
        program: (J,); call, words, end, weight: as of ``Batch``.
        activation: (J,) index of each one's activation, counted through all batches.
    """

    program: Tensor
    call: Tensor
    words: Tensor
    end: Tensor
    weight: Tensor
    activation: Tensor

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Decisions:
        """Those of batches, in the order in which ``NPIModel.together`` decides."""
        kept = [batch.weight > 0 for batch in batches]
        lengths = torch.cat([mask.sum(1) for mask in kept])

        def joined(of: Callable[[Batch], Tensor]) -> Tensor:
            return torch.cat([of(batch)[mask] for batch, mask in zip(batches, kept, strict=True)])

        return cls(
            torch.cat([batch.program for batch in batches]).repeat_interleave(lengths),
            joined(lambda batch: batch.call),
            joined(lambda batch: batch.words),
            joined(lambda batch: batch.end),
            joined(lambda batch: batch.weight),
            torch.arange(len(lengths)).repeat_interleave(lengths),
        )


class ActivationSet:
    """Distinct activations, to draw from by program: those that were missed of late are likelier than others.

    So the curriculum, which the paper has for programs (section 3.2), goes on within each, in half of the
    draws; in the others all are alike. What is missed may be one of thousands, such as the one that ends a
    recursion: it can be in a batch several times.

    Attributes:
        programs: rows of the programs there are activations of.
        whole: of each program, all of its activations.
        errors: of each program, of each of its activations, (n,): the running mean of whether it was missed,
            0 until it is drawn.
    """

    def __init__(self, table: ProgramTable, activations: Sequence[Activation]):
        groups: dict[int, list[Activation]] = defaultdict(list)
        for activation in activations:
            groups[activation.program].append(activation)
        self.programs = sorted(groups)
        self.whole = [_padded(table, groups[program]) for program in self.programs]
        self._lengths = [batch.weight.sum(1).numpy() for batch in self.whole]
        self.errors = [torch.zeros(len(batch.rows), dtype=torch.float64) for batch in self.whole]

    def draw(self, rng: np.random.Generator, decisions: int, weights: NDArray[np.float64]) -> list[Batch]:
        """A batch for each program, ``decisions`` in all, about, shared as the weights say; each program has
        at least one activation. Where a program has fewer than its share, those it has weigh more."""
        share = weights / weights.sum()
        result = []
        for everything, lengths, errors, part in zip(
            self.whole, self._lengths, self.errors, share, strict=True
        ):
            count = max(1, round(decisions * part / float(lengths.mean())))
            if count >= len(lengths):
                result.append(replace(everything, weight=everything.weight * (count / len(lengths))))
            else:
                missed = errors.numpy() + FLOOR
                even = rng.choice(len(lengths), math.ceil(EVEN * count), replace=False)
                again = rng.choice(len(lengths), count - len(even), p=missed / missed.sum())
                rows = np.concatenate([even, again])
                result.append(_chosen(everything, rows, int(lengths[rows].max())))
        return result

    def judged(self, batches: Sequence[Batch], missed: Tensor) -> None:
        """Take in which activations of a draw's batches, one batch behind the other, were missed, in part or
        whole."""
        parts = torch.split(missed, [len(batch.rows) for batch in batches])  # type: ignore[no-untyped-call]
        for errors, batch, wrong in zip(self.errors, batches, parts, strict=True):
            errors[batch.rows] = MEMORY * errors[batch.rows] + (1.0 - MEMORY) * wrong.double()


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
        at,
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
        torch.from_numpy(values),
        torch.from_numpy(call),
        torch.from_numpy(words),
        torch.from_numpy(end),
        torch.from_numpy(weight),
        torch.arange(len(activations)),
    )
