"""Policies on disk: ``model.safetensors``, ``config.json`` and a model card in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from taskprog.files import written_whole
from taskprog.machine import Library, OpKind

WEIGHTS, CONFIG = "model.safetensors", "config.json"


class CheckpointError(Exception):
    """A policy cannot be loaded; the message names what is wrong and what would be right."""


def describe(library: Library) -> dict[str, list[str]]:
    """A library's operations and what they call, as saved with a policy."""
    return {
        op.name: list(op.callees) if op.kind is OpKind.PROGRAM else [arg.value for arg in op.args]
        for op in library.values()
    }


def save_files(folder: Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Write weights and configuration; each file appears whole or not at all."""
    with written_whole(folder / WEIGHTS) as partial:
        save_file({k: v.detach().contiguous() for k, v in model.state_dict().items()}, partial)
        partial.chmod(0o644)  # safetensors makes it private to its writer
    with written_whole(folder / CONFIG) as partial:
        partial.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_config(folder: Path, format: str) -> dict[str, Any]:
    """A policy's configuration.

    Raises:
        CheckpointError: a file is missing, or the configuration is damaged or of another format.
    """
    path = folder / CONFIG
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; a policy is a folder with {CONFIG} and {WEIGHTS}")
    for file in (path, folder / WEIGHTS):
        if not file.is_file():
            raise CheckpointError(f"{file}: no such file; a policy is a folder with {CONFIG} and {WEIGHTS}")
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = config["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise not_a_configuration(folder, error) from error
    if found != format:
        raise CheckpointError(f"{path}: format is {found!r}, expected {format!r}")
    return config


def not_a_configuration(folder: Path, error: Exception) -> CheckpointError:
    """To be raised where a configuration does not have what it should."""
    return CheckpointError(
        f"{folder / CONFIG}: not a policy's configuration: {type(error).__name__}: {error}"
    )


def load_weights(folder: Path, model: nn.Module) -> None:
    """Fill a model of the configured sizes, and make it ready to decide.

    Raises:
        CheckpointError: the weights are damaged, or of other sizes.
    """
    path = folder / WEIGHTS
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged or not safetensors: {error}") from error
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"{path}: tensor {name} has shape {found.get(name, 'none')}, "
                f"but {CONFIG} asks for {wanted.get(name, 'none')}"
            )
    model.load_state_dict(weights)
    model.eval()
