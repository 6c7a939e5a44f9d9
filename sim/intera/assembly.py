"""Enabled, stopped, reset: the robot's own rules about its motors."""

from __future__ import annotations

from dataclasses import dataclass

UNPRESSED, PRESSED, UNKNOWN, RELEASED = 0, 1, 2, 3  # the button
NONE, USER, OTHER = 0, 1, 2  # source of a stop


@dataclass
class Assembly:
    """What /robot/state tells, and what changes it.

    Attributes:
        refused: requests against the rules, so far.
    """

    enabled: bool = False
    stopped: bool = False
    error: bool = False
    button: int = UNPRESSED
    source: int = NONE
    refused: int = 0

    def enable(self, wanted: bool) -> None:
        """/robot/set_super_enable: refused while stopped."""
        if wanted and (self.stopped or self.error):
            self.refused += 1
        else:
            self.enabled = wanted

    def reset(self) -> None:
        """/robot/set_super_reset: only when stopped or in error, and not while the button is pressed."""
        if self.button == PRESSED or not (self.stopped or self.error):
            self.refused += 1
            return
        self.enabled = self.stopped = self.error = False
        self.button, self.source = UNPRESSED, NONE

    def stop(self) -> None:
        """/robot/set_super_stop: a stop that no person's button made."""
        if not self.stopped:
            self.button, self.source = UNKNOWN, OTHER
        self.stopped, self.enabled = True, False

    def press(self) -> None:
        """The red button goes in."""
        self.stopped, self.enabled = True, False
        self.button, self.source = PRESSED, USER

    def release(self) -> None:
        """The red button is turned and comes out; the robot stays stopped."""
        if self.button == PRESSED:
            self.button = RELEASED

    def fail(self) -> None:
        """A part of the robot reports an error, which takes the motors' power."""
        self.error, self.enabled = True, False
