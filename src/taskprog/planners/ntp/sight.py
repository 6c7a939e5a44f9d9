"""The seam between the networks that see (relational or by vectors) and those that decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from taskprog.planners.ntp.features import Frames, State, Window


@dataclass
class View:
    """What a model sees of B x K decisions.

    Attributes:
        frames: (T, K, C) features of the windows' frames; (T, 1, C) where they do not depend on the present
            state.
        state: (B, K, S) the encoded state s.
        object: (B, K, N) logits of the object that is meant, or None where the core has to say it.
    """

    frames: Tensor
    state: Tensor
    object: Tensor | None


class SightModule(Protocol):
    """f_ENC and the embedding of frames; ``size`` is S of a ``View``."""

    size: int

    def encode(self, frames: Frames) -> Any:
        """What of frames does not depend on the present state; computed once a run."""

    def __call__(self, video: Any, window: Window, state: State, program: Tensor) -> View:
        """See for B x K decisions; ``video`` is what ``encode`` made, ``program`` (B, K, E) embeddings."""
