"""The supervisor leaves no node behind, whatever ends it, and tells why a node ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from taskprog.cli.supervisor import NodeDied, NodeSpec, Supervisor

LIMIT = 20.0  # seconds of wall time


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment with other nodes: ``sleeper`` tells when it is awake, ``breaker`` fails."""
    nodes = tmp_path / "taskprog" / "nodes"
    nodes.mkdir(parents=True)
    (nodes.parent / "__init__.py").touch()
    (nodes / "__init__.py").touch()
    (nodes / "sleeper.py").write_text(
        "import os, signal\nopen(os.environ['AWAKE'], 'w').close()\nsignal.pause()\n", encoding="utf-8"
    )
    (nodes / "breaker.py").write_text("raise SystemExit('the motor is missing')\n", encoding="utf-8")
    os.mkfifo(tmp_path / "awake")
    return {"PYTHONPATH": str(tmp_path), "AWAKE": str(tmp_path / "awake")}


def ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def test_nodes_end_with_the_context(programs: dict[str, str], tmp_path: Path) -> None:
    with Supervisor([NodeSpec("sleeper", environment=programs)], tmp_path / "logs") as supervisor:
        pid = supervisor.pid("sleeper")
        Path(programs["AWAKE"]).read_bytes()
        supervisor.check()
        assert not ended(pid)
    assert ended(pid)


def test_a_node_that_ends_is_reported_with_its_log(programs: dict[str, str], tmp_path: Path) -> None:
    with Supervisor([NodeSpec("breaker", environment=programs)], tmp_path / "logs") as supervisor:
        os.waitid(os.P_PID, supervisor.pid("breaker"), os.WEXITED | os.WNOWAIT)
        with pytest.raises(NodeDied, match=r"breaker ended with code 1(.|\n)*the motor is missing"):
            supervisor.check()


def test_nodes_do_not_outlive_a_killed_supervisor(programs: dict[str, str], tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import signal
        from pathlib import Path
        from taskprog.cli.supervisor import NodeSpec, Supervisor
        sleeper = NodeSpec("sleeper", environment={programs!r})
        with Supervisor([sleeper], Path({str(tmp_path / "logs")!r})) as supervisor:
            print(supervisor.pid("sleeper"), flush=True)
            signal.pause()
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    handle = os.pidfd_open(int(parent.stdout.readline()))
    Path(programs["AWAKE"]).read_bytes()
    parent.send_signal(signal.SIGKILL)
    parent.wait(LIMIT)
    readable, _, _ = select.select([handle], [], [], LIMIT)
    assert readable, "the node still runs"
