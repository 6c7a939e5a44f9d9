"""Policies on disk: ``model.safetensors``, ``config.json`` and a model card in one folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from taskprog.files import written_whole
from taskprog.machine import Library, OpKind, flattened
from taskprog.planners.ntp.config import ModelConfig, Returns, Sight
from taskprog.planners.ntp.model import NTPModel
from taskprog.tasks.family import Family

FORMAT = "taskprog-ntp/2"
WEIGHTS, CONFIG = "model.safetensors", "config.json"


class CheckpointError(Exception):
    """A policy cannot be loaded; the message names what is wrong and what would be right."""


def library_of(family: Family, config: ModelConfig) -> Library:
    """The operations that a model of this kind knows."""
    return flattened(family.library) if config.flat else family.library


def new_model(config: ModelConfig, library: Library, offsets: int) -> NTPModel:
    """An untrained model for a library."""
    names = list(library)
    callees = torch.zeros(len(names), len(names), dtype=torch.bool)
    for op in library.values():
        for name in op.callees:
            callees[names.index(op.name), names.index(name)] = True
    return NTPModel(config, callees, offsets)


def describe(library: Library) -> dict[str, list[str]]:
    """A library's operations and what they call, as saved with a policy."""
    return {
        op.name: list(op.callees) if op.kind is OpKind.PROGRAM else [arg.value for arg in op.args]
        for op in library.values()
    }


def save_policy(folder: Path, model: NTPModel, family: Family, training: dict[str, Any]) -> None:
    """Write weights and configuration; each file appears whole or not at all."""
    library = library_of(family, model.config)
    with written_whole(folder / WEIGHTS) as partial:
        save_file({k: v.detach().contiguous() for k, v in model.state_dict().items()}, partial)
        partial.chmod(0o644)  # safetensors makes it private to its writer
    text = json.dumps(
        {
            "format": FORMAT,
            "root": library.root,
            "library": describe(library),
            "offsets": list(family.offsets),
            "model": asdict(model.config),
            "training": training,
        },
        indent=2,
    )
    with written_whole(folder / CONFIG) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def load_policy(folder: Path, family: Family) -> tuple[NTPModel, Library]:
    """A trained model and the operations that it knows.

    Raises:
        CheckpointError: a file is missing or damaged, or the policy is for another family.
    """
    config_path, weights_path = folder / CONFIG, folder / WEIGHTS
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; a policy is a folder with {CONFIG} and {WEIGHTS}")
    for path in (config_path, weights_path):
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file; a policy is a folder with {CONFIG} and {WEIGHTS}")
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
        if config["format"] != FORMAT:
            raise CheckpointError(f"{config_path}: format is {config['format']!r}, expected {FORMAT!r}")
        model_config = _model_config(config["model"])
        saved = (config["root"], config["library"])
        offsets = tuple(float(offset) for offset in config["offsets"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{config_path}: not a policy's configuration: {type(error).__name__}: {error}"
        ) from error
    library = library_of(family, model_config)
    if saved != (library.root, describe(library)) or offsets != family.offsets:
        raise CheckpointError(
            f"{config_path}: the policy was trained for the library {saved[0]} with {saved[1]}, "
            f"with heights {offsets}, "
            f"but is asked to run {library.root} with {describe(library)} with heights {family.offsets}"
        )
    if model_config.sight is Sight.VECTOR and model_config.objects != len(family.names):
        raise CheckpointError(
            f"{config_path}: the policy sees a vector of {model_config.objects} objects, "
            f"the family has {len(family.names)}"
        )
    model = new_model(model_config, library, len(offsets))
    try:
        weights = load_file(weights_path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{weights_path}: damaged or not safetensors: {error}") from error
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"{weights_path}: tensor {name} has shape {found.get(name, 'none')}, "
                f"but {CONFIG} asks for {wanted.get(name, 'none')}"
            )
    model.load_state_dict(weights)
    model.eval()
    return model, library


def _model_config(saved: dict[str, Any]) -> ModelConfig:
    fields = dict(saved)
    for name in ("dilations", "encoder_dilations"):
        fields[name] = tuple(fields[name])
    fields["sight"], fields["returns"] = Sight(fields["sight"]), Returns(fields["returns"])
    return ModelConfig(**fields)
