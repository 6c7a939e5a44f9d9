"""Frames of videos compared with decisions: products of matrices, one for each video.

Most frames are in the windows of several decisions. To multiply window by window, each would be copied that
often first, and the copying would take a good part of a training step. Shapes as in ``features.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.ntp.features import Window


class Comparison:
    """Which frames of which videos, ``lengths`` (V,), meet which decisions."""

    def __init__(self, lengths: Tensor, window: Window):
        begin = window.index[window.start]  # (B,)
        video = torch.bucketize(begin, lengths.cumsum(0), right=True)
        videos, slot = torch.unique(video, return_inverse=True)
        nth = F.one_hot(slot).cumsum(0).gather(1, slot.unsqueeze(1)).squeeze(1) - 1  # of its video's windows
        self._windows = torch.zeros(len(videos), int(nth.max()) + 1, dtype=torch.long)
        self._windows[slot, nth] = torch.arange(len(slot))
        # From each video's first frame that is in a window to its last; L of them, the last perhaps repeated.
        first = torch.zeros_like(videos).scatter_reduce(0, slot, begin, "amin", include_self=False)
        stop = torch.zeros_like(videos).scatter_reduce(0, slot, begin + window.length, "amax")
        moment = torch.arange(int((stop - first).max()))
        self._frames = torch.minimum(first.unsqueeze(1) + moment, stop.unsqueeze(1) - 1)
        row = window.spread(slot * len(moment) - first[slot]) + window.index
        self._place = row * self._windows.shape[1] + window.spread(nth)  # (T,)

    def products(self, shown: Tensor, asked: Tensor) -> Tensor:
        """What frames and decisions have in common, of G kinds, summed over X.

        Args:
            shown: (F, G, X) of all frames; asked: (B, K, G, X, M).

        Returns:
            (T, K, G * M) for the frames of each window.
        """
        k, g, x, m = asked.shape[1:]
        (v, length), d = self._frames.shape, self._windows.shape[1]
        frames = shown.index_select(0, self._frames.flatten()).view(v, length, g, x).transpose(1, 2)
        decisions = asked.index_select(0, self._windows.flatten()).view(v, d, k, g, x, m)
        decisions = decisions.permute(0, 3, 4, 1, 2, 5).reshape(v, g, x, d * k * m)
        product = (frames @ decisions).view(v, g, length, d, k, m).permute(0, 2, 3, 4, 1, 5)
        return product.reshape(v * length * d, k, g * m).index_select(0, self._place)
