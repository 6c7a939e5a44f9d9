"""Seven joints that go where Intera's four command modes tell them, without masses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from taskprog_sim.intera.ledger import STILL, Command, Ledger

JOINTS = tuple(f"right_j{i}" for i in range(7))
LOWER = (-3.0503, -3.8095, -3.0426, -3.0439, -2.9761, -2.9761, -4.7124)
UPPER = (3.0503, 2.2736, 3.0426, 3.0439, 2.9761, 2.9761, 4.7124)
VELOCITY = (1.74, 1.328, 1.957, 1.957, 3.485, 3.485, 4.545)
ACCELERATION = (10.0, 8.0, 10.0, 10.0, 12.0, 12.0, 12.0)
NEUTRAL = (0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161)

POSITION, VELOCITY_MODE, TORQUE, TRAJECTORY = 1, 2, 3, 4
STIFFNESS = 60.0  # 1/s: how quickly a joint closes on its target
MOTOR = 3.0  # motors accelerate by so much more than what trajectories may ask for
BRAKE = 40.0  # rad/s^2
SUBSTEPS = 4


class Arm:
    """The joints and what they were told last.

    Attributes:
        ledger: all that came in.
        positions, velocities: of the joints now.
        timeout: seconds after which a command of a stream is too old.
        ratio: share of the velocity limits in position mode.
        holds_on_silence: whether silence in trajectory mode is noticed at all; the real robot's way is not
            known, so drivers must be safe with both.
        deaf: why commands are not obeyed now; empty if they are.
    """

    def __init__(self, positions: Sequence[float] = NEUTRAL):
        self.ledger = Ledger()
        self.positions = list(positions)
        self.velocities = [0.0] * len(JOINTS)
        self.timeout = 0.2
        self.ratio = 0.3
        self.holds_on_silence = True
        self.deaf = "disabled"
        self._mode = POSITION
        self._target = list(positions)
        self._speed = [0.0] * len(JOINTS)
        self._at = -math.inf
        self._stream: Command | None = None  # last one, while a stream of trajectory commands goes on

    def command(
        self,
        now: float,
        mode: int,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        acceleration: Sequence[float],
        effort: Sequence[float],
    ) -> None:
        """/robot/limb/right/joint_command."""
        wanted = {
            POSITION: [position],
            VELOCITY_MODE: [velocity],
            TORQUE: [effort],
            TRAJECTORY: [position, velocity, acceleration],
        }.get(mode)
        problem = self._problem(names, wanted)
        if problem or wanted is None:
            self.ledger.received += 1
            self.ledger.refused[problem] += 1
            return
        if self._stream is not None and (self.deaf or now - self._stream.at > self.timeout):
            self._stream = None  # what comes now is another one
        order = [list(names).index(name) for name in JOINTS]
        place = tuple(position[i] for i in order) if position else tuple(self.positions)
        speed = tuple(velocity[i] for i in order) if velocity else (0.0,) * len(JOINTS)
        moving = any(abs(v) > STILL for v in speed)
        if mode == POSITION or self._stream is not None:
            last = self._target if mode == POSITION or self._stream is None else self._stream.position
            moving = moving or any(abs(p - q) > STILL for p, q in zip(place, last, strict=True))
        command = Command(now, mode, place, speed, moving and mode != POSITION)
        self.ledger.enter(command)
        if mode == TRAJECTORY:
            self.ledger.stream(self._stream, command, self.positions, VELOCITY, ACCELERATION)
        self._stream = command if mode == TRAJECTORY else None
        if self.deaf:
            self.ledger.refused[self.deaf] += 1
            return
        if mode == TORQUE:
            self.ledger.refused["no masses here to push"] += 1
            return
        self._mode, self._at = mode, now
        self._target = [min(max(p, a), b) for p, a, b in zip(place, LOWER, UPPER, strict=True)]
        self._speed = [min(max(v, -m), m) for v, m in zip(speed, VELOCITY, strict=True)]

    def _problem(self, names: Sequence[str], wanted: list[Sequence[float]] | None) -> str:
        if wanted is None:
            return "unknown mode"
        if sorted(names) != sorted(JOINTS):
            return "wrong names"
        if any(len(values) != len(JOINTS) for values in wanted):
            return "wrong lengths"
        if not all(math.isfinite(value) for values in wanted for value in values):
            return "not finite"
        return ""

    def hold(self) -> None:
        """Stay where it is; what a stream asked for is forgotten."""
        self._mode = POSITION
        self._target = list(self.positions)
        self._speed = [0.0] * len(JOINTS)

    def update(self, now: float, seconds: float) -> None:
        """Let time pass."""
        if self.deaf:
            self.hold()
            self._brake(seconds)
            return
        silent = now - self._at > self.timeout
        if silent and (self._mode == VELOCITY_MODE or (self._mode == TRAJECTORY and self.holds_on_silence)):
            self.hold()
        for _ in range(SUBSTEPS):
            self._step(seconds / SUBSTEPS)

    def _step(self, dt: float) -> None:
        ways = [t - q for t, q in zip(self._target, self.positions, strict=True)]
        # In position mode all joints arrive together.
        longest = max(abs(way) / v for way, v in zip(ways, VELOCITY, strict=True)) or 1.0
        for i, way in enumerate(ways):
            if self._mode == VELOCITY_MODE:
                wanted = self._speed[i]
            elif self._mode == POSITION:
                share = abs(way) / VELOCITY[i] / longest
                cap = self.ratio * VELOCITY[i] * share
                wanted = min(max(STIFFNESS / 2 * way, -cap), cap)
            else:
                wanted = min(max(STIFFNESS * way, -1.2 * VELOCITY[i]), 1.2 * VELOCITY[i])
            change = MOTOR * ACCELERATION[i] * dt
            self.velocities[i] += min(max(wanted - self.velocities[i], -change), change)
            self.positions[i] += self.velocities[i] * dt
            if not LOWER[i] <= self.positions[i] <= UPPER[i]:
                self.positions[i] = min(max(self.positions[i], LOWER[i]), UPPER[i])
                self.velocities[i] = 0.0

    def _brake(self, seconds: float) -> None:
        for i, velocity in enumerate(self.velocities):
            left = math.copysign(max(abs(velocity) - BRAKE * seconds, 0.0), velocity)
            self.positions[i] += (velocity + left) / 2 * seconds
            self.velocities[i] = left
