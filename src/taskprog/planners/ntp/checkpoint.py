"""An NTP on disk, and the family that it is for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from taskprog.machine import Library, flattened
from taskprog.planners.checkpoint import (
    CONFIG,
    CheckpointError,
    describe,
    load_config,
    load_weights,
    not_a_configuration,
    save_files,
)
from taskprog.planners.ntp.config import ModelConfig, Returns, Sight
from taskprog.planners.ntp.model import NTPModel
from taskprog.tasks.family import Family

FORMAT = "taskprog-ntp/2"


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


def save_policy(folder: Path, model: NTPModel, family: Family, training: dict[str, Any]) -> None:
    """Write weights and configuration; each file appears whole or not at all."""
    library = library_of(family, model.config)
    config = {
        "format": FORMAT,
        "root": library.root,
        "library": describe(library),
        "offsets": list(family.offsets),
        "model": asdict(model.config),
        "training": training,
    }
    save_files(folder, model, config)


def load_policy(folder: Path, family: Family) -> tuple[NTPModel, Library]:
    """A trained model and the operations that it knows.

    Raises:
        CheckpointError: a file is missing or damaged, or the policy is for another family.
    """
    config = load_config(folder, FORMAT)
    try:
        model_config = _model_config(config["model"])
        saved = (config["root"], config["library"])
        offsets = tuple(float(offset) for offset in config["offsets"])
    except (ValueError, KeyError, TypeError) as error:
        raise not_a_configuration(folder, error) from error
    library = library_of(family, model_config)
    if saved != (library.root, describe(library)) or offsets != family.offsets:
        raise CheckpointError(
            f"{folder / CONFIG}: the policy was trained for the library {saved[0]} with {saved[1]}, "
            f"with heights {offsets}, "
            f"but is asked to run {library.root} with {describe(library)} with heights {family.offsets}"
        )
    if model_config.sight is Sight.VECTOR and model_config.objects != len(family.names):
        raise CheckpointError(
            f"{folder / CONFIG}: the policy sees a vector of {model_config.objects} objects, "
            f"the family has {len(family.names)}"
        )
    model = new_model(model_config, library, len(offsets))
    load_weights(folder, model)
    return model, library


def _model_config(saved: dict[str, Any]) -> ModelConfig:
    fields = dict(saved)
    for name in ("dilations", "encoder_dilations"):
        fields[name] = tuple(fields[name])
    fields["sight"], fields["returns"] = Sight(fields["sight"]), Returns(fields["returns"])
    return ModelConfig(**fields)
