"""Files with tasks of any family."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import Family
from taskprog.tasks.task_file import read_tasks

STACKING = FAMILIES["block_stacking"]


def test_comments_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    path.write_text("# a comment\ntask,steps\n0,2>6 7>1\n\n1,0>3\n")
    assert [str(task) for task in read_tasks(path, STACKING)] == ["2>6 7>1", "0>3"]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_what_was_written_is_read(family: Family, tmp_path: Path) -> None:
    tasks = family.tasks(0, 4, "train")
    path = tmp_path / "tasks.csv"
    path.write_text("task,steps\n" + "".join(f"{i},{task}\n" for i, task in enumerate(tasks)))
    assert read_tasks(path, family) == list(tasks)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("task,steps\n0,2>6\n1,2>2\n", "line 3: 2>2: a cube cannot stand on itself"),
        ("task,steps\n0\n", "line 2"),
        ("number;what\n", "header should be task,steps"),
        ("task,steps\n", "no tasks in it"),
    ],
)
def test_errors_name_the_line(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_tasks(path, STACKING)
