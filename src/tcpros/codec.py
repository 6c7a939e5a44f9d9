"""Messages to and from bytes: little endian, arrays and texts behind their length in four bytes.

What comes in may be anything: lengths are held against the bytes that are there before anything is made.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tcpros.messages import Field, Message, MessageType

Buffer = bytes | bytearray | memoryview

_LENGTH = struct.Struct("<I")
_TIME = struct.Struct("<II")
_DURATION = struct.Struct("<ii")


class Time(NamedTuple):
    """A point in time: whole seconds since the epoch, and nanoseconds."""

    secs: int = 0
    nsecs: int = 0


class Duration(NamedTuple):
    """A span of time: whole seconds, which may be negative, and nanoseconds to add."""

    secs: int = 0
    nsecs: int = 0


class EncodeError(ValueError):
    """A value does not fit its field."""


class DecodeError(ValueError):
    """Bytes that are no message of the type."""


def encode_message(kind: MessageType, message: Message) -> bytes:
    """See ``MessageType.encode``."""
    out = bytearray()
    _write_message(out, kind, message)
    return bytes(out)


def decode_message(kind: MessageType, data: Buffer) -> Message:
    """See ``MessageType.decode``."""
    reader = _Reader(memoryview(data))
    message = reader.message(kind, kind.name)
    if reader.at != len(data):
        raise DecodeError(f"{kind.name} ends after {reader.at} of {len(data)} bytes")
    return message


def _write_message(out: bytearray, kind: MessageType, message: Message) -> None:
    own = getattr(message, "kind", None)
    if own is not kind and (own is None or own.md5 != kind.md5):
        raise EncodeError(f"should be a {kind.name} message, not {message!r:.80}")
    for field in kind.fields:
        value = getattr(message, field.name)
        try:
            _write(out, field, value)
        except EncodeError as error:
            raise EncodeError(f"{kind.name}.{field.name}: {error}") from error
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
            shown = f"{value!r:.80}"
            wanted = field.base + ("" if field.length is None else "[]")
            raise EncodeError(f"{kind.name}.{field.name} should be {wanted}, not {shown}: {error}") from error


def _write(out: bytearray, field: Field, value: Any) -> None:
    if field.length is None:
        _write_one(out, field, value)
        return
    if field.length < 0:
        out += _LENGTH.pack(len(value))
    elif len(value) != field.length:
        raise EncodeError(f"should have {field.length} elements, not {len(value)}")
    code = field.code
    if code in ("B", "b") and isinstance(value, bytes | bytearray | memoryview):
        out += value
    elif code:
        out += struct.pack(f"<{len(value)}{code}", *value)
    else:
        for element in value:
            _write_one(out, field, element)


def _write_one(out: bytearray, field: Field, value: Any) -> None:
    if field.kind is not None:
        _write_message(out, field.kind, value)
    elif field.base == "string":
        data = value.encode("utf-8", "surrogateescape")
        out += _LENGTH.pack(len(data))
        out += data
    elif field.base == "time":
        out += _TIME.pack(*value)
    elif field.base == "duration":
        out += _DURATION.pack(*value)
    else:
        out += struct.pack(f"<{field.code}", value)


class _Reader:
    """Takes values from the front of a buffer."""

    def __init__(self, data: memoryview):
        self._data = data
        self.at = 0

    def message(self, kind: MessageType, path: str) -> Message:
        values: list[Any] = []
        for field in kind.fields:
            try:
                values.append(self._value(field, path))
            except struct.error as error:
                raise DecodeError(f"{path}.{field.name}: the message is too short") from error
        return kind.complete(values)

    def _value(self, field: Field, path: str) -> Any:
        if field.length is None:
            return self._one(field, path)
        count = field.length if field.length >= 0 else self._count(field, path)
        code = field.code
        if code == "B":
            return bytes(self._take(count, path, field))
        if code:
            values = list(struct.unpack_from(f"<{count}{code}", self._data, self.at))
            self.at += struct.calcsize(f"<{count}{code}")
            return values
        return [self._one(field, path) for _ in range(count)]

    def _count(self, field: Field, path: str) -> int:
        count: int = _LENGTH.unpack_from(self._data, self.at)[0]
        self.at += 4
        left = len(self._data) - self.at
        if count * field.least > left:
            raise DecodeError(f"{path}.{field.name}: {count} elements are announced, {left} bytes are left")
        return count

    def _one(self, field: Field, path: str) -> Any:
        if field.kind is not None:
            return self.message(field.kind, f"{path}.{field.name}")
        if field.base == "string":
            length: int = _LENGTH.unpack_from(self._data, self.at)[0]
            self.at += 4
            # Texts are bytes in ROS 1; what is no UTF-8 comes through and goes out as it was.
            return bytes(self._take(length, path, field)).decode("utf-8", "surrogateescape")
        if field.base in ("time", "duration"):
            form, kind = (_TIME, Time) if field.base == "time" else (_DURATION, Duration)
            pair = form.unpack_from(self._data, self.at)
            self.at += 8
            return kind(*pair)
        code = f"<{field.code}"
        value = struct.unpack_from(code, self._data, self.at)[0]
        self.at += struct.calcsize(code)
        return value

    def _take(self, length: int, path: str, field: Field) -> memoryview:
        left = len(self._data) - self.at
        if length > left:
            raise DecodeError(f"{path}.{field.name}: {length} bytes are announced, {left} are left")
        self.at += length
        return self._data[self.at - length : self.at]
