"""A ROS 1 master in this process: registrations and parameters, for tests and stand-ins.

The API: http://wiki.ros.org/ROS/Master_API and http://wiki.ros.org/ROS/Parameter%20Server%20API. Parameters
are not watched (subscribeParam answers with the value, once).
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Mapping
from typing import Any

from tcpros import rpc

NAME = "/master"
Answer = tuple[int, str, Any]


class Master:
    """Serves until ``close``.

    Attributes:
        uri: its address.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1", parameters: Mapping[str, Any] | None = None):
        """``port``: 0 for any that is free; ``parameters`` by name, as ``/robot_config/joint_names``.

        Raises:
            OSError: the port is taken.
        """
        self._lock = threading.Lock()
        self._nodes: dict[str, str] = {}
        self._publishers: dict[str, dict[str, str]] = {}  # topic: {node: address}
        self._subscribers: dict[str, dict[str, str]] = {}
        self._services: dict[str, tuple[str, str]] = {}  # service: node, address
        self._types: dict[str, str] = {}
        self._parameters: dict[str, Any] = {}
        for name, value in (parameters or {}).items():
            self._set(name, value)
        self._news: queue.SimpleQueue[tuple[str, str, tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._teller = threading.Thread(target=self._tell, name="master's news", daemon=True)
        self._teller.start()
        self._server = rpc.RpcServer(host, self._methods(), port)
        self.port = self._server.port
        self.uri = f"http://{host}:{self.port}/"

    def close(self) -> None:
        """Serve no more."""
        self._server.close()
        self._news.put(None)
        self._teller.join()

    def __enter__(self) -> Master:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _tell(self) -> None:
        """Calls of nodes, in order; one that does not answer holds the others up for a while only."""
        while (news := self._news.get()) is not None:
            uri, method, arguments = news
            try:
                rpc.call(uri, method, NAME, *arguments, timeout=1.0)
            except rpc.RpcError:
                continue  # it may be gone; it will ask when it is back

    def _note(self, node: str, uri: str) -> None:
        old = self._nodes.get(node)
        if old is not None and old != uri:
            self._news.put((old, "shutdown", (f"new node registered with same name {node}",)))
            for table in (self._publishers, self._subscribers):
                for nodes in table.values():
                    nodes.pop(node, None)
        self._nodes[node] = uri

    def _announce(self, topic: str) -> None:
        uris = list(self._publishers.get(topic, {}).values())
        for uri in self._subscribers.get(topic, {}).values():
            self._news.put((uri, "publisherUpdate", (topic, uris)))

    def _register_publisher(self, node: str, topic: str, kind: str, uri: str) -> Answer:
        with self._lock:
            self._note(node, uri)
            self._types[topic] = kind
            self._publishers.setdefault(topic, {})[node] = uri
            self._announce(topic)
            return rpc.SUCCESS, "", list(self._subscribers.get(topic, {}).values())

    def _register_subscriber(self, node: str, topic: str, kind: str, uri: str) -> Answer:
        with self._lock:
            self._note(node, uri)
            if kind != "*":
                self._types.setdefault(topic, kind)
            self._subscribers.setdefault(topic, {})[node] = uri
            return rpc.SUCCESS, "", list(self._publishers.get(topic, {}).values())

    def _unregister(self, table: dict[str, dict[str, str]], node: str, topic: str, uri: str) -> Answer:
        with self._lock:
            known = table.get(topic, {}).get(node) == uri
            if known:
                del table[topic][node]
                if table is self._publishers:
                    self._announce(topic)
            return rpc.SUCCESS, "", int(known)

    def _register_service(self, node: str, service: str, address: str, uri: str) -> Answer:
        with self._lock:
            self._note(node, uri)
            self._services[service] = (node, address)
            return rpc.SUCCESS, "", 1

    def _unregister_service(self, node: str, service: str, address: str) -> Answer:
        with self._lock:
            known = self._services.get(service) == (node, address)
            if known:
                del self._services[service]
            return rpc.SUCCESS, "", int(known)

    def _lookup_service(self, node: str, service: str) -> Answer:
        with self._lock:
            found = self._services.get(service)
        return (rpc.SUCCESS, "", found[1]) if found else (rpc.ERROR, f"no service {service}", "")

    def _lookup_node(self, node: str, wanted: str) -> Answer:
        with self._lock:
            uri = self._nodes.get(wanted)
        return (rpc.SUCCESS, "", uri) if uri else (rpc.ERROR, f"unknown node {wanted}", "")

    def _system_state(self, node: str) -> Answer:
        with self._lock:
            tables = [
                [[topic, list(nodes)] for topic, nodes in table.items() if nodes]
                for table in (self._publishers, self._subscribers)
            ]
            services = [[service, [owner]] for service, (owner, _) in self._services.items()]
            return rpc.SUCCESS, "", [*tables, services]

    def _topics(self, node: str, below: str = "") -> Answer:
        with self._lock:
            return (
                rpc.SUCCESS,
                "",
                [[t, self._types.get(t, "*")] for t, nodes in self._publishers.items() if nodes],
            )

    def _topic_types(self, node: str) -> Answer:
        with self._lock:
            return rpc.SUCCESS, "", [list(pair) for pair in self._types.items()]

    def _set(self, name: str, value: Any) -> None:
        *path, last = _path(name)
        place = self._parameters
        for word in path:
            if not isinstance(place.get(word), dict):
                place[word] = {}
            place = place[word]
        place[last] = value

    def _get(self, name: str) -> Any:
        """A parameter, or a dictionary of all below that name; KeyError if there is none."""
        place: Any = self._parameters
        for word in _path(name):
            if not isinstance(place, dict):
                raise KeyError(name)
            place = place[word]
        return place

    def _set_parameter(self, node: str, name: str, value: Any) -> Answer:
        with self._lock:
            self._set(name, value)
        return rpc.SUCCESS, "", 0

    def _get_parameter(self, node: str, name: str) -> Answer:
        with self._lock:
            try:
                return rpc.SUCCESS, "", self._get(name)
            except KeyError:
                return rpc.ERROR, f"parameter [{name}] is not set", 0

    def _has_parameter(self, node: str, name: str) -> Answer:
        return rpc.SUCCESS, name, self._get_parameter(node, name)[0] == rpc.SUCCESS

    def _watch_parameter(self, node: str, uri: str, name: str) -> Answer:
        status, _, value = self._get_parameter(node, name)
        return rpc.SUCCESS, "", value if status == rpc.SUCCESS else {}

    def _delete_parameter(self, node: str, name: str) -> Answer:
        *path, last = _path(name)
        with self._lock:
            try:
                place = self._get("/".join(path)) if path else self._parameters
                del place[last]
            except (KeyError, TypeError):
                return rpc.ERROR, f"parameter [{name}] is not set", 0
        return rpc.SUCCESS, "", 0

    def _methods(self) -> dict[str, rpc.Method]:
        return {
            "registerPublisher": self._register_publisher,
            "registerSubscriber": self._register_subscriber,
            "unregisterPublisher": lambda *a: self._unregister(self._publishers, *a),
            "unregisterSubscriber": lambda *a: self._unregister(self._subscribers, *a),
            "registerService": self._register_service,
            "unregisterService": self._unregister_service,
            "lookupService": self._lookup_service,
            "lookupNode": self._lookup_node,
            "getSystemState": self._system_state,
            "getPublishedTopics": self._topics,
            "getTopicTypes": self._topic_types,
            "getUri": lambda node: (rpc.SUCCESS, "", self.uri),
            "getPid": lambda node: (rpc.SUCCESS, "", os.getpid()),
            "setParam": self._set_parameter,
            "getParam": self._get_parameter,
            "hasParam": self._has_parameter,
            "deleteParam": self._delete_parameter,
            "subscribeParam": self._watch_parameter,
            "unsubscribeParam": lambda node, uri, name: (rpc.SUCCESS, "", 1),
        }


def _path(name: str) -> list[str]:
    words = [word for word in name.split("/") if word]
    if not words:
        raise ValueError("a parameter's name should look like /robot/name")
    return words
