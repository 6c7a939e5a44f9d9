"""Training of the detector's network on labelled images; can be interrupted and resumed."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from taskprog.files import written_whole
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
RESUME = "training.pt"  # state of an unfinished training


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training depends on; saved with the network.

    Attributes:
        seed: of scenes, weights and batches.
        views: images that are rendered; looks: of each scene; usual: how many of these are with the
            simulator's own camera, light, room and colours.
        steps: gradient steps; batch: images in each.
        rate: peak learning rate; decay: of the weights.
        device: that trains, as torch names it; on processors trainings repeat exactly.
    """

    seed: int = 300
    views: int = 3000
    looks: int = 5
    usual: int = 0
    steps: int = 8000
    batch: int = 8
    rate: float = 3e-3
    decay: float = 1e-3
    device: str = "cpu"
    network: NetworkConfig = field(default_factory=NetworkConfig)


class DetectorTraining:
    """One training run; ``run`` may be called again after an interruption.

    Args:
        threads: of torch; with one, trainings repeat exactly.
        start: a network that is trained on; by default a new one.
        jobs: processes that prepare images; with one, that is done between the steps.

    Attributes:
        step: gradient steps done.
        losses: the running mean of each of the losses ``TERMS``; empty before the first step.
        stopped: set it, from a signal handler or ``on_step``, to end ``run`` after the present step.
        seconds: spent in ``run``.
    """

    def __init__(
        self,
        config: TrainConfig,
        examples: Examples,
        threads: int,
        start: GoodsNetwork | None = None,
        jobs: int = 1,
    ) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.step = 0
        self.losses: list[float] = []
        self.stopped = False
        self.seconds = 0.0
        self._batches = _Batches(examples, config)
        device = self._device = torch.device(config.device)
        self._jobs = jobs
        network = start or GoodsNetwork(config.network)
        # What a training starts from decides what it leads to, and is not in its configuration.
        self._origin = float(sum(p.detach().double().abs().sum() for p in network.parameters()))
        self._network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        decayed = get_ema_multi_avg_fn(DECAY)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(self._network, multi_avg_fn=decayed, use_buffers=True)
        parameters = self._network.parameters()
        self._optimizer = torch.optim.AdamW(parameters, config.rate, weight_decay=config.decay)
        self._shares = torch.tensor(SHARES, device=device)

    @property
    def network(self) -> GoodsNetwork:
        """What has been learnt so far, to be used: the mean over the latest steps."""
        return cast(GoodsNetwork, self._average.module).eval()

    def run(self, on_step: Callable[[], None] = lambda: None) -> None:
        """Train up to the configured number of steps, or until ``stopped``."""
        began, before = time.monotonic(), self.seconds
        self._network.train()
        self.stopped = False
        steps = range(self.step, self.config.steps)
        for batch in DataLoader(
            self._batches,
            batch_size=None,
            sampler=steps,
            num_workers=self._jobs if self._jobs > 1 else 0,
            pin_memory=self._device.type != "cpu",
            worker_init_fn=_leave_interrupts,
        ):
            self._train_step([part.to(self._device, non_blocking=True) for part in batch])
            self.seconds = before + time.monotonic() - began
            on_step()
            if self.stopped:
                break

    def _train_step(self, batch: list[Tensor]) -> None:
        config = self.config
        for group in self._optimizer.param_groups:
            group["lr"] = config.rate * _pace(self.step, config.steps)
        rgb, heights, instance, depth, things = batch
        images = rgb.permute(0, 3, 1, 2).float() / 255  # channels last
        with quick(self._device):
            output = self._network(images, heights)
        terms = losses(output, instance.long(), depth, things)
        loss: Tensor = (terms * self._shares).sum()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
        self._optimizer.step()
        self._average.update_parameters(self._network)
        self.step += 1
        done = terms.detach().tolist()
        means = zip(self.losses or done, done, strict=True)
        self.losses = [MEMORY * mean + (1 - MEMORY) * term for mean, term in means]

    def save_state(self, folder: Path) -> None:
        """Save all that is needed to go on later."""
        with written_whole(folder / RESUME) as partial:
            torch.save(
                {
                    "config": self._described,
                    "network": self._network.state_dict(),
                    "average": self._average.state_dict(),
                    "optimizer": self._optimizer.state_dict(),
                    "step": self.step,
                    "losses": self.losses,
                    "seconds": self.seconds,
                },
                partial,
            )

    def load_state(self, folder: Path) -> bool:
        """Go on where ``save_state`` left off; False if there is nothing to go on from.

        Raises:
            ValueError: the state belongs to another configuration, or to another start.
        """
        path = folder / RESUME
        if not path.exists():
            return False
        state = torch.load(path, map_location=self._device, weights_only=True)
        if state["config"] != self._described:
            raise ValueError(
                f"{path} belongs to a training with another configuration or start; use that one, or remove "
                "the file"
            )
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.losses, self.seconds = state["step"], state["losses"], state["seconds"]
        return True

    @property
    def _described(self) -> str:
        return json.dumps({**asdict(self.config), "start": self._origin})


def _leave_interrupts(worker: int) -> None:
    """Ctrl-C reaches all processes of a terminal; this one goes on until the training ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def check_device(name: str) -> None:
    """Raise ``ValueError`` if torch cannot train there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch finds no CUDA device here; --device cpu uses the processor")


def _pace(step: int, steps: int) -> float:
    """Share of the peak rate: a straight rise, then a cosine down to nothing."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


class _Batches(Dataset[tuple[Tensor, ...]]):
    """What each step learns from, which is the same whoever prepares it, and when."""

    def __init__(self, examples: Examples, config: TrainConfig) -> None:
        self._examples, self._config = examples, config

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        config, count = self._config, len(self._examples)
        first, end = step * config.batch, (step + 1) * config.batch
        # All are seen once in each turn, in an order of its own.
        turns = range(first // count, -(-end // count))
        orders = [np.random.default_rng([config.seed, 2, turn]).permutation(count) for turn in turns]
        chosen = np.concatenate(orders)[first - turns[0] * count :][: config.batch]
        return _batch(self._examples, chosen.tolist(), np.random.default_rng([config.seed, 1, step]))


def _batch(examples: Examples, chosen: list[int], rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Images (B, h, w, 3) uint8, and heights, instances, depths and things of them; see ``Examples``."""
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
    parts = (images, reliefs, instances, depths, things)
    return tuple(torch.from_numpy(np.stack(part)) for part in parts)
