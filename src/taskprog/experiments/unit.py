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

    Args:
        ledger: a file of results without their files, one in a line, that ``write_ledger`` wrote, perhaps on
            another machine; None if there is none. What it has is done, too.

    Raises:
        ValueError: a line of the ledger is no result.
    """

    def __init__(self, folder: Path, ledger: Path | None = None):
        self._units = folder / "units"
        self._files = folder / "policies"
        self._ledger = ledger
        self._listed = _read_ledger(ledger) if ledger is not None else {}

    def result(self, unit: Unit) -> dict[str, Any] | None:
        """The unit file's content, or the ledger's; None if the unit has to be run."""
        return self._kept(unit) or self._listed.get(unit.key)

    def has_files(self, unit: Unit) -> bool:
        """Whether units that need this one can run: its result is here, with all its files."""
        return self._kept(unit) is not None

    def _kept(self, unit: Unit) -> dict[str, Any] | None:
        try:
            result: dict[str, Any] = json.loads(self._path(unit).read_text(encoding="utf-8"))
            names = result["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return result if all((self._files / unit.key / name).is_file() for name in names) else None

    def write_ledger(self, units: Iterable[Unit]) -> None:
        """Add the results of the units, and of all that they need, to the ledger.

        What it has of these names was done in another way if the key is another one, and goes.

        Raises:
            OSError: it cannot be written.
        """
        assert self._ledger is not None
        wanted = closure(units)
        names, keys = {unit.name for unit in wanted}, {unit.key for unit in wanted}
        for key in [k for k, result in self._listed.items() if result["unit"] in names and k not in keys]:
            del self._listed[key]
        for unit in wanted:
            result = self._kept(unit)
            if result is not None:
                self._listed[unit.key] = _ledger_entry(result)
        lines = [json.dumps({"key": key, **self._listed[key]}) + "\n" for key in sorted(self._listed)]
        if lines:
            write_whole(self._ledger, "".join(lines))

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


def _ledger_entry(result: dict[str, Any]) -> dict[str, Any]:
    """What a ledger has of a result: no configuration, nor failures in words, for both name tasks that may be
    others' property."""
    figures = {name: value for name, value in result["figures"].items() if name != "failures"}
    short = {**{name: result[name] for name in ("unit", "format", "seconds")}, "figures": figures}
    rounded: dict[str, Any] = json.loads(json.dumps(short), parse_float=lambda text: round(float(text), 6))
    return rounded


def _read_ledger(path: Path) -> dict[str, dict[str, Any]]:
    """Results by key; those of another format are left out."""
    results: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return results
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            result = json.loads(line)
            key, form = result.pop("key"), result["format"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}, line {number}: not the result of a unit ({error})") from error
        if form == FORMAT:
            results[key] = result
    return results


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that it appears whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
