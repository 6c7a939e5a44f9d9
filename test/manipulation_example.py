"""A table of goods and a container as manipulation sees it, and what a run does with it."""

from __future__ import annotations

import numpy as np

from taskprog.control.manipulation import Manipulation
from taskprog.control.scene_estimate import ObjectEstimate
from taskprog.machine import OutcomeCode
from taskprog.tasks.table_top import TABLE_HEIGHT

NAMES = ("duck", "jenga", "box_0")
HOME = np.array([0.55, 0.0, 0.25])
DUCK, BLOCK, BOX = (0.041, 0.029, 0.038), (0.09, 0.03, 0.018), (0.21, 0.21, 0.09)


def thing(
    label: str, x: float, y: float = 0.0, size: tuple[float, float, float] = DUCK, yaw: float = 0.0
) -> ObjectEstimate:
    name = label if label.startswith("box") else label.split("_")[0]
    place = np.array([x, y, TABLE_HEIGHT + size[2] / 2])
    return ObjectEstimate(name, place, yaw, True, 0.0, np.array(size), label)


def hands(*things: ObjectEstimate) -> Manipulation:
    result = Manipulation(NAMES, frozenset({"box_0"}))
    result.see(things)
    return result


def shown(manipulation: Manipulation, tool: np.ndarray = HOME) -> dict[str, str]:
    return {o.name: o.label for o in manipulation.observed(tool, 0.0)}


def miss(manipulation: Manipulation) -> float:
    """Go for the duck that is shown and close on nothing; the yaw that was tried."""
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("duck", 0.0, HOME, 0.0)
    manipulation.closed(target.position, target.yaw, False)
    return target.yaw


def refuse(manipulation: Manipulation) -> tuple[tuple[float, float], float]:
    """Go for the block that is shown, in vain: the arm would hit something; where the tool was sent."""
    manipulation.observed(HOME, 0.0)
    target = manipulation.target("jenga", 0.0, HOME, 0.0)
    assert manipulation.refused(OutcomeCode.COLLISION, "right_l5 would hit duck_3")
    return (round(float(target.position[0]), 3), round(float(target.position[1]), 3)), target.yaw


def over_box(manipulation: Manipulation) -> tuple[float, float]:
    """Send the tool over the container; where that is, x and y."""
    x, y, _ = manipulation.target("box_0", 0.1, HOME, 0.0).position.tolist()
    return round(x, 6), round(y, 6)
