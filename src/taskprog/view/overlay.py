"""A run over the camera's picture: targets and finished steps in place, the call stack in a panel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from taskprog.machine import EventKind
from taskprog.perception.camera import CameraModel
from taskprog.view import scene
from taskprog.view.render import Picture, draw_shapes, put_text
from taskprog.view.scene import GREY, SeenObject, stack_lines, trace_shapes
from taskprog.view.step import Step

# The camera shows the objects themselves, and the panel the call stack.
_IN_PLACE = frozenset({scene.HIGHLIGHT, scene.TARGET, scene.HEADING, scene.STEPS, scene.NUMBERS})


def draw_overlay(
    picture: Picture,
    camera: CameraModel,
    steps: Sequence[Step],
    objects: Sequence[SeenObject],
    time: float | None = None,
) -> None:
    """Draw a run as it is after the last of ``steps`` into a picture that ``camera`` took.

    Args:
        time: seconds on the domain's clock, shown beside the call stack.

    Raises:
        ValueError: the picture has another size than the camera's.
    """
    shapes = [s for s in trace_shapes(steps, objects) if s.namespace in _IN_PLACE]
    draw_shapes(picture, camera, shapes)
    draw_panel(picture, steps, time)


def draw_panel(picture: Picture, steps: Sequence[Step], time: float | None = None) -> None:
    """The call stack in a translucent panel in the upper left corner, indented by depth."""
    size = max(10, picture.shape[0] // 32)
    pitch = round(1.45 * size)
    lines = [(0, "waiting for a task", GREY)]
    if steps:
        lines = [(depth, text, colour) for depth, (text, colour) in enumerate(stack_lines(steps[-1]))]
    head = [] if time is None else [f"t = {time:.1f} s"]
    if steps:
        primitives = sum(s.event.kind is EventKind.OUTCOME for s in steps)
        head.append(f"{steps[-1].event.step} decisions, {primitives} primitives")
    if head:
        lines.insert(0, (0, "   ".join(head), GREY))
    width, height = round(23 * size), pitch * len(lines) + size // 2
    panel = picture[:height, :width]
    panel[:] = (panel * np.float32(0.35)).astype(np.uint8)
    for row, (depth, text, colour) in enumerate(lines):
        put_text(picture, text, (size // 2 + depth * size, pitch * (row + 1) - size // 4), size, colour)
