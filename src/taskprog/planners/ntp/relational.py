"""How NTP+ sees: relations between objects, each frame compared with the present, objects pointed at.

Every part treats the objects alike, so that their numbering and number do not matter. Shapes as in
``features.py``; R relation bits, C frame channels, E of a program's embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from taskprog.planners.ntp.comparison import Comparison
from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.features import FAR, RELATION_SIZE, Frames, State, Window, between, relations
from taskprog.planners.ntp.layers import mlp
from taskprog.planners.ntp.sight import View

CERTAIN = 4.0  # largest logit that an object's relations can give it
RARE = -4.0  # first logit of a relation bit: so few pairs have it that "at least one" is not yet settled


@dataclass
class RelationalFrames:
    """What of frames does not depend on the present state; computed once a run.

    Attributes:
        bits: (F, R, N * N) soft relation bits of ordered pairs.
        total: (F, R) their sums over pairs.
        held: (F, N).
        lengths: (V,) how many frames each video has.
    """

    bits: Tensor
    total: Tensor
    held: Tensor
    lengths: Tensor


class RelationalSight(nn.Module):
    """f_ENC and the frames' embedding by relations; also decodes the API's object, by pointing."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        r, c, e, h = config.relation_bits, config.channels, config.embedding, config.hidden
        self._config = config
        self.size = 3 + (4 if config.aimed else 2) * r
        self.object_relation = mlp(RELATION_SIZE, config.relation_hidden, r, bias=RARE)
        self.tool_relation = mlp(RELATION_SIZE, config.relation_hidden, r)
        self.frame = nn.Linear(4 * r + 2, c)
        self.pointed = nn.Linear(1 + 4 * r, h)
        self.pointing = nn.Linear(e, h, bias=False)
        self.pointer = nn.Linear(h, 1)
        self.kind = nn.Linear(e, 1)

    def encode(self, frames: Frames) -> RelationalFrames:
        """What of F frames does not depend on the present state."""
        bits = self._pair_bits(frames.positions).transpose(-1, -2).contiguous()
        return RelationalFrames(bits, bits.sum(-1), frames.held, frames.lengths)

    def forward(self, video: RelationalFrames, window: Window, state: State, program: Tensor) -> View:
        """See ``SightModule``."""
        held = window.of_frames(video.held)  # (T, N)
        shown = window.sums(held)
        moved = shown / shown.sum(-1, keepdim=True).clamp(min=1.0)  # (B, N) by how long each is held
        near = self._near(video, window, moved)
        pointer = self._point(near, moved, state.receptacle, program)

        pairs = (state.present.unsqueeze(-1) * state.present.unsqueeze(-2)).flatten(2)
        bits = self._pair_bits(state.positions) * pairs.unsqueeze(-1)  # (B, K, N * N, R)
        reach = between(state.positions, state.tool.unsqueeze(-2), self._config.unit)
        tool = torch.sigmoid(self.tool_relation(reach)) * state.present.unsqueeze(-1)  # (B, K, N, R)
        carried = moved.unsqueeze(1).expand_as(pointer)
        meant = torch.stack([pointer.softmax(-1), carried], 2) @ tool  # (B, K, 2, R)
        here = (carried * state.present).sum(-1, keepdim=True)
        now = bits.sum(-2)  # (B, K, R)
        aim = [meant.flatten(2)] if self._config.aimed else []
        present = torch.cat([state.flags, here, *aim, tool.amax(-2), self._some(now)], -1)

        total = window.of_frames(video.total).unsqueeze(1)  # (T, 1, R)
        comparison = Comparison(video.lengths, window)
        common = comparison.products(video.bits, bits.transpose(-1, -2).unsqueeze(-1))  # (T, K, R)
        missing = self._some((total - common).relu())
        extra = self._some((window.spread(now) - common).relu())
        # The tool's relation to what the frame holds, and whether that is gone.
        reached = torch.cat([tool, 1.0 - state.present.unsqueeze(-1)], -1)  # (B, K, N, R + 1)
        met = comparison.products(video.held.unsqueeze(-2), reached.unsqueeze(-3))
        grasp, gone = met[..., :-1], met[..., -1:]
        if not self._config.compared:
            missing, extra, grasp = missing * 0, extra * 0, grasp * 0
        holds = held.sum(-1, keepdim=True).unsqueeze(1).expand_as(gone)
        seen = torch.cat([missing, extra, self._some(total).expand_as(missing), grasp, holds, gone], -1)
        frames = torch.relu(self.frame(seen))
        return View(frames, present, self._doubted(near, moved, state.receptacle, program, pointer))

    def _pair_bits(self, positions: Tensor) -> Tensor:
        """(..., N, 3) to (..., N * N, R): soft bits of each ordered pair.

        They are 0 for an object with itself, and fade to 0 at ``FAR``: who is far has no relation, so that
        sums over pairs do not grow with the number of objects on the table.
        """
        apart = 1.0 - torch.eye(positions.shape[-2]).flatten().unsqueeze(-1)
        relation = relations(positions, self._config.unit).flatten(-3, -2)
        near = (FAR - relation[..., :1]).clamp(max=1.0) if self._config.fading else 1.0
        return torch.sigmoid(self.object_relation(relation)) * (near * apart)

    def _some(self, count: Tensor) -> Tensor:
        """Of a soft count: a soft "at least one", which does not grow with the number of objects."""
        return 1.0 - torch.exp(-count) if self._config.saturated else count

    def _near(self, video: RelationalFrames, window: Window, moved: Tensor) -> Tensor:
        """(B, N, 4R): each object's relations to what is moved, in the scope's first and last frame."""
        n = moved.shape[-1]
        edges = window.of_ends(video.bits)
        edges = edges.view(*edges.shape[:3], n, n)  # (B, 2, R, N, N)
        towards = torch.einsum("bi,berij->bjer", moved, edges).flatten(2)
        away = torch.einsum("bj,berij->bier", moved, edges).flatten(2)
        return torch.cat([towards, away], -1)

    def _point(self, near: Tensor, moved: Tensor, receptacle: Tensor, program: Tensor) -> Tensor:
        """(B, K, N) logits: which object the program is about.

        Seen for each object: whether the scope shows it moved, and its relations; its kind counts by itself.
        """
        seen = self.pointed(torch.cat([moved.unsqueeze(-1), near], -1)).unsqueeze(1)
        asked = self.pointing(program).unsqueeze(2)
        logits: Tensor = self.pointer(torch.relu(seen + asked)).squeeze(-1)
        if self._config.bounded:
            logits = CERTAIN * torch.tanh(logits / CERTAIN)
        return logits + receptacle * self.kind(program) if self._config.kinds else logits

    def _doubted(
        self, near: Tensor, moved: Tensor, receptacle: Tensor, program: Tensor, pointer: Tensor
    ) -> Tensor:
        """The logits to learn from: objects lose their relations at random.

        So each cue has to count, also one that another has always made superfluous.
        """
        if not self.training or self._config.doubt == 0.0:
            return pointer
        kept = (torch.rand(near.shape[:2]) >= self._config.doubt).unsqueeze(-1)
        return self._point(near * kept, moved, receptacle, program)
