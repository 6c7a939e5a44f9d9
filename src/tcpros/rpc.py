"""XML-RPC as ROS 1's master and nodes speak it: every call has a time limit, every message a size limit."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from tcpros.http import HttpError, HttpMessage, read_message, request, response

TIMEOUT = 2.0  # seconds for a whole call
IDLE = 15.0  # seconds that a caller may keep its connection open without a word
MAX_CALLERS = 64  # connections at a time

SUCCESS, FAILURE, ERROR = 1, 0, -1  # status codes of the master and slave APIs
Method = Callable[..., tuple[int, str, Any]]


class RpcError(RuntimeError):
    """A call failed; the message names the method, the address and the reason."""


class RpcRefused(RpcError):
    """The other end was reached and said no."""


def address_of(uri: str) -> tuple[str, int]:
    """Host and port of a node's or master's address.

    Raises:
        ValueError: not of the form http://host:port/.
    """
    parts = urlsplit(uri)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(f"an address should look like http://host:11311/, not {uri[:200]!r}")
    return parts.hostname, parts.port


def call(uri: str, method: str, *arguments: Any, timeout: float = TIMEOUT) -> Any:
    """Call a method of a master or a node, and return its value.

    Raises:
        RpcError: nobody answers within ``timeout`` seconds, or with what is no answer.
        RpcRefused: the answer's status is not success.
    """
    where = f"{method} at {uri[:200]}"
    try:
        host, port = address_of(uri)
        body = xmlrpc.client.dumps(arguments, method).encode()
        answer = _exchange(host, port, urlsplit(uri).path or "/", body, time.monotonic() + timeout)
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise RpcError(f"{where}: {error or type(error).__name__}") from error
    status, text, value = _answer(answer, where)
    if status != SUCCESS:
        raise RpcRefused(f"{where}: {text}")
    return value


def _exchange(host: str, port: int, path: str, body: bytes, end: float) -> HttpMessage:
    with socket.create_connection((host, port), max(end - time.monotonic(), 1e-3)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(request(f"{host}:{port}", path, body))
        message = read_message(sock, end - time.monotonic())
    if message is None:
        raise HttpError("the connection was closed without an answer")
    if " 200 " not in f"{message.start} ":
        raise HttpError(f"answered {message.start[:60]!r}")
    return message


def _answer(message: HttpMessage, where: str) -> tuple[int, str, Any]:
    try:
        loaded: Any = xmlrpc.client.loads(message.body)
        ((status, text, value),), _ = loaded
        return int(status), str(text), value
    except xmlrpc.client.Fault as error:
        raise RpcRefused(f"{where}: {error.faultString:.200}") from error
    except Exception as error:  # the parser raises all kinds of things at what is no XML-RPC
        raise RpcError(f"{where}: not an answer: {type(error).__name__}: {error!s:.200}") from error


class RpcServer:
    """Serves methods to whoever calls, each caller in a thread of its own, until ``close``."""

    def __init__(self, host: str, methods: Mapping[str, Method], port: int = 0):
        """Listen on ``port``, 0 for any that is free.

        Raises:
            OSError: the port is taken, or ``host`` is not of this machine.
        """
        self._methods = methods
        self._listener = socket.create_server((host, port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._callers: dict[socket.socket, threading.Thread] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._accept, name=f"rpc {self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve no more; returns when all threads have ended, except one that calls this."""
        with self._lock:
            self._closed = True
            callers = list(self._callers.items())
        hang_up(self._listener)
        for sock, _ in callers:
            hang_up(sock)
        for thread in (self._thread, *(thread for _, thread in callers)):
            if thread is not threading.current_thread():
                thread.join()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if self._closed:
                    return
                time.sleep(0.05)  # out of file descriptors, say
                continue
            thread = threading.Thread(target=self._serve, args=(sock,), name="rpc caller", daemon=True)
            with self._lock:
                if self._closed or len(self._callers) >= MAX_CALLERS:
                    sock.close()
                    continue
                self._callers[sock] = thread
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):  # a caller that misbehaves or leaves: its connection ends
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (message := read_message(sock, TIMEOUT, IDLE)) is not None:
                    sock.settimeout(TIMEOUT)
                    sock.sendall(response(self._dispatch(message.body), message.keeps_open))
                    if not message.keeps_open:
                        return
        finally:
            with self._lock:
                self._callers.pop(sock, None)
            sock.close()

    def _dispatch(self, body: bytes) -> bytes:
        try:
            arguments, name = xmlrpc.client.loads(body)
            method = self._methods.get(name or "")
            if method is None:
                raise RpcRefused(f"there is no method {name!s:.60}")
            status, text, value = method(*arguments)
            return xmlrpc.client.dumps(((status, text, value),), methodresponse=True).encode()
        except Exception as error:  # whatever was sent, the caller gets an answer and the server lives
            fault = xmlrpc.client.Fault(ERROR, f"{type(error).__name__}: {error!s:.200}")
            return xmlrpc.client.dumps(fault).encode()


def hang_up(sock: socket.socket) -> None:
    """Close a socket, also while another thread waits for it."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
