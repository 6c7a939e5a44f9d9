"""The one thread that commands the arm, 100 times a second.

While a motion goes on it sends trajectory commands. After one it sends the place to hold for a while in
position mode, in which the robot holds by itself, and then falls silent. It never speaks to an arm that is
disabled or in a person's hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from taskprog.control.arm_goal import ArmGoal
from taskprog.control.intera import messages as types
from taskprog.control.intera.codes import Code, Ended, Fault, Refused
from taskprog.control.intera.feeds import Feeds
from taskprog.control.intera.guard import PERIOD, Guard, Path
from taskprog.control.robot import ARM_JOINTS

Floats = NDArray[np.float64]

PATH_TOLERANCE = 0.2  # radians, where a goal does not say; the joints and the feed lag behind the command
GOAL_TOLERANCE = 0.02
GOAL_TIME = 2.0  # seconds
STOPPED = 0.05  # radians per second
SETTLING = 0.005  # radians
REST_TIMEOUT = 1.0  # seconds
HOLD_COMMANDS = 50
SHORTEST_STOP, LONGEST_STOP = 0.1, 1.0  # seconds
SOONEST = 0.9 * PERIOD  # after a late command the next one waits at least that long
# Faults after which the robot holds by itself, is held, or has just started: it is left alone.
LEAVE_ALONE = {
    Code.ESTOP,
    Code.DISABLED,
    Code.ROBOT_ERROR,
    Code.CUFF,
    Code.NOBODY_LISTENS,
    Code.TAKEN_OVER,
}


class Motion:
    """A motion being made; ``ended`` is None until it is over, then ``done`` is set.

    Attributes:
        time: seconds of the path that have gone by.
        setpoint: positions and velocities, (7,) each, that were commanded last.
    """

    def __init__(self, path: Path, goal: ArmGoal, measured: Floats):
        self.path = path
        self.time = -PERIOD  # the first command is the path's start
        self.setpoint = (measured.copy(), np.zeros_like(measured))
        self.ended: Ended | None = None
        self.done = threading.Event()
        self.path_tolerance = _per_joint(goal.tolerances.path, PATH_TOLERANCE)
        self.goal_tolerance = _per_joint(goal.tolerances.goal, GOAL_TOLERANCE)
        self.goal_time = goal.tolerances.goal_time or GOAL_TIME
        self.overdue = 0.0
        self.rate = 1.0  # of time along the path; sinks to 0 while the motion is being stopped
        self.brake: tuple[float, Ended] | None = None  # change of rate a second, and how it shall end

    @property
    def progress(self) -> float:
        """Share of the path's time that has gone by."""
        return min(max(self.time / max(self.path.duration, PERIOD), 0.0), 1.0)


