"""The programs that ``ros2 run`` and launch files start, as they are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.prefix) / "lib" / "sawyer_ntp"


@pytest.mark.parametrize("program", ["send_video", "replay", "fake_sawyer"])
def test_commands_take_what_a_launch_file_adds(program: str) -> None:
    """A launch file's Node hands ROS's own arguments to whatever it starts."""
    command = [str(PROGRAMS / program), "--help", "--ros-args", "-r", "__ns:=/left", "--params-file", "none"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("usage: taskprog ")
    refused = subprocess.run([command[0], "--no-such-option"], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
