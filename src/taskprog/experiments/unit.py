"""A unit of an experiment, a function of a configuration, and where its result is kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from taskprog.files import written_whole

FORMAT = 2  # of unit files, and of what the functions of units compute: another number makes all units anew
DIGITS = 12  # of the hash in a unit's key

Files = dict[str, bytes]  # names without folders


@dataclass(frozen=True)
class Output:
    """What a unit's function returns.

    Attributes:
        figures: a JSON object; the same each time the unit is run.
        files: kept beside it, handed to the units that need this one.
        seconds: CPU seconds of the parts that are worth telling apart.
    """

    figures: dict[str, Any]
    files: Files = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """``function(config, *files of what it needs)``, run once and kept.

    Attributes:
        name: what it is, in letters, digits and "-"; shown to people and the first part of file names.
        function: of a module, so that other processes find it.
        config: a dataclass that ``json`` can write.
        needs: units that must be done before.
        cost: about how many CPU seconds it takes; only the time left is estimated from it.
    """

    name: str
    function: Callable[..., Output]
    config: Any
    needs: tuple[Unit, ...] = ()
    cost: float = 1.0

    @cached_property
    def key(self) -> str:
        """Name and a hash of all that the result depends on, the format and the needed units with it."""
        text = json.dumps(
            [FORMAT, self._called, asdict(self.config), [unit.key for unit in self.needs]], sort_keys=True
        )
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"

    @property
    def _called(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def describe(self) -> dict[str, Any]:
        """What a unit file says of its unit."""
        return {
            "format": FORMAT,
            "unit": self.name,
            "function": self._called,
            "config": asdict(self.config),
            "needs": [unit.key for unit in self.needs],
        }


def closure(units: Iterable[Unit]) -> list[Unit]:
    """The units and all that they need, each once, what is needed first."""
    found: dict[str, Unit] = {}

    def add(unit: Unit) -> None:
        if unit.key not in found:
            for needed in unit.needs:
                add(needed)
            found[unit.key] = unit

    for unit in units:
        add(unit)
    return list(found.values())


class Store:
    """Results in a folder: ``units/KEY.json``, and the files of KEY in ``policies/KEY/``.

    A unit is done once its JSON file is there; that file is written last, and in one piece.
    """

    def __init__(self, folder: Path):
        self._units = folder / "units"
        self._files = folder / "policies"

    def result(self, unit: Unit) -> dict[str, Any] | None:
        """The unit file's content; None if the unit has to be run."""
        try:
            result: dict[str, Any] = json.loads(self._path(unit).read_text(encoding="utf-8"))
            names = result["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return result if all((self._files / unit.key / name).is_file() for name in names) else None

    def files(self, unit: Unit) -> Files:
        """The files of a unit that is done."""
        return {path.name: path.read_bytes() for path in sorted((self._files / unit.key).glob("*"))}

    def keep(self, unit: Unit, output: Output, seconds: Mapping[str, float]) -> None:
        """Write a result; ``seconds`` are added to the output's own.

        Raises:
            OSError: it cannot be written.
        """
        if output.files:
            folder = self._files / unit.key
            partial = folder.with_name(unit.key + ".part")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            for name, content in output.files.items():
                (partial / name).write_bytes(content)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        text = json.dumps(
            {
                **unit.describe(),
                "figures": output.figures,
                "files": sorted(output.files),
                "seconds": {name: round(value, 3) for name, value in {**output.seconds, **seconds}.items()},
            },
            indent=1,
        )
        write_whole(self._path(unit), text + "\n")

    def _path(self, unit: Unit) -> Path:
        return self._units / f"{unit.key}.json"


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
