"""config/sim.yaml says what the nodes really take; a parameter that nobody declares would be ignored."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.node import Node
from ros_world import RosWorld

CONFIG = Path(__file__).parent.parent / "config" / "sim.yaml"
SECTIONS: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
NODES = {
    "simulator": "SimulatorNode",
    "perception": "PerceptionNode",
    "executor": "ExecutorNode",
    "planner": "PlannerNode",
    "recorder": "RecorderNode",
}
# Set by launch arguments instead.
BY_ARGUMENT = {"gui", "scene", "objects", "clutter", "seed", "pace", "planner", "checkpoint", "folder"}
BY_ROS = {"use_sim_time", "start_type_description_service"}


def test_every_node_has_a_section() -> None:
    assert set(SECTIONS) == {f"/**/{name}" for name in NODES}


@pytest.mark.parametrize("name", NODES)
def test_file_holds_all_parameters_and_their_defaults(ros: RosWorld, name: str, tmp_path: Path) -> None:
    values = dict(SECTIONS[f"/**/{name}"]["ros__parameters"])
    assert values.pop("use_sim_time", False) == (name != "simulator")
    node_class: type[Node] = getattr(importlib.import_module(f"taskprog.nodes.{name}"), NODES[name])
    extra = ["-p", f"folder:={tmp_path / 'run'}"] if name == "recorder" else []
    node = ros.add(node_class(context=ros.context, cli_args=["--ros-args", *extra]))
    declared = {p for p in node._parameters if not p.startswith("qos_overrides")} - BY_ARGUMENT - BY_ROS
    assert set(values) == declared
    for parameter, value in values.items():
        assert node.get_parameter(parameter).value == pytest.approx(value, abs=1e-6), parameter
        assert node.describe_parameter(parameter).description


@pytest.mark.parametrize("namespace", ["", "left"])
def test_file_applies_in_every_namespace(ros: RosWorld, namespace: str) -> None:
    from taskprog.nodes.executor import ExecutorNode

    path = CONFIG.parent / "sim.yaml"
    arguments = ["--ros-args", "--params-file", str(path)]
    node = ros.add(ExecutorNode(context=ros.context, namespace=namespace, cli_args=arguments))
    assert node.get_parameter("use_sim_time").value is True
