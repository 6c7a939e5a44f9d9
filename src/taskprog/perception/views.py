"""What a video shows of each cube, frame by frame, kept small: the pixels of its colour and little else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.colours import Blob

Mask = NDArray[np.bool_]

FAINT = 0.25  # of a cube's area in its larger views; what shows less of it is left out
NEAR_PIECE = 2.0  # outline sizes: pieces of a colour no farther apart belong to one, partly hidden, cube


@dataclass(frozen=True, eq=False)
class View:
    """One cube in one frame.

    Attributes:
        pixels: (N,) int32, indices into the flattened image.
        centroid: (2,) float64, mean (u, v).
    """

    pixels: NDArray[np.int32]
    centroid: NDArray[np.float64]

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
    u = np.concatenate([blob.u for blob in kept])
    v = np.concatenate([blob.v for blob in kept])
    return View((v * width + u).astype(np.int32), np.array([u.mean(), v.mean()]))


def without_faint(views: Sequence[View | None]) -> list[View | None]:
    """The views of a cube in each frame but for those that show next to nothing of it.

    Those say nothing about where it is, and may be colours that video compression has mixed at an edge.
    """
    areas = [view.area for view in views if view is not None]
    least = FAINT * float(np.quantile(areas, 0.9)) if areas else 0.0
    return [view if view is not None and view.area >= least else None for view in views]


def grown_pixels(view: View, shape: tuple[int, int]) -> NDArray[np.int64]:
    """(M,) indices of the view's pixels and their neighbours."""
    v, u = np.divmod(view.pixels, shape[1])
    top, left = max(0, int(v.min()) - 1), max(0, int(u.min()) - 1)
    size = (min(shape[0], int(v.max()) + 2) - top, min(shape[1], int(u.max()) + 2) - left)
    patch = np.zeros(size, np.uint8)
    patch[v - top, u - left] = 1
    rows, columns = np.nonzero(cv2.dilate(patch, np.ones((3, 3), np.uint8)))
    return np.asarray((rows + top) * shape[1] + columns + left, np.int64)


def grown(view: View, shape: tuple[int, int]) -> Mask:
    """(H * W,) the view's pixels and their neighbours."""
    mask = np.zeros(shape[0] * shape[1], bool)
    mask[grown_pixels(view, shape)] = True
    return mask


def outside(view: View, mask: Mask) -> float:
    """Share of a view's pixels that a flat mask lacks."""
    return 1.0 - float(mask[view.pixels].mean())
