"""The launch files' content: arguments, nodes, and what is started when."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "launch_ros", reason="launch and launch_ros come with a ROS 2 installation, not from PyPI"
)

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch_ros.actions import Node

ROOT = Path(__file__).parent.parent


def entities(file: str = "sim") -> list[Any]:
    spec = importlib.util.spec_from_file_location(f"{file}_launch", ROOT / "launch" / f"{file}.launch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.generate_launch_description().entities)


def started(file: str = "sim", **arguments: str) -> dict[str, str]:
    """Executable: package, of the nodes that start with these arguments."""
    found = entities(file)
    context = LaunchContext()
    for action in found:
        if isinstance(action, DeclareLaunchArgument) and action.name != "params_file":
            default = perform_substitutions(context, action.default_value)
            context.launch_configurations[action.name] = arguments.pop(action.name, default)
    assert not arguments, f"unknown arguments {sorted(arguments)}"
    return {
        _text(context, action.node_executable): _text(context, action.node_package)
        for action in found
        if isinstance(action, Node) and (action.condition is None or action.condition.evaluate(context))
    }


def by_scene(scene: str) -> tuple[str, str]:
    """The family and the detector that a scene is looked at with."""
    context = LaunchContext()
    found = entities()
    context.launch_configurations["scene"] = scene
    for action in found:
        if isinstance(action, DeclareLaunchArgument) and action.name == "family":
            context.launch_configurations["family"] = _text(context, action.default_value)
    perception = next(
        action
        for action in found
        if isinstance(action, Node) and _text(context, action.node_executable) == "perception"
    )
    parameters = [p for p in perception._Node__parameters if isinstance(p, dict)]
    (detector,) = (_text(context, list(v)) for p in parameters for v in p.values())
    return context.launch_configurations["family"], detector


def _text(context: LaunchContext, value: Any) -> str:
    return str(perform_substitutions(context, normalize_to_list_of_substitutions(value)))


def test_arguments() -> None:
    arguments = {a.name: a for a in entities() if isinstance(a, DeclareLaunchArgument)}
    wanted = "gui rviz scene family objects clutter seed namespace planner checkpoint pace record params_file"
    assert set(arguments) == set(wanted.split())
    assert all(a.description and a.default_value is not None for a in arguments.values())


def test_default_starts_the_four_nodes() -> None:
    assert started() == dict.fromkeys(("simulator", "perception", "executor", "planner"), "sawyer_ntp")


def test_the_scene_chooses_what_is_looked_for() -> None:
    assert by_scene("block_stacking") == ("block_stacking", "cubes")
    assert by_scene("order_fulfilment") == ("order_fulfilment", "goods")
    assert by_scene("my_table.yaml") == ("block_stacking", "cubes")


def test_record_and_rviz_start_only_when_asked_for() -> None:
    assert started(record="out/run")["recorder"] == "sawyer_ntp"
    assert started(rviz="true")["rviz2"] == "rviz2"


def test_every_node_of_ours_is_installed_as_a_program() -> None:
    build = (ROOT / "CMakeLists.txt").read_text()
    installed = build.split("set(nodes ", 1)[1].split(")", 1)[0].split()
    assert {name for name, package in started(record="x").items() if package == "sawyer_ntp"} <= set(
        installed
    )
    for name in installed:
        assert importlib.util.find_spec(f"taskprog.nodes.{name}") is not None, name


def test_files_that_are_named_exist() -> None:
    source = (ROOT / "launch" / "sim.launch.py").read_text()
    for name in ("sim.yaml", "sawyer_ntp.rviz"):
        assert f'"{name}"' in source
        assert (ROOT / "config" / name).is_file(), name


def test_the_real_robot_gets_driver_and_camera_and_its_stand_in_neither() -> None:
    common = {"sawyer_driver", "executor", "planner"}
    assert set(started("real")) == {*common, "perception"}
    assert set(started("real", fake="true")) == {*common, "kinematic_cell", "fake_sawyer"}
    assert {"recorder", "rviz2"} <= set(started("real", record="x", rviz="true"))


def test_every_program_of_the_real_stack_is_installed() -> None:
    build = (ROOT / "CMakeLists.txt").read_text()
    for name in {**started("real"), **started("real", fake="true")}:
        assert f" {name}" in build or f"({name} " in build, name
    assert (ROOT / "config" / "real.yaml").is_file()
