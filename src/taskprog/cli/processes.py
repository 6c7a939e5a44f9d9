"""Work in other processes, as ``--jobs`` and ``--ray`` ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from taskprog.cli.main import CommandError
from taskprog.experiments.pool import PoolError, pool


def ends(
    options: argparse.Namespace,
    function: Callable[..., Any],
    calls: Callable[[int], Iterable[tuple[Any, ...]]],
) -> Iterator[tuple[int, Any]]:
    """The values of calls of a module's function as they come, each with the call's number, from 1.

    Args:
        calls: given how many run side by side, the arguments of each.

    Raises:
        CommandError: no processes are to be had, or a call failed.
    """
    try:
        with pool(options.jobs, options.ray) as workers:
            for arguments in calls(workers.slots):
                workers.submit(function, *arguments)
            while (ended := workers.next()) is not None:
                if ended.error:
                    raise CommandError(f"a process failed: {ended.error}")
                yield ended.ticket, ended.value
    except PoolError as error:
        raise CommandError(str(error)) from error
