"""A node of a ROS 1 graph: registers with the master, talks to other nodes, and stays registered."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from tcpros import rpc
from tcpros.frames import FrameError, encode_header, read_header
from tcpros.messages import Message, MessageType
from tcpros.publisher import SEND_BUFFER, Publisher, Sender
from tcpros.subscriber import MAX_MESSAGE, Subscriber

WATCH_PERIOD = 1.0  # seconds between looks at the master
MAX_HANDSHAKES = 32  # at a time

_log = logging.getLogger("tcpros")


class Node:
    """A node; topics keep working when the master comes, goes, or forgets everything.

    Attributes:
        name: its full name.
        uri: its address.
        master: the master's address.
    """

    def __init__(
        self,
        name: str,
        master: str,
        host: str | None = None,
        on_shutdown: Callable[[str], None] | None = None,
    ):
        """Open the node's ports; nothing is asked of the master yet.

        Args:
            name: as ``/name``.
            master: as ``http://host:11311/``.
            host: name or address under which other nodes reach this machine. None takes ROS_HOSTNAME or
                ROS_IP, else the address from which this machine reaches the master.
            on_shutdown: called with the reason when the master wants the node to end, as it does when
                another one of the same name comes.

        Raises:
            ValueError: a name or an address makes no sense.
            OSError: no way leads to the master's machine, or no port can be opened.
        """
        if not name.startswith("/") or len(name) < 2:
            raise ValueError(f"a node's name should look like /driver, not {name!r}")
        self.name, self.master = name, master
        self._on_shutdown = on_shutdown
        self._host = (
            host or os.environ.get("ROS_HOSTNAME") or os.environ.get("ROS_IP") or _own_address(master)
        )
        local = _is_loopback(self._host)
        if local and not _is_loopback(rpc.address_of(master)[0]):
            raise ValueError(
                f"nodes on the master's machine {rpc.address_of(master)[0]} cannot reach {self._host}: set "
                "ROS_IP to this machine's address in their network"
            )
        self._lock = threading.Lock()
        self._publishers: dict[str, Publisher] = {}
        self._subscribers: dict[str, Subscriber] = {}
        self._closing = threading.Event()
        self._registered = True  # as far as was asked for
        self._evicted = False
        self._seen = -float("inf")  # time.monotonic() of the master's last answer
        self._handshakes = threading.Semaphore(MAX_HANDSHAKES)
        self._guests: set[socket.socket] = set()
        self._sender = Sender()
        bound = "127.0.0.1" if local else ""
        self._listener = socket.create_server((bound, 0), backlog=64)
        self._server = rpc.RpcServer(bound, self._methods())
        self.uri = f"http://{self._host}:{self._server.port}/"
        self._threads = [
            threading.Thread(target=work, name=f"{work.__name__} of {name}", daemon=True)
            for work in (self._accept, self._watch)
        ]
        for thread in self._threads:
            thread.start()

    def advertise(self, topic: str, kind: MessageType, latched: bool = False) -> Publisher:
        """Publish a topic from now on; its registration follows as soon as the master answers.

        Raises:
            ValueError: the node publishes it already, or the name is not a full one.
        """
        publisher = Publisher(_full(topic), kind, latched, self._sender)
        with self._lock:
            if topic in self._publishers:
                raise ValueError(f"{self.name} publishes {topic} already")
            self._publishers[topic] = publisher
        self._try(self._register_publisher, publisher)
        return publisher

    def subscribe(
        self,
        topic: str,
        kinds: MessageType | Sequence[MessageType],
        callback: Callable[[Message], None],
        max_message: int = MAX_MESSAGE,
    ) -> Subscriber:
        """Receive a topic from now on.

        Args:
            kinds: its type, or several that publishers may send; the md5 sum chooses.
            callback: gets each message, in a thread of its publisher's connection; ``message.kind`` tells
                which type it has.
            max_message: bytes; who sends more is cut off.

        Raises:
            ValueError: the node receives it already, or the name is not a full one.
        """
        chosen = (kinds,) if isinstance(kinds, MessageType) else tuple(kinds)
        subscriber = Subscriber(self.name, _full(topic), chosen, callback, max_message)
        with self._lock:
            if topic in self._subscribers:
                raise ValueError(f"{self.name} receives {topic} already")
            self._subscribers[topic] = subscriber
        self._try(self._register_subscriber, subscriber)
        return subscriber

    def call(self, method: str, *arguments: Any) -> Any:
        """Call the master, as this node.

        Raises:
            RpcError: see ``rpc.call``.
        """
        value = rpc.call(self.master, method, self.name, *arguments)
        self._seen = time.monotonic()
        return value

    def parameter(self, name: str) -> Any:
        """A parameter's value.

        Raises:
            RpcRefused: there is none of that name.
            RpcError: the master does not answer.
        """
        return self.call("getParam", name)

    @property
    def master_age(self) -> float:
        """Seconds since the master last answered; infinite before its first answer."""
        return time.monotonic() - self._seen

    def close(self) -> None:
        """Take back all registrations, close all connections, and end all threads."""
        if self._closing.is_set():
            return
        self._closing.set()
        with self._lock:
            publishers, subscribers = tuple(self._publishers.values()), tuple(self._subscribers.values())
            guests = tuple(self._guests)
        for thread in self._threads[1:]:
            thread.join()
        with contextlib.suppress(rpc.RpcError):  # a master that is gone has forgotten us anyway
            for publisher in publishers:
                self.call("unregisterPublisher", publisher.topic, self.uri)
            for subscriber in subscribers:
                self.call("unregisterSubscriber", subscriber.topic, self.uri)
        for sock in (self._listener, *guests):
            rpc.hang_up(sock)
        self._threads[0].join()
        for subscriber in subscribers:
            subscriber.close()
        self._sender.close()
        self._server.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _try(self, register: Callable[[Any], None], topic: Publisher | Subscriber) -> None:
        try:
            register(topic)
        except rpc.RpcError as error:
            self._registered = False
            _log.info("%s: %s; will try again", topic.topic, error)

    def _register_publisher(self, publisher: Publisher) -> None:
        self.call("registerPublisher", publisher.topic, publisher.kind.name, self.uri)

    def _register_subscriber(self, subscriber: Subscriber) -> None:
        names = {kind.name for kind in subscriber.kinds}
        kind = names.pop() if len(names) == 1 else "*"
        since = subscriber.updates
        uris = self.call("registerSubscriber", subscriber.topic, kind, self.uri)
        subscriber.update(_texts(uris), since)

    def _watch(self) -> None:
        """Register again whenever the master does not know us: it was away, or it restarted."""
        while not self._closing.wait(WATCH_PERIOD) and not self._evicted:
            try:
                owner = self._owner()
                if owner == self.uri and self._registered:
                    continue
                if owner is not None and owner != self.uri and self._registered:
                    self._evict(f"the name {self.name} was taken by the node at {owner}")
                    return
                self._registered = True  # unless it fails now, or for a topic that comes meanwhile
                with self._lock:
                    publishers, subscribers = (*self._publishers.values(),), (*self._subscribers.values(),)
                for publisher in publishers:
                    self._register_publisher(publisher)
                for subscriber in subscribers:
                    self._register_subscriber(subscriber)
            except rpc.RpcError as error:
                self._registered = False
                _log.debug("%s: %s", self.name, error)

    def _owner(self) -> str | None:
        """Address of the node that the master knows under our name."""
        try:
            return str(self.call("lookupNode", self.name))
        except rpc.RpcRefused:
            self._seen = time.monotonic()  # it did answer
            return None

    def _evict(self, reason: str) -> None:
        """Another node has our name now: leave it that, or the two would take it from each other for ever."""
        if not self._evicted:
            self._evicted = True
            if self._on_shutdown is not None:
                self._on_shutdown(reason)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if self._closing.wait(0.05):
                    return
                continue
            if self._closing.is_set() or not self._handshakes.acquire(blocking=False):
                sock.close()
                continue
            with self._lock:
                self._guests.add(sock)
            threading.Thread(target=self._welcome, args=(sock,), name="handshake", daemon=True).start()

    def _welcome(self, sock: socket.socket) -> None:
        admitted = False
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            header = read_header(sock)
            with self._lock:
                publisher = self._publishers.get(header.get("topic", ""))
            problem = _disagreement(publisher, header)
            if problem or publisher is None:
                sock.sendall(encode_header({"error": problem}))
                return
            sock.sendall(
                encode_header(
                    {
                        "callerid": self.name,
                        "topic": publisher.topic,
                        "type": publisher.kind.name,
                        "md5sum": publisher.kind.md5,
                        "message_definition": publisher.kind.definition,
                        "latching": str(int(publisher.latched)),
                    }
                )
            )
            publisher.admit(sock, header.get("callerid", ""))
            admitted = True
        except (FrameError, OSError, ValueError) as error:
            _log.info("%s: a subscriber was turned away: %s", self.name, error)
        finally:
            with self._lock:
                self._guests.discard(sock)
            if not admitted:
                sock.close()
            self._handshakes.release()

    def _methods(self) -> dict[str, rpc.Method]:
        """The slave API: http://wiki.ros.org/ROS/Slave_API."""

        def update(caller: str, topic: str, uris: list[str]) -> tuple[int, str, int]:
            with self._lock:
                subscriber = self._subscribers.get(topic)
            if subscriber is not None:
                subscriber.update(_texts(uris))
            return rpc.SUCCESS, "", 0

        def request(caller: str, topic: str, protocols: list[list[str]]) -> tuple[int, str, Any]:
            with self._lock:
                known = topic in self._publishers
            if not known:
                return rpc.FAILURE, f"{self.name} does not publish {topic}", 0
            if not any(protocol and protocol[0] == "TCPROS" for protocol in protocols):
                return rpc.FAILURE, f"{self.name} speaks TCPROS only", 0
            return rpc.SUCCESS, "", ["TCPROS", self._host, self._listener.getsockname()[1]]

        def shutdown(caller: str, reason: str = "") -> tuple[int, str, int]:
            self._evict(reason)
            return rpc.SUCCESS, "", 0

        def topics(kind: str) -> Callable[[str], tuple[int, str, Any]]:
            def answer(caller: str) -> tuple[int, str, Any]:
                with self._lock:
                    if kind == "publications":
                        return rpc.SUCCESS, "", [[p.topic, p.kind.name] for p in self._publishers.values()]
                    return rpc.SUCCESS, "", [[s.topic, s.kinds[0].name] for s in self._subscribers.values()]

            return answer

        return {
            "publisherUpdate": update,
            "requestTopic": request,
            "shutdown": shutdown,
            "getPublications": topics("publications"),
            "getSubscriptions": topics("subscriptions"),
            "getMasterUri": lambda caller: (rpc.SUCCESS, "", self.master),
            "getPid": lambda caller: (rpc.SUCCESS, "", os.getpid()),
            "getBusInfo": lambda caller: (rpc.SUCCESS, "", []),
            "getBusStats": lambda caller: (rpc.SUCCESS, "", [[], [], []]),
            "paramUpdate": lambda caller, key, value: (rpc.SUCCESS, "", 0),
        }


def _disagreement(publisher: Publisher | None, header: dict[str, str]) -> str:
    """Why a subscriber with this header cannot be served; empty if it can."""
    topic = header.get("topic", "")
    if publisher is None:
        return f"topic {topic[:100]!r} is not published here"
    kind = publisher.kind
    for name, own in (("type", kind.name), ("md5sum", kind.md5)):
        wanted = header.get(name, "")
        if wanted not in (own, "*"):
            return f"topic {topic} has {name} {own}, not {wanted[:100] or 'none'}"
    return ""


def _full(topic: str) -> str:
    if not topic.startswith("/") or len(topic) < 2:
        raise ValueError(f"a topic's name should be a full one like /robot/state, not {topic!r}")
    return topic


def _texts(uris: Any) -> list[str]:
    return [uri for uri in uris if isinstance(uri, str)] if isinstance(uris, list) else []


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host.startswith("127.")


def _own_address(master: str) -> str:
    """From which this machine would reach the master; nothing is sent."""
    host, port = rpc.address_of(master)
    if _is_loopback(host):
        return "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((host, port))
        return str(sock.getsockname()[0])
