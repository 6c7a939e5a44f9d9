"""The networks of the Neural Programmer-Interpreter (Reed & de Freitas, ICLR 2016, section 3.1).

Shapes: B sequences of T decisions of one activation each, N programs in memory, V words, A arguments; J
decisions of many sequences one behind the other. M, D, P and K as in ``config.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from taskprog.planners.npi.config import LAYERS, NPIConfig
from taskprog.tasks.environment import Album

NEVER = -1e4  # logit of what cannot be


class Asked(NamedTuple):
    """B activations of programs in one kind of environment, from their beginning.

    Attributes:
        environment: its kind.
        program: (B,) rows of the programs; args: (B, A) words they were called with.
        values: (B, T, S) symbols seen, the last one a picture's number where there are pictures.
        lengths: (B,) how many of the T decisions are asked for.
    """

    environment: str
    program: Tensor
    args: Tensor
    values: Tensor
    lengths: Tensor


@dataclass
class Prediction:
    """Logits for decisions, in any arrangement (...).

    Attributes:
        end: (...) that the program ends.
        call: (..., N + 1) of the operation to call; the last one is none, which goes with an end only.
        words: (..., A, V) of its arguments.
    """

    end: Tensor
    call: Tensor
    words: Tensor


class NPIModel(nn.Module):
    """All networks.

    Args:
        sizes: number of symbols that each value seen may be, by kind of environment.
        albums: the pictures that are seen beside them, of kinds that have some.
        callees: (N, N + 1), see ``ProgramTable``.
        words: V; arguments: A.
    """

    def __init__(
        self,
        config: NPIConfig,
        sizes: Mapping[str, tuple[int, ...]],
        albums: Mapping[str, Album],
        callees: NDArray[np.bool_],
        words: int,
        arguments: int,
    ):
        super().__init__()
        rows = len(callees)
        self.config = config
        self.shape = (arguments, words)  # of arguments
        self.callees: Tensor
        self.register_buffer("callees", torch.from_numpy(callees), persistent=False)
        self.encoders = nn.ModuleDict(
            {
                name: StateEncoder(config, each, words, arguments, albums.get(name))
                for name, each in sizes.items()
            }
        )
        self.program_memory = nn.Parameter(torch.randn(rows, config.program))  # M^prog (N, P), equation 4
        # M^key (N, K), equation 4. One row more is "no call", for a program that ends without a last one.
        self.key_memory = nn.Parameter(torch.randn(rows + 1, config.key) / config.key**0.5)
        self.core = Core(config)
        self.end = nn.Linear(config.hidden, 1)  # f_end, equation 3
        self.key = nn.Linear(config.hidden, config.key)  # f_prog, equation 3
        self.arguments = nn.Linear(config.hidden, arguments * words)  # f_arg, equation 3

    def forward(self, environment: str, program: Tensor, args: Tensor, values: Tensor) -> Prediction:
        """Decide (B, T) times: for B activations from their beginning, T times each; see ``Asked``."""
        lengths = torch.full((len(program),), values.shape[1])
        flat = self.together([Asked(environment, program, args, values, lengths)])
        end, call, words = (
            part.view(*values.shape[:2], *part.shape[1:]) for part in (flat.end, flat.call, flat.words)
        )
        return Prediction(end, call, words)

    def together(self, asked: Sequence[Asked]) -> Prediction:
        """Decide (J,) times: the decisions of all activations, one activation behind the other.

        An LSTM takes about as long for one short sequence as for many, so those of like length go through it
        at once.
        """
        states, programs = [], []
        for part in asked:
            wanted = torch.arange(part.values.shape[1]) < part.lengths.unsqueeze(1)
            states.append(self.encoders[part.environment](part.values, part.args)[wanted])
            programs.append(part.program.repeat_interleave(part.lengths))
        program = torch.cat(programs)
        lengths = torch.cat([part.lengths for part in asked])
        hidden = self.core(torch.cat(states), self.program_memory[program], lengths)
        # Equation 4: the next program is the one whose key is most like k. What a program may not call is
        # left out, so that programs added later are never called by those before (section 4.3).
        call = (self.key(hidden) @ self.key_memory.T).masked_fill(~self.callees[program], NEVER)
        words = self.arguments(hidden).unflatten(-1, self.shape)
        return Prediction(self.end(hidden).squeeze(-1), call, words)


class StateEncoder(nn.Module):
    """f_enc, equation 1: s = f_enc(e, a), an MLP on one-hot symbols, arguments and a picture's features:
    equation 9 of sums, 10 of arrays, 11 of pictures (section 4.1).

    The first layer of an MLP on one-hot vectors is a sum of embeddings, which is quicker.

    Attributes:
        album: where pictures are looked up; None where there are none.
    """

    def __init__(
        self, config: NPIConfig, sizes: tuple[int, ...], words: int, arguments: int, album: Album | None
    ):
        super().__init__()
        counts = [*sizes, *(words,) * arguments]
        self.symbols = len(sizes)
        self.first: Tensor
        self.register_buffer("first", torch.tensor([0, *np.cumsum(counts)[:-1].tolist()]), persistent=False)
        self.embedding = nn.Parameter(torch.randn(sum(counts), config.encoder) / len(counts) ** 0.5)
        # A sum of many embeddings that all learn at once moves far: unscaled, rectifiers behind it die.
        self.norm = nn.LayerNorm(config.encoder)
        self.second = nn.Linear(config.encoder, config.state)
        self.album = album
        if album is not None:
            self.eye = Eye(album.size, config.encoder)

    def forward(self, values: Tensor, args: Tensor) -> Tensor:
        """Symbols (B, T, S) and words (B, A) to states (B, T, D)."""
        symbols = self.embedding[values[..., : self.symbols] + self.first[: self.symbols]].sum(-2)
        words = self.embedding[args + self.first[self.symbols :]].sum(-2).unsqueeze(1)
        seen = symbols + words
        if self.album is not None:
            seen = seen + self._looked(values[..., -1])
        state: Tensor = self.second(torch.relu(self.norm(seen)))
        return state

    def _looked(self, numbers: Tensor) -> Tensor:
        """Features (..., encoder) of the pictures of these numbers, each of which is looked at once."""
        assert self.album is not None
        different, which = torch.unique(numbers, return_inverse=True)
        pictures = torch.from_numpy(self.album.make()[different.numpy()])
        features: Tensor = self.eye(pictures)[which]
        return features


class Eye(nn.Module):
    """f_CNN, equation 11: three convolutions with stride 2 and a linear layer; the paper pools as well
    (section 4.2)."""

    def __init__(self, size: tuple[int, int], features: int):
        super().__init__()
        self.convolutions = nn.Sequential()
        for before, after, kernel in ((3, 16, 5), (16, 32, 3), (32, 32, 3)):
            self.convolutions += nn.Sequential(
                nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2), nn.ReLU()
            )
        height, width = (-(-side // 8) for side in size)
        # Features of pictures differ little at first; unscaled, it takes long until they count.
        self.linear = nn.Sequential(nn.Linear(32 * height * width, features), nn.LayerNorm(features))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (P, height, width, 3) uint8 to (P, features)."""
        planes = pictures.permute(0, 3, 1, 2).float()
        planes = (planes - planes.mean((2, 3), keepdim=True)) / planes.std((1, 2, 3), keepdim=True)
        result: Tensor = self.linear(self.convolutions(planes).flatten(1))
        return result


