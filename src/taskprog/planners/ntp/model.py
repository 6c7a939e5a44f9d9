"""The networks of Neural Task Programming (Xu et al., section III).

Task specification encoder f_TSE, state encoder f_ENC, reactive core network f_CN with a key-value program
memory, task specification interpreter f_TSI (temporal convolution, four scoping labels), and the
decoders of API arguments, which point at an object. Every part treats the objects alike, so that their
numbering and number do not matter.

Shapes: D demonstrations, K decisions each, T frames, N objects, R relation bits, P programs, E their
embedding, C frame channels, H hidden units.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from taskprog.planners.ntp.features import RELATION_SIZE, State, Video, between, relations

START, END, INSIDE, OUTSIDE = range(4)
NEVER = -1e4  # logit of what cannot be
RARE = -4.0  # first logit of a relation bit: so few pairs have it that "at least one" is not yet settled


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks."""

    relation_bits: int = 8
    relation_hidden: int = 16
    channels: int = 32
    embedding: int = 32
    hidden: int = 96
    dilations: tuple[int, ...] = (1, 2, 4, 8)


@dataclass
class EncodedVideo:
    """What of a video does not depend on the present state; computed once a run.

    Attributes:
        bits: (D, T, N, N, R) relation bits.
        total: (D, T, R) their sums over pairs.
        held: (D, T, N).
    """

    bits: Tensor
    total: Tensor
    held: Tensor

    def window(self, start: int, stop: int) -> EncodedVideo:
        """Frames [start, stop) alone: all that a program with this scope may see."""
        return EncodedVideo(self.bits[:, start:stop], self.total[:, start:stop], self.held[:, start:stop])


@dataclass
class Prediction:
    """Logits for D x K decisions.

    Attributes:
        call: (D, K, P) of the operation to call.
        end: (D, K) that the program ends.
        object: (D, K, N) of the object to which an API refers.
        offset: (D, K, O) of the class of its height offset.
        labels: (D, K, T, 4) scoping labels of the frames; meaningless outside the scope.
    """

    call: Tensor
    end: Tensor
    object: Tensor
    offset: Tensor
    labels: Tensor


