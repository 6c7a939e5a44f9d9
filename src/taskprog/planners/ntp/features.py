"""What the networks are given: frames of videos and present states as tensors, and relations of objects.

A relation of two objects is their horizontal distance and their difference in height, in a unit of length,
clamped: the same wherever on the table, however turned, and for objects far apart. Shapes: F frames (of V
videos, one after another), B windows with T frames in all, K decisions that share a window, N
objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

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
        lengths: (V,) how many frames each video has.
    """

    positions: Tensor
    held: Tensor
    hand: Tensor
    lengths: Tensor


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
    """The frames that decisions may see, their programs' scopes, one after another without padding.

    Attributes:
        index: (T,) of each frame in ``Frames``.
        owner: (T,) whose window a frame is in; moment: (T,) which it is of that window.
        start: (B,) where a window's frames begin; length: (B,) how many they are, at least 1.
    """

    index: Tensor
    owner: Tensor
    moment: Tensor
    start: Tensor
    length: Tensor

    @staticmethod
    def of(start: Tensor, length: Tensor) -> Window:
        """Scopes that start at frames (B,) of ``Frames`` and have lengths (B,)."""
        owner = torch.repeat_interleave(torch.arange(len(length)), length)
        first = length.cumsum(0) - length
        moment = torch.arange(len(owner)) - first[owner]
        return Window(start[owner] + moment, owner, moment, first, length)

    def of_frames(self, values: Tensor) -> Tensor:
        """(F, ...) to (T, ...)."""
        return values.index_select(0, self.index)

    def of_ends(self, values: Tensor) -> Tensor:
        """(F, ...) to (B, 2, ...): of the scopes' first and last frames."""
        ends = self.index[torch.stack([self.start, self.start + self.length - 1], 1)]
        return values.index_select(0, ends.flatten()).view(*ends.shape, *values.shape[1:])

    def spread(self, values: Tensor) -> Tensor:
        """(B, ...) to (T, ...): to each frame what belongs to its window."""
        return values.index_select(0, self.owner)

    def sums(self, values: Tensor) -> Tensor:
        """(T, ...) to (B, ...)."""
        return values.new_zeros(len(self.length), *values.shape[1:]).index_add(0, self.owner, values)

    def largest(self, values: Tensor) -> Tensor:
        """(T, ...) to (B, ...)."""
        owner = self.owner.view(-1, *[1] * (values.dim() - 1)).expand_as(values)
        least = values.new_zeros(len(self.length), *values.shape[1:])
        return least.scatter_reduce(0, owner, values, "amax", include_self=False)

    def padded(self, values: Tensor) -> Tensor:
        """(T, ...) to (B, W, ...): W frames each, a shorter window's last one again and again."""
        moment = torch.arange(int(self.length.max()))
        place = self.start.unsqueeze(1) + torch.minimum(moment, self.length.unsqueeze(1) - 1)
        return values.index_select(0, place.flatten()).view(*place.shape, *values.shape[1:])

    def beside(self, values: Tensor, away: int) -> tuple[Tensor, Tensor]:
        """(T, ...) to what each frame's neighbours ``away`` frames before and after have, 0 past the ends."""
        frames, after = len(values), self.spread(self.length) - self.moment > away
        padded = F.pad(values, [0, 0] * (values.dim() - 1) + [away, away])
        shape = (-1, *[1] * (values.dim() - 1))
        before = padded[:frames] * (self.moment >= away).view(shape)
        return before, padded[2 * away :] * after.view(shape)

    def only(self, rows: Tensor) -> tuple[Window, Tensor]:
        """Some windows (indices), and where in T their frames are."""
        part = Window.of(self.start[rows], self.length[rows])
        kept = part.index
        return replace(part, index=self.index[kept]), kept


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
        torch.tensor([len(d) for d in demonstrations]),
    )
