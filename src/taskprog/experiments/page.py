"""The page of results, written from the figures' JSON files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from taskprog.experiments.claims import compared

Rows = Sequence[dict[str, Any]]


def write_page(
    results: Path, page: Path, title: str, introduction: Sequence[str], figures: Sequence[str]
) -> None:
    """Write the page of the figures that are in a folder, those of these names.

    Raises:
        OSError: a figure cannot be read, or the page not be written.
    """
    lines = [f"# {title}", ""]
    for paragraph in introduction:
        lines += [paragraph, ""]
    for name in figures:
        path = results / f"{name}.json"
        if path.is_file():
            figure = json.loads(path.read_text(encoding="utf-8"))
            picture = path.with_suffix(".png")
            link = picture.relative_to(page.parent).as_posix() if picture.is_file() else ""
            lines += _section(figure, link)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _section(figure: dict[str, Any], picture: str) -> list[str]:
    lines = [f"## {figure['title']}", ""]
    for note in figure["notes"]:
        lines += [note, ""]
    lines += ["```", figure["command"], "```", ""]
    lines += [f"{figure['cpu_minutes']:.0f} CPU minutes, trainings included.", ""]
    if picture:
        lines += [f"![{figure['title']}]({picture})", ""]
    rows = figure["rows"]
    if not rows:
        return lines + ["No results yet.", ""]
    labels, across, apart = figure["labels"], figure["across"], figure["apart"]
    if figure["costs"]:
        lines += _costs(rows, labels)
    elif figure.get("times"):
        lines += _times(rows, labels, figure["times"])
    elif across:
        lines += _pivots(rows, labels, across, apart, _rate)
        if figure["pieces"]:
            lines += [f"The share of {figure['pieces']} at the end, whether or not all were:", ""]
            lines += _pivots(rows, labels, across, apart, _met)
        lines += _against_the_paper(figure)
        lines += _failures(rows, labels, across, apart)
    else:
        lines += _list(rows, labels) + _failures(rows, labels, across, apart)
    return lines + _missing(figure)


def _against_the_paper(figure: dict[str, Any]) -> list[str]:
    found = compared(figure["figure"], figure["rows"], figure["across"])
    if not found:
        return []
    lines = ["Against the paper's words (up to five points apart count as alike):", ""]
    for verdict in ("better", "alike", "worse"):
        lines += [f"- {verdict}: {'; '.join(found[verdict])}"] if verdict in found else []
    return [*lines, ""]


def _pivots(
    rows: Rows, labels: Sequence[str], across: str, apart: str, shown_of: Callable[[dict[str, Any]], str]
) -> list[str]:
    """Tables with a column for each value of ``across``, one table for each value of ``apart``.

    ``shown_of`` says what of a row is shown in its cell.
    """
    lines: list[str] = []
    for part in dict.fromkeys(row.get(apart, "") for row in rows):
        chosen = [row for row in rows if row.get(apart, "") == part]
        columns = sorted({row[across] for row in chosen})
        names = [name for name in labels if name not in (across, apart)]
        groups = dict.fromkeys(tuple(row[name] for name in names) for row in chosen)
        if part:
            lines += [f"**{part}**; n of each, by number of {across}:", ""]
        lines += _header([*names, "n", *(str(column) for column in columns)])
        for group in groups:
            cells = {row[across]: row for row in chosen if tuple(row[name] for name in names) == group}
            n = "/".join(dict.fromkeys(str(cell["n"]) for cell in cells.values()))
            shown = [shown_of(cells[column]) if column in cells else "" for column in columns]
            lines.append(_line([*map(str, group), n, *shown]))
        lines.append("")
    return lines


def _list(rows: Rows, labels: Sequence[str]) -> list[str]:
    lines = _header([*labels, "n", "success", "each seed", "primitives a task"])
    for row in rows:
        seeds = ", ".join(f"{100 * seed['rate']:.1f}" for seed in row["seeds"].values())
        cells = [str(row[name]) for name in labels]
        lines.append(_line([*cells, str(row["n"]), _rate(row), seeds, f"{row['primitives']:.1f}"]))
    return [*lines, ""]


def _failures(rows: Rows, labels: Sequence[str], across: str, apart: str) -> list[str]:
    """What went wrong, by model or condition, over all columns."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    names = [name for name in labels if name != across]
    for row in rows:
        groups.setdefault(tuple(str(row[name]) for name in names), []).append(row)
    lines = _header([*names, "failures", "causes", "most often"])
    count = len(lines)
    for group, parts in groups.items():
        causes, details = Counter[str](), Counter[str]()
        for part in parts:
            causes.update(part["causes"])
            details.update(part["details"])
        total = sum(part["n"] for part in parts)
        failures = total - sum(part["successes"] for part in parts)
        if failures:
            cells = [f"{failures} of {total}", _counts(causes.most_common()), _counts(details.most_common(3))]
            lines.append(_line([*group, *cells]))
    if len(lines) == count:
        return ["No episode failed.", ""]
    over = f", all numbers of {across} together" if across else ""
    return [f"Failures by cause{over}:", "", *lines, ""]


def _costs(rows: Rows, labels: Sequence[str]) -> list[str]:
    lines = _header(
        [*labels, "CPU seconds", "each seed", "of which gradient steps", "steps", "recordings", "parameters"]
    )
    for row in rows:
        seeds = ", ".join(_cost(seconds, row["attempts"][seed]) for seed, seconds in row["seeds"].items())
        sizes = [str(row[name]) for name in ("steps", "recordings", "parameters")]
        shown = [f"{row['cpu_seconds']:.0f}", seeds, f"{row['training_seconds']:.0f}"]
        lines.append(_line([*(str(row[name]) for name in labels), *shown, *sizes]))
    return [*lines, ""]


def _cost(seconds: float, attempts: int) -> str:
    return f"{seconds:.0f}" + (f" ({attempts} attempts)" if attempts > 1 else "")


def _times(rows: Rows, labels: Sequence[str], names: Sequence[str]) -> list[str]:
    lines = _header([*labels, "seeds", *names])
    for row in rows:
        cells = [*(str(row[name]) for name in labels), str(row["n"])]
        lines.append(_line([*cells, *(f"{row[name]:.1f}" for name in names)]))
    return [*lines, ""]


def _missing(figure: dict[str, Any]) -> list[str]:
    count = len(figure["missing"])
    count += sum(1 for row in figure["rows"] if row["missing_seeds"])
    return [f"{count} rows lack some or all of their seeds.", ""] if count else []


def _counts(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counts)


def _rate(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return f"{100 * row['rate']:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def _met(row: dict[str, Any]) -> str:
    return f"{100 * row['met']:.1f}"


def _header(names: Sequence[str]) -> list[str]:
    return [_line(names), _line(["---"] * len(names))]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
