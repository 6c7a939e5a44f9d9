"""What the networks see of scenes: where objects are relative to each other, not where they are.

A relation of two objects is their horizontal distance and their difference in height, in cube sizes,
clamped: the same wherever on the table, however turned, and for objects far apart. A gripper's relation
to an object is made in the same way. Shapes: D demonstrations, K decisions each, T frames, N objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taskprog.machine import NOTHING_HELD, Demonstration, Observation
from taskprog.tasks.table_top import CUBE_SIZE

FAR = 3.0  # cube sizes; differences are clamped to this
RELATION_SIZE = 2


def between(first: Tensor, second: Tensor) -> Tensor:
    """Relations (..., 2), in cube sizes, of points ``second`` (..., 3) to ``first`` (..., 3), in metres."""
    away = (second - first) / CUBE_SIZE
    flat = (away[..., :2].square().sum(-1) + 1e-6).sqrt()
    return torch.stack([flat, away[..., 2]], -1).clamp(-FAR, FAR)


def relations(positions: Tensor) -> Tensor:
    """(..., N, 3) positions to (..., N, N, 2): entry [i, j] is where j is seen from i."""
    return between(positions.unsqueeze(-2), positions.unsqueeze(-3))


@dataclass
class Video:
    """Demonstrations as tensors: positions (D, T, N, 3) metres, held (D, T, N) one-hot or all 0."""

    positions: Tensor
    held: Tensor


@dataclass
class State:
    """Present states and who asks: tensors for D x K decisions.

    Attributes:
        positions: (D, K, N, 3) metres.
        tool: (D, K, 3) metres.
        flags: (D, K, 2): gripper closed, something held.
        program: (D, K) index of the program on top of the stack.
        scope: (D, K, 2) frames [start, stop) that it may see.
    """

    positions: Tensor
    tool: Tensor
    flags: Tensor
    program: Tensor
    scope: Tensor


def held_one_hot(held: NDArray[np.int64], objects: int) -> NDArray[np.float32]:
    """(T,) indices or ``NOTHING_HELD`` to (T, N)."""
    one_hot = np.zeros((len(held), objects), np.float32)
    shown = held != NOTHING_HELD
    one_hot[np.flatnonzero(shown), held[shown]] = 1.0
    return one_hot


def video_of(demonstration: Demonstration) -> Video:
    """A single demonstration (D = 1)."""
    return Video(
        torch.from_numpy(np.array(demonstration.positions, np.float32))[None],
        torch.from_numpy(held_one_hot(demonstration.held, len(demonstration.names)))[None],
    )


def state_of(observation: Observation, order: Sequence[int], program: int, scope: tuple[int, int]) -> State:
    """A single decision (D = K = 1); ``order`` lists the observation's objects as in the demonstration."""
    return State(
        torch.from_numpy(observation.positions[list(order)].astype(np.float32))[None, None],
        torch.from_numpy(observation.gripper.astype(np.float32))[None, None],
        torch.tensor([[[float(observation.closed), float(observation.holding)]]]),
        torch.tensor([[program]]),
        torch.tensor([[scope]]),
    )
