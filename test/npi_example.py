"""A small NPI of addition and sorting, for tests."""

from __future__ import annotations

from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.dataset import Practice, Recordings
from taskprog.planners.npi.train import TrainConfig, Trainer

SMALL = NPIConfig(hidden=24, state=12, program=8, key=6, fused=16, encoder=16)
BOTH = ("addition", "sorting")
CONFIG_BOTH = TrainConfig(
    BOTH,
    (Practice(0, (1, 2, 3), 4), Practice(0, (3,), 4, "RSHIFT"), Practice(1, (1, 2, 4), 4)),
    steps=12,
    decisions=100,
    warmup=4,
    model=SMALL,
)


def trained(recordings: Recordings) -> Trainer:
    """An NPI of both, trained to the end of its few steps on the recordings of ``CONFIG_BOTH``."""
    trainer = Trainer(CONFIG_BOTH, recordings)
    trainer.run()
    return trainer
