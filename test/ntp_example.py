"""A small NTP, how it is trained, and what it is asked, for tests of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from taskprog.machine import (
    Demonstration,
    Observation,
)
from taskprog.planners.ntp.checkpoint import library_of, new_model
from taskprog.planners.ntp.config import ModelConfig, Sight
from taskprog.planners.ntp.dataset import DataConfig
from taskprog.planners.ntp.model import NTPModel
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.train import TrainConfig
from taskprog.tasks.block_stacking import (
    BlockStacking,
    StackingTask,
    random_layout,
)
from taskprog.tasks.conditions import VideoConditions
from taskprog.tasks.table_top import CUBE_NAMES

FAMILY = BlockStacking()
SMALL = ModelConfig(relation_bits=4, relation_hidden=8, channels=8, embedding=8, hidden=16)
PLAIN = DataConfig(slips=0.0)
SHORT = TrainConfig(tasks=12, steps=12, videos=4, decisions=4, warmup=4, data=PLAIN, model=SMALL)
READING = replace(SMALL, sight=Sight.VECTOR, scoped=False, reading=True, encoder_dilations=(1, 2))

VARIANTS = {
    "relational": SMALL,
    "vector": replace(SMALL, sight=Sight.VECTOR, encoder_dilations=(1,), joint=False),
    "recurrent": replace(SMALL, sight=Sight.VECTOR, recurrent=True),
    "no scope": replace(SMALL, scoped=False),
    "flat": replace(SMALL, flat=True, scoped=False, recurrent=True),
    "reading": READING,
    "flat reading": replace(READING, flat=True, recurrent=True),
}


def demonstration(text: str = "1>0 2>1 5>4", seed: int = 0) -> Demonstration:
    return FAMILY.demonstrate(StackingTask.parse(text), np.random.default_rng(seed), VideoConditions())


def observation(names: tuple[str, ...] = CUBE_NAMES, seed: int = 9) -> Observation:
    positions = random_layout(seed).positions.astype(np.float32)[: len(names)]
    gripper = np.array([0.5, 0.0, 0.2], np.float32)
    return Observation(0.0, names, positions, np.zeros(len(names), np.float32), gripper, False, False)


def model_of(config: ModelConfig) -> NTPModel:
    return new_model(config, library_of(FAMILY, config), len(FAMILY.offsets)).eval()


def untrained(seed: int = 0, config: ModelConfig = SMALL) -> NTPPlanner:
    torch.manual_seed(seed)
    return NTPPlanner(model_of(config), FAMILY, library_of(FAMILY, config))
