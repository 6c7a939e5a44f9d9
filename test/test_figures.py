"""Figures of experiments: seeds are pooled rightly, tables and pictures show what was measured."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from taskprog.experiments import plots
from taskprog.experiments.claims import compared
from taskprog.experiments.page import write_page
from taskprog.experiments.paper_figures import FIGURES, INTRODUCTION, TITLE
from taskprog.experiments.plots import draw
from taskprog.experiments.tables import Figure, Row, pooled, write_figure
from taskprog.experiments.unit import Output, Store, Unit
from taskprog.tasks.evaluation import wilson


@dataclass(frozen=True)
class Seed:
    """Configuration of units whose results are kept here without being run."""

    seed: int


def never_run(config: Seed) -> Output:
    raise AssertionError(config)


def measured(n: int, successes: int, **causes: int) -> Output:
    spaced = {name.replace("_", " "): count for name, count in causes.items()}
    return Output(
        {
            "n": n,
            "successes": successes,
            "rate": successes / n,
            "met": (successes + n) / (2 * n),
            "causes": spaced,
            "details": {"pick: another object": n - successes},
            "decisions": 10.0 * n,
            "primitives": 2.0,
        }
    )


def kept_row(store: Store, labels: dict[str, str | int], outputs: dict[int, Output | None]) -> Row:
    """A row of units with these results; None stays to be done."""
    name = "-".join(str(value) for value in labels.values()).replace(" ", "_")
    units = {seed: Unit(f"{name}-seed{seed}", never_run, Seed(seed)) for seed in outputs}
    for seed, output in outputs.items():
        if output is not None:
            store.keep(units[seed], output, {"cpu": 1.5, "wall": 2.0})
    return Row(labels, units)


def test_rows_pool_the_seeds(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = kept_row(
        store,
        {"model": "NTP"},
        {0: measured(100, 90, wrong_scope=6, no_return=4), 1: measured(300, 290, wrong_scope=10), 2: None},
    )
    result = pooled(row, store)
    assert result is not None
    assert (result["n"], result["successes"], result["rate"]) == (400, 380, 0.95)
    assert result["interval"] == [round(bound, 6) for bound in wilson(380, 400)]
    assert [seed["rate"] for seed in result["seeds"].values()] == [0.9, 290 / 300]
    assert result["missing_seeds"] == [2]
    assert result["causes"] == {"wrong scope": 16, "no return": 4}
    assert result["decisions"] == (1000 * 100 + 3000 * 300) / 400
    assert result["met"] == pytest.approx((0.95 * 100 + 590 / 600 * 300) / 400, abs=1e-6)
    assert result["cpu_seconds"] == 3.0
    assert pooled(Row({}, {0: Unit("never", never_run, Seed(0))}), store) is None


def stacking_figure(store: Store) -> Figure:
    rows = [
        kept_row(
            store, {"test": test, "model": model, "tasks": tasks}, {0: measured(100, rate, manipulation=5)}
        )
        for test in ("seen", "unseen", "topology")
        for model, rate in (("NTP+", 99), ("NTP", 80))
        for tasks in (50, 1000)
    ]
    rows.append(kept_row(store, {"test": "seen", "model": "Flat", "tasks": 50}, {0: None}))
    return Figure("fig5", "Stacking", ("A note.",), rows, across="tasks", apart="test")


def test_a_page_has_the_figures_the_failures_and_the_command(tmp_path: Path) -> None:
    results, page = tmp_path / "results", tmp_path / "results.md"
    path = write_figure(stacking_figure(Store(tmp_path)), Store(tmp_path), results, "taskprog paper --quick")
    picture = draw(path)
    write_page(results, page, TITLE, INTRODUCTION, tuple(FIGURES))
    text = page.read_text()
    low, high = wilson(99, 100)
    assert f"| NTP+ | 100 | 99.0 ({100 * low:.1f}–{100 * high:.1f}) | 99.0" in text
    assert "| unseen | NTP | 40 of 200 | manipulation 10 | pick: another object 40 |" in text
    assert "taskprog paper --quick" in text
    assert "1 rows lack" in text
    assert picture is not None
    assert f"](results/{picture.name})" in text
    figure = json.loads(path.read_text())
    assert figure["cpu_minutes"] == round(12 * 1.5 / 60, 1)
    assert figure["missing"] == [{"test": "seen", "model": "Flat", "tasks": 50}]


def test_what_the_paper_says_in_words_is_compared_with() -> None:
    rows: list[dict[str, Any]] = [
        {"test": "seen", "model": "NTP", "tasks": 50, "rate": 0.98},
        {"test": "seen", "model": "NTP (GRU)", "tasks": 50, "rate": 0.81},
        {"test": "unseen", "model": "NTP", "tasks": 1000, "rate": 0.7},
        {"test": "unseen", "model": "NTP", "tasks": 50, "rate": 0.2},  # of which it says nothing
        {"test": "seen", "model": "NTP+", "tasks": 50, "rate": 1.0},  # nor of this
    ]
    assert compared("fig5", rows, "tasks") == {
        "better": ["NTP, seen, 50 tasks: 98% against about 85%"],
        "alike": ["NTP (GRU), seen, 50 tasks: 81% against about 85%"],
        "worse": ["NTP, unseen, 1000 tasks: 70% against about 85%"],
    }
    orders = [{"model": "Flat", "objects": 40, "rate": 0.0, "met": 0.4}]
    assert compared("fig6", orders, "objects") == {
        "better": ["Flat, 40 objects: 40% against about 25%"],
    }
    assert compared("robustness", [{"condition": "usual", "rate": 1.0}], "") == {}


def test_pictures_show_the_rates(tmp_path: Path) -> None:
    path = write_figure(stacking_figure(Store(tmp_path)), Store(tmp_path), tmp_path, "")
    panels = plots.block_stacking(json.loads(path.read_text())).axes
    assert [panel.get_title() for panel in panels] == list(plots.PANELS.values())
    lines = {line.lines[0].get_color(): list(line.lines[0].get_ydata()) for line in panels[1].containers}
    assert sorted(lines.values()) == [[0.8, 0.8], [0.99, 0.99]]
    assert [round(y) for y in panels[0].get_ylim()] == [0, 1]


@pytest.mark.parametrize("name", ["fig6", "ablations", "cost"])
def test_every_figure_has_a_picture(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    point = {"step": 1, "loss": 0.5, "errors": {"pick": 0.1}}
    trained = Output({"parameters": 1, "steps": 2, "recordings": 3, "decisions": 4, "curve": [point, point]})
    rows = [
        kept_row(store, {"model": "NTP", "objects": objects}, {0: measured(10, 5), 1: measured(10, 7)})
        for objects in (4, 8)
    ]
    if name == "cost":
        labels: dict[str, str | int] = {"family": "block_stacking", "model": "NTP", "tasks": 50}
        stuck = replace(trained, figures={**trained.figures, "attempts": 2})
        rows = [kept_row(store, labels, {0: trained, 1: stuck})]
    pieces = "objects in their containers" if name == "fig6" else ""
    across = "objects" if name == "fig6" else ""
    figure = Figure(name, "Title", (), rows, across, costs=name == "cost", pieces=pieces)
    path = draw(write_figure(figure, store, tmp_path / "results", "taskprog paper"))
    assert path is not None
    assert path.read_bytes().startswith(b"\x89PNG")
    write_page(tmp_path / "results", tmp_path / "page.md", TITLE, INTRODUCTION, tuple(FIGURES))
    page = (tmp_path / "page.md").read_text()
    assert "| NTP" in page.replace("block_stacking | ", "")
    if name == "cost":
        assert "| 2, 2 (2 attempts) |" in page
    if name == "fig6":  # of 20 tasks 12 were done; of their objects, 16 in 20 lay right
        assert "| NTP | 20 | 60.0 (38.7–78.1) | 60.0 (38.7–78.1) |" in page
        assert "| NTP | 20 | 80.0 | 80.0 |" in page
