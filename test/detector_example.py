"""A small detector and the images that its tests share."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.vision.examples import Examples, make_examples
from taskprog.vision.labels import LabelledView
from taskprog.vision.measure import TEST_SEED
from taskprog.vision.network import NetworkConfig
from taskprog.vision.train import TrainConfig
from taskprog_sim.goods_views import labelled_views

SEED = TEST_SEED + 7
SMALL = TrainConfig(steps=12, batch=2, network=NetworkConfig((8, 8, 8, 8, 8)))


@pytest.fixture(scope="module")
def views() -> list[LabelledView]:
    return list(labelled_views(SEED, 4, 2, exact=True))


@pytest.fixture(scope="module")
def examples(views: list[LabelledView]) -> Examples:
    return make_examples(views, len(views), np.random.default_rng(0))
