"""Runs a simulation in a thread of its own, at one of three paces; other threads give it jobs.

PyBullet wants one owner. Everything that touches the world is a *job*: a generator that runs in the
simulation's thread and yields whenever time shall pass: at most as many steps as it yields, one if it yields
None. It goes on earlier when a motion has ended.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from taskprog_sim.bullet import TIME_STEP
from taskprog_sim.camera import Image
from taskprog_sim.sawyer import JointReadings
from taskprog_sim.simulation import Simulation
from taskprog_sim.world import World

T = TypeVar("T")

SETTLE_TIME = 0.25  # seconds that time goes on after a motion in lockstep
RESEND_PERIOD = 0.5  # seconds of wall time between repetitions while time stands still
BATCH_STEPS = 12  # of time that pass at most between two looks at what is to be done
# States a simulated second: a whole number of steps of 1/240 s, several of which make the time between two
# looks at the joints or two pictures, so that the simulation seldom stops.
STATE_RATE = 20.0
MAX_LAG = 0.1  # seconds behind real time that are caught up; more is dropped
IDLE_WAIT = 0.02  # seconds of wall time between two looks at commands while nothing happens
REALTIME_WAIT = 0.004
START_TIMEOUT = 60.0  # seconds of wall time to build the world
STALL_TIMEOUT = 20.0  # seconds of wall time without a sign of life after which the engine counts as stuck


class EngineError(RuntimeError):
    """The simulation has ended or is stuck; says why."""


class Pace(Enum):
    """How simulated time goes on."""

    REALTIME = "realtime"
    FAST = "fast"
    LOCKSTEP = "lockstep"


Job = Callable[["Engine"], Generator[int | None, None, T]]


class Sink(Protocol):
    """Who is told what the world looks like; called in the simulation's thread."""

    def on_state(self, stamp: float, readings: JointReadings) -> None:
        """The joints' state, ``state_rate`` times a simulated second and whenever a job has ended."""

    def wants_frames(self) -> bool:
        """Whether anybody looks: rendering is what costs most."""

    def on_frame(self, image: Image) -> None:
        """A picture, ``frame_rate`` times a simulated second and whenever time comes to stand still."""


@dataclass
class _Running(Generic[T]):
    """A job under way."""

    steps: Generator[int | None, None, T]
    future: Future[T]
    moves: bool
    due: int = 0  # the world's step at which it goes on


