"""Images have room in the shared memory through which processes on one machine send them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from ros_world import TIMEOUT, RosWorld

from taskprog.nodes.transport import CHOICES, PROFILES, roomy_transport

MEMORY = Path("/dev/shm")
PAIR = 640 * 480 * (3 + 4)  # bytes of a colour and a depth image


# Makes a process's first node, and tells the largest of the segments of shared memory that it has then.
PROCESS = """
import os, rclpy
from contextlib import nullcontext
from taskprog.nodes.transport import roomy_transport

rclpy.init()
with WITH:
    node = rclpy.create_node("camera")
mapped = [line.split() for line in open("/proc/self/maps") if "/dev/shm/fastrtps_" in line]
print(max((os.stat(fields[5]).st_size for fields in mapped if len(fields) == 6), default=0))
node.destroy_node()
rclpy.try_shutdown()
"""


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHOICES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="needs shared memory")
@pytest.mark.parametrize(("way", "roomy"), [("roomy_transport()", True), ("nullcontext()", False)])
def test_several_pairs_of_images_fit_into_a_processs_memory(ros: RosWorld, way: str, roomy: bool) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROCESS.replace("WITH", way)],
        env=os.environ | {"ROS_DOMAIN_ID": str(ros.domain)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert (int(told.stdout.split()[-1]) > 4 * PAIR) == roomy, told.stderr


@pytest.mark.parametrize("name", CHOICES)
def test_what_people_chose_is_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "mine")
    with roomy_transport():
        assert {n: os.environ.get(n) for n in CHOICES} == {n: "mine" if n == name else None for n in CHOICES}


def test_processes_that_are_started_later_choose_themselves() -> None:
    with roomy_transport():
        assert Path(os.environ[PROFILES]).is_file()
    assert PROFILES not in os.environ
