"""New programs for a trained core, which stays as it is (Reed & de Freitas, section 4.3): of all weights,
only the new programs' rows in memory are learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from taskprog.planners.npi.batches import Batch
from taskprog.planners.npi.checkpoint import new_model
from taskprog.planners.npi.model import NPIModel
from taskprog.planners.npi.objective import losses
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


@torch.no_grad()
def begin_as_likeliest(model: NPIModel, batches: Iterable[Batch], known: Sequence[int]) -> None:
    """Begin a new program's row in M^prog as that of the known one which makes its traces likeliest.

    What a fixed core can do is where its rows are; a row at random may be far from all of it.

    Args:
        batches: activations of one new program each.
        known: rows to begin as.
    """
    for batch in batches:
        new = int(batch.program[0])
        found: list[tuple[float, int]] = []
        for row in known:
            model.program_memory[new] = model.program_memory[row]
            prediction = model(batch.environment, batch.program, batch.args, batch.values)
            found.append((float(losses(prediction, batch).sum()), row))
        model.program_memory[new] = model.program_memory[min(found)[1]]


def _only(rows: Tensor) -> Callable[[Tensor], Tensor]:
    """A hook that keeps the gradient of some rows (N, 1)."""
    return lambda gradient: gradient * rows