class NTPModel(nn.Module):
    """All networks. ``callees`` (P, P) says which operation (column) a program (row) may call."""

    def __init__(self, config: ModelConfig, callees: Tensor, offsets: int):
        super().__init__()
        r, c, e, h = config.relation_bits, config.channels, config.embedding, config.hidden
        programs = len(callees)
        self.callees: Tensor
        self.calls_programs: Tensor
        self.register_buffer("callees", callees, persistent=False)
        self.register_buffer("calls_programs", (callees & callees.any(1)).any(1), persistent=False)
        self.object_relation = _mlp(RELATION_SIZE, config.relation_hidden, r, bias=RARE)
        self.tool_relation = _mlp(RELATION_SIZE, config.relation_hidden, r)
        self.program_memory = nn.Parameter(torch.randn(programs, e))  # M^prog
        self.key_memory = nn.Parameter(torch.randn(programs, e) / e**0.5)  # M^key
        self.frame = nn.Linear(4 * r + 1, c)
        self.encoder = nn.Linear(3 * c, c)  # f_TSE
        self.pointer = _mlp(1 + 4 * r + e, h, 1)
        state = 2 + 4 * r
        self.core = nn.Sequential(nn.Linear(c + e + state, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())  # f_CN
        self.key = nn.Linear(h, e)
        self.end = nn.Linear(h, 1)
        self.offset = nn.Linear(h, offsets)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(c, c, 3, padding=dilation, dilation=dilation) for dilation in config.dilations
        )
        self.label_frame = nn.Linear(c, h)
        self.label_context = nn.Linear(e + state, h, bias=False)
        self.label = nn.Linear(h, 4)

    def encode(self, video: Video) -> EncodedVideo:
        """Encode the frames of D videos."""
        bits = self._pair_bits(relations(video.positions))
        return EncodedVideo(bits, bits.sum((-3, -2)), video.held)

    def forward(self, video: EncodedVideo, state: State) -> Prediction:
        """Decide K times for each of D videos."""
        program = self.program_memory[state.program]  # (D, K, E)
        frames = video.held.shape[1]
        moment = torch.arange(frames)
        inside = (moment >= state.scope[..., :1]) & (moment < state.scope[..., 1:])  # (D, K, T)
        mask = inside.float()
        shown = torch.einsum("dkt,dtn->dkn", mask, video.held)  # frames in which n is held
        moved = shown / shown.sum(-1, keepdim=True).clamp(min=1.0)  # (D, K, N)
        pointer = self._point(video, state, moved, program)  # (D, K, N)

        bits = self._pair_bits(relations(state.positions))  # (D, K, N, N, R)
        tool = torch.sigmoid(self.tool_relation(between(state.positions, state.tool.unsqueeze(-2))))
        reference = torch.einsum("dkn,dknr->dkr", pointer.softmax(-1), tool)
        carried = torch.einsum("dkn,dknr->dkr", moved, tool)
        present = torch.cat(
            [state.flags, reference, carried, tool.amax(-2), _saturate(bits.sum((-3, -2)))], -1
        )  # s: (D, K, 2 + 4R)

        feature = self._frames(video, bits, tool) * mask.unsqueeze(-1)  # (D, K, T, C)
        specification = self._encode_scope(feature, state.scope)  # c: (D, K, C)
        hidden = self.core(torch.cat([specification, program, present], -1))
        allowed = self.callees[state.program]  # (D, K, P)
        call = (self.key(hidden) @ self.key_memory.T).masked_fill(~allowed, NEVER)
        return Prediction(
            call,
            self.end(hidden).squeeze(-1),
            pointer,
            self.offset(hidden),
            self._interpret(feature, mask, state, present),
        )

    def _pair_bits(self, relation: Tensor) -> Tensor:
        """(..., N, N, 2) to (..., N, N, R): soft bits of each ordered pair, 0 for an object with itself."""
        apart = 1.0 - torch.eye(relation.shape[-2]).unsqueeze(-1)
        return torch.sigmoid(self.object_relation(relation)) * apart

    def _frames(self, video: EncodedVideo, bits: Tensor, tool: Tensor) -> Tensor:
        """(D, K, T, C): what each frame shows, and how it differs from the present state.

        For each relation bit: does some pair have it in the frame but not now, or now but not in the
        frame? Sums over pairs are saturated to "at least one".
        """
        common = torch.einsum("dtijr,dkijr->dktr", video.bits, bits)
        missing = _saturate((video.total.unsqueeze(1) - common).relu())
        extra = _saturate((bits.sum((-3, -2)).unsqueeze(2) - common).relu())
        shown = _saturate(video.total).unsqueeze(1).expand_as(missing)
        grasp = torch.einsum("dtn,dknr->dktr", video.held, tool)  # tool's relation to what the frame holds
        holds = video.held.sum(-1)[:, None, :, None].expand(*missing.shape[:-1], 1)
        return torch.relu(self.frame(torch.cat([missing, extra, shown, grasp, holds], -1)))

    def _encode_scope(self, feature: Tensor, scope: Tensor) -> Tensor:
        """f_TSE: (D, K, C) from the first, the last and the largest of a scope's frame features."""
        first = _at_frame(feature, scope[..., 0])
        last = _at_frame(feature, scope[..., 1] - 1)
        return torch.relu(self.encoder(torch.cat([first, last, feature.amax(-2)], -1)))

    def _point(self, video: EncodedVideo, state: State, moved: Tensor, program: Tensor) -> Tensor:
        """(D, K, N) logits: which object the program is about.

        Seen for each object: whether the scope shows it moved, and its relations to what is moved in the
        scope's first and last frame.
        """
        rows = torch.arange(len(video.bits)).unsqueeze(1)
        views = [moved.unsqueeze(-1)]
        for frame in (state.scope[..., 0], state.scope[..., 1] - 1):
            bits = video.bits[rows, frame]  # (D, K, N, N, R)
            views.append(torch.einsum("dki,dkijr->dkjr", moved, bits))
            views.append(torch.einsum("dkj,dkijr->dkir", moved, bits))
        views.append(program.unsqueeze(2).expand(-1, -1, moved.shape[-1], -1))
        logits: Tensor = self.pointer(torch.cat(views, -1)).squeeze(-1)
        return logits

    def _interpret(self, feature: Tensor, mask: Tensor, state: State, present: Tensor) -> Tensor:
        """f_TSI: (D, K, T, 4) scoping labels from [p; y_j; s], y the temporal convolution.

        Only for programs that call programs; 0 for the others.
        """
        rows = self.calls_programs[state.program].flatten().nonzero().squeeze(1)
        labels = feature.new_zeros(*feature.shape[:-1], 4)
        if len(rows) == 0:
            return labels
        inside = mask.flatten(0, 1)[rows].unsqueeze(1)
        y = feature.flatten(0, 1)[rows].transpose(1, 2)
        for convolution in self.convolutions:
            y = (y + torch.relu(convolution(y))) * inside
        y = y.transpose(1, 2)
        program = self.program_memory[state.program.flatten()[rows]]
        context = torch.cat([program, present.flatten(0, 1)[rows]], -1).unsqueeze(1)
        logits = self.label(torch.relu(self.label_frame(y) + self.label_context(context)))
        return labels.flatten(0, 1).index_copy(0, rows, logits).view_as(labels)


def decode_scopes(labels: Tensor, scope: Tensor) -> Tensor:
    """(..., 2) the likeliest subsequences [first, last) of scopes (..., 2), from labels (..., T, 4).

    The pair of a start and a later end with the largest product of probabilities, found in linear time. A
    frame has one label, so start and end are different frames, but for a scope of a single frame.
    """
    moment = torch.arange(labels.shape[-2])
    outside = (moment < scope[..., :1]) | (moment >= scope[..., 1:])
    score = labels.log_softmax(-1)
    start = score[..., START].masked_fill(outside, NEVER)
    end = score[..., END].masked_fill(outside | (moment == scope[..., :1]), NEVER)
    best, where = start.cummax(-1)
    earlier = torch.cat([torch.full_like(best[..., :1], NEVER), best[..., :-1]], -1)
    last = (earlier + end).argmax(-1, keepdim=True)
    first = where.gather(-1, (last - 1).clamp(min=0))
    single = scope[..., 1:] - scope[..., :1] == 1
    return torch.where(single, scope, torch.cat([first, last + 1], -1))


def _saturate(count: Tensor) -> Tensor:
    """A soft "at least one" of a soft count."""
    return 1.0 - torch.exp(-count)


def _at_frame(feature: Tensor, frame: Tensor) -> Tensor:
    """(D, K, T, C) at frames (D, K): (D, K, C)."""
    index = frame[..., None, None].expand(*frame.shape, 1, feature.shape[-1])
    return feature.gather(2, index).squeeze(2)


def _mlp(size: int, hidden: int, out: int, bias: float | None = None) -> nn.Sequential:
    last = nn.Linear(hidden, out)
    if bias is not None:
        nn.init.constant_(last.bias, bias)
    return nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), last)