class Core(nn.Module):
    """f_lstm, equation 2: h = f_lstm(s, p, h), two layers; h is 0 when a program is called.

    fuse concatenates s and p and goes through an MLP with one hidden layer (section 3.1).
    """

    def __init__(self, config: NPIConfig):
        super().__init__()
        self.fuse = nn.Sequential(
            nn.Linear(config.state + config.program, config.fused),
            nn.ReLU(),
            nn.Linear(config.fused, config.fused),
        )
        self.lstm = nn.LSTM(config.fused, config.hidden, LAYERS)

    def forward(self, state: Tensor, program: Tensor, lengths: Tensor) -> Tensor:
        """(J, D) and (J, P) to the upper layer's hidden states (J, M), of sequences of these lengths."""
        fused = self.fuse(torch.cat([state, program], -1))
        first = lengths.cumsum(0) - lengths
        places, parts = [], []
        for rows in _of_like_length(lengths):
            number = torch.arange(int(lengths[rows].max())).unsqueeze(1)
            place, there = first[rows] + number, number < lengths[rows]
            hidden = self.lstm(fused[place.clamp(max=len(fused) - 1)])[0]
            places.append(place[there])
            parts.append(hidden[there])
        result: Tensor = torch.cat(parts)[torch.cat(places).argsort()]
        return result


def _of_like_length(lengths: Tensor) -> list[Tensor]:
    """Indices of sequences in groups, in none of which one is twice as long as another or longer."""
    size = lengths.double().log2().floor()
    return [torch.nonzero(size == each)[:, 0] for each in torch.unique(size)]
