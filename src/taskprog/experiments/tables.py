"""Figures: rows of success rates pooled over training seeds, as JSON files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from taskprog.experiments.unit import Store, Unit, closure, write_whole
from taskprog.tasks.evaluation import wilson

Labels = dict[str, str | int]


@dataclass(frozen=True)
class Row:
    """The same measurement of policies that differ in their training seed only: units by seed."""

    labels: Labels
    units: Mapping[int, Unit]


@dataclass(frozen=True)
class Figure:
    """What is shown together.

    Attributes:
        name: of its files.
        notes: sentences below the title: what is measured, and what the paper says of it.
        rows: all with the same names of labels.
        across: the label whose values are a table's columns; "" for a table of one column.
        apart: the label with a table for each of its values; "" for one table.
        costs: the rows are of training units, their figures are costs.
        times: names among its units' CPU seconds, in microseconds a step; they are shown instead of rates.
        pieces: what the share of relations that hold at the end counts, such as "objects in their
            containers", where that is worth a table; "" where it is not.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    rows: Sequence[Row]
    across: str = ""
    apart: str = ""
    costs: bool = False
    pieces: str = ""
    times: tuple[str, ...] = ()

    @property
    def units(self) -> list[Unit]:
        """All units whose results it shows."""
        return [unit for row in self.rows for unit in row.units.values()]


def write_figure(figure: Figure, store: Store, folder: Path, command: str) -> Path:
    """Write ``NAME.json``; seeds without a result are named in their rows, rows without any are left out.

    Raises:
        OSError: it cannot be written.
    """
    pool: Callable[[Row, Store], dict[str, Any] | None] = pooled_costs if figure.costs else pooled
    if figure.times:
        pool = partial(pooled_times, names=figure.times)
    rows = [(row, pool(row, store)) for row in figure.rows]
    content = {
        "figure": figure.name,
        "title": figure.title,
        "notes": list(figure.notes),
        "command": command,
        "labels": list(figure.rows[0].labels) if figure.rows else [],
        "across": figure.across,
        "apart": figure.apart,
        "costs": figure.costs,
        "pieces": figure.pieces,
        **({"times": list(figure.times)} if figure.times else {}),
        "rows": [{**row.labels, **figures} for row, figures in rows if figures is not None],
        "cpu_minutes": round(cpu_seconds(figure.units, store) / 60, 1),
        "missing": [row.labels for row, figures in rows if figures is None],
    }
    path = folder / f"{figure.name}.json"
    write_whole(path, json.dumps(content, indent=1) + "\n")
    return path


def cpu_seconds(units: Sequence[Unit], store: Store) -> float:
    """That the finished ones of the units, and of all that they need, took."""
    results = [store.result(unit) for unit in closure(units)]
    return sum(float(result["seconds"]["cpu"]) for result in results if result is not None)


def pooled(row: Row, store: Store) -> dict[str, Any] | None:
    """All seeds' episodes together, and each seed's rate; None without any result."""
    results = {seed: store.result(unit) for seed, unit in row.units.items()}
    found = {seed: result for seed, result in results.items() if result is not None}
    if not found:
        return None
    parts = [result["figures"] for result in found.values()]
    n = sum(int(part["n"]) for part in parts)
    successes = sum(part["successes"] for part in parts)

    def mean(name: str, digits: int = 2) -> float:
        total: float = sum(part[name] * part["n"] for part in parts)
        return round(total / n, digits)

    return {
        "n": n,
        "successes": successes,
        "rate": round(successes / n, 6),
        "interval": _rounded(wilson(successes, n)),
        **({"met": mean("met", 6)} if all("met" in part for part in parts) else {}),
        "seeds": {
            str(seed): {name: result["figures"][name] for name in ("n", "successes", "rate")}
            for seed, result in found.items()
        },
        "missing_seeds": [seed for seed in results if seed not in found],
        "causes": _added(part["causes"] for part in parts),
        "details": _added(part["details"] for part in parts),
        "decisions": mean("decisions"),
        "primitives": mean("primitives"),
        "cpu_seconds": round(sum(result["seconds"]["cpu"] for result in found.values()), 1),
    }


def pooled_costs(row: Row, store: Store) -> dict[str, Any] | None:
    """What training took: of each seed, the mean, and the curve of the first one."""
    results = {seed: store.result(unit) for seed, unit in row.units.items()}
    found = {seed: result for seed, result in results.items() if result is not None}
    if not found:
        return None
    seconds = {str(seed): round(_spent(result["seconds"]), 1) for seed, result in found.items()}
    first = next(iter(found.values()))["figures"]
    training = [result["seconds"].get("training", 0.0) for result in found.values()]
    return {
        "cpu_seconds": round(sum(seconds.values()) / len(seconds), 1),
        "training_seconds": round(sum(training) / len(training), 1),
        "seeds": seconds,
        "attempts": {str(seed): result["figures"].get("attempts", 1) for seed, result in found.items()},
        "missing_seeds": [seed for seed in results if seed not in found],
        **{name: first[name] for name in ("parameters", "steps", "recordings", "decisions")},
        "curve": [_short(point) for point in first["curve"]],
    }


def _spent(seconds: dict[str, float]) -> float:
    """CPU seconds of recording and training, whoever recorded."""
    return seconds["recording"] + seconds["training"] if "recording" in seconds else seconds["cpu"]


def pooled_times(row: Row, store: Store, names: Sequence[str]) -> dict[str, Any] | None:
    """The mean of each of these times over all seeds; None without any result."""
    results = {seed: store.result(unit) for seed, unit in row.units.items()}
    found = [result["seconds"] for result in results.values() if result is not None]
    if not found:
        return None
    return {
        "n": len(found),
        **{name: round(sum(seconds[name] for seconds in found) / len(found), 3) for name in names},
        "missing_seeds": [seed for seed, result in results.items() if result is None],
    }


def _short(point: dict[str, Any]) -> dict[str, Any]:
    """A point of a training curve, with as many digits as a picture shows."""
    errors = {program: round(error, 4) for program, error in point["errors"].items()}
    return {"step": point["step"], "loss": round(point["loss"], 4), "errors": errors}


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in values]


def _added(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())
