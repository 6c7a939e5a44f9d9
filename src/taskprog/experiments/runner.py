"""Runs units side by side, keeps what they return, and skips those that are done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from taskprog.experiments.pool import Pool
from taskprog.experiments.unit import Output, Store, Unit, closure

LOOK = 0.5  # seconds between two looks at the clock while units run


@dataclass(frozen=True)
class Failure:
    """A unit that raised, with the traceback; or one that could not be run because of such a unit."""

    unit: Unit
    error: str


def run_units(units: Sequence[Unit], store: Store, pool: Pool, console: Console) -> list[Failure]:
    """Run what is not done yet of the units and of all that they need; returns those that failed.

    Units start in the order given, as soon as what they need is done; those that need the same right after
    each other, so that little has to be made again where only results were kept. Left early (Ctrl-C), the
    finished ones are kept, and the next call goes on.
    """
    wanted = _together(closure(units))
    waiting = _waiting(wanted, store)
    done = {unit.key for unit in wanted} - {unit.key for unit in waiting}
    if done:
        console.print(f"{len(done)} of {len(wanted)} units are done already")
    if not waiting:
        return []
    minutes = sum(unit.cost for unit in waiting) / 60
    console.print(f"{len(waiting)} units to do, roughly {minutes:.0f} CPU minutes")
    with _Bar(waiting, len(wanted), console) as bar:
        return _run(waiting, done, store, pool, bar)


def _waiting(wanted: Sequence[Unit], store: Store) -> list[Unit]:
    """Those without results, and those whose files are gone that these need."""
    waiting = {unit.key for unit in wanted if store.result(unit) is None}
    for unit in reversed(wanted):  # what needs others before these
        if unit.key in waiting:
            waiting |= {needed.key for needed in unit.needs if not store.has_files(needed)}
    return [unit for unit in wanted if unit.key in waiting]


def _together(units: Sequence[Unit]) -> list[Unit]:
    """Each unit behind what it needs last, the order else as it was."""
    place = {unit.key: index for index, unit in enumerate(units)}
    return sorted(
        units, key=lambda unit: max([place[needed.key] for needed in unit.needs], default=place[unit.key])
    )


def _run(waiting: list[Unit], done: set[str], store: Store, pool: Pool, bar: _Bar) -> list[Failure]:
    failures: dict[str, Failure] = {}
    running: dict[int, Unit] = {}
    while waiting or running:
        for unit in list(waiting):
            broken = next((needed for needed in unit.needs if needed.key in failures), None)
            if broken is not None:
                failures[unit.key] = Failure(unit, f"needs {broken.name}, which failed")
                bar.ended(unit)
            elif pool.running >= pool.slots or any(needed.key not in done for needed in unit.needs):
                continue
            else:
                files = [store.files(needed) for needed in unit.needs]
                running[pool.submit(unit.function, unit.config, *files)] = unit
            waiting.remove(unit)
        ended = pool.next(LOOK)
        bar.show([unit.name for unit in running.values()])
        if ended is None:
            continue
        unit = running.pop(ended.ticket)
        if isinstance(ended.value, Output):
            store.keep(unit, ended.value, {"cpu": ended.cpu, "wall": ended.wall})
            done.add(unit.key)
        else:
            failures[unit.key] = Failure(unit, ended.error or f"returned {ended.value!r}, not an Output")
        bar.ended(unit)
    return list(failures.values())


class _Bar:
    """One bar over all units, weighted by their expected costs."""

    def __init__(self, waiting: Sequence[Unit], total: int, console: Console):
        self._left = sum(unit.cost for unit in waiting)
        self._spent = 0.0
        self._count = total - len(waiting)
        self._total = total
        self._began = time.monotonic()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[now]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._task: TaskID = self._progress.add_task("", total=self._left, left="", now="")

    def __enter__(self) -> _Bar:
        self._progress.start()
        self.show([])
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def ended(self, unit: Unit) -> None:
        self._count += 1
        self._left -= unit.cost
        self._spent += unit.cost
        self.show([])

    def show(self, running: Sequence[str]) -> None:
        left = ""
        if self._spent and self._left > 0:
            seconds = (time.monotonic() - self._began) * self._left / self._spent
            left = f"about {seconds / 60:.0f} min left"
        self._progress.update(
            self._task,
            completed=self._spent,
            description=f"{self._count}/{self._total} units",
            left=left,
            now=", ".join(running)[:60],
        )
