"""The baselines: LSTMs of the core's size, two layers of 256, which read a problem's digits and write the
result's; no programs, no pad, no traces.

``Seq2Seq`` reads all of a problem, then writes (Reed & de Freitas, section 4.2; Sutskever et al., 2014).
Numbers it reads from the right, the two digits of a column at once, as the paper's "s2s-stacked" does
(section 6.3); but it writes from the right as well, which is easier.
``Aligned`` writes the sum's digit as soon as it reads a column, as the paper's "s2s-easy" (section 6.3).

Shapes: B problems, T symbols read, U written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from taskprog.planners.checkpoint import CONFIG, load_config, load_weights, not_a_configuration, save_files
from taskprog.planners.npi.config import LAYERS, check_sizes
from taskprog.planners.npi.dataset import TRAINED
from taskprog.planners.training import Judged, Training
from taskprog.tasks.environment import Environment
from taskprog.tasks.scratch_pad.addition import Addition, AdditionPad
from taskprog.tasks.scratch_pad.evaluation import EVALUATED, WRONG, Computation
from taskprog.tasks.scratch_pad.pad import BLANK, Pad
from taskprog.tasks.scratch_pad.sorting import Sorting, SortingPad

FORMAT = "taskprog-seq2seq/1"
STOP = BLANK + 1  # written after the last digit, and read by the decoder before the first
SYMBOLS = STOP + 1
PADDED = -1  # beyond the last symbol
ALIGNED = "addition_aligned"  # the task of ``Aligned``
TASKS: dict[str, Environment] = {"addition": Addition(), ALIGNED: Addition(), "sorting": Sorting()}
WIDTHS = {"addition": 2, ALIGNED: 2, "sorting": 1}  # symbols that are read at once


class Example(NamedTuple):
    """What is read, (T, width), and what is to be written, (U,); unless aligned, a STOP is its last."""

    read: NDArray[np.int64]
    written: NDArray[np.int64]


def example(pad: Pad, aligned: bool = False) -> Example:
    """A fresh pad as sequences. Numbers are read and written from the right, the two digits of a column at
    once; ``aligned``: with a blank column at the end, in which the last carry is written, or STOP.

    Raises:
        ValueError: it is no pad of a task.
    """
    if isinstance(pad, AdditionPad):
        first, second = pad.numbers
        columns = max(len(first), len(second))
        read = np.full((columns, 2), BLANK)
        for side, number in enumerate((first, second)):
            read[: len(number), side] = [int(digit) for digit in reversed(number)]
        written = [int(digit) for digit in reversed(pad.right)]
    elif isinstance(pad, SortingPad):
        read = np.array(pad.given)[:, None]
        written = sorted(pad.given)
    else:
        raise ValueError(f"{type(pad).__name__} is neither a sum nor a row of digits")
    if aligned:
        read = np.vstack([read, np.full((1, read.shape[1]), BLANK)])
        return Example(read, np.array([*written, STOP][: len(read)]))
    return Example(read, np.array([*written, STOP]))


@dataclass(frozen=True)
class Seq2SeqConfig:
    """A training run: of which of ``TASKS``, how many problems of which lengths; the loop's settings; size.

    Raises:
        ValueError: there is no such task, or a size is no whole number of at least 1.
    """

    task: str
    lengths: tuple[int, ...]
    problems: int
    seed: int = 0
    steps: int = 1000
    batch: int = 32
    rate: float = 2e-3
    warmup: int = 100
    decay: float = 1e-4
    clip: float = 1.0
    hidden: int = 256
    embedding: int = 64

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"there is no task {self.task!r}; there are {', '.join(TASKS)}")
        check_sizes({"hidden": self.hidden, "embedding": self.embedding})


class Reader(nn.Module):
    """Embeds the symbols that are read at once, and adds them up."""

    def __init__(self, width: int, embedding: int):
        super().__init__()
        self.read = nn.ModuleList(nn.Embedding(SYMBOLS, embedding) for _ in range(width))

    def embedded(self, read: Tensor) -> Tensor:
        """Symbols (B, T, width) to (B, T, embedding)."""
        return torch.stack([embed(read[..., side]) for side, embed in enumerate(self.read)]).sum(0)


class Seq2Seq(Reader):
    """Encoder and decoder, ``LAYERS`` layers each; the decoder starts from the encoder's last state."""

    def __init__(self, width: int, hidden: int, embedding: int):
        super().__init__(width, embedding)
        self.encoder = nn.LSTM(embedding, hidden, LAYERS, batch_first=True)
        self.write = nn.Embedding(SYMBOLS, embedding)
        self.decoder = nn.LSTM(embedding, hidden, LAYERS, batch_first=True)
        self.symbol = nn.Linear(hidden, SYMBOLS)

    def forward(self, read: Tensor, written: Tensor) -> Tensor:
        """Of problems of one length (B, T, width), and what is to be written (B, U): logits (B, U, SYMBOLS)
        of each symbol, told those before it."""
        before = F.pad(written[:, :-1].clamp(min=0), (1, 0), value=STOP)
        logits: Tensor = self.symbol(self.decoder(self.write(before), self.encode(read))[0])
        return logits

    def encode(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """The state in which the decoder starts."""
        state: tuple[Tensor, Tensor] = self.encoder(self.embedded(read))[1]
        return state

    @torch.inference_mode()
    def answer(self, read: Tensor, longest: int) -> Tensor:
        """(B, longest) the likeliest symbols one by one; what follows a STOP means nothing."""
        state = self.encode(read)
        symbol = torch.full((len(read), 1), STOP)
        result = []
        for _ in range(longest):
            hidden, state = self.decoder(self.write(symbol), state)
            symbol = self.symbol(hidden).argmax(-1)
            result.append(symbol)
        return torch.cat(result, 1)


class Aligned(Reader):
    """One LSTM of ``LAYERS`` layers, which writes a symbol for each column that it reads."""

    def __init__(self, width: int, hidden: int, embedding: int):
        super().__init__(width, embedding)
        self.lstm = nn.LSTM(embedding, hidden, LAYERS, batch_first=True)
        self.symbol = nn.Linear(hidden, SYMBOLS)

    def forward(self, read: Tensor, written: Tensor) -> Tensor:
        """Of problems of one length (B, T, width): logits (B, T, SYMBOLS); ``written`` tells it nothing."""
        logits: Tensor = self.symbol(self.lstm(self.embedded(read))[0])
        return logits

    @torch.inference_mode()
    def answer(self, read: Tensor, longest: int) -> Tensor:
        """(B, T) the likeliest symbols; ``longest`` is T, see ``Seq2Seq.answer``."""
        return self(read, read).argmax(-1)  # type: ignore[no-any-return]


class Seq2SeqTrainer(Training):
    """One training run; see ``Training``. A batch has problems of one length."""

    def __init__(self, config: Seq2SeqConfig, threads: int = 1):
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed)
        self.config = config
        self.model = new_model(config)
        self._examples = [_examples(config, length) for length in config.lengths]
        super().__init__(config, self.model, [0], [config.task])

    def _judge(self, weights: NDArray[np.float64]) -> Iterator[Judged]:
        read, written = self._examples[int(self._rng.integers(len(self._examples)))]
        rows = torch.from_numpy(self._rng.integers(len(read), size=min(self.config.batch, len(read))))
        target = written[rows]
        logits = self.model(read[rows], target)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PADDED, reduction="sum")
        counted = target != PADDED
        wrong = (logits.argmax(-1) != target)[counted]
        yield Judged(loss, float(counted.sum()), torch.zeros(len(wrong), dtype=torch.long), wrong)

    def save(self, folder: Path) -> None:
        """Save weights and configuration."""
        save_files(folder, self.model, {"format": FORMAT, "training": asdict(self.config)})