class Arm:
    """Makes one motion at a time, and ends it when anything is wrong."""

    def __init__(
        self,
        feeds: Feeds,
        guard: Guard,
        send: Callable[[int, Floats, Floats, Floats], int],
        fault: Callable[[], Fault | None],
    ):
        """Start the thread.

        Args:
            send: (mode, positions, velocities, accelerations) -> number of nodes that it went to.
            fault: why the arm may not move now, from all sources.
        """
        self._feeds, self.guard, self._send, self._fault = feeds, guard, send, fault
        self._lock = threading.Lock()
        self._motion: Motion | None = None
        self._hold: Floats | None = None
        self._holds_left = 0
        self._wake = threading.Event()
        self._closed = False
        feeds.alarm = self._wake.set
        self._thread = threading.Thread(target=self._run, name="arm", daemon=True)
        self._thread.start()

    def start(self, goal: ArmGoal) -> Motion:
        """Begin a motion.

        Raises:
            Refused: it may not be made, the arm may not move, or another motion goes on.
        """
        fault = self._fault()
        if fault is not None:
            raise Refused(fault.code, fault.message)
        before = self._at_rest()
        path = self.guard.path(goal, before)
        # Checking took a while, in which the arm may have settled; what counts is where it is now.
        measured = self._at_rest()
        if np.abs(measured - before).max() > SETTLING:
            raise Refused(Code.START_ELSEWHERE, "the arm moved while the motion was checked")
        path = self.guard.path(goal, measured, places=False)
        with self._lock:
            if self._motion is not None:
                raise Refused(Code.INVALID_GOAL, "another motion goes on")
            if self._closed:
                raise Refused(Code.DISABLED, "the driver is shutting down")
            self._motion = Motion(path, goal, measured)
            return self._motion

    def _at_rest(self) -> Floats:
        """Where the arm is, (7,), once it has come to rest after what it did before."""
        end = time.monotonic() + REST_TIMEOUT
        while True:
            measured = self._feeds.arm()
            if measured is None:
                raise Refused(Code.STALE_JOINTS, "the arm's place is not known")
            if np.abs(measured[1]).max() <= STOPPED:
                return measured[0]
            if time.monotonic() > end:
                raise Refused(Code.NOT_AT_REST, "the arm is moving")
            time.sleep(PERIOD)

    def stop(self, reason: str, cancelled: bool = True) -> None:
        """Slow the motion down along its path to rest, and hold there."""
        with self._lock:
            motion = self._motion
            if motion is not None and motion.brake is None:
                motion.brake = (1.0 / self._stop_time(motion), Ended(Code.SUCCESSFUL, reason, cancelled))
        self._wake.set()

    @property
    def moving(self) -> bool:
        """Whether a motion goes on."""
        with self._lock:
            return self._motion is not None

    def wait(self) -> None:
        """Wait for a motion that is being stopped."""
        with self._lock:
            motion = self._motion
        if motion is not None:
            motion.done.wait(LONGEST_STOP + 1.0)

    def close(self) -> None:
        """Stop what moves, and end the thread."""
        with self._lock:
            self._closed = True
        self.stop("the driver is shutting down", cancelled=False)
        self._wake.set()
        self._thread.join()

    def _stop_time(self, motion: Motion) -> float:
        """Seconds to slow down in, so that braking stays within the limits of acceleration."""
        limit = self.guard.acceleration
        _, velocity = motion.setpoint
        _, after = motion.path.sample(motion.time + PERIOD)
        room = np.maximum(limit - np.abs(after - velocity) / PERIOD, 0.5 * limit)
        return float(np.clip((np.abs(velocity) / room).max(), SHORTEST_STOP, LONGEST_STOP))

    def _run(self) -> None:
        try:
            self._loop()
        finally:
            # Only an error of our own leaves a motion behind: nobody shall wait for it or begin another.
            with self._lock:
                self._closed = True
                motion, self._motion = self._motion, None
            if motion is not None:
                motion.ended = Ended(Code.DRIVER_FAILED, "the driver failed; its log says how")
                motion.done.set()

    def _loop(self) -> None:
        due = time.monotonic()
        while True:
            self._wake.wait(max(0.0, due - time.monotonic()))
            self._wake.clear()
            with self._lock:
                if self._closed and self._motion is None:
                    return
                now = time.monotonic()
                fault = self._fault()
                if fault is not None:
                    self._drop(fault)
                if now < due:
                    continue
                self._tick(fault)
            # No two commands come close upon each other, whatever held up the first.
            due = max(due + PERIOD, now + SOONEST)

    def _drop(self, fault: Fault) -> None:
        """End a motion at once."""
        self._holds_left = min(self._holds_left, 0 if fault.code in LEAVE_ALONE else HOLD_COMMANDS)
        if self._motion is None:
            return
        place = self._motion.setpoint[0]
        measured = self._feeds.arm()
        if fault.code is Code.COLLISION and measured is not None:
            place = measured[0]  # do not push on
        self._end(Ended(fault.code, fault.message), place, silent=fault.code in LEAVE_ALONE)

    def _end(self, ended: Ended, hold: Floats, silent: bool = False, at_once: bool = True) -> None:
        """``at_once`` false: a command went out in this tick, which the first to hold must not replace."""
        motion = self._motion
        assert motion is not None
        self._motion = None
        self._hold, self._holds_left = hold, 0 if silent else HOLD_COMMANDS
        if at_once and not silent:
            self._send_hold()
        motion.ended = ended
        motion.done.set()

    def _send_hold(self) -> None:
        if self._hold is not None and self._holds_left > 0:
            self._holds_left -= 1
            still = np.zeros(len(ARM_JOINTS))
            self._send(types.POSITION_MODE, self._hold, still, still)

    def _tick(self, fault: Fault | None) -> None:
        motion = self._motion
        if motion is None:
            self._send_hold()
            return
        measured = self._feeds.arm()
        if measured is None:
            return  # told as a fault next time
        error = np.abs(measured[0] - motion.setpoint[0])
        if (error > motion.path_tolerance).any():
            worst = int((error - motion.path_tolerance).argmax())
            self._end(
                Ended(
                    Code.PATH_TOLERANCE_VIOLATED,
                    f"{ARM_JOINTS[worst]} is {error[worst]:.3f} rad off its path, "
                    f"{motion.path_tolerance[worst]:.3f} are allowed: something is in the way",
                ),
                measured[0],
            )
            return
        try:
            self._advance(motion)
        except Refused as refused:
            self._end(Ended(refused.code, f"on the way: {refused}"), motion.setpoint[0])
            return
        if motion.brake is not None and motion.rate == 0.0:
            self._end(motion.brake[1], motion.setpoint[0], at_once=False)
        elif motion.time >= motion.path.duration:
            self._settle(motion, error, measured[1])

    def _advance(self, motion: Motion) -> None:
        """Send the next command of a motion."""
        if motion.brake is not None:
            motion.rate = max(motion.rate - motion.brake[0] * PERIOD, 0.0)
        motion.time = min(motion.time + motion.rate * PERIOD, motion.path.duration)
        position, velocity = motion.path.sample(motion.time)
        velocity = velocity * motion.rate
        self.guard.step(motion.setpoint, position, velocity)
        acceleration = (velocity - motion.setpoint[1]) / PERIOD
        motion.setpoint = position, velocity
        self._send(types.TRAJECTORY_MODE, position, velocity, acceleration)

    def _settle(self, motion: Motion, error: Floats, velocities: Floats) -> None:
        missed = error > motion.goal_tolerance
        if not missed.any() and not (np.abs(velocities) > STOPPED).any():
            self._end(Ended(), motion.path.sample(motion.path.duration)[0], at_once=False)
            return
        motion.overdue += PERIOD
        if motion.overdue > motion.goal_time:
            worst = int((error - motion.goal_tolerance).argmax())
            self._end(
                Ended(
                    Code.GOAL_TOLERANCE_VIOLATED,
                    f"{ARM_JOINTS[worst]} is {error[worst]:.4f} rad from the goal after "
                    f"{motion.goal_time:g} s, {motion.goal_tolerance[worst]:.4f} are allowed",
                ),
                motion.setpoint[0],
            )


def _per_joint(given: Mapping[str, float], default: float) -> Floats:
    values = np.array([given.get(name, 0.0) or default for name in ARM_JOINTS])
    return np.where(values < 0, np.inf, values)
