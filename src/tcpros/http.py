"""Just enough HTTP/1.1 for XML-RPC, each message within a time and a size that are known before."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

MAX_HEAD = 16 * 1024  # bytes
MAX_BODY = 2 * 1024 * 1024


class HttpError(ConnectionError):
    """The other end speaks no HTTP, says too much, or says it too slowly."""


@dataclass(frozen=True)
class HttpMessage:
    """A request or a response; header names in lower case."""

    start: str
    headers: dict[str, str]
    body: bytes

    @property
    def keeps_open(self) -> bool:
        """Whether its sender means to go on with the connection."""
        word = self.headers.get("connection", "").lower()
        return "keep-alive" in word or ("HTTP/1.0" not in self.start and "close" not in word)


def read_message(sock: socket.socket, seconds: float, patience: float | None = None) -> HttpMessage | None:
    """The next message, or None if the other end closed without a further one.

    Args:
        seconds: that the whole message may take.
        patience: seconds until its first byte; None: as ``seconds``.

    Raises:
        HttpError: it is none, is larger than the limits, ends too soon, or takes too long.
    """
    data = bytearray()
    end = time.monotonic() + (seconds if patience is None else patience)
    while (head := data.find(b"\r\n\r\n")) < 0:
        if len(data) > MAX_HEAD:
            raise HttpError(f"headers of more than {MAX_HEAD} bytes")
        chunk = _receive(sock, 4096, end)
        if not data:
            end = time.monotonic() + seconds
        if not chunk:
            if data:
                raise HttpError("the connection was closed within the headers")
            return None
        data += chunk
    start, *lines = data[:head].decode("latin-1").split("\r\n")
    if "HTTP/1." not in start:
        raise HttpError(f"not HTTP: {start[:60]!r}")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = data[head + 4 :]
    length = _length(headers)
    while length is None or len(body) < length:
        if len(body) > MAX_BODY:
            raise HttpError(f"a body of more than {MAX_BODY} bytes")
        chunk = _receive(sock, 65536, end)
        if not chunk:
            if length is None:
                break
            raise HttpError(f"the connection was closed after {len(body)} of {length} bytes")
        body += chunk
    return HttpMessage(start, headers, bytes(body if length is None else body[:length]))


def _length(headers: dict[str, str]) -> int | None:
    """Of the body; None: until the connection's end."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        raise HttpError("chunked messages are not understood")
    text = headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= MAX_BODY):
        raise HttpError(f"a body's length should be 0 to {MAX_BODY} bytes, not {text[:20]!r}")
    return int(text)


def _receive(sock: socket.socket, count: int, end: float) -> bytes:
    left = end - time.monotonic()
    if left <= 0:
        raise HttpError("no complete message in time")
    sock.settimeout(left)
    try:
        return sock.recv(count)
    except TimeoutError as error:
        raise HttpError("no complete message in time") from error


def request(host: str, path: str, body: bytes) -> bytes:
    """A POST of XML."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tcpros\r\nContent-Type: text/xml\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


def response(body: bytes, keep_open: bool, status: str = "200 OK") -> bytes:
    """An answer of XML."""
    word = "keep-alive" if keep_open else "close"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nConnection: {word}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body
