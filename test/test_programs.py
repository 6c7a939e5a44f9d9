"""The programs that ``ros2 run`` and launch files start, as they are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.prefix) / "lib" / "sawyer_ntp"


@pytest.mark.parametrize(
    ("program", "arguments", "said"),
    [
        ("send_video", ["nowhere.mp4"], "taskprog send: nowhere.mp4: No such file"),
        ("replay", ["nowhere"], "taskprog replay: no recording in nowhere"),
        # An address that is for documentation, and no machine's.
        ("fake_sawyer", ["--host", "203.0.113.7"], "taskprog fake_sawyer: port 11311 of 203.0.113.7"),
    ],
)
def test_commands_get_their_own_arguments_from_a_launch_file(
    program: str, arguments: list[str], said: str
) -> None:
    """A launch file's Node hands ROS's arguments to whatever it starts; commands have no use for them."""
    command = [str(PROGRAMS / program), *arguments, "--ros-args", "-r", "__ns:=/left"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert said in result.stderr
    assert result.returncode == 2
