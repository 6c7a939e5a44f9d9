"""A detector's scores on labelled images, larger and smaller, with depth and without; and its speed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from taskprog.perception.camera import CameraModel
from taskprog.vision.checkpoint import load_network
from taskprog.vision.detector import ObjectDetector
from taskprog.vision.labels import LabelledView
from taskprog.vision.score import Scores, add, new_scores

TEST_SEED = 1_000_000  # images of seeds from here on are never trained on
LARGE, SMALL, COLOUR = "640x480 with depth", "320x240 with depth", "320x240, colour only"


@dataclass
class Result:
    """What one way of looking at the images gave.

    Attributes:
        scores: by class.
        seconds: of CPU time for all images.
        images: number of them.
        faultless: how many were right in everything.
        wrong: what was wrong, in words, by the number of the image.
    """

    scores: Scores = field(default_factory=new_scores)
    seconds: float = 0.0
    images: int = 0
    faultless: int = 0
    wrong: dict[int, list[str]] = field(default_factory=dict)

    @property
    def milliseconds(self) -> float:
        """CPU time for an image."""
        return self.seconds / self.images * 1e3 if self.images else float("nan")


def measure(folder: Path, views: Iterable[LabelledView]) -> dict[str, Result]:
    """The results of the detector in a folder, by way of looking.

    Args:
        views: of even width and height; every second pixel of them makes the smaller images.

    Raises:
        CheckpointError: there is no sound detector in the folder.
    """
    torch.set_num_threads(1)  # times are for one core
    network = load_network(folder)
    results = {name: Result() for name in (LARGE, SMALL, COLOUR)}
    for number, view in enumerate(views):
        half = halved(view)
        large, small = ObjectDetector(view.camera, network), ObjectDetector(half.camera, network)
        _look(results[LARGE], number, large, view, depth=True)
        _look(results[SMALL], number, small, half, depth=True)
        _look(results[COLOUR], number, small, half, depth=False)
    return results


def halved(view: LabelledView) -> LabelledView:
    """The view as a camera of half the resolution would have it: every second pixel."""
    camera = view.camera
    half = CameraModel(
        camera.width // 2,
        camera.height // 2,
        camera.fx / 2,
        camera.fy / 2,
        camera.cx / 2,
        camera.cy / 2,
        camera.pose,
    )
    return LabelledView(
        half,
        view.rgb[::2, ::2].copy(),
        view.depth[::2, ::2].copy(),
        view.instance[::2, ::2].copy(),
        view.things,
    )


def _look(result: Result, number: int, detector: ObjectDetector, view: LabelledView, depth: bool) -> None:
    if number == 0:
        detector.detect(view.rgb)  # the first call is slow
    start = time.process_time()
    found = detector.detect(view.rgb, view.depth if depth else None)
    result.seconds += time.process_time() - start
    wrong = add(result.scores, view, found, heights=depth)
    result.images += 1
    result.faultless += not wrong
    if wrong:
        result.wrong[number] = wrong
