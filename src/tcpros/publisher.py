"""Publishing without ever blocking: who cannot keep up gets the newest message, not the old ones.

One ``Sender`` thread serves all connections of a node. A connection holds at most the rest of one frame that
is going out and one that waits; a newer message replaces the one that waits.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

from tcpros.frames import frame
from tcpros.messages import Message, MessageType

# Bytes in the kernel's own queue. What lies there can no longer be replaced, so it is kept short.
SEND_BUFFER = 8192


class Connection:
    """One subscriber's end of a topic; all methods are called with the sender's lock held."""

    def __init__(self, sock: socket.socket, publisher: Publisher, peer: str):
        self.sock, self.publisher, self.peer = sock, publisher, peer
        self._going: memoryview = memoryview(b"")
        self._waiting: bytes | None = None
        self.replaced = 0

    def offer(self, data: bytes) -> bool:
        """Send ``data`` now or, if the last one is still going out, after it; whether some of it waits."""
        if self._waiting is not None:
            self.replaced += 1
        self._waiting = data
        return self.flush()

    def flush(self) -> bool:
        """Send as much as goes without waiting; whether some is left.

        Raises:
            OSError: the connection is gone.
        """
        while True:
            if not self._going:
                if self._waiting is None:
                    return False
                self._going, self._waiting = memoryview(self._waiting), None
            try:
                sent = self.sock.send(self._going)
            except BlockingIOError:
                return True
            self._going = self._going[sent:]


class Publisher:
    """A topic of a node's own, made by ``Node.advertise``.

    Attributes:
        topic: its full name.
        latched: whether those who come late get the last message.
    """

    def __init__(self, topic: str, kind: MessageType, latched: bool, sender: Sender):
        self.topic, self.kind, self.latched = topic, kind, latched
        self._sender = sender
        self._last: bytes | None = None
        self.connections: list[Connection] = []  # with the sender's lock

    def publish(self, message: Message) -> int:
        """Send to all subscribers; never waits for any of them.

        Returns:
            How many there are.

        Raises:
            EncodeError: a value does not fit its field.
        """
        data = frame(self.kind.encode(message))
        with self._sender.lock:
            self._last = data
            for connection in tuple(self.connections):
                self._sender.offer(connection, data)
            return len(self.connections)

    @property
    def subscribers(self) -> tuple[str, ...]:
        """Names of the nodes that are connected now."""
        with self._sender.lock:
            return tuple(connection.peer for connection in self.connections)

    @property
    def replaced(self) -> int:
        """Messages that a newer one replaced before they went out, to those who are connected now."""
        with self._sender.lock:
            return sum(connection.replaced for connection in self.connections)

    def admit(self, sock: socket.socket, peer: str) -> None:
        """Take over a connection whose headers have been exchanged."""
        sock.setblocking(False)
        connection = Connection(sock, self, peer)
        with self._sender.lock:
            self.connections.append(connection)
            self._sender.add(connection)
            if self.latched and self._last is not None:
                self._sender.offer(connection, self._last)


class Sender:
    """The thread that sends what did not go out at once, and notices subscribers that leave.

    Attributes:
        lock: guards all connections.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._thread.start()

    def add(self, connection: Connection) -> None:
        """Watch a connection from now on."""
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)
        self._nudge()

    def offer(self, connection: Connection, data: bytes) -> None:
        """Send what goes at once and the rest from the thread."""
        try:
            if connection.offer(data):
                self._watch(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
                self._nudge()
        except OSError:
            self.drop(connection)

    def drop(self, connection: Connection) -> None:
        """Close a connection."""
        if connection in connection.publisher.connections:
            connection.publisher.connections.remove(connection)
            self._selector.unregister(connection.sock)
            connection.sock.close()

    def close(self) -> None:
        """Close all connections and end the thread."""
        with self.lock:
            self._closed = True
        self._nudge()
        self._thread.join()

    def _watch(self, connection: Connection, events: int) -> None:
        self._selector.modify(connection.sock, events, connection)

    def _nudge(self) -> None:
        with contextlib.suppress(OSError):  # full of nudges already
            self._wake.send(b"n")

    def _run(self) -> None:
        while True:
            ready = self._selector.select()
            with self.lock:
                if self._closed:
                    for key in tuple(self._selector.get_map().values()):
                        if key.data is not None:
                            self.drop(key.data)
                    self._selector.close()
                    self._wake.close()
                    self._woken.close()
                    return
                for key, events in ready:
                    self._serve(key.data, events)

    def _serve(self, connection: Connection | None, events: int) -> None:
        try:
            if connection is None:
                self._woken.recv(4096)
            elif connection in connection.publisher.connections:
                # A subscriber has nothing to say; what can be read is its leaving.
                if events & selectors.EVENT_READ and not connection.sock.recv(4096):
                    self.drop(connection)
                elif not connection.flush():
                    self._watch(connection, selectors.EVENT_READ)
        except BlockingIOError:
            pass
        except OSError:
            if connection is not None:
                self.drop(connection)
