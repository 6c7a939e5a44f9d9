"""An NPI on disk, and the program table that it is for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from taskprog.planners.checkpoint import (
    CONFIG,
    CheckpointError,
    describe,
    load_config,
    load_weights,
    not_a_configuration,
    save_files,
)
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.environments import ENVIRONMENTS, table_of
from taskprog.planners.npi.model import NPIModel
from taskprog.planners.npi.table import ProgramTable

FORMAT = "taskprog-npi/1"


def new_model(config: NPIConfig, table: ProgramTable) -> NPIModel:
    """An untrained model for a program table."""
    return NPIModel(config, table.sizes, table.albums, table.callees, len(table.words), table.arguments)


def describe_table(table: ProgramTable) -> dict[str, Any]:
    """A table as saved with a policy: what each environment's programs are, what is seen, the words."""
    return {
        "environments": {
            e.name: {"library": describe(e.library), "sizes": list(e.sizes)} for e in table.environments
        },
        "words": list(table.words),
    }


def save_policy(folder: Path, model: NPIModel, table: ProgramTable, training: dict[str, Any]) -> None:
    """Write weights and configuration; each file appears whole or not at all."""
    config = {
        "format": FORMAT,
        "table": describe_table(table),
        "model": asdict(model.config),
        "training": training,
    }
    save_files(folder, model, config)


def load_policy(folder: Path) -> tuple[NPIModel, ProgramTable]:
    """A trained model and the programs that it knows.

    Raises:
        CheckpointError: a file is missing or damaged, or the policy is for another program table.
    """
    config = load_config(folder, FORMAT)
    try:
        saved, sizes = config["table"], NPIConfig(**config["model"])
        names = [str(name) for name in saved["environments"]]
    except (KeyError, TypeError, ValueError) as error:
        raise not_a_configuration(folder, error) from error
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown:
        raise CheckpointError(
            f"{folder / CONFIG}: the policy is for {', '.join(unknown)}; known are {', '.join(ENVIRONMENTS)}"
        )
    table = table_of(names)
    if saved != describe_table(table):
        raise CheckpointError(
            f"{folder / CONFIG}: the policy was trained for the program table {saved}, "
            f"but the programs are now {describe_table(table)}"
        )
    try:
        model = new_model(sizes, table)
    except RuntimeError as error:  # torch, of sizes that no memory holds
        raise not_a_configuration(folder, error) from error
    load_weights(folder, model)
    return model, table
