"""A run's call tree as a picture: a line a call, its scope as a bar along the task video's key frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from taskprog.files import written_whole
from taskprog.machine import EventKind, RunCode, Trace
from taskprog.view.render import Picture, put_text
from taskprog.view.scene import GOLD, GREEN, GREY, LINE, RED, WHITE
from taskprog.view.shapes import Colour
from taskprog.view.step import signature
from taskprog.view.tree import CallNode, call_tree

SIZE = 17  # of the letters, pixels
PITCH = 25  # from line to line
INDENT = 26
TEXT_WIDTH, BAR_WIDTH, MARGIN = 430, 300, 20
BACKGROUND = (38, 34, 30)


@dataclass(frozen=True)
class _Row:
    depth: int
    node: CallNode
    joint: int  # how many rows above is the line that its own hangs on: its caller's or last sibling's


def draw_tree(trace: Trace) -> Picture:
    """(H, W, 3) uint8, blue green red: as high as the run has calls.

    Raises:
        ValueError: the trace is empty, or its events do not nest.
    """
    tree = call_tree(trace.events)
    if tree.root is None:
        raise ValueError("the trace holds no call")
    rows = _rows(tree.root, 0, 0)
    width = TEXT_WIDTH + BAR_WIDTH + 3 * MARGIN
    picture: Picture = np.full((PITCH * (len(rows) + 2) + 2 * MARGIN, width, 3), BACKGROUND, np.uint8)
    title = f"{trace.task}   planner {trace.planner}" if trace.planner else trace.task
    put_text(picture, title, (MARGIN, MARGIN + SIZE), SIZE + 2, GOLD)
    frames = max(1, tree.root.call.scope.stop)
    put_text(
        picture, f"scope in {frames} key frames", (TEXT_WIDTH + 2 * MARGIN, MARGIN + SIZE), SIZE - 3, GREY
    )
    for number, row in enumerate(rows, start=1):
        _draw_row(picture, row, MARGIN + SIZE + PITCH * number, frames)
    if tree.finish is not None:
        ok = tree.finish.outcome == RunCode.RETURNED.name
        end = f"{tree.finish.outcome}, {tree.finish.step} decisions, t = {tree.finish.time:.1f} s"
        put_text(picture, end, (MARGIN, picture.shape[0] - MARGIN), SIZE, GREEN if ok else RED)
    return picture


def save_tree_picture(trace: Trace, path: Path) -> None:
    """Draw a run's tree into a PNG (or any picture that OpenCV can write); it appears whole.

    Raises:
        ValueError: as ``draw_tree``, or the ending names no kind of picture.
    """
    picture = draw_tree(trace)
    if not cv2.haveImageWriter(str(path)):
        raise ValueError(f"{path}: pictures can be .png or .jpg, not {path.suffix or 'without ending'!r}")
    with written_whole(path) as partial:
        cv2.imwrite(str(partial), picture)


def _rows(node: CallNode, depth: int, joint: int) -> list[_Row]:
    rows = [_Row(depth, node, joint)]
    last = 0  # row of the caller, then of the last sibling, counted from this node's
    for child in node.children:
        here = len(rows)
        rows += _rows(child, depth + 1, here - last)
        last = here
    return rows


def _draw_row(picture: Picture, row: _Row, baseline: int, frames: int) -> None:
    call, end = row.node.call, row.node.end
    left = MARGIN + row.depth * INDENT
    primitive = end is not None and end.kind is EventKind.OUTCOME
    colour: Colour = RED if row.node.failed else GREEN if primitive else WHITE
    if row.depth:
        elbow = [
            [left - 15, baseline + 2 - row.joint * PITCH],
            [left - 15, baseline - 6],
            [left - 4, baseline - 6],
        ]
        cv2.polylines(picture, [np.array(elbow, np.int32)], False, (110, 105, 100), 1, cv2.LINE_AA)
    text = signature(call.op, call.args)
    if end is not None and row.node.failed:
        text += f"  {end.outcome}"
    put_text(picture, text, (left, baseline), SIZE, colour)
    first = TEXT_WIDTH + 2 * MARGIN
    for frame in range(frames):
        u = first + frame * BAR_WIDTH // frames
        inside = call.scope.start <= frame < call.scope.stop
        shade = (colour if primitive else LINE) if inside else (0.22, 0.22, 0.24, 1.0)
        bgr = tuple(round(255 * c) for c in reversed(shade[:3]))
        corner = first + (frame + 1) * BAR_WIDTH // frames - 2
        cv2.rectangle(picture, (u, baseline - 12), (max(u, corner), baseline - 1), bgr, cv2.FILLED)
