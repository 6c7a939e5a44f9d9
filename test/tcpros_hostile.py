"""Inputs that nobody who means well would send: for the ports of nodes and masters, and for their callers."""

from __future__ import annotations

import random
import socket
import struct
import threading
from contextlib import suppress

from tcpros.frames import encode_header, frame

HUGE = (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
CALL = b"<?xml version='1.0'?><methodCall><methodName>%s</methodName><params>%s</params></methodCall>"
METHODS = (b"requestTopic", b"publisherUpdate", b"registerPublisher", b"getParam", b"shutdown_", b"")
PARAMS = (
    b"",
    b"<param><value><int>99999999999999999999</int></value></param>",
    b"<param><value><array><data>" * 50,
    b"<param>" + b"<value><array><data>" * 2000 + b"</data></array></value>" * 2000 + b"</param>",
    b"<param><value><struct><member><name>x</name></member></struct></value></param>",
    b"<param><value><string>/n</string></value></param>" * 3,
    b"<param><value><base64>!!!</base64></value></param>",
    b"<param><value><dateTime.iso8601>now</dateTime.iso8601></value></param>",
    b"<param><value><double>nan</double></value></param>" * 40,
)
ENTITIES = (
    b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a '"
    + b"a" * 100
    + b"'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (98 + i, b"&%c;" % (97 + i) * 50) for i in range(8))
    + b"]><methodCall><methodName>&i;</methodName></methodCall>"
)


def header(rng: random.Random) -> bytes:
    """A TCPROS connection header, more or less."""
    good = {"callerid": "/x", "topic": "/n", "type": "std_msgs/UInt16", "md5sum": "*"}
    choice = rng.randrange(7)
    if choice == 0:
        return struct.pack("<I", rng.choice(HUGE)) + rng.randbytes(rng.randrange(50))
    if choice == 1:
        return frame(b"".join(struct.pack("<I", rng.choice(HUGE)) + b"a=b" for _ in range(3)))
    if choice == 2:
        return frame(rng.randbytes(rng.randrange(300)))
    if choice == 3:
        return encode_header({rng.choice(("topic", "type", "x" * 999)): "y" * rng.randrange(2000)})
    if choice == 4:
        data = bytearray(encode_header(good))
        for _ in range(3):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    if choice == 5:
        return encode_header(good)[: rng.randrange(60)]
    return encode_header(good) + rng.randbytes(rng.randrange(100))


def body(rng: random.Random) -> bytes:
    """XML, more or less."""
    if rng.random() < 0.1:
        return ENTITIES
    data = CALL % (rng.choice(METHODS), rng.choice(PARAMS))
    return data[: rng.randrange(len(data))] if rng.random() < 0.3 else data


def http(rng: random.Random) -> bytes:
    """An HTTP request, more or less."""
    choice = rng.randrange(6)
    data = body(rng)
    if choice == 0:
        return rng.randbytes(rng.randrange(500))
    if choice == 1:
        length = rng.choice([b"-1", b"9" * 30, b"x", b"1e9", str(rng.choice(HUGE)).encode()])
        return b"POST / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % length + data
    if choice == 2:
        return b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * rng.randrange(4000)
    if choice == 3:
        return b"GET /etc/passwd HTTP/1.0\r\n\r\n"
    if choice == 4:
        return b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n"
    return b"POST /RPC2 HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data


def answer(rng: random.Random) -> bytes:
    """An HTTP response, more or less."""
    data = body(rng).replace(b"methodCall", b"methodResponse").replace(b"methodName", b"name")
    length = rng.choice([len(data), len(data) // 2, 2 * len(data), 2**31])
    start = rng.choice([b"HTTP/1.1 200 OK", b"HTTP/1.1 500 No", b"ICY 200 OK", rng.randbytes(20)])
    return start + b"\r\nContent-Length: %d\r\n\r\n" % length + data


def message(rng: random.Random) -> bytes:
    """Frames after a good header, more or less."""
    return rng.choice(
        [
            struct.pack("<I", rng.choice(HUGE)) + rng.randbytes(rng.randrange(40)),
            frame(rng.randbytes(rng.randrange(40))),
            frame(b"\x01\x02") * 3 + b"\xff",
        ]
    )


def throw(port: int, data: bytes) -> None:
    """Send ``data`` to a port of this machine and leave."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5.0) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(5.0)
        while sock.recv(65536):
            pass


class Trap:
    """A server that answers each connection with the next of ``answers`` and hangs up."""

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for data in self._answers:
            with suppress(OSError):
                sock, _ = self._listener.accept()
                with sock:
                    sock.settimeout(5.0)
                    sock.recv(65536)
                    sock.sendall(data)

    def close(self) -> None:
        self._answers = []
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
