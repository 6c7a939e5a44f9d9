"""Message types made at run time from definitions in the language of .msg files, with their md5 sums.

Grammar: http://wiki.ros.org/msg. A definition names other types as ``package/Name``, those of its own package
also as ``Name``, and std_msgs/Header as ``Header``.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from tcpros.codec import Buffer, Duration, Time, decode_message, encode_message

# Name: (struct code, value of a fresh message). byte and char are old names of int8 and uint8.
NUMBERS: Mapping[str, tuple[str, bool | int | float]] = {
    "bool": ("?", False),
    "int8": ("b", 0),
    "byte": ("b", 0),
    "uint8": ("B", 0),
    "char": ("B", 0),
    "int16": ("h", 0),
    "uint16": ("H", 0),
    "int32": ("i", 0),
    "uint32": ("I", 0),
    "int64": ("q", 0),
    "uint64": ("Q", 0),
    "float32": ("f", 0.0),
    "float64": ("d", 0.0),
}
BUILTIN = (*NUMBERS, "string", "time", "duration")
HEADER = "std_msgs/Header"
_FIELD = re.compile(r"^([A-Za-z][\w/]*)(\[(\d*)\])?\s+([A-Za-z]\w*)\s*(=?)(.*)$", re.DOTALL)


class DefinitionError(ValueError):
    """A message definition that makes no type; says which, where and why."""


class Message:
    """A message; its fields are attributes. Made by calling a ``MessageType``.

    Attributes:
        kind: its type.
    """

    __slots__: tuple[str, ...] = ()
    kind: ClassVar[MessageType]

    if TYPE_CHECKING:  # the fields come at run time

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Message)
            and self.kind.md5 == other.kind.md5
            and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{self.kind.name}({fields})"


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Attributes:
        base: its type, without the array's brackets; of a message the full name.
        length: None for a single value, -1 for an array of any length, else that of a fixed one.
        kind: the type of a message, None for builtin ones.
    """

    name: str
    base: str
    length: int | None
    kind: MessageType | None

    def default(self) -> Any:
        """What a fresh message holds."""
        if self.length is None:
            return self._single()
        if self.base in ("uint8", "char"):
            return bytes(max(self.length, 0))
        return [self._single() for _ in range(self.length)]

    def _single(self) -> Any:
        if self.kind is not None:
            return self.kind()
        if self.base in NUMBERS:
            return NUMBERS[self.base][1]
        return {"string": "", "time": Time(), "duration": Duration()}[self.base]

    @property
    def least(self) -> int:
        """Fewest bytes that one element takes on the wire."""
        if self.kind is not None:
            return self.kind.least
        return {"string": 4, "time": 8, "duration": 8}.get(self.base) or struct.calcsize(f"<{self.code}")

    @property
    def code(self) -> str:
        """A number's code in module struct; empty for everything else."""
        return NUMBERS[self.base][0] if self.base in NUMBERS else ""


class MessageType:
    """A type of messages; called with values for some fields it makes a message.

    Attributes:
        name: as ``package/Name``.
        md5: its sum, 32 hexadecimal digits, by which both ends of a connection know that they agree.
        definition: its text followed by those of the types that it needs, as the wire's header carries it.
        fields: in the order of the wire.
        constants: by name.
        least: fewest bytes that such a message takes on the wire.
    """

    def __init__(self, name: str, md5: str, definition: str, fields: tuple[Field, ...], constants: Any):
        self.name, self.md5, self.definition = name, md5, definition
        self.fields = fields
        self.constants: Mapping[str, Any] = constants
        self.least = sum(f.least * (1 if f.length is None else max(f.length, 0)) for f in fields)
        self.least += 4 * sum(f.length == -1 for f in fields)
        names = tuple(field.name for field in fields)
        own = {"__slots__": names, "kind": self}
        self._class: type[Message] = type(name.rpartition("/")[2], (Message,), own)

    def __call__(self, **values: Any) -> Message:
        """A message with these fields, the others being zero or empty.

        Raises:
            TypeError: there is no such field.
        """
        message = self._class()
        for field in self.fields:
            setattr(message, field.name, values.pop(field.name) if field.name in values else field.default())
        if values:
            known = ", ".join(field.name for field in self.fields) or "none"
            raise TypeError(f"{self.name} has no field {', '.join(values)}; its fields are: {known}")
        return message

    def complete(self, values: list[Any]) -> Message:
        """A message of all its fields' values, in order."""
        message = self._class()
        for field, value in zip(self.fields, values, strict=True):
            setattr(message, field.name, value)
        return message

    def encode(self, message: Message) -> bytes:
        """The message as the wire has it.

        Raises:
            EncodeError: a field's value does not fit its type; says which field.
        """
        return encode_message(self, message)

    def decode(self, data: Buffer) -> Message:
        """A message from exactly ``data``; memory is in proportion to its length.

        Raises:
            DecodeError: ``data`` is no message of this type.
        """
        return decode_message(self, data)

    def __repr__(self) -> str:
        return f"MessageType({self.name}, {self.md5})"


