"""Interpolation of a joint trajectory by time: quintic, cubic or linear, as its points allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Spline:
    """A piecewise polynomial through waypoints, smooth where velocities and accelerations are given.

    With velocities and accelerations the pieces are quintic, with velocities alone cubic, otherwise
    linear, as ros2_controllers' joint trajectory controller has it.

    Attributes:
        times: (K,) of the waypoints, seconds, rising.
        duration: time of the last waypoint, seconds.
    """

    def __init__(
        self,
        times: Floats,
        positions: Floats,
        velocities: Floats | None = None,
        accelerations: Floats | None = None,
    ):
        """Waypoints: ``times`` (K,) seconds, rising; the others (K, n) radians and derivatives."""
        self.times = times
        self.duration = float(times[-1])
        self._last = positions[-1]
        if len(times) < 2:
            self._pieces = np.zeros((0, 2, positions.shape[1]))
            return
        h = np.diff(times)[:, None]
        p0, p1 = positions[:-1], positions[1:]
        if velocities is None:
            pieces = [p0, (p1 - p0) / h]
        else:
            v0, v1 = velocities[:-1], velocities[1:]
            if accelerations is None:
                pieces = [
                    p0,
                    v0,
                    (3 * (p1 - p0) - h * (2 * v0 + v1)) / h**2,
                    (2 * (p0 - p1) + h * (v0 + v1)) / h**3,
                ]
            else:
                a0, a1 = accelerations[:-1], accelerations[1:]
                d = p1 - p0
                pieces = [
                    p0,
                    v0,
                    a0 / 2,
                    (20 * d - h * (8 * v1 + 12 * v0) - h**2 * (3 * a0 - a1)) / (2 * h**3),
                    (-30 * d + h * (14 * v1 + 16 * v0) + h**2 * (3 * a0 - 2 * a1)) / (2 * h**4),
                    (12 * d - 6 * h * (v1 + v0) + h**2 * (a1 - a0)) / (2 * h**5),
                ]
        self._pieces = np.stack(pieces, axis=1)  # (K - 1, degree + 1, n)

    def sample(self, time: float) -> tuple[Floats, Floats]:
        """Position and velocity, each (n,), at ``time``; before and after the ends it stands still."""
        if time >= self.times[-1] or not len(self._pieces):
            return self._last.copy(), np.zeros_like(self._last)
        if time < self.times[0]:
            return self._pieces[0, 0].copy(), np.zeros_like(self._last)
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        piece, t = self._pieces[index], time - float(self.times[index])
        position, velocity = piece[-1], np.zeros_like(self._last)
        for coefficients in piece[-2::-1]:
            velocity = velocity * t + position
            position = position * t + coefficients
        return position, velocity

    def sample_many(self, times: Floats) -> tuple[Floats, Floats]:
        """Positions and velocities, each (M, n), at ``times`` (M,) from the first to the last waypoint."""
        index = np.clip(np.searchsorted(self.times, times, side="right") - 1, 0, len(self._pieces) - 1)
        pieces, t = self._pieces[index], (times - self.times[index])[:, None]
        positions = pieces[:, -1]
        velocities = np.zeros_like(positions)
        for degree in range(pieces.shape[1] - 2, -1, -1):
            velocities = velocities * t + positions
            positions = positions * t + pieces[:, degree]
        return positions, velocities

    def scan(self, per_piece: int) -> tuple[Floats, Floats, Floats]:
        """Times (M,), positions and velocities (M, n) at ``per_piece`` points a piece and at the end."""
        share = np.arange(per_piece) / per_piece
        t = np.diff(self.times)[:, None] * share  # (K - 1, per_piece)
        positions = np.zeros((*t.shape, len(self._last)))
        velocities = np.zeros_like(positions)
        for coefficients in np.moveaxis(self._pieces, 1, 0)[::-1]:
            velocities = velocities * t[..., None] + positions
            positions = positions * t[..., None] + coefficients[:, None]
        end, rest = self.sample(self.duration)
        return (
            np.append((self.times[:-1, None] + t).ravel(), self.duration),
            np.vstack([positions.reshape(-1, len(end)), end]),
            np.vstack([velocities.reshape(-1, len(end)), rest]),
        )
