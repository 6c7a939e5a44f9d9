"""What goes over a TCPROS connection: a header of name=value fields each way, then frames of bytes.

Every frame, the headers too, stands behind its length in four bytes, little endian.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping

HEADER_TIMEOUT = 3.0  # seconds for a header to come
FRAME_TIMEOUT = 5.0  # seconds for a frame that has begun to come
MAX_HEADER = 256 * 1024  # bytes; it carries the type's whole definition
CHUNK = 64 * 1024

_LENGTH = struct.Struct("<I")


class FrameError(ConnectionError):
    """The other end breaks the protocol, or a limit."""


def frame(data: bytes) -> bytes:
    """``data`` behind its length."""
    return _LENGTH.pack(len(data)) + data


def encode_header(fields: Mapping[str, str]) -> bytes:
    """A header as one frame."""
    return frame(b"".join(frame(f"{name}={value}".encode()) for name, value in fields.items()))


def decode_header(data: bytes) -> dict[str, str]:
    """Fields of a header, without the length before it.

    Raises:
        FrameError: it is none.
    """
    fields: dict[str, str] = {}
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            raise FrameError(f"a connection header ends within a length, at byte {at}")
        length = _LENGTH.unpack_from(data, at)[0]
        at += 4
        if length > len(data) - at:
            raise FrameError(f"a header's field of {length} bytes is announced, {len(data) - at} are left")
        name, equals, value = data[at : at + length].decode("utf-8", "replace").partition("=")
        if not equals:
            raise FrameError(f"a header's field should be name=value, not {name[:60]!r}")
        fields[name] = value
        at += length
    return fields


def read_header(sock: socket.socket) -> dict[str, str]:
    """The connection header that comes next.

    Raises:
        FrameError: none comes in time, or what comes is none.
    """
    data = read_frame(sock, MAX_HEADER, HEADER_TIMEOUT, HEADER_TIMEOUT)
    if data is None:
        raise FrameError("the connection was closed without a header")
    return decode_header(data)


def read_frame(
    sock: socket.socket, limit: int, seconds: float = FRAME_TIMEOUT, patience: float | None = None
) -> bytes | None:
    """The next frame, or None if the other end closed before one.

    Args:
        limit: bytes that it may have; memory grows only with what has really come.
        seconds: for the frame once it has begun.
        patience: seconds until it begins; None: any time.

    Raises:
        FrameError: it is too large, ends too soon, or takes too long.
    """
    sock.settimeout(patience)
    try:
        first = sock.recv(4)
    except TimeoutError as error:
        raise FrameError(f"nothing came in {patience:g} s") from error
    if not first:
        return None
    end = time.monotonic() + seconds
    length = _LENGTH.unpack(first + _read(sock, 4 - len(first), end))[0]
    if length > limit:
        raise FrameError(f"a frame of {length} bytes is announced, at most {limit} are taken")
    return _read(sock, length, end)


def _read(sock: socket.socket, count: int, end: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        left = end - time.monotonic()
        try:
            sock.settimeout(max(left, 1e-3))
            chunk = sock.recv(min(count - len(data), CHUNK))
        except TimeoutError as error:
            raise FrameError(f"{len(data)} of {count} bytes came in time") from error
        if not chunk:
            raise FrameError(f"the connection was closed after {len(data)} of {count} bytes")
        data += chunk
    return bytes(data)