class MessageTypes:
    """Types by name, from a table of definitions; what a definition needs must be in the table."""

    def __init__(self, definitions: Mapping[str, str]):
        """``definitions``: text of each type by its full name.

        Raises:
            DefinitionError: one of them makes no type.
        """
        # genmsg, which others may read them with, stumbles over constants that are indented.
        self._texts = {name: _flush_left(text) for name, text in definitions.items()}
        self._types: dict[str, MessageType] = {}
        for name in self._texts:
            self._make(name, ())

    def __getitem__(self, name: str) -> MessageType:
        """A type by its full name; KeyError if it is not in the table."""
        return self._types[name]

    def __iter__(self) -> Any:
        return iter(self._types)

    def _make(self, name: str, above: tuple[str, ...]) -> MessageType:
        if name in self._types:
            return self._types[name]
        if name in above:
            raise DefinitionError(f"{name} contains itself: {' > '.join((*above, name))}")
        if name not in self._texts:
            raise DefinitionError(f"{above[-1]} needs {name}, which is not in the table")
        package, slash, short = name.partition("/")
        if not (package and slash and short) or "/" in short:
            raise DefinitionError(f"a type's name should be package/Name, not {name!r}")
        text = self._texts[name]
        fields: list[Field] = []
        constants: dict[str, Any] = {}
        lines: list[str] = []
        for line in text.splitlines():
            self._read(line, name, above, fields, constants, lines)
        md5 = hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()
        definition = [text]
        for needed in _needed(fields):
            definition.append(f"{'=' * 80}\nMSG: {needed}\n{self._texts[needed]}")
        made = MessageType(name, md5, "\n".join(definition), tuple(fields), constants)
        self._types[name] = made
        return made

    def _read(
        self,
        line: str,
        name: str,
        above: tuple[str, ...],
        fields: list[Field],
        constants: dict[str, Any],
        lines: list[str],
    ) -> None:
        """One line of a definition; ``lines`` collects what the md5 sum is of."""
        bare = line.partition("#")[0].strip()
        match = _FIELD.match(bare)
        if not bare:
            return
        if match is None:
            raise DefinitionError(f"{name}: {line!r} is neither a field nor a constant")
        base, array, count, word, equals, value = match.groups()
        if word in constants or any(field.name == word for field in fields):
            raise DefinitionError(f"{name}: {word} is there twice")
        if equals:
            # A text's value is all that follows, '#' and all.
            raw = line.partition("=")[2].strip() if base == "string" else value.strip()
            constants[word] = _constant(name, base, array, raw)
            lines.insert(len(constants) - 1, f"{base} {word}={raw}")
            return
        if value.strip():
            raise DefinitionError(f"{name}: {line!r} is neither a field nor a constant")
        length = None if array is None else int(count) if count else -1
        if base in BUILTIN:
            fields.append(Field(word, base, length, None))
            lines.append(f"{base}{array or ''} {word}")
            return
        full = HEADER if base == "Header" else base if "/" in base else f"{name.partition('/')[0]}/{base}"
        kind = self._make(full, (*above, name))
        if array and kind.least == 0:
            raise DefinitionError(f"{name}: {word} is an array of the empty type {full}, which has no bound")
        fields.append(Field(word, full, length, kind))
        lines.append(f"{kind.md5} {word}")


def _flush_left(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _constant(name: str, base: str, array: str | None, raw: str) -> Any:
    if base == "string" and not array:
        return raw
    if base not in NUMBERS or array:
        raise DefinitionError(f"{name}: a constant cannot be of type {base}{array or ''}")
    try:
        if base == "bool":
            return bool(int(raw)) if raw.lower() not in ("true", "false") else raw.lower() == "true"
        return float(raw) if base.startswith("float") else int(raw, 0)
    except ValueError as error:
        raise DefinitionError(f"{name}: {raw!r} is no {base}") from error


def _needed(fields: list[Field]) -> dict[str, None]:
    """Names of the types in ``fields`` and in theirs, each once, in the order that they are met."""
    names: dict[str, None] = {}
    for field in fields:
        if field.kind is not None:
            names[field.base] = None
            names.update(_needed(list(field.kind.fields)))
    return names
