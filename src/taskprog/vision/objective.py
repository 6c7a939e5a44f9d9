"""What the network is trained towards: the class of each cell, the pose of the thing that it shows, and
where one thing ends and the next begins."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from taskprog.vision import examples as row
from taskprog.vision.examples import cell_grid
from taskprog.vision.labels import CLASSES, FIRST_CONTAINER
from taskprog.vision.network import BEYOND, DEPTHS, FOURFOLD, JOINED, OFFSET, PIXELS, SIZE, SIZES, TWICE

TERMS = ("class", "offset", "beyond", "yaw", "size", "joined")
SHARES = (1.0, 3.0, 1.0, 0.5, 0.25, 1.0)
THING_WEIGHT = 3.0  # of a good's cells against those of containers and background, which are many
CONTAINER_WEIGHT = 0.3  # of a container's cells against a good's, where poses count
TOUCHING_WEIGHT = 4.0  # of neighbours of two goods against those of one, which are many
FAR_BEYOND = 0.15  # metres; a cell that is farther from its thing's middle shows something else
ROUND = 0.08  # of length minus width as a share of the length: below it, yaw means little


def losses(output: Tensor, instance: Tensor, depth: Tensor, things: Tensor) -> Tensor:
    """(len(TERMS),) mean losses.

    Args:
        output: (B, OUTPUTS, r, c), the network's.
        instance: (B, r, c) int64; depth: (B, r, c) metres; things: (B, MOST, COLUMNS); see ``Examples``.
    """
    batch, rows, columns = instance.shape
    index = instance.view(batch, -1, 1).expand(-1, -1, things.shape[2])
    truth = things.gather(1, index).view(batch, rows, columns, -1)  # each cell's thing
    label = truth[..., row.LABEL].long()
    good = (label > 0) & (label < FIRST_CONTAINER)
    weight = torch.where(good, THING_WEIGHT, 1.0)
    scores = output[:, : len(CLASSES)]
    classes = (cross_entropy(scores, label, reduction="none") * weight).mean()

    on = label > 0
    values = output.permute(0, 2, 3, 1)[on]
    truth, surface, of_good = truth[on], depth[on], good[on]
    v, u = (
        torch.as_tensor(axis, dtype=torch.float32, device=output.device) for axis in cell_grid(rows, columns)
    )
    u, v = u.expand(rows, columns), v.expand(rows, columns)
    u, v = u.expand(batch, -1, -1)[on], v.expand(batch, -1, -1)[on]
    # Small things count nearly as much as large ones.
    share = torch.where(of_good, 1.0, CONTAINER_WEIGHT) * truth[:, row.CELLS].clamp(min=4).rsqrt()
    share = share / share.sum()

    offset = torch.stack([truth[:, row.U] - u, truth[:, row.V] - v], dim=1) / PIXELS
    beyond = truth[:, row.DEPTH] - surface
    near = (beyond.abs() < FAR_BEYOND).float()
    length, width = truth[:, row.LENGTH], truth[:, row.WIDTH]
    long = ((length - width) / length / ROUND).clamp(0, 1)
    yaw = truth[:, row.YAW]
    size = truth[:, row.LENGTH : row.HEIGHT + 1] / SIZES
    terms = [
        (_apart(values[:, OFFSET], offset) * share).sum(),
        (_apart(values[:, BEYOND, None], beyond[:, None] / DEPTHS) * near * share).sum(),
        (_apart(values[:, TWICE], _direction(2 * yaw)) * long * share).sum()
        + (_apart(values[:, FOURFOLD], _direction(4 * yaw)) * share).sum(),
        (_apart(values[:, SIZE], size) * share).sum(),
        _joined(output[:, JOINED], instance, torch.where(good, label, 0)),
    ]
    return torch.stack([classes, *terms])


def _joined(scores: Tensor, instance: Tensor, label: Tensor) -> Tensor:
    """Mean loss of what is said of neighbours that show goods of one category.

    Args:
        scores: (B, 2, r, c) logits; instance: (B, r, c); label: (B, r, c), 0 where no good is.
    """
    found, truth = [], []
    for which, axis in enumerate((2, 1)):  # to the right, below
        count = instance.shape[axis] - 1
        here, there = label.narrow(axis, 0, count), label.narrow(axis, 1, count)
        on = (here > 0) & (here == there)
        same = instance.narrow(axis, 0, count) == instance.narrow(axis, 1, count)
        found.append(scores[:, which].narrow(axis, 0, count)[on])
        truth.append(same[on])
    logits, target = torch.cat(found), torch.cat(truth).float()
    weight = torch.where(target > 0, 1.0, TOUCHING_WEIGHT)
    loss = binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    return loss / weight.sum().clamp(min=1.0)


def _apart(a: Tensor, b: Tensor) -> Tensor:
    return smooth_l1_loss(a, b, reduction="none", beta=0.1).mean(dim=1)


def _direction(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=1)
