"""How the paper's models see: all objects' coordinates and the gripper's bits in one vector.

A scene is given in the gripper's frame, a video's frame in that of the object held there (else of the
objects' centre): tracks of objects do not show the hand. Shapes as in ``features.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.features import Frames, State, Window
from taskprog.planners.ntp.sight import View

SCALE = 10.0  # of metres: coordinates of about one
FINE = 50.0  # of metres, squashed: coordinates near the gripper, where a centimetre matters
ABSENT = (0.0, 0.0, -1.0)  # metres: where an absent object is said to be


@dataclass
class VectorFrames:
    """Features (F, C) of frames."""

    features: Tensor


class VectorSight(nn.Module):
    """f_ENC and the frames' embedding: two-layer networks on coordinates."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        n, h = config.objects, config.hidden
        self.size = h
        self.frame = nn.Sequential(nn.Linear(7 * n + 1, h), nn.ReLU(), nn.Linear(h, config.channels))
        self.state = nn.Sequential(nn.Linear(6 * n + 2, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU())
        self.register_buffer("absent", torch.tensor(ABSENT), persistent=False)
        self.absent: Tensor

    def encode(self, frames: Frames) -> VectorFrames:
        """See ``SightModule``."""
        anything = frames.held.sum(-1, keepdim=True)  # (F, 1)
        at_hand = (frames.held.unsqueeze(-1) * frames.positions).sum(1)
        centre = at_hand + (1.0 - anything) * frames.positions.mean(1)
        seen = [_scaled(frames.positions - centre.unsqueeze(1)), frames.held, anything]
        return VectorFrames(torch.relu(self.frame(torch.cat(seen, -1))))

    def forward(self, video: VectorFrames, window: Window, state: State, program: Tensor) -> View:
        """See ``SightModule``."""
        away = state.positions - state.tool.unsqueeze(-2)
        away = torch.where(state.present.unsqueeze(-1) > 0, away, self.absent)
        present = self.state(torch.cat([_scaled(away), state.flags], -1))
        frames = window.of_frames(video.features) * window.inside.unsqueeze(-1)
        return View(frames.unsqueeze(1), present, None)


def _scaled(away: Tensor) -> Tensor:
    """(..., N, 3) metres from the gripper to (..., 6N): where, and near it more finely."""
    flat = away.flatten(-2)
    return torch.cat([flat * SCALE, torch.tanh(flat * FINE)], -1)
