"""Detectors on disk: ``model.safetensors``, ``config.json`` and a model card in one folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from taskprog.files import written_whole
from taskprog.vision.labels import CLASSES
from taskprog.vision.network import GoodsNetwork, NetworkConfig

FORMAT = "taskprog-detector/4"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


class CheckpointError(Exception):
    """A detector cannot be loaded; the message names what is wrong and what would be right."""


Rounds = list[dict[str, Any]]


def save_network(folder: Path, network: GoodsNetwork, rounds: Rounds) -> None:
    """Write weights and configuration; each file appears whole or not at all.

    Args:
        rounds: of training, what each depended on, the first one first.
    """
    with written_whole(folder / WEIGHTS) as partial:
        save_file({k: v.detach().contiguous() for k, v in network.state_dict().items()}, partial)
        partial.chmod(0o644)  # safetensors makes it private to its writer
    text = json.dumps(
        {
            "format": FORMAT,
            "classes": list(CLASSES),
            "network": asdict(network.config),
            "training": rounds,
        },
        indent=2,
    )
    with written_whole(folder / CONFIG) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def load_rounds(folder: Path) -> Rounds:
    """How a detector was trained; see ``save_network``.

    Raises:
        CheckpointError: its configuration is missing or damaged.
    """
    path = folder / CONFIG
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["training"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a detector's configuration: {error!r}") from error


def load_network(folder: Path) -> GoodsNetwork:
    """A trained network.

    Raises:
        CheckpointError: a file is missing or damaged, or it was trained for other classes.
    """
    for path in (folder / CONFIG, folder / WEIGHTS):
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file; a detector is a folder with {CONFIG} and {WEIGHTS}")
    network = GoodsNetwork(_config(folder / CONFIG))
    try:
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{folder / WEIGHTS}: damaged or not safetensors: {error}") from error
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"{folder / WEIGHTS}: tensor {name} has shape {found.get(name, 'none')}, "
                f"but {CONFIG} asks for {wanted.get(name, 'none')}"
            )
    network.load_state_dict(weights)
    return network.eval()


def _config(path: Path) -> NetworkConfig:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise CheckpointError(f"{path}: format is {config['format']!r}, expected {FORMAT!r}")
        if config["classes"] != list(CLASSES):
            raise CheckpointError(f"{path}: it detects {config['classes']}, wanted is {list(CLASSES)}")
        first, a, b, c, d = (int(width) for width in config["network"]["widths"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not a detector's configuration: {type(error).__name__}: {error}"
        ) from error
    return NetworkConfig((first, a, b, c, d))