def new_model(config: Seq2SeqConfig) -> Seq2Seq | Aligned:
    """An untrained model for a configuration."""
    kind = Aligned if config.task == ALIGNED else Seq2Seq
    return kind(WIDTHS[config.task], config.hidden, config.embedding)


def is_one(folder: Path) -> bool:
    """Whether a folder holds a baseline, whole or damaged, and no NPI."""
    try:
        saved = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(saved, dict) and saved.get("format") == FORMAT


def load(folder: Path) -> tuple[Seq2Seq | Aligned, Seq2SeqConfig]:
    """What ``Seq2SeqTrainer.save`` wrote.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    read = load_config(folder, FORMAT)
    try:
        saved = read["training"]
        config = Seq2SeqConfig(**{**saved, "lengths": tuple(saved["lengths"])})
        model = new_model(config)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:  # the last is torch's, out of memory
        raise not_a_configuration(folder, error) from error
    load_weights(folder, model)
    return model, config


def evaluate(model: Seq2Seq | Aligned, task: str, length: int, n: int, seed: int) -> list[Computation]:
    """Try the same problems as ``scratch_pad.evaluation.evaluate``; all digits have to be right."""
    pads = [
        TASKS[task].problem(np.random.default_rng((seed, length, index, EVALUATED)), length).pad
        for index in range(n)
    ]
    read, written = _stacked([example(pad, task == ALIGNED) for pad in pads])
    answer = model.answer(read, written.shape[1])
    right = ((answer == written) | (written == PADDED)).all(1).tolist()
    return [Computation(each, "" if each else WRONG, 0, 0) for each in right]


def _examples(config: Seq2SeqConfig, length: int) -> tuple[Tensor, Tensor]:
    environment = TASKS[config.task]
    rngs = [np.random.default_rng((config.seed, 0, length, k, TRAINED)) for k in range(config.problems)]
    return _stacked([example(environment.problem(rng, length).pad, config.task == ALIGNED) for rng in rngs])


def _stacked(examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Problems of one length as tensors (B, T, width) and (B, U), the latter padded."""
    written = np.full((len(examples), max(len(each.written) for each in examples)), PADDED)
    for row, each in enumerate(examples):
        written[row, : len(each.written)] = each.written
    return torch.from_numpy(np.stack([each.read for each in examples])), torch.from_numpy(written)
