"""Experiments: units are run once and kept, failures are told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from taskprog.experiments.pool import Pool
from taskprog.experiments.runner import run_units
from taskprog.experiments.unit import Files, Output, Store, Unit, closure, write_whole

# Stand-ins for training and evaluation


@dataclass(frozen=True)
class Sum:
    """Adds up; leaves a line in a file each time it is run."""

    a: int
    b: int
    log: str = ""


def add(config: Sum, *files: Files) -> Output:
    if config.log:
        with Path(config.log).open("a", encoding="utf-8") as log:
            log.write(f"{config.a}+{config.b}\n")
    carried = sum(int(content) for needed in files for content in needed.values())
    total = config.a + config.b + carried
    return Output({"sum": total}, {"total.txt": str(total).encode()})


def fail(config: Sum, *files: Files) -> Output:
    raise ValueError(f"cannot add {config.a} and {config.b}")


def die(config: Sum) -> Output:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def threads(config: Sum) -> Output:
    import torch

    return Output({"threads": torch.get_num_threads(), "variable": os.environ["OMP_NUM_THREADS"]})


@pytest.fixture
def console() -> Console:
    return Console(quiet=True)


# Units


def test_a_key_follows_configuration_function_and_what_is_needed() -> None:
    first = Unit("first", add, Sum(1, 2))
    unit = Unit("second", add, Sum(3, 4), (first,))
    others = [
        Unit("second", add, Sum(3, 5), (first,)),
        Unit("second", fail, Sum(3, 4), (first,)),
        Unit("second", add, Sum(3, 4)),
        Unit("second", add, Sum(3, 4), (Unit("first", add, Sum(1, 3)),)),
    ]
    assert len({unit.key, *(other.key for other in others)}) == 5
    assert Unit("second", add, Sum(3, 4), (first,), cost=9.0).key == unit.key
    assert unit.key.startswith("second-")


def test_what_is_needed_comes_first_and_once() -> None:
    first = Unit("first", add, Sum(1, 2))
    second = Unit("second", add, Sum(3, 4), (first,))
    third = Unit("third", add, Sum(3, 4), (first, second))
    assert [unit.name for unit in closure([third, second, Unit("first", add, Sum(1, 2))])] == [
        "first",
        "second",
        "third",
    ]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder/file.json"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"


def test_a_half_written_result_is_not_done(tmp_path: Path) -> None:
    store, unit = Store(tmp_path), Unit("unit", add, Sum(1, 2))
    store.keep(unit, add(unit.config), {"cpu": 1.0})
    (path,) = (tmp_path / "units").glob("*.json")
    whole = path.read_text()
    assert store.result(unit) == json.loads(whole)
    path.write_text(whole[: len(whole) // 2])
    assert store.result(unit) is None
    path.write_text(whole)
    (kept,) = (tmp_path / "policies").glob("*/total.txt")
    kept.unlink()
    assert store.result(unit) is None


# The runner


def test_units_run_once_and_get_the_files_of_what_they_need(
    workers: Pool, console: Console, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    store = Store(tmp_path / "kept")
    first = Unit("first", add, Sum(1, 2, str(log)))
    second = Unit("second", add, Sum(10, 0, str(log)), (first,))
    assert run_units([second, first], store, workers, console) == []
    result = store.result(second)
    assert result is not None
    assert result["figures"] == {"sum": 13}
    assert result["config"]["a"] == 10
    assert result["seconds"]["cpu"] >= 0
    third = Unit("third", add, Sum(100, 0, str(log)), (second,))
    assert run_units([third], store, workers, console) == []
    assert log.read_text().splitlines() == ["1+2", "10+0", "100+0"]
    assert (store.result(third) or {})["figures"] == {"sum": 113}


def test_what_the_ledger_has_is_not_run_again_but_for_the_files_that_others_need(
    workers: Pool, console: Console, tmp_path: Path
) -> None:
    log, ledger = tmp_path / "log", tmp_path / "results/units.jsonl"
    first = Unit("first", add, Sum(1, 2, str(log)))
    second = Unit("second", add, Sum(10, 0, str(log)), (first,))
    store = Store(tmp_path / "here", ledger)
    run_units([second], store, workers, console)
    store.write_ledger([second])

    elsewhere = Store(tmp_path / "elsewhere", ledger)
    assert run_units([second], elsewhere, workers, console) == []
    assert log.read_text().splitlines() == ["1+2", "10+0"]
    assert (elsewhere.result(second) or {})["figures"] == {"sum": 13}
    third = Unit("third", add, Sum(100, 0, str(log)), (first,))
    assert run_units([second, third], elsewhere, workers, console) == []
    assert log.read_text().splitlines() == ["1+2", "10+0", "1+2", "100+0"]
    assert (elsewhere.result(third) or {})["figures"] == {"sum": 103}
    elsewhere.write_ledger([third])
    assert len(ledger.read_text().splitlines()) == 3


def test_the_ledger_names_no_tasks(tmp_path: Path) -> None:
    store, unit = Store(tmp_path, tmp_path / "ledger"), Unit("unit", add, Sum(1, 2, "1>0 2>1"))
    store.keep(unit, Output({"n": 1, "failures": [{"task": "1>0 2>1"}]}), {"cpu": 1.0})
    store.write_ledger([unit])
    assert "1>0" not in (tmp_path / "ledger").read_text()


def test_the_ledger_forgets_what_is_done_in_another_way_now(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path, tmp_path / "ledger"), tmp_path / "ledger"
    before, other = Unit("unit", add, Sum(1, 2)), Unit("other", add, Sum(1, 2))
    for unit in (before, other):
        store.keep(unit, Output({"n": 1}), {"cpu": 1.0})
    store.write_ledger([before, other])
    now = Unit("unit", add, Sum(3, 4))
    store.write_ledger([now])
    assert [json.loads(line)["unit"] for line in ledger.read_text().splitlines()] == ["other"]
    store.keep(now, Output({"n": 2}), {"cpu": 1.0})
    store.write_ledger([now])
    assert now.key in ledger.read_text()


def test_a_broken_ledger_is_named_with_its_line(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text('{"key": "unit-1", "format": 0, "figures": {}}\n{"key": \n')
    with pytest.raises(ValueError, match="ledger, line 2: not the result of a unit"):
        Store(tmp_path, ledger)


def test_units_that_need_the_same_run_after_each_other(
    workers: Pool, console: Console, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    one, two = Unit("one", add, Sum(1, 0, str(log))), Unit("two", add, Sum(2, 0, str(log)))
    first = [Unit(f"first-{unit.name}", add, Sum(10, 0, str(log)), (unit,)) for unit in (one, two)]
    later = [Unit(f"later-{unit.name}", add, Sum(20, 0, str(log)), (unit,)) for unit in (one, two)]
    alone = Pool(1)
    run_units([*first, *later], Store(tmp_path), alone, console)
    assert log.read_text().splitlines() == ["1+0", "10+0", "20+0", "2+0", "10+0", "20+0"]


def test_the_same_unit_gives_the_same_figures(workers: Pool, console: Console, tmp_path: Path) -> None:
    unit = Unit("unit", add, Sum(1, 2))
    contents = []
    for name in ("one", "two"):
        run_units([unit], Store(tmp_path / name), workers, console)
        (path,) = (tmp_path / name / "units").iterdir()
        content = json.loads(path.read_text())
        content.pop("seconds")
        contents.append((path.name, content))
    assert contents[0] == contents[1]


def test_a_failing_unit_is_named_and_the_others_go_on(
    workers: Pool, console: Console, tmp_path: Path
) -> None:
    broken = Unit("broken", fail, Sum(3, 4))
    dead = Unit("dead", die, Sum(0, 0))
    units = [broken, dead, Unit("after", add, Sum(1, 1), (broken,)), Unit("fine", add, Sum(1, 2))]
    store = Store(tmp_path)
    failures = {failure.unit.name: failure.error for failure in run_units(units, store, workers, console)}
    assert failures.keys() == {"broken", "dead", "after"}
    assert "ValueError: cannot add 3 and 4" in failures["broken"]
    assert "died" in failures["dead"] or "crashed" in failures["dead"].lower()
    assert failures["after"] == "needs broken, which failed"
    assert [store.result(unit) is not None for unit in units] == [False, False, False, True]


def test_each_process_has_one_thread(workers: Pool, console: Console, tmp_path: Path) -> None:
    unit = Unit("threads", threads, Sum(0, 0))
    run_units([unit], Store(tmp_path), workers, console)
    result = Store(tmp_path).result(unit)
    assert result is not None
    assert result["figures"] == {"threads": 1, "variable": "1"}


INTERRUPTED = """
import sys, time
from pathlib import Path
from rich.console import Console
from taskprog.experiments.pool import pool
from taskprog.experiments.runner import run_units
from taskprog.experiments.unit import Store, Unit
from test_experiments import Sum, add, endless

folder = Path(sys.argv[1])
units = [Unit("quick", add, Sum(1, 2)), Unit("endless", endless, Sum(0, 0, str(folder / "started")))]
with pool(jobs=1) as workers:
    run_units(units, Store(folder), workers, Console(quiet=True))
"""


def endless(config: Sum) -> Output:
    Path(config.log).write_text(str(os.getpid()), encoding="utf-8")
    while True:
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """A process that runs; one that ended and was not waited for is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found |= {child} | descendants(child)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ctrl_c_keeps_what_is_done_and_leaves_no_process(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        env=environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        started = tmp_path / "started"
        while not (started.exists() and started.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        children = descendants(process.pid)
        assert int(started.read_text()) in children
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert "KeyboardInterrupt" in errors
        deadline = time.monotonic() + 10
        while any(alive(pid) for pid in children):
            assert time.monotonic() < deadline, "processes are left"
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    assert [path.name.split("-")[0] for path in (tmp_path / "units").iterdir()] == ["quick"]
