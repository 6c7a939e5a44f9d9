"""New programs for a trained core, which stays as it is (Reed & de Freitas, section 4.3): of all weights,
only the new programs' rows in memory are learnt."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from taskprog.planners.npi.checkpoint import new_model
from taskprog.planners.npi.model import NPIModel
from taskprog.planners.npi.table import ProgramTable

ROWS = ("program_memory", "key_memory")  # weights with a row for each program


def extended(model: NPIModel, table: ProgramTable, wider: ProgramTable) -> NPIModel:
    """A model with more programs and the same core; only its new rows can be trained.

    Raises:
        ValueError: the wider table lacks a program, or has other words or kinds of environments.
    """
    missing = [name for name in table.rows if name not in wider.rows]
    if missing or wider.words != table.words or wider.sizes != table.sizes:
        raise ValueError(
            "programs can be added only, with the same words and kinds of environments; missing are: "
            f"{', '.join(missing) or 'none'}"
        )
    result = new_model(model.config, wider)
    old = [wider.rows.index(name) for name in table.rows]
    weights, before = result.state_dict(), model.state_dict()
    for name, value in before.items():
        if name in ROWS:
            weights[name][old] = value[: len(old)]
        else:
            weights[name] = value
    weights["key_memory"][-1] = before["key_memory"][-1]  # of no call
    result.load_state_dict(weights)
    for name, parameter in result.named_parameters():
        if name in ROWS:
            new = torch.ones(len(parameter), 1)
            new[old] = 0.0
            new[len(wider.rows) :] = 0.0
            parameter.register_hook(_only(new))  # type: ignore[no-untyped-call]
        else:
            parameter.requires_grad_(False)
    return result


def _only(rows: Tensor) -> Callable[[Tensor], Tensor]:
    """A hook that keeps the gradient of some rows (N, 1)."""
    return lambda gradient: gradient * rows
