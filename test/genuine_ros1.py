"""ROS 1 as Debian packages it, where it is installed: apt-get install python3-rospy python3-rosmaster."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"


def available() -> bool:
    if not Path(PYTHON).exists():
        return False
    command = [PYTHON, "-c", "import rospy, rosmaster, sensor_msgs.msg"]
    return subprocess.run(command, env=_environment(), capture_output=True).returncode == 0


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "ROS_", "VIRTUAL_ENV"))}
    return kept | {"PATH": "/usr/bin:/bin"}


@contextmanager
def process(master: str, folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Debian's ROS 1, stopped on the way out."""
    own = {"ROS_MASTER_URI": master, "ROS_IP": "127.0.0.1", "ROS_HOME": str(folder)}
    running = subprocess.Popen([PYTHON, *command], env=_environment() | own, cwd=folder)
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
