"""The networks of ``model.py`` for one decision of each of many runs: torch's own LSTM takes 2 ms for one."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.npi.config import LAYERS
from taskprog.planners.npi.model import NPIModel, StateEncoder
from taskprog.tasks.environment import Environment


@dataclass
class Answer:
    """For B decisions: logits of the end (B,), of calls (B, N + 1) and of the arguments' words (B, A, V), and
    what the core remembers (B, 2 LAYERS, M)."""

    end: Tensor
    call: Tensor
    words: Tensor
    memory: Tensor


class Stepper:
    """A model's present weights for one environment; training may go on meanwhile."""

    def __init__(self, model: NPIModel, environment: Environment):
        w = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self._encoder = copy.deepcopy(cast(StateEncoder, model.encoders[environment.kind]))
        self._encoder.album = environment.album
        self._programs = w["program_memory"]
        self._fuse = [(w[f"core.fuse.{i}.weight"], w[f"core.fuse.{i}.bias"]) for i in (0, 2)]
        self._cells = [_cell(w, layer) for layer in range(LAYERS)]
        # The linear heads in one: f_end, f_prog already compared with the keys, f_arg.
        keys = w["key_memory"]
        parts = [
            (w["end.weight"], w["end.bias"]),
            (keys @ w["key.weight"], keys @ w["key.bias"]),
            (w["arguments.weight"], w["arguments.bias"]),
        ]
        self._heads = (torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts]))
        self._sizes = [len(bias) for _, bias in parts]
        self._never = ~model.callees
        self._hidden = model.config.hidden
        self._shape = model.shape

    @torch.inference_mode()
    def __call__(self, program: Tensor, args: Tensor, values: Tensor, memory: Tensor) -> Answer:
        """Decide for rows of programs (B,), words (B, A), symbols (B, S) and memories (B, 2 LAYERS, M)."""
        state = self._encoder(values.unsqueeze(1), args).squeeze(1)
        hidden = torch.cat([state, self._programs[program]], 1)
        hidden = F.linear(F.relu(F.linear(hidden, *self._fuse[0])), *self._fuse[1])
        after = []
        for layer, (weight, bias) in enumerate(self._cells):
            gates = torch.addmm(bias, torch.cat([hidden, memory[:, 2 * layer]], 1), weight)
            taken, kept, shown = gates[:, self._hidden :].sigmoid().chunk(3, 1)
            cell = kept * memory[:, 2 * layer + 1] + taken * gates[:, : self._hidden].tanh()
            hidden = shown * cell.tanh()
            after += [hidden, cell]
        end, call, words = torch.split(F.linear(hidden, *self._heads), self._sizes, 1)
        call = call.masked_fill(self._never[program], -torch.inf)
        return Answer(end[:, 0], call, words.reshape(len(words), *self._shape), torch.stack(after, 1))


def _cell(weights: dict[str, Tensor], layer: int) -> tuple[Tensor, Tensor]:
    """An LSTM layer's weights of input and hidden state in one matrix (inputs, 4 M); its gates in the order
    new, input, forget, output (torch has the new values third)."""
    names = (f"core.lstm.{{}}_ih_l{layer}", f"core.lstm.{{}}_hh_l{layer}")
    joined = torch.cat([weights[name.format("weight")] for name in names], 1)
    bias = weights[names[0].format("bias")] + weights[names[1].format("bias")]
    order = torch.arange(len(bias)).view(4, -1)[[2, 0, 1, 3]].flatten()
    return joined[order].T.contiguous(), bias[order]
