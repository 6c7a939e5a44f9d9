"""Small network parts."""

from __future__ import annotations

from torch import nn


def mlp(size: int, hidden: int, out: int, bias: float | None = None) -> nn.Sequential:
    """Two layers with a rectifier between; ``bias`` is the last one's at the start of training."""
    last = nn.Linear(hidden, out)
    if bias is not None:
        nn.init.constant_(last.bias, bias)
    return nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), last)
