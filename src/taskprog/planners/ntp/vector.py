"""How the paper's models see: all objects' coordinates and the gripper's bits in one vector.

A scene is given in the gripper's frame, a video's frame in the hand's as far as the tracks of what it holds
show where it is. Shapes as in ``features.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from taskprog.planners.ntp.config import ModelConfig
from taskprog.planners.ntp.features import Frames, State, Window
from taskprog.planners.ntp.layers import mlp
from taskprog.planners.ntp.sight import View

SCALE = 10.0  # of metres: coordinates of about one
FINE = 50.0  # of metres, squashed: coordinates near the gripper, where a centimetre matters
COORDINATES = 6  # of an object: coarse and fine
EACH = 8  # features of an object
ABSENT = (0.0, 0.0, -1.0)  # metres: where an absent object is said to be


@dataclass
class VectorFrames:
    """Features (F, C) of frames."""

    features: Tensor


class VectorSight(nn.Module):
    """f_ENC and the frames' embedding: networks on coordinates, the first layers the same for each object."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        n, h = config.objects, config.hidden
        self.size = h
        self.frame_object = mlp(COORDINATES + 1, 4 * EACH, EACH)
        self.frame = nn.Sequential(  # normalised: rectifiers behind coordinates are apt to die
            nn.Linear(n * EACH, h), nn.ReLU(), nn.Linear(h, config.channels), nn.LayerNorm(config.channels)
        )
        self.state_object = mlp(COORDINATES, 4 * EACH, EACH)
        self.state = nn.Sequential(
            nn.Linear(n * (EACH + COORDINATES) + 2, h), nn.ReLU(), nn.Linear(h, h), nn.ReLU()
        )
        self.register_buffer("absent", torch.tensor(ABSENT), persistent=False)
        self.absent: Tensor

    def encode(self, frames: Frames) -> VectorFrames:
        """See ``SightModule``."""
        away = _scaled(frames.positions - frames.hand.unsqueeze(1))
        seen = self.frame_object(torch.cat([away, frames.held.unsqueeze(-1)], -1))
        return VectorFrames(self.frame(torch.relu(seen).flatten(1)))

    def forward(self, video: VectorFrames, window: Window, state: State, program: Tensor) -> View:
        """See ``SightModule``."""
        away = state.positions - state.tool.unsqueeze(-2)
        away = _scaled(torch.where(state.present.unsqueeze(-1) > 0, away, self.absent))
        seen = torch.cat([torch.relu(self.state_object(away)), away], -1).flatten(2)
        present = self.state(torch.cat([seen, state.flags], -1))
        return View(window.of_frames(video.features).unsqueeze(1), present, None)


def _scaled(away: Tensor) -> Tensor:
    """(..., 3) metres from the gripper to (..., 6): where, and near it more finely."""
    return torch.cat([away * SCALE, torch.tanh(away * FINE)], -1)
