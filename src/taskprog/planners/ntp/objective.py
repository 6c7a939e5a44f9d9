"""What the networks are trained towards: the expert's decisions, their likelihood, and what counts as wrong.

Shapes as in ``model.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.ntp.model import END, INSIDE, OUTSIDE, START, Prediction, decode_scopes

LABEL_WEIGHT = 0.3  # of a frame's scoping label against the other parts of a decision


@dataclass
class Targets:
    """What the expert did in D x K decisions; -1 where there is nothing to predict.

    Attributes:
        call: (D, K) index of the operation called.
        end: (D, K) 1.0 where the program ends.
        object, offset: (D, K) indices of API arguments.
        scope: (D, K, 2) frames [start, stop) passed on to a program that is called.
    """

    call: Tensor
    end: Tensor
    object: Tensor
    offset: Tensor
    scope: Tensor


def losses(prediction: Prediction, target: Targets, scope: Tensor) -> Tensor:
    """(D, K) negative log-likelihood of what the expert did."""
    frames = prediction.labels.shape[2]
    call = _cross_entropy(prediction.call, target.call)
    end = F.binary_cross_entropy_with_logits(prediction.end, target.end, reduction="none")
    arguments = _cross_entropy(prediction.object, target.object)
    arguments = arguments + _cross_entropy(prediction.offset, target.offset)
    wanted = scope_labels(target.scope, frames)
    per_frame = F.cross_entropy(prediction.labels.flatten(0, 2), wanted.flatten(), reduction="none")
    moment = torch.arange(frames)
    inside = ((moment >= scope[..., :1]) & (moment < scope[..., 1:])).float()
    inside = inside * (target.scope[..., :1] >= 0)
    labels = (per_frame.view_as(inside) * inside).sum(-1)
    return call + end + arguments + LABEL_WEIGHT * labels


def scope_labels(scope: Tensor, frames: int) -> Tensor:
    """(D, K, 2) scopes to (D, K, T) labels; a scope of one frame is its start."""
    moment = torch.arange(frames)
    start, stop = scope[..., :1], scope[..., 1:]
    labels = torch.full((*scope.shape[:-1], frames), OUTSIDE)
    labels = torch.where((moment > start) & (moment < stop - 1), INSIDE, labels)
    labels = torch.where(moment == stop - 1, END, labels)
    return torch.where(moment == start, START, labels)


def wrong(prediction: Prediction, target: Targets, scope: Tensor) -> Tensor:
    """(D, K) whether any part of the decision, decoded, differs from the expert's."""
    result = (prediction.end > 0) != (target.end > 0.5)
    for logits, wanted in (
        (prediction.call, target.call),
        (prediction.object, target.object),
        (prediction.offset, target.offset),
    ):
        result = result | ((logits.argmax(-1) != wanted) & (wanted >= 0))
    missed = (decode_scopes(prediction.labels, scope) != target.scope).any(-1)
    return result | (missed & (target.scope[..., 0] >= 0))


def _cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    """(D, K) cross-entropy, 0 where ``wanted`` is -1."""
    return F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none", ignore_index=-1).view_as(
        wanted
    )
