"""Sizes of a Neural Programmer-Interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class NPIConfig:
    """Sizes, in the paper's letters (Reed & de Freitas, section 3.1); it gives those of the core only
    (section 4).

    Raises:
        ValueError: a size is no whole number of at least 1.

    Attributes:
        hidden: units of each of the core's two layers, M.
        state: of an encoded state s, D.
        program: of a program embedding, P.
        key: of a program's key, K.
        fused: of the core's input, and of the layer before it.
        encoder: units of the hidden layer of a domain's encoder.
    """

    hidden: int = 256
    state: int = 64
    program: int = 64
    key: int = 32
    fused: int = 128
    encoder: int = 128

    def __post_init__(self) -> None:
        check_sizes(asdict(self))


def check_sizes(sizes: Mapping[str, Any]) -> None:
    """Refuse what is no size of a network.

    Raises:
        ValueError: one is no whole number of at least 1; says which.
    """
    for name, size in sizes.items():
        if type(size) is not int or size < 1:
            raise ValueError(f"{name} is {size!r}, but should be a whole number of at least 1")


LAYERS = 2  # of the core
ARGUMENTS = 3  # of every call (section 3.1), at least
