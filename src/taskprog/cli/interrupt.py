"""What Ctrl-C does: it asks the robot to stop, or lets a training come to the end of its step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from rich.console import Console

from taskprog.machine import CancelToken


class Resumable(Protocol):
    """A training: ``step`` counts its steps; once ``stopped`` is set, its run ends after the present one."""

    step: int
    stopped: bool

    def save_state(self, folder: Path) -> None:
        """Save all that is needed to go on later."""


@contextmanager
def cancel_on_interrupt(cancel: CancelToken) -> Iterator[None]:
    """While this lasts, Ctrl-C sets ``cancel``; a second one ends the program with KeyboardInterrupt."""

    def handle(number: int, frame: FrameType | None) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        cancel.cancel("interrupted")

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def resumable(training: Resumable, folder: Path, console: Console) -> Iterator[None]:
    """While this lasts, Ctrl-C and termination let a step come to its end: half of one could not be gone on
    from. Then the training's state is saved, and the program ends as the signal asks."""
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        training.stopped = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        if came:
            training.save_state(folder)
            console.print(f"stopped at step {training.step}; the same command goes on from there")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGTERM in came:
        raise SystemExit(128 + signal.SIGTERM)
    if came:
        raise KeyboardInterrupt
