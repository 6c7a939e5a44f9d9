"""Pictures of the figures, in the paper's layout, from their JSON files."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from taskprog.experiments import claims

PAPER_STYLE: dict[str, Any] = {"color": "black", "linestyle": ":", "linewidth": 1.2}
PAPER_POINT: dict[str, Any] = {"color": "black", "markerfacecolor": "white", "markersize": 12, "zorder": 5}
TESTS = ("seen", "unseen", "topology")
PANELS = {"seen": "(a) seen tasks", "unseen": "(b) unseen tasks", "topology": "(c) unseen permutations"}
COLOURS = ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f")
MARKERS = "osD^v<>P"
DPI = 130
LEAST_ERROR = 1e-4  # in a training curve; smaller ones are drawn as this
NAME_WIDTH = 62  # letters of a bar's name in a line


def draw(path: Path) -> Path | None:
    """Draw the picture of a figure's JSON file beside it; None if the figure has none.

    Raises:
        OSError, ValueError: the file cannot be read, or is none of a figure.
    """
    figure = json.loads(path.read_text(encoding="utf-8"))
    painter = PAINTERS.get(figure["figure"])
    if painter is None or not figure["rows"]:
        return None
    import matplotlib

    matplotlib.use("Agg")
    picture = painter(figure)
    out = path.with_suffix(".png")
    picture.savefig(out, dpi=DPI, metadata={"Software": None})
    matplotlib.pyplot.close(picture)
    return out


def block_stacking(figure: dict[str, Any]) -> Any:
    """Figure 5: success over training tasks, a panel for each test, a line for each model."""
    from matplotlib import pyplot

    rows = figure["rows"]
    styles = _styles(row["model"] for row in rows)
    picture, axes = pyplot.subplots(1, 3, figsize=(13, 4.4), sharey=True, layout="constrained")
    counts = sorted({row["tasks"] for row in rows})
    for panel, test in zip(axes, TESTS, strict=True):
        for model, style in styles.items():
            line = sorted(
                (row for row in rows if row["model"] == model and row["test"] == test),
                key=lambda row: int(row["tasks"]),
            )
            if line:
                _interval_line(panel, [row["tasks"] for row in line], line, label=model, **style)
        panel.set_xscale("log")
        panel.set_xticks(counts, [str(count) for count in counts])
        panel.minorticks_off()
        _finish(panel, PANELS[test], "training tasks")
    axes[0].axhline(claims.SEEN, label="paper (text): about 85 %", **PAPER_STYLE)
    words = "paper (text): NTP at 1000 almost on par with seen"
    axes[1].plot([1000], [claims.SEEN], "*", label=words, **PAPER_POINT)
    axes[0].set_ylabel("success rate")
    _legend_below(picture, axes)
    return picture


def orders(figure: dict[str, Any]) -> Any:
    """Figure 6: shares of tasks and of objects, a group of bars for each number of objects."""
    from matplotlib import pyplot

    rows = figure["rows"]
    counts = sorted({row["objects"] for row in rows})
    picture, (whole, single) = pyplot.subplots(1, 2, figsize=(13, 4.6), sharey=True, layout="constrained")
    _bars(whole, rows, counts, "rate")
    _bars(single, rows, counts, "met")
    single.axhline(claims.ORDERS, label="paper (text): NTP over 90 %", **PAPER_STYLE)
    flat = [(counts.index(count) + 0.35, rate) for count, rate in claims.FLAT_ORDERS if count in counts]
    if flat:  # over the bars of the flat models, the last two
        words = "paper (text): flat models, about 40 % down to about 25 %"
        single.plot(*zip(*flat, strict=True), "*", label=words, **PAPER_POINT)
    for panel, title in ((whole, "tasks done whole"), (single, figure["pieces"])):
        panel.set_xticks(range(len(counts)), [str(count) for count in counts])
        _finish(panel, title, "number of objects")
    whole.set_ylabel("share")
    _legend_below(picture, [whole, single])
    return picture


def _bars(panel: Any, rows: Sequence[dict[str, Any]], counts: Sequence[int], value: str) -> None:
    """A group of bars for each number of objects, a bar for each model; with intervals, if of rates."""
    styles = _styles(row["model"] for row in rows)
    width = 0.84 / len(styles)
    for index, (model, style) in enumerate(styles.items()):
        bars = {row["objects"]: row for row in rows if row["model"] == model}
        places = [k - 0.42 + (index + 0.5) * width for k, count in enumerate(counts) if count in bars]
        chosen = [bars[count] for count in counts if count in bars]
        heights = [row[value] for row in chosen]
        panel.bar(places, heights, width, color=style["color"], label=model)
        if value == "rate":
            panel.errorbar(places, heights, _errors(chosen), fmt="none", ecolor="#333333", lw=0.9)


def one_bar_a_row(figure: dict[str, Any]) -> Any:
    """Horizontal bars, one a row, named by the row's labels."""
    from matplotlib import pyplot

    rows = figure["rows"]
    names = [", ".join(str(row[label]) for label in figure["labels"]) for row in rows]
    names = [textwrap.fill(name, NAME_WIDTH) for name in names]
    picture, panel = pyplot.subplots(figsize=(9, 0.8 + 0.36 * len(rows)), layout="constrained")
    places = list(range(len(rows)))[::-1]
    panel.barh(places, [row["rate"] for row in rows], 0.7, color=COLOURS[1])
    panel.errorbar([row["rate"] for row in rows], places, xerr=_errors(rows), fmt="none", ecolor="#333333")
    panel.set_yticks(places, names, fontsize=7.5)
    panel.set_xlim(0, 1.02)
    panel.set_xlabel("success rate")
    panel.grid(axis="x", alpha=0.3)
    return picture


