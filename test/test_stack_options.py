"""What is started for which kind of tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from taskprog.cli.stack import DETECTORS, StackOptions, nodes, task_limits
from taskprog.tasks.families import FAMILIES


@pytest.mark.parametrize("family", DETECTORS)
def test_scene_detector_and_policy_belong_together(family: str) -> None:
    options = StackOptions(Path("out"), family, objects=12)
    found = {spec.program: spec.parameters for spec in nodes(options)}
    assert found["simulator"]["scene"] == found["planner"]["family"] == family
    assert found["perception"]["detector"] == DETECTORS[family]
    assert found["simulator"]["objects"] == 12


def test_limits_grow_with_the_objects_and_hold_for_the_expert() -> None:
    assert task_limits(40).steps == 5 * task_limits(8).steps
    assert task_limits(0) == task_limits(8)
    for family in DETECTORS:
        assert task_limits(8).steps >= FAMILIES[family].budget.steps
