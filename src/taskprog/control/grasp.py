"""Top-down grasps of cubes: which way to turn the fingers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Centre of each opened finger from the tool's centre, along the closing direction, metres.
FINGER_REACH = 0.040
CLOSING_AXIS = math.pi / 2  # the Sawyer's pads close along the tool's y axis
PLACE_GAP = 0.002  # metres between a placed cube and what it is let go above


def wrap(angle: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.pi - (math.pi - angle) % (2 * math.pi)


def grasp_yaw(
    position: NDArray[np.float64],
    yaw: float,
    closing_axis: float,
    neighbours: Sequence[NDArray[np.float64]],
    present: float,
) -> float:
    """Tool yaw for a cube at ``position`` (3,) turned by ``yaw``.

    A cube looks the same every quarter turn, so four tool yaws align the pads with its faces. Those
    whose fingers stay farthest from the ``neighbours`` (each (3,)) are preferred; among equals the one
    nearest to the ``present`` tool yaw, which turns the wrist least.

    Args:
        closing_axis: angle of the fingers' closing direction relative to the tool yaw, radians.
    """

    def clearance(tool_yaw: float) -> float:
        along = np.array([math.cos(tool_yaw + closing_axis), math.sin(tool_yaw + closing_axis)])
        fingers = [position[:2] + s * FINGER_REACH * along for s in (-1, 1)]
        return min((float(np.linalg.norm(f - n[:2])) for f in fingers for n in neighbours), default=math.inf)

    turned = math.remainder(yaw - present, math.pi / 2)
    candidates = [wrap(present + turned + k * math.pi / 2) for k in range(4)]
    free = {c: min(clearance(c), 3 * FINGER_REACH) for c in candidates}
    best = max(free.values())
    return min(
        (c for c in candidates if free[c] > best - 0.005),
        key=lambda c: abs(math.remainder(c - present, 2 * math.pi)),
    )
