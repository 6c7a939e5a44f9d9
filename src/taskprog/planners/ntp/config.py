"""What a model is made of: the choices by which NTP+, the paper's NTP and its baselines differ, and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sight(StrEnum):
    """How scenes and frames are seen."""

    RELATIONAL = "relational"  # relations of objects; an API's object is pointed at
    VECTOR = "vector"  # the paper's: all coordinates in one vector; an API's object is a class


class Returns(StrEnum):
    """When a program's end is decided."""

    MIXED = "mixed"  # together with its last call; the root in a decision of its own
    WITH_CALL = "with_call"  # always together with the last call: Algorithm 1 to the letter
    SEPARATE = "separate"  # always in a decision of its own


@dataclass(frozen=True)
class ModelConfig:
    """Choices and sizes of the networks.

    Attributes:
        sight: how scenes are seen.
        flat: no programs: the root calls the APIs itself.
        scoped: a program sees its scope only; else every program sees the whole video.
        recurrent: the core is a GRU cell, its hidden state kept for each program on the stack.
        returns: when a program's end is decided.
        compared: each frame is compared with the present state (relational sight only).
        saturated: relations are counted up to "at least one" (relational sight only).
        aimed: the state says how the tool stands to what is pointed at and to what the scope moves
            (relational sight only).
        fading: relations of far objects fade to nothing (relational sight only).
        kinds, bounded: pointing favours an object for its kind; what its relations can add is bounded
            (relational sight only).
        joint: a scope's start and end are decoded together, not one after the other.
        unit: metres, the length of one in relations.
        objects: number that vectors are made for (vector sight only; the relational one takes any).
        relation_bits, relation_hidden: sizes of the relational sight.
        doubt: share of the objects whose relations pointing has to do without, in training.
        channels: of a frame's features.
        specification: size of an encoded scope; embedding: of a program.
        hidden: units of the core and of the decoders.
        dilations: of the interpreter's temporal convolutions, kernel 3, residual.
        encoder_dilations: likewise of the specification encoder's; reading: it has a GRU as well.
    """

    sight: Sight = Sight.RELATIONAL
    flat: bool = False
    scoped: bool = True
    recurrent: bool = False
    returns: Returns = Returns.MIXED
    compared: bool = True
    saturated: bool = True
    aimed: bool = True
    fading: bool = True
    kinds: bool = True
    bounded: bool = True
    joint: bool = True
    unit: float = 0.045
    objects: int = 8
    relation_bits: int = 8
    relation_hidden: int = 16
    doubt: float = 0.1
    channels: int = 32
    specification: int = 32
    embedding: int = 32
    hidden: int = 96
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    encoder_dilations: tuple[int, ...] = ()
    reading: bool = False