class Engine:
    """Owns a ``Simulation`` and its thread.

    Attributes:
        paused: whether time stands still but for jobs that are about time itself; set it in a job.
        simulation: only for jobs.
    """

    def __init__(
        self,
        make_world: Callable[[], World],
        sink: Sink,
        pace: Pace = Pace.REALTIME,
        state_rate: float = STATE_RATE,
        frame_rate: float = 10.0,
    ):
        """Rates are per second of simulated time. ``make_world`` is called in the engine's thread."""
        self.pace = pace
        self.paused = False
        self._make_world = make_world
        self._sink = sink
        self._state_steps = max(round(1.0 / (state_rate * TIME_STEP)), 1)
        self._frame_steps = max(round(1.0 / (frame_rate * TIME_STEP)), 1)
        self._inbox: queue.SimpleQueue[_Running[object] | None] = queue.SimpleQueue()
        self._running: list[_Running[object]] = []
        self._stop = threading.Event()
        self._started: Future[None] = Future()
        self._alive = time.monotonic()
        self._thread = threading.Thread(target=self._main, name="simulation", daemon=True)
        self._frame: Image | None = None
        self._settle = 0  # steps that time still goes on after a motion
        self._resting = False
        self._sent = 0.0  # wall time of the last repetition
        self._origin = (0.0, 0.0)  # wall and simulated time that belong together in real time

    def start(self) -> None:
        """Build the world and start.

        Raises:
            Exception: whatever building the world raised.
            EngineError: it takes too long.
        """
        self._thread.start()
        try:
            self._started.result(START_TIMEOUT)
        except FutureTimeout as error:
            raise EngineError(f"the world was not built within {START_TIMEOUT:g} s") from error

    def stop(self) -> None:
        """End the thread; jobs that still run raise EngineError in their callers."""
        self._stop.set()
        self._inbox.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(STALL_TIMEOUT)

    @property
    def alive(self) -> bool:
        """Whether the simulation runs."""
        return self._thread.is_alive() and not self._stop.is_set()

    def run(self, job: Job[T], moves: bool = False) -> T:
        """Run a job in the simulation's thread and wait for its end.

        Args:
            moves: it is a motion: it waits while the simulation is paused, and lets things settle afterwards.

        Raises:
            EngineError: the simulation ended, or shows no sign of life.
            Exception: whatever the job raised.
        """
        running: _Running[T] = _Running(job(self), Future(), moves)
        self._inbox.put(running)  # type: ignore[arg-type]
        while True:
            try:
                return running.future.result(1.0)
            except FutureTimeout:
                if not self._thread.is_alive():
                    raise EngineError("the simulation has ended") from None
                silent = time.monotonic() - self._alive
                if silent > STALL_TIMEOUT:
                    raise EngineError(f"the simulation is stuck for {silent:.0f} s") from None

    def _main(self) -> None:
        try:
            world = self._make_world()
        except Exception as error:  # handed to the thread that called start()
            self._started.set_exception(error)
            return
        try:
            self.simulation = Simulation(world)
            self._origin = (time.monotonic(), world.time)
            self._started.set_result(None)
            while not self._stop.is_set():
                self._alive = time.monotonic()
                self._loop()
        finally:
            self._stop.set()
            for running in (*self._running, *self._drain()):
                running.future.set_exception(EngineError("the simulation has ended"))
            self._running = []
            world.close()

    def _drain(self) -> list[_Running[object]]:
        jobs = []
        while not self._inbox.empty():
            job = self._inbox.get()
            if job is not None:
                jobs.append(job)
        return jobs

    def _loop(self) -> None:
        for job in self._drain():
            if self._advance(job):
                self._running.append(job)
        if not self._time_passes():
            self._rest()
            return
        batch = BATCH_STEPS
        if self.pace is Pace.REALTIME and not self.paused:
            batch = min(self._late(), batch)
        if batch > 0:
            self._pass_time(batch)
        else:
            self._wait(REALTIME_WAIT)

    def _time_passes(self) -> bool:
        if self.paused:
            return any(not job.moves for job in self._running)
        return self.pace is not Pace.LOCKSTEP or bool(self._running) or self._settle > 0

    def _late(self) -> int:
        """Steps that simulated time is behind the wall's."""
        wall, simulated = self._origin
        lag = (time.monotonic() - wall) - (self.simulation.time - simulated)
        if lag > MAX_LAG:
            self._origin = (time.monotonic() - TIME_STEP, self.simulation.time)
            return 1
        return int(lag / TIME_STEP)

    def _pass_time(self, batch: int) -> None:
        """Let time go on until somebody has something to do, at most ``batch`` steps."""
        self._resting = False
        step = self.simulation.world.steps
        batch = min(batch, self._state_steps - step % self._state_steps)
        batch = min(batch, self._frame_steps - step % self._frame_steps)
        if self._settle > 0 and not self._running:
            batch = min(batch, self._settle)
        for job in self._running:
            batch = min(batch, max(job.due - step, 1))
        endings = self.simulation.endings
        passed = self.simulation.advance(batch)
        step += passed
        if self.paused:
            self._origin = (time.monotonic(), self.simulation.time)
        self._settle = max(self._settle - passed, 0)
        ended = endings != self.simulation.endings
        self._running = [job for job in self._running if (job.due > step and not ended) or self._advance(job)]
        if step % self._state_steps == 0:
            self._send_state()
        if step % self._frame_steps == 0:
            self._send_frame()

    def _advance(self, job: _Running[object]) -> bool:
        """Let a job go on; whether it wants more time."""
        try:
            wait = next(job.steps)
            job.due = self.simulation.world.steps + (1 if wait is None else wait)
            return True
        except StopIteration as stop:
            if job.moves:
                self._settle = round(SETTLE_TIME / TIME_STEP)
            # Whoever waited for the job must find the state at its end, not one from before.
            self._send_state()
            self._resting = False
            job.future.set_result(stop.value)
        except Exception as error:  # handed to the thread that waits for the job
            job.future.set_exception(error)
        return False

    def _rest(self) -> None:
        """Time stands still: say so once, and again and again for those who come late."""
        # A motion waits for time to go on, but must still see that it is cancelled.
        self._running = [job for job in self._running if self._advance(job)]
        if not self._resting or time.monotonic() - self._sent > RESEND_PERIOD:
            self._resting = True
            self._sent = time.monotonic()
            self._send_state()
            if self._frame is None or self._frame.stamp != self.simulation.time:
                self._send_frame()
            elif self._sink.wants_frames():
                self._sink.on_frame(self._frame)
        self._wait(IDLE_WAIT)
        self._origin = (time.monotonic(), self.simulation.time)

    def _wait(self, seconds: float) -> None:
        """Sleep, but not through the arrival of a job."""
        try:
            job = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return
        if job is not None and self._advance(job):
            self._running.append(job)

    def _send_state(self) -> None:
        self._sink.on_state(self.simulation.time, self.simulation.readings())

    def _send_frame(self) -> None:
        if self._sink.wants_frames():
            self._frame = self.simulation.world.camera.render()
            self._sink.on_frame(self._frame)
