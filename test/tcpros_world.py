"""For tests of topics: what has arrived, and a port that is free again after its owner closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from tcpros import Message, MessageTypes

TIMEOUT = 10.0  # seconds of wall time that a test waits for anything
TYPES = MessageTypes({"std_msgs/UInt16": "uint16 data", "std_msgs/String": "string data"})
NUMBER, TEXT = TYPES["std_msgs/UInt16"], TYPES["std_msgs/String"]


class Inbox:
    """A subscriber's callback that keeps what comes."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._changed = threading.Condition()

    def __call__(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    @property
    def data(self) -> list[object]:
        with self._changed:
            return [message.data for message in self.messages]

    def wait(self, condition: Callable[[list[object]], bool]) -> list[object]:
        """All data once ``condition`` of it holds; fails if it takes too long."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition([m.data for m in self.messages]), TIMEOUT), (
                f"only {[m.data for m in self.messages][-5:]} came"
            )
            return [message.data for message in self.messages]


def repeat_until(action: Callable[[], object], condition: Callable[[], bool], what: str) -> None:
    """Do ``action`` every few milliseconds until ``condition`` holds, or fail."""
    pause = threading.Event()
    for _ in range(round(TIMEOUT / 0.005)):
        if condition():
            return
        action()
        pause.wait(0.005)
    raise AssertionError(f"{what} did not happen within {TIMEOUT:g} s")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until ``condition`` holds, or fail."""
    repeat_until(lambda: None, condition, what)


def free_port() -> int:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
