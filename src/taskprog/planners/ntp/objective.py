"""What the networks are trained towards: the expert's decisions, their likelihood, and what counts as wrong.

Shapes as in ``model.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.ntp.features import Window
from taskprog.planners.ntp.model import Prediction
from taskprog.planners.ntp.scoping import decode_scopes, scope_labels

LABEL_WEIGHT = 0.3  # of a frame's scoping label against the other parts of a decision


@dataclass
class Targets:
    """What the expert did in B x K decisions; -1 where there is nothing to predict.

    Attributes:
        call: (B, K) index of the operation called.
        end: (B, K) 1.0 where the program ends.
        object, offset: (B, K) indices of API arguments.
        scope: (B, K, 2) frames [start, stop) passed on to a program that is called, within the scope.
        weight: (B, K) 1.0, or 0.0 for padding.
    """

    call: Tensor
    end: Tensor
    object: Tensor
    offset: Tensor
    scope: Tensor
    weight: Tensor


def losses(prediction: Prediction, target: Targets, window: Window, scoped: bool) -> Tensor:
    """(B, K) negative log-likelihood of what the expert did; 0 for padding."""
    loss = F.binary_cross_entropy_with_logits(prediction.end, target.end, reduction="none")
    loss = loss + _cross_entropy(prediction.call, target.call)
    loss = loss + _cross_entropy(prediction.object, target.object)
    loss = loss + _cross_entropy(prediction.offset, target.offset)
    if scoped:
        rows = _passing(target)
        part, kept = window.only(rows)
        scope = part.spread(target.scope[rows])  # (T, K, 2)
        labels = prediction.labels.index_select(0, kept)
        found = _cross_entropy(labels, scope_labels(scope, part.moment.unsqueeze(1))) * (scope[..., 0] >= 0)
        loss = loss.index_add(0, rows, LABEL_WEIGHT * part.sums(found))
    return loss * target.weight


def wrong(prediction: Prediction, target: Targets, window: Window, scoped: bool, joint: bool) -> Tensor:
    """(B, K) whether any part of the decision, decoded, differs from the expert's."""
    result = (prediction.end > 0) != (target.end > 0.5)
    for logits, wanted in (
        (prediction.call, target.call),
        (prediction.object, target.object),
        (prediction.offset, target.offset),
    ):
        result = result | ((logits.argmax(-1) != wanted) & (wanted >= 0))
    rows = _passing(target)
    if scoped and len(rows):
        part, kept = window.only(rows)
        asked = target.scope[rows]
        missed = (decode_scopes(prediction.labels[kept], part, joint) != asked).any(-1)
        result[rows] |= missed & (asked[..., 0] >= 0)
    return result


def _passing(target: Targets) -> Tensor:
    """Indices of the windows in which some program is passed a scope."""
    return (target.scope[..., 0] >= 0).any(1).nonzero().squeeze(1)


def _cross_entropy(logits: Tensor, wanted: Tensor) -> Tensor:
    """Of logits (..., C) and classes (...); 0 where the class is -1."""
    flat = F.cross_entropy(logits.flatten(0, -2), wanted.flatten(), reduction="none", ignore_index=-1)
    return flat.view_as(wanted)
