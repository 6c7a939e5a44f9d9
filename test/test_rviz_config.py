"""The shipped rviz configuration fits what the nodes publish."""

from __future__ import annotations

from typing import Any

import pytest

from taskprog.resources import share_dir
from taskprog.view import scene

yaml = pytest.importorskip("yaml", reason="needs PyYAML, which comes with ROS")


@pytest.fixture(scope="module")
def manager() -> dict[str, Any]:
    text = (share_dir() / "config" / "sawyer_ntp.rviz").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["Visualization Manager"])


def display(manager: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [d for d in manager["Displays"] if d["Class"] == f"rviz_default_plugins/{kind}"]


def test_everything_is_shown_in_the_frame_of_the_markers(manager: dict[str, Any]) -> None:
    assert manager["Global Options"]["Fixed Frame"] == "base"


def test_topics_are_relative_so_that_namespaces_work(manager: dict[str, Any]) -> None:
    topics = {
        d[key]["Value"] for d in manager["Displays"] for key in ("Topic", "Description Topic") if key in d
    }
    assert topics == {
        "robot_description",
        "trace_markers",
        "camera/color/image_raw",
        "perception/debug_image",
    }


def test_what_is_latched_is_asked_for_so(manager: dict[str, Any]) -> None:
    (markers,), (robot,) = display(manager, "MarkerArray"), display(manager, "RobotModel")
    for topic in (markers["Topic"], robot["Description Topic"]):
        assert topic["Durability Policy"] == "Transient Local"
        assert topic["Reliability Policy"] == "Reliable"


def test_every_namespace_of_the_markers_is_on(manager: dict[str, Any]) -> None:
    (markers,) = display(manager, "MarkerArray")
    names = {value for name, value in vars(scene).items() if name.isupper() and isinstance(value, str)}
    assert markers["Namespaces"] == dict.fromkeys(names, True)
