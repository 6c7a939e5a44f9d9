"""The environments that an NPI can be trained for, by name."""

from __future__ import annotations

from collections.abc import Sequence

from taskprog.planners.npi.table import ProgramTable
from taskprog.tasks.scratch_pad.addition import Addition
from taskprog.tasks.scratch_pad.pad import Environment
from taskprog.tasks.scratch_pad.sorting import Sorting

USUAL: tuple[Environment, ...] = (
    Addition(),
    Addition(recursive=True),
    Sorting(),
    Sorting(recursive=True),
    Sorting(maximum=True),
)
ENVIRONMENTS = {environment.name: environment for environment in USUAL}


def table_of(names: Sequence[str]) -> ProgramTable:
    """The program table of these environments.

    Raises:
        KeyError: there is no such environment.
    """
    return ProgramTable(tuple(ENVIRONMENTS[name] for name in names))
