"""The stand-in of the robot in a process of its own; time.monotonic() is the machine's, the same in both."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from taskprog_sim.intera.ledger import Ledger
from taskprog_sim.intera.network import FakeNetwork


@dataclass(frozen=True)
class Report:
    """What the robot was asked until now, and where its arm is."""

    ledger: Ledger
    positions: list[float]
    moving: float  # fastest joint, rad/s


def _serve(pipe: Connection) -> None:
    with FakeNetwork() as network:
        pipe.send(network.uri)
        while (request := pipe.recv()) is not None:
            name, *arguments = request
            robot = network.robot
            if name == "reboot":
                network.reboot()
                pipe.send(None)
            elif name == "clear":
                with robot.lock:
                    robot.arm.ledger = Ledger()
                    robot.faults.frozen, robot.faults.collision = frozenset(), False
                    robot.assembly.release()
                pipe.send(None)
            elif name == "report":
                with robot.lock:
                    speed = max(map(abs, robot.arm.velocities))
                    pipe.send(Report(robot.arm.ledger, list(robot.arm.positions), speed))
            else:
                with robot.lock:
                    before = list(robot.arm.positions)
                    pipe.send((getattr(robot, name)(*arguments), before))


class RemoteRobot:
    """The other process."""

    def __init__(self, pipe: Connection, uri: str):
        self._pipe, self.uri = pipe, uri

    def ask(self, *request: Any) -> Any:
        """Have it do something: a method of ``FakeSawyer``, ``reboot``, ``clear`` or ``report``."""
        self._pipe.send(request)
        return self._pipe.recv()


@contextmanager
def fake_process() -> Iterator[RemoteRobot]:
    """Start it, and end it on the way out."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,))
    process.start()
    try:
        yield RemoteRobot(here, here.recv())
    finally:
        here.send(None)
        process.join()
