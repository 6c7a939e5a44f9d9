"""Recordings as one set of tensors, and batches of decisions drawn from it.

Shapes: V videos, F frames, S decisions and Q sequences in all; B, K and N as in ``features.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.features import Frames, State, Window
from taskprog.planners.ntp.objective import Targets

# Batches of whole sequences are drawn from one such part of the videos, of like length. For calls of a
# recurrent core it is larger: with batches of more alike videos, more of its trainings stay at a plateau.
ALIKE, CALLS_ALIKE = 64, 16


@dataclass
class Group:
    """Decisions that are made at once, K for each of B windows; padded ones have weight 0."""

    window: Window
    state: State
    target: Targets


class TraceSet:
    """All decisions of many recordings, to draw from by video and program.

    A *sequence* is what is drawn: a single decision, or for recurrent cores all decisions of one call of a
    program. Without scopes, every decision sees its whole video and no scope is to be predicted.

    Attributes:
        programs: indices of the programs that decide, the root first.
    """

    def __init__(self, recordings: Sequence[Recording], recurrent: bool, scoped: bool):
        self._lengths = np.array([len(r.frames) for r in recordings])  # (V,)
        self._first = np.cumsum(self._lengths) - self._lengths  # (V,)
        self._frames = Frames(
            torch.from_numpy(np.concatenate([r.frames for r in recordings])),
            torch.from_numpy(np.concatenate([r.held for r in recordings])),
            torch.from_numpy(np.concatenate([r.hand for r in recordings])),
            torch.from_numpy(self._lengths),
        )
        video = np.repeat(np.arange(len(recordings)), [len(r) for r in recordings])  # (S,)

        def joined(name: str) -> Tensor:
            return torch.from_numpy(np.concatenate([getattr(r, name) for r in recordings]))

        self._scope = joined("scope")
        self._state = State(*(joined(f.name) for f in fields(State)))
        self._target = Targets(
            call=joined("call"),
            end=joined("end"),
            object=joined("object"),
            offset=joined("offset"),
            scope=joined("subscope"),
            weight=torch.ones(len(video)),
        )
        if not scoped:
            self._scope = torch.zeros_like(self._scope)
            self._scope[:, 1] = torch.from_numpy(self._lengths[video])
            self._target.scope = torch.full_like(self._scope, -1)
        self.programs = sorted(set(self._state.program.tolist()))
        self._recurrent, self._scoped = recurrent, scoped
        calls = joined("activation").numpy() if recurrent else np.arange(len(video))
        self._arrange(video, calls)

    def _arrange(self, video: NDArray[np.int64], calls: NDArray[np.int64]) -> None:
        """Sort decisions into sequences, and sequences by video and program."""
        program = np.searchsorted(self.programs, self._state.program.numpy())
        order = np.lexsort((np.arange(len(calls)), calls, program, video))
        key = np.stack([video, program, calls])[:, order]
        begins = np.flatnonzero(np.r_[True, (np.diff(key) != 0).any(0)])
        self._order = order  # (S,) decisions, sequence after sequence
        self._begin = begins  # (Q,) of each sequence in it
        self._size = np.diff(np.r_[begins, len(order)])  # (Q,)
        cells = video[order[begins]] * len(self.programs) + program[order[begins]]
        shape = (len(self._lengths), len(self.programs))
        count = np.bincount(cells, minlength=shape[0] * shape[1])
        self._count = count.reshape(shape)
        self._cell = (np.cumsum(count) - count).reshape(shape)
        lengths = self._size[self._cell[:, 0]] if self._recurrent else self._lengths
        self._by_length = np.argsort(lengths, kind="stable")  # (V,)

    def draw(
        self,
        rng: np.random.Generator,
        videos: int,
        each: int,
        weights: NDArray[np.float64],
        relabelled: bool = False,
    ) -> tuple[Frames, list[Group]]:
        """Frames of random videos, and ``each`` random sequences of each.

        With scopes, the root has a part of them, and the others the rest: single decisions come as one group;
        sequences as two, as the root's are longer. Without scopes, a video's decisions share its window.

        Args:
            weights: of the programs, in the order of ``programs``.
            relabelled: renumber each video's objects at random.
        """
        chosen = self._videos(rng, videos)
        lengths = self._lengths[chosen]
        start = np.cumsum(lengths) - lengths
        where = np.repeat(self._first[chosen] - start, lengths) + np.arange(lengths.sum())
        shown = self._frames
        frames = Frames(
            shown.positions[where], shown.held[where], shown.hand[where], torch.from_numpy(lengths)
        )
        names = None
        if relabelled:
            names = rng.permuted(np.tile(np.arange(frames.held.shape[1]), (videos, 1)), axis=1)
            frames = _renamed_frames(frames, names[np.repeat(np.arange(videos), lengths)])
        share = weights / weights.sum()
        if self._scoped and len(self.programs) > 1:
            whole = 1 if self._recurrent else int(np.clip(round(each * share[0]), 1, each - 1))
            parts = [
                self._pick(rng, chosen, whole, share * (np.arange(len(share)) == 0)),
                self._pick(rng, chosen, each - whole, share * (np.arange(len(share)) > 0)),
            ]
            parts = [part for part in parts if part.size] if self._recurrent else [np.concatenate(parts, 1)]
        else:
            parts = [self._pick(rng, chosen, each, share)]
        groups = []
        for sequence in parts:  # (videos, sequences of each)
            shared = not (self._scoped or self._recurrent)
            slot = np.repeat(np.arange(videos), 1 if shared else sequence.shape[1])
            groups.append(self._group(sequence.reshape(len(slot), -1), slot, start, names))
        return frames, groups

    def _videos(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """(count,) random videos, each as likely as another.

        Where all see whole videos, those of like length, and for recurrent cores those whose root decides
        about as often: batches are padded to the longest, which else would be twice or thrice the work.
        """
        total = len(self._lengths)
        if self._scoped and not self._recurrent:
            return rng.integers(0, total, count)
        part = total // (CALLS_ALIKE if self._scoped else ALIKE)
        near = rng.integers(total) + rng.integers(0, max(count, part), count)
        chosen: NDArray[np.int64] = self._by_length[near % total]
        return chosen

    def _pick(
        self, rng: np.random.Generator, videos: NDArray[np.int64], count: int, chances: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """(videos, count) random sequences of programs drawn by ``chances``."""
        share = (self._count[videos] > 0) * chances
        bound = np.cumsum(share / share.sum(1, keepdims=True), 1)
        program = (rng.uniform(size=(len(videos), count, 1)) > bound[:, None, :-1]).sum(-1)
        rows = np.broadcast_to(videos[:, None], program.shape)
        nth = (rng.uniform(size=program.shape) * self._count[rows, program]).astype(np.int64)
        picked: NDArray[np.int64] = self._cell[rows, program] + nth
        return picked

    def _group(
        self,
        sequence: NDArray[np.int64],
        slot: NDArray[np.int64],
        start: NDArray[np.int64],
        names: NDArray[np.int64] | None,
    ) -> Group:
        """Sequences (B, n), of decisions one after another, of the drawn videos ``slot`` (B,)."""
        size = self._size[sequence]  # (B, n)
        moment = np.arange(size.max())
        place = self._begin[sequence][..., None] + np.minimum(moment, size[..., None] - 1)
        steps = self._order[place].reshape(len(sequence), -1)  # (B, K)
        weight = (moment < size[..., None]).reshape(steps.shape)
        rows = torch.from_numpy(steps)
        state = State(*(getattr(self._state, f.name)[rows] for f in fields(State)))
        target = Targets(*(getattr(self._target, f.name)[rows] for f in fields(Targets)))
        target = replace(target, weight=torch.from_numpy(weight.astype(np.float32)))
        if names is not None:
            _rename(state, target, names[slot])
        scope = self._scope[rows[:, 0]]  # (B, 2), all K have the same
        window = Window.of(torch.from_numpy(start[slot]) + scope[:, 0], scope[:, 1] - scope[:, 0])
        inner = target.scope - scope[:, None, :1]
        target.scope = torch.where(target.scope[..., :1] >= 0, inner, target.scope)
        return Group(window, state, target)


def _renamed_frames(frames: Frames, names: NDArray[np.int64]) -> Frames:
    """Objects of each frame in the order ``names`` (F, N)."""
    order = torch.from_numpy(names)
    positions = frames.positions.gather(1, order.unsqueeze(-1).expand(-1, -1, 3))
    return replace(frames, positions=positions, held=frames.held.gather(1, order))


def _rename(state: State, target: Targets, names: NDArray[np.int64]) -> None:
    """Objects of each window's decisions in the order ``names`` (B, N), in place."""
    order = torch.from_numpy(names).unsqueeze(1).expand_as(state.present)
    state.positions = state.positions.gather(2, order.unsqueeze(-1).expand_as(state.positions))
    state.present = state.present.gather(2, order)
    state.receptacle = state.receptacle.gather(2, order)
    place = order.argsort(-1).gather(-1, target.object.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    target.object = torch.where(target.object >= 0, place, target.object)
