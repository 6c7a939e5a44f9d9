"""Fixtures of all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ros_world import RosWorld


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
