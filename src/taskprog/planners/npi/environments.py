"""The environments that an NPI can be trained for, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from taskprog.planners.npi.table import ProgramTable
from taskprog.tasks.block_stacking import BlockStacking
from taskprog.tasks.called import CalledTasks
from taskprog.tasks.carrying import TEST
from taskprog.tasks.environment import Environment
from taskprog.tasks.order_fulfilment import OrderFulfilment
from taskprog.tasks.pose.canonical import CanonicalPose
from taskprog.tasks.scratch_pad.addition import Addition
from taskprog.tasks.scratch_pad.sorting import Sorting


def _called(tasks: CalledTasks) -> tuple[CalledTasks, ...]:
    """Tasks to train on, the same without mishaps, and others."""
    return replace(tasks, mishaps=True), tasks, replace(tasks, half=TEST)


USUAL: tuple[Environment, ...] = (
    Addition(),
    Addition(recursive=True),
    Sorting(),
    Sorting(recursive=True),
    Sorting(maximum=True),
    Sorting(recursive=True, maximum=True),
    CanonicalPose(),
    CanonicalPose(unseen=True),
    *_called(CalledTasks(BlockStacking(), 6, 1000)),
    *_called(CalledTasks(OrderFulfilment(), 4, 4)),
)
ENVIRONMENTS = {environment.name: environment for environment in USUAL}


def table_of(names: Sequence[str]) -> ProgramTable:
    """The program table of these environments.

    Raises:
        KeyError: there is no such environment.
    """
    return ProgramTable(tuple(ENVIRONMENTS[name] for name in names))
