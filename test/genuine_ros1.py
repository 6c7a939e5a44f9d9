"""ROS 1 as Debian packages it, where it is installed: apt-get install python3-rospy python3-rosmaster."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tcpros_world import free_port, wait_until

from tcpros import rpc

PYTHON = "/usr/bin/python3"
MASTER = "/usr/bin/rosmaster"
SOURCES = str(Path(__file__).parent.parent / "src")


def available() -> bool:
    if not Path(PYTHON).exists():
        return False
    command = [PYTHON, "-c", "import rospy, rosmaster, sensor_msgs.msg"]
    return subprocess.run(command, env=_environment(), capture_output=True).returncode == 0


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ROS_", "VIRTUAL_ENV"))}
    return kept | {"PATH": "/usr/bin:/bin"}


@contextmanager
def master(folder: Path) -> Iterator[str]:
    """The genuine master; its address, once it answers."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        try:
            return bool(rpc.call(uri, "getPid", "/test"))
        except rpc.RpcError:
            return False

    with process(uri, folder, MASTER, "--core", "-p", str(port)):
        wait_until(answers, "the master's start")
        yield uri


@contextmanager
def process(
    master: str, folder: Path, *command: str, talks: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Debian's ROS 1, stopped on the way out; ``talks``: through its standard streams."""
    own = {"ROS_MASTER_URI": master, "ROS_IP": "127.0.0.1", "ROS_HOME": str(folder), "PYTHONPATH": SOURCES}
    pipe = subprocess.PIPE if talks else None
    running = subprocess.Popen(
        [PYTHON, *command], env=_environment() | own, cwd=folder, stdin=pipe, stdout=pipe
    )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(5.0)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


needed = pytest.mark.skipif(
    not available(), reason="needs ROS 1: apt-get install python3-rospy python3-rosmaster"
)
