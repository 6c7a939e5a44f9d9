"""Training of the detector's network on labelled images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from taskprog.vision import examples as row
from taskprog.vision.augment import spoiled, spoiled_heights
from taskprog.vision.examples import Examples
from taskprog.vision.grid import STRIDE
from taskprog.vision.network import GoodsNetwork, NetworkConfig, quick
from taskprog.vision.objective import SHARES, losses

DECAY = 0.995  # of the mean of the weights over the steps, which is what is kept
WARM_UP = 0.05  # share of the steps
WINDOW = (64, 120)  # rows and columns of cells of an image that are learned from at a time
MEMORY = 0.98  # of the running mean of the losses, a step


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training depends on; saved with the network.

    Attributes:
        seed: of scenes, weights and batches.
        views: images that are rendered; looks: of each scene.
        steps: gradient steps; batch: images in each.
        rate: peak learning rate; decay: of the weights.
    """

    seed: int = 300
    views: int = 3000
    looks: int = 5
    steps: int = 8000
    batch: int = 8
    rate: float = 3e-3
    decay: float = 1e-3
    network: NetworkConfig = field(default_factory=NetworkConfig)


def train(
    config: TrainConfig,
    examples: Examples,
    threads: int,
    on_step: Callable[[int, list[float]], None],
    start: GoodsNetwork | None = None,
) -> tuple[GoodsNetwork, float]:
    """A trained network, and the CPU seconds that it took.

    Args:
        threads: of torch; with one, trainings repeat exactly.
        start: a network that is trained on; by default a new one.
        on_step: gets the number of steps done and the running mean of each of the losses ``TERMS``.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    rng = np.random.default_rng([config.seed, 1])
    began = time.process_time()
    network = start or GoodsNetwork(config.network)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    decayed = get_ema_multi_avg_fn(DECAY)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=decayed, use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, config.steps))
    shares = torch.tensor(SHARES)
    mean: Tensor | None = None
    order: list[int] = []
    network.train()
    for step in range(config.steps):
        while len(order) < config.batch:
            order += rng.permutation(len(examples)).tolist()
        chosen, order = order[: config.batch], order[config.batch :]
        images, heights, instance, depth, things = _batch(examples, chosen, rng)
        with quick():
            output = network(images, heights)
        terms = losses(output, instance, depth, things)
        loss: Tensor = (terms * shares).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        done = terms.detach()
        mean = done if mean is None else MEMORY * mean + (1 - MEMORY) * done
        on_step(step + 1, mean.tolist())
    trained = cast(GoodsNetwork, average.module)
    return trained.eval(), time.process_time() - began


def _pace(step: int, steps: int) -> float:
    """Share of the peak rate: a straight rise, then a cosine down to nothing."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def _batch(
    examples: Examples, chosen: list[int], rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    images, reliefs, instances, depths, things = [], [], [], [], []
    for i in chosen:
        rgb, instance, depth = examples.rgb[i], examples.instance[i], examples.depth[i]
        table = examples.things[i].copy()
        (rows, columns), (height, width) = instance.shape, WINDOW
        height, width = min(height, rows), min(width, columns)
        top = int(min(rng.integers(0, 2 * (rows - height) + 1), rows - height))  # mostly the lower part
        left = int(rng.integers(0, columns - width + 1))
        window = slice(top, top + height), slice(left, left + width)
        instance, depth = instance[window], depth[window]
        pixels = tuple(slice(part.start * STRIDE, part.stop * STRIDE) for part in window)
        rgb = spoiled(rgb[pixels], rng)
        heights = spoiled_heights(examples.heights[i][pixels].astype(np.float32), rng)
        table[:, row.U] -= left * STRIDE
        table[:, row.V] -= top * STRIDE
        if rng.uniform() < 0.5:
            rgb, heights = rgb[:, ::-1], heights[:, ::-1]
            instance, depth = instance[:, ::-1], depth[:, ::-1]
            table[:, row.U] = rgb.shape[1] - 1 - table[:, row.U]
            table[:, row.YAW] *= -1
        images.append(rgb)
        reliefs.append(heights)
        instances.append(instance)
        depths.append(depth)
        things.append(table)
    shown = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    return (
        shown.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(np.stack(reliefs)),
        torch.from_numpy(np.stack(instances)).long(),
        torch.from_numpy(np.stack(depths)),
        torch.from_numpy(np.stack(things)),
    )
