"""Fixtures of all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ros_world import RosWorld

    from taskprog.experiments.pool import Pool


def pytest_configure() -> None:
    """Tests press Ctrl-C, which a shell's background jobs (tests may be one) are started to ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[RosWorld]:
    """A ROS context in a DDS domain of this test's own, on this machine only; child processes inherit it."""
    pytest.importorskip("rclpy", reason="needs ROS 2: pip install -e '.[ros]', or source a ROS installation")
    from ros_world import RosWorld, free_domain

    with free_domain() as domain:
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        world = RosWorld(domain)
        try:
            yield world
        finally:
            world.close()


@pytest.fixture(scope="session")
def workers() -> Iterator[Pool]:
    """Processes by Ray, which takes seconds to start: once for all tests. They find the tests' modules."""
    from taskprog.experiments.pool import pool

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        with pool(jobs=2) as opened:
            yield opened
