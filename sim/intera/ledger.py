"""What the robot was asked to do: the judge of a driver, since it does not ask the driver."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

PERIOD = 0.01  # seconds between two commands of a stream
STILL = 1e-6  # radians, radians per second
KEPT = 100_000  # commands


@dataclass(frozen=True)
class Command:
    """A joint command as it came in; ``at`` is time.monotonic()."""

    at: float
    mode: int
    position: tuple[float, ...]
    velocity: tuple[float, ...]
    moving: bool


@dataclass
class Ledger:
    """Counts and extremes of all commands.

    Attributes:
        received: joint commands.
        refused: joint commands that were not obeyed, by reason.
        step: largest change of a joint's commanded position from one command of a stream to the next, as a
            share of what its velocity limit allows in 10 ms.
        speed: largest commanded velocity as a share of the limit.
        acceleration: largest change of commanded velocity in 10 ms as a share of the acceleration limit.
        jump: largest distance of a stream's first position from where the arm was, radians.
        requests: of other topics, by name.
        commands: the newest of them all.
    """

    received: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    step: float = 0.0
    speed: float = 0.0
    acceleration: float = 0.0
    jump: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    commands: deque[Command] = field(default_factory=lambda: deque(maxlen=KEPT))

    def enter(self, command: Command) -> None:
        """Count a command."""
        self.received += 1
        self.commands.append(command)

    def stream(
        self,
        before: Command | None,
        command: Command,
        measured: Sequence[float],
        velocity: Sequence[float],
        acceleration: Sequence[float],
    ) -> None:
        """Take the extremes of a trajectory command; ``before`` is the stream's one before it, if any."""
        if before is None:
            gaps = [abs(p - q) for p, q in zip(command.position, measured, strict=True)]
            self.jump = max(self.jump, *gaps)
        else:
            for p, q, v in zip(command.position, before.position, velocity, strict=True):
                self.step = max(self.step, abs(p - q) / (v * PERIOD))
        past = before.velocity if before is not None else (0.0,) * len(command.velocity)
        for v, u, limit, a in zip(command.velocity, past, velocity, acceleration, strict=True):
            self.speed = max(self.speed, abs(v) / limit)
            self.acceleration = max(self.acceleration, abs(v - u) / (a * PERIOD))

    @property
    def last_moving(self) -> float:
        """time.monotonic() of the last command that asked for motion; minus infinity if none did."""
        return next((c.at for c in reversed(self.commands) if c.moving), -float("inf"))
