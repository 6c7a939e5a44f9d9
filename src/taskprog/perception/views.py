"""What a video shows of each cube, frame by frame, kept small: the pixels of its colour and little else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.colours import Blob

Mask = NDArray[np.bool_]

NEAR_PIECE = 2.0  # outline sizes: pieces of a colour no farther apart belong to one, partly hidden, cube


@dataclass(frozen=True, eq=False)
class View:
    """One cube in one frame.

    Attributes:
        pixels: (N,) int64, indices into the flattened image.
        centroid: (2,) float64, mean (u, v).
        cut: whether it touches the image's border.
    """

    pixels: NDArray[np.int64]
    centroid: NDArray[np.float64]
    cut: bool

    @property
    def area(self) -> int:
        """Pixels."""
        return len(self.pixels)


def view_of(blobs: Iterable[Blob], width: int) -> View | None:
    """The view of one cube, from the blobs of its colour, the largest first, in images of this width."""
    kept: list[Blob] = []
    for blob in blobs:
        reach = NEAR_PIECE * np.sqrt(kept[0].area) if kept else np.inf
        if not kept or np.linalg.norm(blob.centroid - kept[0].centroid) < reach:
            kept.append(blob)
    if not kept:
        return None
    u = np.concatenate([blob.u for blob in kept]).astype(np.int64)
    v = np.concatenate([blob.v for blob in kept]).astype(np.int64)
    return View(v * width + u, np.array([u.mean(), v.mean()]), any(blob.cut for blob in kept))


def grown(view: View, shape: tuple[int, int]) -> Mask:
    """(H * W,) the view's pixels and their neighbours."""
    mask = np.zeros(shape[0] * shape[1], np.uint8)
    mask[view.pixels] = 1
    return np.asarray(cv2.dilate(mask.reshape(shape), np.ones((3, 3), np.uint8)), bool).ravel()


def outside(view: View, mask: Mask) -> float:
    """Share of a view's pixels that a flat mask lacks."""
    return 1.0 - float(mask[view.pixels].mean())
