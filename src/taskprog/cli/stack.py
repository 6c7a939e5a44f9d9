"""The simulated stack as one thing to start: which nodes, with which parameters, and a client to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sawyer_ntp.msg import Decision

from taskprog.cli.client import StackClient
from taskprog.cli.supervisor import NodeSpec, Supervisor, Value, isolated_environment
from taskprog.machine import Event

READY_TIMEOUT = 90.0  # seconds of wall time for all nodes to come up
# What perception looks for in each family of tasks; a family's scene has its name.
DETECTORS = {"block_stacking": "cubes", "order_fulfilment": "goods"}


@dataclass(frozen=True)
class Limits:
    """Of one task: decisions, seconds on the robot's clock, seconds of wall time."""

    steps: int
    robot_seconds: float
    wall_seconds: float


def task_limits(objects: int) -> Limits:
    """Ample for a task with so many objects to be carried (0: as few as cubes), mishaps included."""
    many = max(objects, 8)
    return Limits(50 * many, 100.0 * many, 90.0 * many)


@dataclass(frozen=True)
class StackOptions:
    """What to start.

    Attributes:
        folder: for logs and recordings.
        record: whether to start the recorder.
        family: of the tasks; its scene, detector and policy are used.
        objects: on the table; 0 for the scene's own number.
        clutter: let some of them touch.
        planner: of goals that name none; checkpoint: folder of its policy, empty for the shipped one.
    """

    folder: Path
    family: str = "block_stacking"
    seed: int = 0
    gui: bool = False
    pace: str = "lockstep"
    record: bool = True
    planner: str = "ntp"
    checkpoint: str = ""
    objects: int = 0
    clutter: bool = False


def nodes(options: StackOptions) -> list[NodeSpec]:
    """The nodes of the simulated stack, in order of starting."""
    simulated: dict[str, Value] = {"use_sim_time": True}
    planner = simulated | {"family": options.family, "planner": options.planner}
    if options.checkpoint:
        planner["checkpoint"] = options.checkpoint
    specs = [
        NodeSpec(
            "simulator",
            {
                "gui": options.gui,
                "scene": options.family,
                "objects": options.objects,
                "clutter": options.clutter,
                "seed": options.seed,
                "pace": "realtime" if options.gui else options.pace,
            },
        ),
        NodeSpec("perception", simulated | {"detector": DETECTORS[options.family]}),
        NodeSpec("executor", simulated),
        NodeSpec("planner", planner),
    ]
    if options.record:
        recorder: dict[str, Value] = {"folder": str(options.folder), "video": True}
        specs.insert(0, NodeSpec("recorder", recorder | simulated))
    return specs


@contextmanager
def running(
    options: StackOptions,
    on_event: Callable[[Event], None] | None = None,
    on_decision: Callable[[Decision], None] | None = None,
) -> Iterator[tuple[Supervisor, StackClient]]:
    """Start the stack and wait until it takes goals; everything is stopped on the way out.

    Raises:
        taskprog.cli.supervisor.NodeDied: a node did not come up; the message holds its log's end.
        taskprog.nodes.call.ActionTimeout: the stack was not ready within ``READY_TIMEOUT`` seconds.
    """
    os.environ.update(isolated_environment())
    with (
        Supervisor(nodes(options), options.folder / "logs") as supervisor,
        StackClient("", on_event, on_decision) as client,
    ):
        client.wait_ready(READY_TIMEOUT, supervisor.check)
        yield supervisor, client
