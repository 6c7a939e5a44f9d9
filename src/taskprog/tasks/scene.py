"""What is on a table: bodies of simple shapes, where they start, and when one stands on another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT, Region

MISSES = 200  # spots that are taken before a crowded start begins again
RESTARTS = 20  # before bodies may stand a little closer


@dataclass(frozen=True)
class Body:
    """A thing on the table, upright and round as seen from above.

    Attributes:
        name: what it is seen as; bodies of one name look alike.
        radius: metres; what is let go less than this aside of the body's centre comes to stand on it.
        height: metres.
        top: metres above its centre at which stands what is put on it.
        fixed: nobody can take it.
        wide: things of half its size lie on it side by side.
        hides: what lies in it is seen no more.
    """

    name: str
    radius: float
    height: float
    top: float
    fixed: bool = False
    wide: bool = False
    hides: bool = False

    @property
    def on_table(self) -> float:
        """Height of its centre, metres, while it stands on the table."""
        return TABLE_HEIGHT + self.height / 2


def cube_body(name: str) -> Body:
    """A cube of the size that block stacking uses."""
    return Body(name, CUBE_SIZE / 2, CUBE_SIZE, CUBE_SIZE / 2)


def stands_on(a: Body, b: Body, at_a: Sequence[float], at_b: Sequence[float], tolerance: float) -> bool:
    """Whether a body with its centre at ``at_a`` (3,) stands on or lies in one at ``at_b``, metres."""
    aside = math.hypot(at_a[0] - at_b[0], at_a[1] - at_b[1])
    return aside < b.radius and abs(at_a[2] - at_b[2] - b.top - a.height / 2) < tolerance


def takes(wide: Body, body: Body) -> bool:
    """Whether things of a body's size lie side by side in or on a wide one."""
    return wide.wide and 2 * body.radius <= wide.radius


def spot_in(wide: Body, body: Body, at: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A random place (3,), metres, in or on a wide body that stands at ``at`` (3,)."""
    reach, angle = wide.radius / 2 * math.sqrt(rng.uniform()), rng.uniform(0.0, 2 * math.pi)
    aside = (reach * math.cos(angle), reach * math.sin(angle), wide.top + body.height / 2)
    return np.add(at, aside)


@dataclass(frozen=True)
class Layout:
    """Where N bodies start.

    Attributes:
        positions: (N, 3) float64, metres, frame ``base``, centres.
        yaws: (N,) float64, radians about z.
    """

    positions: NDArray[np.float64]
    yaws: NDArray[np.float64]


def scatter(
    bodies: Sequence[Body],
    region: Region,
    gap: float,
    rng: np.random.Generator,
    placed: Sequence[tuple[float, float]] = (),
) -> Layout:
    """Bodies at random places on the table.

    Args:
        region: where their centres may be.
        gap: metres between neighbours at least; less where the region is too crowded for it.
        rng: draws ahead of what is needed.
        placed: where the first ones of ``bodies`` stand already.
    """
    draws = _draws(rng)
    (left, right), (near, far) = region.x, region.y
    spots = list(placed)
    misses = 0
    while len(spots) < len(bodies):
        x, y = left + (right - left) * next(draws), near + (far - near) * next(draws)
        radius = bodies[len(spots)].radius + gap
        for body, (other_x, other_y) in zip(bodies, spots, strict=False):
            if (x - other_x) ** 2 + (y - other_y) ** 2 < (radius + body.radius) ** 2:
                break
        else:
            spots.append((x, y))
            continue
        misses += 1
        if misses % MISSES == 0:
            spots = list(placed)
        if misses % (RESTARTS * MISSES) == 0:
            gap *= 0.8
    positions = np.array([(x, y, body.on_table) for body, (x, y) in zip(bodies, spots, strict=True)])
    yaws = np.array([math.pi * (2.0 * next(draws) - 1.0) for _ in bodies])
    return Layout(positions, yaws)


def _draws(rng: np.random.Generator) -> Iterator[float]:
    """Uniform numbers of [0, 1), drawn many at a time: one by one costs more than what they are used for."""
    while True:
        yield from rng.random(64).tolist()
