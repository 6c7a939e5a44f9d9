"""Why a task video cannot be read."""

from __future__ import annotations


class TaskVideoError(ValueError):
    """A task video that cannot be used; the message says what is wrong and what would be right."""


class NotAVideo(TaskVideoError):
    """The data are empty, truncated, or no video at all."""


class TooLarge(TaskVideoError):
    """More bytes, frames, seconds or pixels than are read."""


class WrongSize(TaskVideoError):
    """The frames are not of the camera's size, or not of one size, or not as many as their times."""


class WrongCamera(TaskVideoError):
    """The cubes do not look as the given camera would see them."""


class NoObjects(TaskVideoError):
    """No known object can be seen."""


class UnknownObject(TaskVideoError):
    """Something is on the table that is none of the known objects."""


class NothingMoves(TaskVideoError):
    """No object is moved, so there is no task to read."""
