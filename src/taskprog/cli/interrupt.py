"""Ctrl-C as a cancellation: the first asks the robot to stop, the second ends the program at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from taskprog.machine import CancelToken


@contextmanager
def cancel_on_interrupt(cancel: CancelToken) -> Iterator[None]:
    """While this lasts, Ctrl-C sets ``cancel``; once it is set, Ctrl-C raises KeyboardInterrupt as usual."""

    def handle(number: int, frame: FrameType | None) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        cancel.cancel("interrupted")

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
