"""Connections to Bullet's physics server, and the few constants that everything here shares."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Drop what C code prints: Bullet announces its build, its arguments and every link that it merges."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C keeps what it prints until its buffer is full
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, sink):
            os.close(descriptor)


# The other modules take PyBullet from here, so that its greeting is silenced for all of them.
with silenced():
    import pybullet as pybullet

# 240 Hz: at 120 Hz grasps slip, at 480 Hz everything costs twice as much and nothing gets better.
TIME_STEP = 1.0 / 240.0
# Iterations of the contact solver: grasps fail below 50, towers get dearer above 100.
SOLVER_ITERATIONS = 80
GRAVITY = 9.81
# Of the window: distance in metres, yaw and pitch in degrees, the point in the middle.
WINDOW_VIEW = (1.4, 60.0, -25.0, (0.4, 0.0, 0.1))


class Bullet:
    """A physics server of its own. Its methods and the client number are for one thread only."""

    def __init__(self, gui: bool = False):
        """Connect, with a window if ``gui``.

        Raises:
            RuntimeError: no window can be opened.
        """
        self.client = -1
        if not gui:
            self.client = pybullet.connect(pybullet.DIRECT)
        elif os.environ.get("DISPLAY"):  # without one, PyBullet ends the process
            self.client = pybullet.connect(pybullet.GUI)
        if self.client < 0:
            raise RuntimeError("PyBullet cannot open its window: no display (DISPLAY); run without gui")
        if gui:
            pybullet.configureDebugVisualizer(pybullet.COV_ENABLE_GUI, 0, physicsClientId=self.client)
            pybullet.resetDebugVisualizerCamera(*WINDOW_VIEW, physicsClientId=self.client)

    def clear(self) -> None:
        """Remove every body and set the physics parameters afresh."""
        pybullet.resetSimulation(physicsClientId=self.client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=TIME_STEP,
            numSolverIterations=SOLVER_ITERATIONS,
            numSubSteps=0,
            deterministicOverlappingPairs=1,
            physicsClientId=self.client,
        )
        pybullet.setGravity(0, 0, -GRAVITY, physicsClientId=self.client)

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if self.client >= 0 and pybullet.isConnected(self.client):
            pybullet.disconnect(self.client)
        self.client = -1
