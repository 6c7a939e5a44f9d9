"""The stand-in on a network of its own: master, node and robot, to be started, rebooted and stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from taskprog.resources import share_dir
from taskprog_sim.intera.sawyer import FakeSawyer, parameters
from tcpros import Master, Message, MessageType, Node

NODE = "/realtime_loop"  # as the robot's own


class TcprosLink:
    """A node of tcpros as the stand-in's link."""

    def __init__(self, node: Node):
        self._node = node

    def advertise(self, topic: str, kind: MessageType, latched: bool) -> Callable[[Message], object]:
        """See ``taskprog_sim.intera.sawyer.Link``."""
        return self._node.advertise(topic, kind, latched).publish

    def subscribe(self, topic: str, kind: MessageType, callback: Callable[[Any], None]) -> None:
        """See ``taskprog_sim.intera.sawyer.Link``."""
        self._node.subscribe(topic, kind, callback)


class FakeNetwork:
    """A master and the robot at it.

    Attributes:
        master, robot: those that run now.
        uri: the master's address; stays the same over reboots.
    """

    def __init__(self, port: int = 0, host: str = "127.0.0.1", old: bool = False):
        """``port``: of the master, 0 for any that is free.

        Raises:
            OSError: the port is taken.
        """
        self._host, self._old = host, old
        self._description = (share_dir() / "models" / "sawyer" / "sawyer.urdf").read_text(encoding="utf-8")
        self.start(port)
        self.uri = self.master.uri

    def start(self, port: int) -> None:
        """Come up with nothing remembered."""
        version = "5.1.0.0" if self._old else "5.3.0.0"
        self.master = Master(port, self._host, parameters(self._description, version))
        self._node = Node(NODE, self.master.uri, self._host)
        self.robot = FakeSawyer(TcprosLink(self._node), self._old)

    def stop(self) -> None:
        """Go down, as with the power switch: nobody is told."""
        self.robot.close()
        self.master.close()
        self._node.close()

    def reboot(self) -> None:
        """Down and up again at the same address."""
        port = self.master.port
        self.stop()
        self.start(port)

    def __enter__(self) -> FakeNetwork:
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()
