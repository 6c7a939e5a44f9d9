"""What the networks are given: frames of videos and present states as tensors, and relations of objects.

A relation of two objects is their horizontal distance and their difference in height, in a unit of length,
clamped: the same wherever on the table, however turned, and for objects far apart. Shapes: F frames (of any
number of videos, one after another), B windows of W frames, K decisions that share a window, N objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taskprog.machine import NOTHING_HELD, Demonstration

FAR = 3.0  # units; differences are clamped to this
RELATION_SIZE = 2


@dataclass
class Frames:
    """Frames of demonstrations.

    Attributes:
        positions: (F, N, 3) metres.
        held: (F, N) one-hot, or all 0.
        hand: (F, 3) metres, where the hand was last seen by what it holds; before that, the objects' centre.
    """

    positions: Tensor
    held: Tensor
    hand: Tensor


@dataclass
class State:
    """Present states and who asks.

    Attributes:
        positions: (B, K, N, 3) metres; anything for an object that is absent.
        present: (B, K, N) 1.0 for an object that is there, else 0.0.
        receptacle: (B, K, N) 1.0 for what others are put into or onto by its kind (a container, a tray).
        tool: (B, K, 3) metres.
        flags: (B, K, 2): gripper closed, something held.
        program: (B, K) index of the program on top of the stack.
    """

    positions: Tensor
    present: Tensor
    receptacle: Tensor
    tool: Tensor
    flags: Tensor
    program: Tensor


@dataclass
class Window:
    """The frames that decisions may see, their program's scope, padded to the longest of the batch.

    Attributes:
        index: (B, W) of frames in ``Frames``; the last one again and again where ``inside`` is 0.
        inside: (B, W) 1.0 within the scope, which starts at 0, else 0.0.
        length: (B,) of the scope.
    """

    index: Tensor
    inside: Tensor
    length: Tensor

    @staticmethod
    def of(start: Tensor, length: Tensor) -> Window:
        """Scopes that start at frames (B,) and have lengths (B,), at least 1."""
        moment = torch.arange(int(length.max()))
        after = length.unsqueeze(1)
        index = start.unsqueeze(1) + torch.minimum(moment, after - 1)
        return Window(index, (moment < after).float(), length)

    def of_frames(self, values: Tensor) -> Tensor:
        """(F, ...) to (B, W, ...)."""
        return values.index_select(0, self.index.flatten()).view(*self.index.shape, *values.shape[1:])

    def of_ends(self, values: Tensor) -> Tensor:
        """(F, ...) to (B, 2, ...): of the scopes' first and last frames."""
        ends = torch.stack([self.index[:, 0], self.index[:, -1]], 1)
        return values.index_select(0, ends.flatten()).view(*ends.shape, *values.shape[1:])


def between(first: Tensor, second: Tensor, unit: float) -> Tensor:
    """Relations (..., 2), in units of ``unit`` metres, of ``second`` (..., 3) to ``first`` (..., 3)."""
    away = (second - first) * (1.0 / unit)
    flat = (away[..., :2].square().sum(-1) + 1e-6).sqrt()
    return torch.stack([flat, away[..., 2]], -1).clamp(-FAR, FAR)


def relations(positions: Tensor, unit: float) -> Tensor:
    """(..., N, 3) positions to (..., N, N, 2): entry [i, j] is where j is seen from i."""
    return between(positions.unsqueeze(-2), positions.unsqueeze(-3), unit)


def held_one_hot(held: NDArray[np.int64], objects: int) -> NDArray[np.float32]:
    """(T,) indices or ``NOTHING_HELD`` to (T, N)."""
    one_hot = np.zeros((len(held), objects), np.float32)
    shown = held != NOTHING_HELD
    one_hot[np.flatnonzero(shown), held[shown]] = 1.0
    return one_hot


def hand_of(demonstration: Demonstration) -> NDArray[np.float32]:
    """(T, 3) see ``Frames.hand``."""
    positions, held = demonstration.positions, demonstration.held
    hand = positions.mean(1)
    latest = np.maximum.accumulate(np.where(held != NOTHING_HELD, np.arange(len(held)), -1))
    known = latest >= 0
    hand[known] = positions[latest[known], held[latest[known]]]
    result: NDArray[np.float32] = hand.astype(np.float32)
    return result


def frames_of(demonstrations: list[Demonstration]) -> Frames:
    """The frames of demonstrations with the same number of objects, one after another."""
    return Frames(
        torch.from_numpy(np.concatenate([d.positions for d in demonstrations]).astype(np.float32)),
        torch.from_numpy(np.concatenate([held_one_hot(d.held, len(d.names)) for d in demonstrations])),
        torch.from_numpy(np.concatenate([hand_of(d) for d in demonstrations])),
    )
