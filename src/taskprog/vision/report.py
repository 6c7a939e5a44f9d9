"""A page and a file of a detector's figures."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from taskprog.files import written_whole
from taskprog.tasks.goods import CONTAINER_NAMES, GOOD_NAMES
from taskprog.vision.measure import Result
from taskprog.vision.score import ENOUGH_SEEN, SAME, Score, total

WIDTH = 110
KINDS = {
    "random": "Random rooms: light, camera (5 cm, 2 degrees of tilt and roll, 3 degrees of field of view), "
    "room, table, colours at random; up to three other things among the goods.",
    "usual": "The simulator's own camera, light, room and colours, without other things.",
}


def write_report(path: Path, results: Mapping[str, Mapping[str, Result]]) -> None:
    """Write the page to ``path`` and its figures beside it, ``.json``; results by kind of images and way."""
    figures = {
        kind: {way: _figures(result) for way, result in ways.items()} for kind, ways in results.items()
    }
    with written_whole(path.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    with written_whole(path) as partial:
        partial.write_text(_page(results), encoding="utf-8")


def _page(results: Mapping[str, Mapping[str, Result]]) -> str:
    images = next(iter(next(iter(results.values())).values())).images
    about = (
        f"`taskprog detector evaluate --views {images}`: rendered scenes of seeds that training never saw, "
        "4 to 40 goods apart, touching, in heaps and in containers, the arm or a hand over them. Recall "
        f"counts goods of which at least {ENOUGH_SEEN:.0%} of the pixels are seen, by renders with and "
        f"without all else. A detection is right within {SAME * 1e3:.0f} mm (a third of its length, if "
        "that is more) of a good of its category that is seen at all. Position errors are those of the "
        "middle, in three dimensions; yaw is that of the longer side of the outline from above, for blocks "
        "and bricks. Without depth, positions are compared at the goods' true heights. Time is CPU time on "
        "one core, of all of `detect`."
    )
    lines = ["# Detector of goods and containers", "", *textwrap.wrap(about, WIDTH)]
    for kind, ways in results.items():
        lines += ["", f"## {kind.capitalize()}", KINDS[kind]]
        for way, result in ways.items():
            share = result.faultless / result.images
            lines += [
                "",
                f"**{way}**: {result.images} images, {share:.1%} of them without any fault, "
                f"{result.milliseconds:.1f} ms each.",
                "",
                "| | seen | recall | precision | position mm, median | 95 % | yaw deg, median | 95 % |",
                "|---|---|---|---|---|---|---|---|",
            ]
            goods = [result.scores[name] for name in GOOD_NAMES]
            lines += [_row(name, result.scores[name]) for name in GOOD_NAMES]
            lines += [_row("all goods", total(goods))]
            lines += [_row("containers", total(result.scores[name] for name in CONTAINER_NAMES))]
    return "\n".join(lines) + "\n"


def _row(name: str, score: Score) -> str:
    yaws = name in ("lego", "jenga", "containers")  # those of ducks and bears, nearly round, matter little
    cells = [
        name,
        str(score.wanted),
        f"{score.recall:.2%}",
        f"{score.precision:.2%}",
        f"{_percentile(score.position, 50) * 1e3:.1f}",
        f"{_percentile(score.position, 95) * 1e3:.1f}",
        f"{math.degrees(_percentile(score.yaw, 50)):.1f}" if yaws else "",
        f"{math.degrees(_percentile(score.yaw, 95)):.1f}" if yaws else "",
    ]
    return f"| {' | '.join(cells)} |"


def _figures(result: Result) -> dict[str, Any]:
    return {
        "images": result.images,
        "faultless": result.faultless,
        "milliseconds": round(result.milliseconds, 2),
        "classes": {
            name: {
                "seen": score.wanted,
                "found": score.found,
                "detected": score.detected,
                "right": score.right,
                "position_mm": [_rounded(score.position, at, 1e3) for at in (50, 95, 99)],
                "yaw_deg": [_rounded(score.yaw, at, 180 / math.pi) for at in (50, 95, 99)],
            }
            for name, score in result.scores.items()
        },
    }


def _percentile(values: list[float], at: float) -> float:
    return float(np.percentile(values, at)) if values else math.nan


def _rounded(values: list[float], at: float, scale: float) -> float | None:
    return round(_percentile(values, at) * scale, 2) if values else None
