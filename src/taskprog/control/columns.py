"""Straight ways up from where the tool is and down to where it goes, solved once and interpolated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

SPACING = 0.04  # metres between solved heights; between them a cubic is off by less than 0.1 mm
SHORTEST = 1e-3  # metres; less is no column


class Column:
    """The arm with its tool straight above a pose.

    Attributes:
        height: how far up it goes, metres; less than asked for where the arm's reach ends.
    """

    def __init__(self, kinematics: Kinematics, q: Vector, height: float):
        """Begin at ``q`` (7,) and go up by ``height`` metres, the tool's orientation kept."""
        position, rotation = kinematics.forward(q)
        solved = [q]
        heights = [0.0]
        for up in np.linspace(0.0, height, max(2, int(np.ceil(height / SPACING)) + 1))[1:]:
            try:
                solved.append(kinematics.track(position + [0.0, 0.0, up], rotation, solved[-1]))
            except MotionError:
                break  # the column ends below
            heights.append(float(up))
        self.height = heights[-1]
        self._start = q
        self._curve = CubicSpline(heights, np.stack(solved)) if self.height > SHORTEST else None

    def at(self, heights: Vector | float) -> Matrix:
        """Configurations (..., 7) with the tool so many metres above the pose."""
        if self._curve is None:
            return np.broadcast_to(self._start, (*np.shape(heights), len(self._start))).copy()
        curve: Matrix = self._curve(np.minimum(heights, self.height))
        return curve

    def points(self, height: float, spacing: float) -> Matrix:
        """(K, 7) from the pose up to ``height``, about ``spacing`` metres apart; one where it is no way."""
        if height < SHORTEST:
            return self._start[None].copy()
        return self.at(np.linspace(0.0, height, max(2, int(np.ceil(height / spacing)) + 1)))
