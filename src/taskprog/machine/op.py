"""Operations that a program may call, and calls of them with arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum


class OpKind(Enum):
    """What an operation does: touch the world, read it, or call other operations."""

    PRIMITIVE = "primitive"
    PROBE = "probe"
    PROGRAM = "program"


class ArgType(Enum):
    """Type of an argument of an operation."""

    OBJECT = "object"  # name of a detected object (str)
    METRES = "metres"  # float
    WORD = "word"  # a word that the domain knows, such as a direction or a digit (str)


@dataclass(frozen=True)
class Op:
    """A named operation with typed arguments.

    ``callees`` are the names of the operations that a PROGRAM may call; empty for the other kinds.
    """

    name: str
    kind: OpKind
    args: tuple[ArgType, ...] = ()
    callees: tuple[str, ...] = ()


Argument = str | float


@dataclass(frozen=True)
class Call:
    """An operation together with its arguments, one per entry of ``op.args``.

    Raises:
        ValueError: the arguments do not fit the operation's signature.
    """

    op: Op
    args: tuple[Argument, ...] = ()

    def __post_init__(self) -> None:
        if len(self.args) != len(self.op.args):
            raise ValueError(f"{self.op.name} takes {len(self.op.args)} arguments, got {len(self.args)}")
        for value, kind in zip(self.args, self.op.args, strict=True):
            expected = float if kind is ArgType.METRES else str
            if not isinstance(value, expected):
                raise ValueError(
                    f"{self.op.name}: argument {value!r} should be {kind.value} ({expected.__name__})"
                )

    def __str__(self) -> str:
        shown = (f"{a * 1e3:+.0f} mm" if isinstance(a, float) else a for a in self.args)
        return f"{self.op.name}({', '.join(shown)})"


@dataclass(frozen=True)
class Library(Mapping[str, Op]):
    """All operations of a domain by name, and the program that solves a whole task (``root``).

    Raises:
        ValueError: two operations share a name, or a program calls an unknown operation.
    """

    root: str
    ops: tuple[Op, ...]
    _by_name: dict[str, Op] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {op.name: op for op in self.ops}
        if len(by_name) != len(self.ops):
            raise ValueError("operation names must be unique")
        for name in (self.root, *(c for op in self.ops for c in op.callees)):
            if name not in by_name:
                raise ValueError(f"unknown operation {name!r}; known are {sorted(by_name)}")
        object.__setattr__(self, "_by_name", by_name)

    def __getitem__(self, name: str) -> Op:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
