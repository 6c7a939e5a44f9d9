"""What is started for which kind of tasks."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from taskprog.cli.demo import add_arguments, stack_of
from taskprog.cli.main import main
from taskprog.cli.stack import DETECTORS, StackOptions, nodes, task_limits
from taskprog.tasks.families import FAMILIES


@pytest.mark.parametrize("family", DETECTORS)
def test_scene_detector_and_policy_belong_together(family: str) -> None:
    options = StackOptions(Path("out"), family, objects=12)
    found = {spec.program: spec.parameters for spec in nodes(options)}
    assert found["simulator"]["scene"] == found["planner"]["family"] == family
    assert found["perception"]["detector"] == DETECTORS[family]
    assert found["simulator"]["objects"] == 12


@pytest.mark.parametrize("clutter", [False, True])
def test_a_demo_has_as_many_objects_as_asked_for_and_they_touch_if_asked_for(clutter: bool) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = ["--scene", "order_fulfilment", "--objects", "12", "--output", "out"]
    options = stack_of(parser.parse_args([*arguments, *(["--clutter"] if clutter else [])]))
    assert options == StackOptions(Path("out"), "order_fulfilment", objects=12, clutter=clutter)
    (simulator,) = (spec.parameters for spec in nodes(options) if spec.program == "simulator")
    assert (simulator["objects"], simulator["clutter"]) == (12, clutter)


def test_a_demo_without_clutter_in_its_scene_is_refused_and_what_is_there_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "final.png"
    kept.touch()
    assert main(["demo", "--clutter", "--output", str(tmp_path)]) == 2
    assert "--clutter: in block_stacking all objects start apart" in capsys.readouterr().err
    assert kept.exists()


def test_limits_grow_with_the_objects_and_hold_for_the_expert() -> None:
    assert task_limits(40).steps == 5 * task_limits(8).steps
    assert task_limits(0) == task_limits(8)
    for family in DETECTORS:
        assert task_limits(8).steps >= FAMILIES[family].budget.steps
