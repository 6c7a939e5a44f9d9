"""Starts the stack's nodes as processes, watches them, and stops them: what launch does where ROS has it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

Value = str | int | float | bool
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class NodeDied(RuntimeError):
    """A node's process ended while it was needed; the message holds the end of its log."""


@dataclass(frozen=True)
class NodeSpec:
    """A node to start: module ``taskprog.nodes.<program>`` with parameters and extra environment."""

    program: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # YAML reads an empty string as null and "5" as a number unless quoted.
    return f'"{value}"' if isinstance(value, str) else str(value)


def _die_with_parent() -> None:
    # Even if this process is killed outright, no robot may go on without its owner.
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs are started to ignore it
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def isolated_environment() -> dict[str, str]:
    """ROS settings that keep a stack on this machine and apart from others on it.

    A domain that is already set is kept, so that other tools can look in.
    """
    return {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": os.environ.get("ROS_DOMAIN_ID") or random_domains(1)[0],
    }


def random_domains(count: int) -> list[str]:
    """DDS domains, all different. On Linux, 0 to 101 keep its ports clear of the ephemeral range."""
    return [str(domain) for domain in secrets.SystemRandom().sample(range(1, 102), count)]


class Supervisor:
    """The processes of one stack; a context manager that leaves none behind.

    Logs go to ``folder/<program>.log``.
    """

    def __init__(self, nodes: Sequence[NodeSpec], folder: Path, namespace: str = ""):
        self.nodes = nodes
        self.folder = folder
        self.namespace = namespace
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Supervisor:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            for node in self.nodes:
                self.start(node)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, node: NodeSpec) -> None:
        """Start one node; its earlier process, if any, must have ended."""
        command = [sys.executable, "-m", f"taskprog.nodes.{node.program}", "--ros-args"]
        if self.namespace:
            command += ["-r", f"__ns:=/{self.namespace.strip('/')}"]
        for name, value in node.parameters.items():
            command += ["-p", f"{name}:={_text(value)}"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"} | dict(node.environment)
        with self.log(node.program).open("ab") as log:
            self._processes[node.program] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the nodes in order
                preexec_fn=_die_with_parent,
            )

    def log(self, program: str) -> Path:
        """Where a node's output goes."""
        return self.folder / f"{program}.log"

    def pid(self, program: str) -> int:
        """Process id of a node."""
        return self._processes[program].pid

    def check(self) -> None:
        """Raise if a node ended.

        Raises:
            NodeDied: with the end of its log.
        """
        for program, process in self._processes.items():
            code = process.poll()
            if code is not None:
                lines = self.log(program).read_text(errors="replace").splitlines()
                end = "\n  ".join(lines[-12:]) or "(its log is empty)"
                raise NodeDied(f"node {program} ended with code {code}; the end of its log:\n  {end}")

    def stop(self, patience: float = 5.0) -> None:
        """Stop all nodes, last started first: SIGINT, then SIGTERM, then SIGKILL."""
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            running = [p for p in reversed(self._processes.values()) if p.poll() is None]
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(sign)
            end = time.monotonic() + patience
            for process in running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, end - time.monotonic()))
        self._processes.clear()
