"""Scoping labels: from scopes, to train on, and back to the likeliest scope."""

from __future__ import annotations

import torch
from torch import Tensor

from taskprog.planners.ntp.features import Window
from taskprog.planners.ntp.model import NEVER

START, END, INSIDE, OUTSIDE = range(4)


def scope_labels(scope: Tensor, moment: Tensor) -> Tensor:
    """(...) labels of frames that are the ``moment``-th (...) of a window in which [first, stop) is ``scope``
    (..., 2). A scope of one frame is its start."""
    start, stop = scope[..., 0], scope[..., 1]
    labels = torch.full_like(start, OUTSIDE)
    labels = torch.where((moment > start) & (moment < stop - 1), INSIDE, labels)
    labels = torch.where(moment == stop - 1, END, labels)
    return torch.where(moment == start, START, labels)


def decode_scopes(labels: Tensor, window: Window, joint: bool = True) -> Tensor:
    """(B, K, 2) subsequences [first, stop) of windows from labels (T, K, 4) of their frames.

    Jointly: the pair of a start and a later end with the largest product of probabilities, found in linear
    time; a frame has one label, so they are different frames, but in a scope of a single frame. Otherwise as
    in the paper: the likeliest start, then the likeliest end, here of those not before it.
    """
    labels, length = window.padded(labels).transpose(1, 2), window.length  # (B, K, W, 4)
    moment = torch.arange(labels.shape[2])
    size = length[:, None, None]
    score = labels.log_softmax(-1)
    start = score[..., START].masked_fill(moment >= size, NEVER)
    end = score[..., END].masked_fill(moment >= size, NEVER)
    if not joint:
        first = start.argmax(-1, keepdim=True)
        last = end.masked_fill(moment < first, 2 * NEVER).argmax(-1, keepdim=True)
        return torch.cat([first, last + 1], -1)
    end = end.masked_fill(moment == 0, NEVER)
    best, where = start.cummax(-1)
    earlier = torch.cat([torch.full_like(best[..., :1], NEVER), best[..., :-1]], -1)
    last = (earlier + end).argmax(-1, keepdim=True)
    first = where.gather(-1, (last - 1).clamp(min=0))
    whole = torch.cat([size * 0, size], -1).expand(*first.shape[:2], 2)
    return torch.where(size == 1, whole, torch.cat([first, last + 1], -1))
