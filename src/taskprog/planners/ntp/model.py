"""The networks of Neural Task Programming (Xu et al., section III), and of its variants.

State encoder f_ENC (a ``SightModule``), task specification encoder f_TSE, core network f_CN with a
key-value program memory, task specification interpreter f_TSI (temporal convolution, four scoping labels),
and the decoders of API arguments: an object and the class of a height above it.

Shapes: B windows with T frames in all, K decisions that share a window, N objects, P operations, E their
embedding, C frame channels, H hidden units, O height offsets. For a recurrent core, the K decisions are a
sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from taskprog.planners.ntp.config import ModelConfig, Sight
from taskprog.planners.ntp.features import Frames, State, Window
from taskprog.planners.ntp.relational import RelationalSight
from taskprog.planners.ntp.sight import SightModule
from taskprog.planners.ntp.vector import VectorSight

NEVER = -1e4  # logit of what cannot be


@dataclass
class Prediction:
    """Logits for B x K decisions.

    Attributes:
        call: (B, K, P) of the operation to call.
        end: (B, K) that the program ends.
        object: (B, K, N) of the object to which an API refers.
        offset: (B, K, O) of the class of its height offset.
        labels: (T, K, 4) scoping labels of the frames; 0 for programs that call no programs.
        memory: (B, H) hidden state after the last decision; None for a reactive core.
    """

    call: Tensor
    end: Tensor
    object: Tensor
    offset: Tensor
    labels: Tensor
    memory: Tensor | None = None


class NTPModel(nn.Module):
    """All networks. ``callees`` (P, P) says which operation (column) a program (row) may call."""

    def __init__(self, config: ModelConfig, callees: Tensor, offsets: int):
        super().__init__()
        c, e, h = config.channels, config.embedding, config.hidden
        self.config = config
        self.callees: Tensor
        self.interprets: Tensor
        self.register_buffer("callees", callees, persistent=False)
        programs = (callees & callees.any(1)).any(1) & config.scoped
        self.register_buffer("interprets", programs, persistent=False)
        self.sight: SightModule
        self.sight = RelationalSight(config) if config.sight is Sight.RELATIONAL else VectorSight(config)
        self.program_memory = nn.Parameter(torch.randn(len(callees), e))  # M^prog
        self.key_memory = nn.Parameter(torch.randn(len(callees), e) / e**0.5)  # M^key
        self.encoder = SpecificationEncoder(config)  # f_TSE
        size = config.specification + e + self.sight.size
        self.core = _Core(size, h, config.recurrent)  # f_CN
        self.key = nn.Linear(h, e)
        self.end = nn.Linear(h, 1)
        self.offset = nn.Linear(h, offsets)
        if config.sight is Sight.VECTOR:
            self.reader = None if config.reading else SpecificationEncoder(config)
            self.object = nn.Sequential(nn.Linear(size, h), nn.ReLU(), nn.Linear(h, config.objects))
        if config.scoped:
            self.interpreter = Interpreter(c, e + self.sight.size, h, config.dilations)  # f_TSI

    def encode(self, frames: Frames) -> Any:
        """What of frames does not depend on the present state; computed once a run."""
        return self.sight.encode(frames)

    def forward(self, video: Any, window: Window, state: State, memory: Tensor | None = None) -> Prediction:
        """Decide B x K times, from what ``encode`` made of the frames.

        All decisions of a window are asked for the same program, or for none that is to be interpreted.
        ``memory`` (B, H) is a recurrent core's hidden state from before, None at a program's call.
        """
        program = self.program_memory[state.program]  # p: (B, K, E)
        view = self.sight(video, window, state, program)
        specification = self.encoder(view.frames, window).expand(*program.shape[:2], -1)  # c: (B, K, C)
        known = torch.cat([specification, program, view.state], -1)
        hidden, memory = self.core(known, memory)
        call = (self.key(hidden) @ self.key_memory.T).masked_fill(~self.callees[state.program], NEVER)
        labels = view.frames.new_zeros(len(view.frames), program.shape[1], 4)
        rows = self.interprets[state.program[:, 0]].nonzero().squeeze(1)
        if len(rows):
            part, kept = window.only(rows)
            context = torch.cat([program[rows], view.state[rows]], -1)
            found = self.interpreter(view.frames.index_select(0, kept), part, context)
            labels = labels.index_copy(0, kept, found)
        meant = view.object
        if meant is None:  # f_TSI's API decoder: an MLP on (s, p) and its own reading of the scope
            read = specification
            if self.reader is not None:
                read = self.reader(view.frames, window).expand_as(specification)
            meant = self.object(torch.cat([read, program, view.state], -1))
        return Prediction(call, self.end(hidden).squeeze(-1), meant, self.offset(hidden), labels, memory)


class SpecificationEncoder(nn.Module):
    """f_TSE: a scope's first, last, largest and mean frame features, after temporal convolutions if any.

    For models that have to read whole videos, a GRU's last hidden state as well, which tells of order.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        c, z = config.channels, config.specification
        self.convolutions = _convolutions(c, config.encoder_dilations)
        self.sequence = nn.GRU(c, z, batch_first=True) if config.reading else None
        self.merge = nn.Linear(4 * c + (z if config.reading else 0), z)

    def forward(self, frames: Tensor, window: Window) -> Tensor:
        """(T, K, C) to c: (B, K, Z)."""
        frames = _convolved(frames, window, self.convolutions)
        last = window.start + window.length - 1
        mean = window.sums(frames) / window.length.view(-1, 1, 1)
        parts = [frames[window.start], frames[last], window.largest(frames), mean]
        if self.sequence is not None:
            steps = window.padded(frames).transpose(1, 2)  # (B, K, W, C)
            read = self.sequence(steps.flatten(0, 1))[0].view(*steps.shape[:3], -1)
            parts.append(read[torch.arange(len(steps)), :, window.length - 1])
        merged: Tensor = self.merge(torch.cat(parts, -1))
        return merged


