"""What an NPI is trained towards: the log-likelihood of the expert's traces (Reed & de Freitas, section 3.2,
equations 6 to 8)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.npi.batches import Batch, Decisions
from taskprog.planners.npi.dataset import NONE
from taskprog.planners.npi.model import Prediction


def losses(prediction: Prediction, wanted: Batch | Decisions) -> Tensor:
    """Negative log-likelihood of each decision's call, arguments and end (equation 8); 0 for padding."""
    loss = F.binary_cross_entropy_with_logits(prediction.end, wanted.end, reduction="none")
    call = F.cross_entropy(prediction.call.flatten(0, -2), wanted.call.flatten(), reduction="none")
    words = F.cross_entropy(
        prediction.words.flatten(0, -2), wanted.words.flatten(), reduction="none", ignore_index=NONE
    )
    return (loss + call.view_as(loss) + words.view_as(wanted.words).sum(-1)) * wanted.weight


def wrong(prediction: Prediction, wanted: Batch | Decisions) -> Tensor:
    """Whether any part of each decision differs from the expert's."""
    missed = ((prediction.words.argmax(-1) != wanted.words) & (wanted.words != NONE)).any(-1)
    result: Tensor = (
        missed | (prediction.call.argmax(-1) != wanted.call) | ((prediction.end > 0) != (wanted.end > 0.5))
    )
    return result