def curves(figure: dict[str, Any]) -> Any:
    """Training curves: loss, and the share of wrong decisions of the worst program."""
    from matplotlib import pyplot, ticker

    most = max(row["tasks"] for row in figure["rows"])
    rows = [row for row in figure["rows"] if row["tasks"] == most and row["family"] == "block_stacking"]
    picture, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for model, style in _styles(row["model"] for row in rows).items():
        curve = next(row["curve"] for row in rows if row["model"] == model)
        steps = [point["step"] for point in curve]
        worst = [max(point["errors"].values()) for point in curve]
        axes[0].plot(steps, [point["loss"] for point in curve], color=style["color"], label=model)
        axes[1].plot(steps, worst, color=style["color"])
    for panel, title in zip(axes, ("loss", "share of wrong decisions, worst program"), strict=True):
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter(ticker.NullFormatter())
        panel.set_title(f"{title}, {most} tasks", fontsize=10)
        panel.set_xlabel("gradient steps")
        panel.grid(alpha=0.3)
    _legend_below(picture, axes)
    return picture


def program_curves(figure: dict[str, Any]) -> Any:
    """The share of wrong decisions over training steps, a panel for each model, a line for each program."""
    from matplotlib import pyplot

    rows = figure["rows"]
    picture, axes = pyplot.subplots(
        1, len(rows), figsize=(3.2 * len(rows), 3.6), sharey=True, layout="constrained", squeeze=False
    )
    for panel, row in zip(axes[0], rows, strict=True):
        steps = [point["step"] for point in row["curve"]]
        for name, style in _styles(row["curve"][-1]["errors"]).items():
            errors = [max(point["errors"][name], LEAST_ERROR) for point in row["curve"]]
            panel.plot(steps, errors, color=style["color"], label=name.rpartition(".")[2])
        panel.set_yscale("log")
        panel.set_title(textwrap.fill(row["model"], 26), fontsize=9)
        panel.set_xlabel("gradient steps")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=6, frameon=False)
    axes[0][0].set_ylabel("share of wrong decisions")
    return picture


def over_a_number(figure: dict[str, Any]) -> Any:
    """Success over the label that goes across, logarithmic, a line for each value of the other labels."""
    from matplotlib import pyplot

    rows, across = figure["rows"], figure["across"]
    names = [name for name in figure["labels"] if name != across]

    def line_of(row: dict[str, Any]) -> str:
        return ", ".join(str(row[name]) for name in names)

    picture, panel = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, style in _styles(map(line_of, rows)).items():
        line = sorted((row for row in rows if line_of(row) == name), key=lambda row: int(row[across]))
        _interval_line(panel, [row[across] for row in line], line, label=name, **style)
    counts = sorted({row[across] for row in rows})
    panel.set_xscale("log")
    panel.set_xticks(counts, [str(count) for count in counts])
    panel.minorticks_off()
    _finish(panel, "", across)
    panel.set_ylabel("success rate")
    _legend_below(picture, [panel])
    return picture


PAINTERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "fig5": block_stacking,
    "fig6": orders,
    "ablations": one_bar_a_row,
    "robustness": one_bar_a_row,
    "beyond": one_bar_a_row,
    "cleanup": one_bar_a_row,
    "convergence": one_bar_a_row,
    "cost": curves,
    "addition": over_a_number,
    "sorting": over_a_number,
    "samples": over_a_number,
    "poses": over_a_number,
    "together": one_bar_a_row,
    "robot": one_bar_a_row,
    "npi_cost": program_curves,
}


def _styles(models: Any) -> dict[str, dict[str, Any]]:
    return {
        model: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, model in enumerate(dict.fromkeys(models))
    }


def _errors(rows: Sequence[dict[str, Any]]) -> list[list[float]]:
    """Lengths of the intervals' halves below and above the rate."""
    below = [max(0.0, row["rate"] - row["interval"][0]) for row in rows]
    above = [max(0.0, row["interval"][1] - row["rate"]) for row in rows]
    return [below, above]


def _interval_line(panel: Any, x: Sequence[int], rows: Sequence[dict[str, Any]], **style: Any) -> None:
    panel.errorbar(x, [row["rate"] for row in rows], _errors(rows), capsize=2, ms=4.5, lw=1.4, **style)


def _finish(panel: Any, title: str, x: str) -> None:
    panel.set_title(title, fontsize=11)
    panel.set_xlabel(x)
    panel.set_ylim(-0.03, 1.03)
    panel.set_yticks([k / 5 for k in range(6)])
    panel.grid(axis="y", alpha=0.3)


def _legend_below(picture: Any, axes: Sequence[Any]) -> None:
    entries: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    columns = min(5, math.ceil(len(entries) / 2))
    picture.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
