"""Files with tasks: CSV with the header ``task,steps``."""

from __future__ import annotations

import csv
from pathlib import Path

from taskprog.tasks.family import Family, Task

HEADER = ["task", "steps"]


def read_tasks(path: Path, family: Family) -> list[Task]:
    """Read a family's tasks, one a line, in the second column; lines that start with # are comments.

    Raises:
        OSError: the file cannot be read.
        ValueError: not such a file, or a line holds no possible task; names the line.
    """
    tasks: list[Task] = []
    header: list[str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        row = next(csv.reader([line]))
        if header is None:
            header = row
            if header != HEADER:
                raise ValueError(f"{path}, line {number}: the header should be task,steps, not {line!r}")
            continue
        try:
            _, text = row
            tasks.append(family.parse(text))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if not tasks:
        raise ValueError(f"{path}: no tasks in it")
    return tasks