class Interpreter(nn.Module):
    """f_TSI: scoping labels from [p; y_j; s], y the temporal convolution."""

    def __init__(self, channels: int, context: int, hidden: int, dilations: tuple[int, ...]):
        super().__init__()
        self.convolutions = _convolutions(channels, dilations)
        self.frame = nn.Linear(channels, hidden)
        self.context = nn.Linear(context, hidden, bias=False)
        self.label = nn.Linear(hidden, 4)

    def forward(self, frames: Tensor, window: Window, context: Tensor) -> Tensor:
        """Frames (T, K, C), context (B, K, E + S) to labels (T, K, 4)."""
        y = _convolved(frames, window, self.convolutions)
        labels: Tensor = self.label(torch.relu(self.frame(y) + window.spread(self.context(context))))
        return labels


class _Core(nn.Module):
    """f_CN's hidden layers: reactive, or with a GRU cell in place of the second."""

    def __init__(self, size: int, hidden: int, recurrent: bool):
        super().__init__()
        self.first = nn.Linear(size, hidden)
        self.cell = nn.GRU(hidden, hidden, batch_first=True) if recurrent else None
        self.second = None if recurrent else nn.Linear(hidden, hidden)

    def forward(self, known: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        first = torch.relu(self.first(known))
        if self.second is not None:
            return torch.relu(self.second(first)), None
        assert self.cell is not None
        hidden, after = self.cell(first, None if memory is None else memory.unsqueeze(0))
        return hidden, after.squeeze(0)


def _convolutions(channels: int, dilations: tuple[int, ...]) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=d, dilation=d) for d in dilations)


def _convolved(frames: Tensor, window: Window, convolutions: nn.ModuleList) -> Tensor:
    """(T, K, C): residual temporal convolutions of frames, which end at the scope's ends."""
    for convolution in convolutions:
        frames = frames + torch.relu(_convolve(frames, window, convolution))
    return frames


def _convolve(frames: Tensor, window: Window, convolution: nn.Module) -> Tensor:
    """(T, K, C): what ``nn.Conv1d`` makes of each window, as one product of matrices for all."""
    assert isinstance(convolution, nn.Conv1d)
    (reach,) = convolution.dilation
    before, after = window.beside(frames, int(reach))
    taps = torch.cat([before, frames, after], -1)
    return F.linear(taps, convolution.weight.transpose(1, 2).flatten(1), convolution.bias)
