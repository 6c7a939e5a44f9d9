"""Sizes of a Neural Programmer-Interpreter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NPIConfig:
    """Sizes, in the paper's letters (Reed & de Freitas, section 3.1); it gives those of the core only.

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


LAYERS = 2  # of the core
ARGUMENTS = 3  # of every call (section 3.1), at least
