"""Imports point down, and each heavy dependency stays in its layer."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A layer may import itself and the layers of lower rank.
RANK = {
    "machine": 0,
    "tasks": 1,
    "perception": 2,
    "control": 2,
    "planners": 3,
    "vision": 3,
    "view": 3,
    "nodes": 4,
    "experiments": 4,
    "cli": 5,
}
HEAVY = {
    "rclpy": {"nodes", "cli"},
    "sawyer_ntp": {"nodes", "cli"},
    "control_msgs": {"nodes", "cli"},
    "torch": {"planners", "vision"},
    "ray": {"experiments"},
    "matplotlib": {"experiments"},
    "pybullet": {"sim"},
    "pinocchio": {"control"},
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules() -> list[tuple[str, Path]]:
    found = [
        (p.relative_to(ROOT / "src/taskprog").parts[0], p) for p in (ROOT / "src/taskprog").glob("*/**/*.py")
    ]
    return found + [("sim", p) for p in (ROOT / "sim").rglob("*.py")]


@pytest.mark.parametrize(("layer", "path"), modules(), ids=lambda v: v.stem if isinstance(v, Path) else v)
def test_imports_point_down(layer: str, path: Path) -> None:
    for name in imports(path):
        top, *rest = name.split(".")
        assert layer in HEAVY.get(top, {layer}), f"{path.name} may not import {top} in layer {layer}"
        if layer != "sim" and top == "taskprog" and rest and rest[0] in RANK:
            lower = RANK[rest[0]] < RANK[layer] or rest[0] == layer
            assert lower, f"{path.name} ({layer}) imports {name}"
        if top == "taskprog_sim":
            assert layer == "sim" or layer == "cli" or path.name == "simulator.py", (
                f"{path.name} imports {name}"
            )


@pytest.mark.parametrize("path", sorted((ROOT / "src/tcpros").glob("*.py")), ids=lambda path: path.stem)
def test_tcpros_needs_the_standard_library_alone(path: Path) -> None:
    for name in imports(path):
        top = name.partition(".")[0]
        assert top == "tcpros" or top in sys.stdlib_module_names, f"{path.name} imports {name}"
