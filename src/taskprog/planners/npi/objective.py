"""What an NPI is trained towards: the log-likelihood of the expert's traces (Reed & de Freitas, section 3.2,
equations 6 to 8)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.npi.batches import Batch
from taskprog.planners.npi.dataset import NONE
from taskprog.planners.npi.model import Prediction


def losses(prediction: Prediction, batch: Batch) -> Tensor:
    """(B, T) negative log-likelihood of call, arguments and end (equation 8); 0 for padding."""
    loss = F.binary_cross_entropy_with_logits(prediction.end, batch.end, reduction="none")
    loss = loss + F.cross_entropy(
        prediction.call.flatten(0, 1), batch.call.flatten(), reduction="none"
    ).view_as(loss)
    words = F.cross_entropy(
        prediction.words.flatten(0, 2), batch.words.flatten(), reduction="none", ignore_index=NONE
    )
    return (loss + words.view_as(batch.words).sum(-1)) * batch.weight


def wrong(prediction: Prediction, batch: Batch) -> Tensor:
    """(B, T) whether any part of the decision differs from the expert's."""
    missed = ((prediction.words.argmax(-1) != batch.words) & (batch.words != NONE)).any(-1)
    result: Tensor = (
        missed | (prediction.call.argmax(-1) != batch.call) | ((prediction.end > 0) != (batch.end > 0.5))
    )
    return result
