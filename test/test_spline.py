"""Interpolation of joint trajectories by time."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.control.spline import Spline

TIMES = np.array([0.0, 0.7, 1.5])


def motion(t: float) -> tuple[float, float, float]:
    """A quintic with its first two derivatives."""
    c = np.polynomial.Polynomial([0.3, -0.2, 0.5, 0.1, -0.4, 0.15])
    return float(c(t)), float(c.deriv()(t)), float(c.deriv(2)(t))


def column(index: int) -> np.ndarray:
    return np.array([[motion(t)[index]] for t in TIMES])


@pytest.mark.parametrize("t", [0.0, 0.2, 0.7, 1.1, 1.4999])
def test_points_with_accelerations_are_joined_by_quintics(t: float) -> None:
    position, velocity = Spline(TIMES, column(0), column(1), column(2)).sample(t)
    assert position[0] == pytest.approx(motion(t)[0], abs=1e-12)
    assert velocity[0] == pytest.approx(motion(t)[1], abs=1e-12)


def test_points_with_velocities_are_joined_by_cubics() -> None:
    cubic = np.polynomial.Polynomial([0.3, -0.2, 0.5, 0.1])
    spline = Spline(TIMES, cubic(TIMES)[:, None], cubic.deriv()(TIMES)[:, None])
    for t in (0.1, 0.9, 1.3):
        position, velocity = spline.sample(t)
        assert position[0] == pytest.approx(cubic(t), abs=1e-12)
        assert velocity[0] == pytest.approx(cubic.deriv()(t), abs=1e-12)


def test_bare_points_are_joined_by_lines() -> None:
    position, velocity = Spline(np.array([0.0, 2.0]), np.array([[1.0, 0.0], [2.0, -4.0]])).sample(0.5)
    assert position.tolist() == [1.25, -1.0]
    assert velocity.tolist() == [0.5, -2.0]


def test_before_and_after_it_stands_still_at_the_ends() -> None:
    spline = Spline(TIMES, column(0), column(1), column(2))
    for t, end in ((-1.0, 0), (1.5, 2), (9.0, 2)):
        position, velocity = spline.sample(t)
        assert position[0] == pytest.approx(column(0)[end, 0])
        assert velocity[0] == 0.0


def test_a_scan_finds_what_sampling_finds() -> None:
    spline = Spline(TIMES, column(0), column(1), column(2))
    times, positions, velocities = spline.scan(8)
    assert len(times) == 2 * 8 + 1
    for time, position, velocity in zip(times, positions, velocities, strict=True):
        expected = spline.sample(float(time))
        assert position == pytest.approx(expected[0], abs=1e-12)
        assert velocity == pytest.approx(expected[1], abs=1e-12)


def test_a_single_point_is_a_place_to_stay_at() -> None:
    position, velocity = Spline(np.array([0.0]), np.array([[0.5]])).sample(0.0)
    assert (position[0], velocity[0]) == (0.5, 0.0)
