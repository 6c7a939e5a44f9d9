"""The page of the paper's experiments says what was measured: every row is what the ledger beside it has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from taskprog.cli.paper import LEDGER
from taskprog.experiments.paper import FULL, Paper
from taskprog.experiments.paper_figures import figures
from taskprog.experiments.tables import write_figure
from taskprog.experiments.unit import Store

RESULTS = Path(__file__).parents[1] / "docs" / "results" / "paper"
# Of tasks that are not in this repository, whose units cannot be named without them.
GIVEN = "the authors' tasks of the test half"


def shown() -> Sequence[Path]:
    """The figures that the page has."""
    return sorted(RESULTS.glob("*.json"))


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [row for row in found if row.get("test") != GIVEN]


def flat(value: Any, where: str = "") -> dict[str, Any]:
    """What is in nested objects and lists, by where it is."""
    if not isinstance(value, dict | list):
        return {where: value}
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return {place: leaf for key, part in parts for place, leaf in flat(part, f"{where}/{key}").items()}


@pytest.mark.parametrize("path", shown(), ids=lambda path: path.stem)
def test_pages_show_what_the_ledger_has(path: Path, tmp_path: Path) -> None:
    """But for the last digit: figures were rounded from more digits than the ledger keeps."""
    store = Store(tmp_path, path.with_name(LEDGER))
    (figure,) = figures(Paper(FULL), [path.stem])
    found, known = flat(rows(path)), flat(rows(write_figure(figure, store, tmp_path, "")))
    assert found.keys() == known.keys()
    for place, value in found.items():
        assert value == (pytest.approx(known[place], abs=2e-4) if isinstance(value, float) else known[place])
