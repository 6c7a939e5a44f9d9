"""Receiving a topic: a thread for each of its publishers, which reconnects while that one is listed."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from tcpros import rpc
from tcpros.codec import DecodeError
from tcpros.frames import FrameError, encode_header, read_frame, read_header
from tcpros.messages import Message, MessageType

CONNECT_TIMEOUT = 2.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0  # seconds between attempts to connect
MAX_MESSAGE = 16 * 1024 * 1024  # bytes
# A peer whose machine vanished: noticed after 2 + 3 * 1 seconds of silence.
KEEPALIVE = {socket.TCP_KEEPIDLE: 2, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 3}

_log = logging.getLogger("tcpros")


class Refused(ConnectionError):
    """The two ends do not agree on the topic's type."""


class Subscriber:
    """A topic that a node receives, made by ``Node.subscribe``.

    Attributes:
        topic: its full name.
        kinds: types that are understood; the publisher's md5 sum chooses.
        updates: how often it was told from whom to receive.
    """

    def __init__(
        self,
        caller: str,
        topic: str,
        kinds: Sequence[MessageType],
        callback: Callable[[Message], None],
        max_message: int = MAX_MESSAGE,
    ):
        self.topic, self.kinds = topic, tuple(kinds)
        self._caller, self._callback, self._max_message = caller, callback, max_message
        self._lock = threading.Lock()
        self._feeds: dict[str, _Feed] = {}
        self._closed = False
        self.updates = 0

    @property
    def publishers(self) -> tuple[str, ...]:
        """Addresses of the nodes whose messages can come now."""
        with self._lock:
            return tuple(uri for uri, feed in self._feeds.items() if feed.connected)

    @property
    def problems(self) -> Mapping[str, str]:
        """Why nothing comes from a listed publisher, by its address."""
        with self._lock:
            return {uri: feed.problem for uri, feed in self._feeds.items() if feed.problem}

    def update(self, uris: Iterable[str], since: int | None = None) -> None:
        """Receive from exactly these nodes.

        Args:
            since: ``updates`` when they were asked for: what was told meanwhile is newer, and stays.
        """
        with self._lock:
            if self._closed or (since is not None and since != self.updates):
                return
            self.updates += 1
            wanted = dict.fromkeys(uris)
            gone = [self._feeds.pop(uri) for uri in tuple(self._feeds) if uri not in wanted]
            for uri in wanted:
                if uri not in self._feeds:
                    self._feeds[uri] = _Feed(self, uri)
        for feed in gone:
            feed.hang_up()

    def close(self) -> None:
        """Receive no more; no callback runs after this, except one that calls it."""
        with self._lock:
            self._closed = True
            feeds = list(self._feeds.values())
            self._feeds.clear()
        for feed in feeds:
            feed.hang_up()
        for feed in feeds:
            feed.wait()

    def open(self, uri: str) -> tuple[socket.socket, MessageType]:
        """Connect to a publisher and agree with it on a type.

        Raises:
            RpcError, OSError: it does not answer.
            Refused: it has another type than any of ``kinds``, or refuses us.
        """
        answer = rpc.call(uri, "requestTopic", self._caller, self.topic, [["TCPROS"]])
        try:
            protocol, host, port = answer
            usable = protocol == "TCPROS" and isinstance(host, str) and 0 < int(port) < 65536
        except (TypeError, ValueError):
            usable = False
        if not usable:
            raise Refused(f"{self.topic}: {uri} offers no TCPROS but {answer!r:.100}")
        sock = socket.create_connection((host, int(port)), CONNECT_TIMEOUT)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE.items():
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            return sock, self._agree(sock)
        except BaseException:
            sock.close()
            raise

    def _agree(self, sock: socket.socket) -> MessageType:
        names = {kind.name for kind in self.kinds}
        kind = self.kinds[0]
        # With several layouts, any is asked for, and what comes back decides.
        sock.sendall(
            encode_header(
                {
                    "callerid": self._caller,
                    "topic": self.topic,
                    "type": kind.name if len(names) == 1 else "*",
                    "md5sum": kind.md5 if len(self.kinds) == 1 else "*",
                    "message_definition": kind.definition,
                    "tcp_nodelay": "1",
                }
            )
        )
        header = read_header(sock)
        if "error" in header:
            raise Refused(f"{self.topic}: the publisher refuses: {header['error']:.300}")
        for kind in self.kinds:
            if header.get("md5sum") == kind.md5:
                return kind
        known = ", ".join(f"{kind.name} {kind.md5}" for kind in self.kinds)
        raise Refused(
            f"{self.topic}: the publisher sends {header.get('type', 'an unnamed type'):.100} with md5 sum "
            f"{header.get('md5sum', 'none'):.40}, understood are {known}"
        )

    def receive(self, kind: MessageType, sock: socket.socket) -> bool:
        """Take one message and pass it on; False when the publisher has left."""
        data = read_frame(sock, self._max_message)
        if data is None:
            return False
        self._callback(kind.decode(data))
        return True


class _Feed:
    """The connection to one publisher."""

    def __init__(self, subscriber: Subscriber, uri: str):
        self._subscriber, self._uri = subscriber, uri
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self.problem = ""
        name = f"from {subscriber.topic}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._sock is not None

    def hang_up(self) -> None:
        self._stop.set()
        with self._lock:
            if self._sock is not None:
                with suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)

    def wait(self) -> None:
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                sock, kind = self._subscriber.open(self._uri)
                with self._lock:
                    self._sock = sock
                self._note("")
                pause = FIRST_PAUSE
                with sock:
                    while not self._stop.is_set() and self._subscriber.receive(kind, sock):
                        pass
            except (rpc.RpcError, Refused, FrameError, DecodeError, OSError) as error:
                self._note(str(error))
            except Exception:  # a callback's: the next message may fare better
                _log.exception("%s: a callback failed", self._subscriber.topic)
            with self._lock:
                self._sock = None
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem and not self._stop.is_set():
            _log.warning("%s: %s", self._subscriber.topic, problem)
        self.problem = problem
