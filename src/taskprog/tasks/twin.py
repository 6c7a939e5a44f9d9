"""The kinematic twin: a table-top without physics, fast enough for thousands of episodes a minute.

It keeps what matters to a planner: noisy detections, grasps that miss, cubes that fall when they are put
down too far off, a gripper that retreats after letting go. Collisions and dynamics are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Call, CancelToken, Observation, Outcome, OutcomeCode
from taskprog.tasks.block_stacking import CUBE_COUNT, Layout
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, LAYOUT_REGION, TABLE_HEIGHT

HOME = (0.55, 0.0, TABLE_HEIGHT + 0.35)  # where the tool starts, metres
RETREAT = 0.12  # metres straight up after letting go, as the executor does
GRASP_RADIUS = 0.020  # metres between tool and cube centre, horizontally and vertically, for a grasp to work
DROP_HEIGHT = 0.030  # metres; a cube let go higher above its support tumbles off it
CLEARANCE = 1.3 * CUBE_SIZE  # metres between a fallen cube and the others
MOVE_SPEED, MOVE_TIME, GRIPPER_TIME = 0.25, 2.0, 0.8  # metres per second; seconds besides; seconds
TABLE_Z = TABLE_HEIGHT + CUBE_SIZE / 2  # of the centre of a cube on the table


@dataclass(frozen=True)
class TwinNoise:
    """Standard deviations, metres: of each detected coordinate, and of where the tool ends up in x and y."""

    detector: float = 0.002
    action: float = 0.003


@dataclass(frozen=True)
class Disturbances:
    """Probabilities of mishaps, to make traces that recover.

    Attributes:
        failed_grasp: a grasp that should work does not; the cube slips aside.
        drop: the cube is lost on the way, somewhere along a move.
        misplace: a cube that is let go lands beside where it should.
        meddle: after a primitive, a person moves a cube elsewhere on the table; what stood on it falls.
    """

    failed_grasp: float = 0.0
    drop: float = 0.0
    misplace: float = 0.0
    meddle: float = 0.0


NO_DISTURBANCES = Disturbances()
TWIN_NOISE = TwinNoise()


class TwinDomain:
    """A ``taskprog.machine.Domain``: eight cubes and a gripper, moved without physics.

    Attributes:
        positions: (8, 3) float64, metres: the truth, for scoring only.
        mishaps: what went wrong so far, in words: "dropped red", "toppled blue", ...
    """

    def __init__(
        self,
        layout: Layout,
        rng: np.random.Generator,
        noise: TwinNoise = TWIN_NOISE,
        disturbances: Disturbances = NO_DISTURBANCES,
    ):
        self.positions: NDArray[np.float64] = layout.positions.copy()
        self.mishaps: list[str] = []
        self._yaws = layout.yaws.copy()
        self._rng = rng
        self._noise = noise
        self._disturbances = disturbances
        self._tool: NDArray[np.float64] = np.array(HOME)
        self._closed = False
        self._held: int | None = None
        self._offset = np.zeros(3)  # of what is held from the tool, as seen
        self._time = 0.0
        self._seen = self.positions  # detections of the last observation

    def observe(self) -> Observation:
        """See ``taskprog.machine.Domain``. What is held moves with the tool, as seen when it was grasped."""
        seen = self.positions + self._rng.normal(0.0, self._noise.detector, self.positions.shape)
        if self._held is not None:
            seen[self._held] = self._tool + self._offset
        self._seen = seen
        return Observation(
            self._time,
            CUBE_NAMES,
            seen.astype(np.float32),
            self._yaws.astype(np.float32),
            self._tool.astype(np.float32),
            self._closed,
            self._held is not None,
        )

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        """See ``taskprog.machine.Domain``."""
        if cancel.cancelled:
            return Outcome(OutcomeCode.CANCELLED, cancel.reason)
        match call.op.name:
            case "move_to":
                name, height = call.args
                outcome = self._move_to(str(name), float(height))
            case "close_gripper":
                outcome = self._close()
            case "open_gripper":
                outcome = self._open()
            case other:
                outcome = Outcome(OutcomeCode.INVALID_GOAL, f"the twin has no primitive {other!r}")
        if self._happens(self._disturbances.meddle):
            self._meddle()
        return outcome

    def _move_to(self, name: str, height: float) -> Outcome:
        if name not in CUBE_NAMES:
            return Outcome(OutcomeCode.UNKNOWN_OBJECT, f"no object {name!r}, only {', '.join(CUBE_NAMES)}")
        target = self._seen[CUBE_NAMES.index(name)] + [0.0, 0.0, height]
        target[:2] += self._rng.normal(0.0, self._noise.action, 2)
        self._time += MOVE_TIME + float(np.linalg.norm(target - self._tool)) / MOVE_SPEED
        start, self._tool = self._tool, target
        if self._held is not None:
            if self._happens(self._disturbances.drop):
                lost, self._held = self._held, None
                self._fall(lost, start + self._rng.uniform() * (target - start), "dropped")
            else:
                self.positions[self._held] = target
        return Outcome()

    def _close(self) -> Outcome:
        self._time += GRIPPER_TIME
        if self._closed:
            return self._grip_outcome()
        self._closed = True
        away = self.positions - self._tool
        near = (np.hypot(away[:, 0], away[:, 1]) < GRASP_RADIUS) & (np.abs(away[:, 2]) < GRASP_RADIUS)
        if near.any():
            cube = int(np.argmin(np.where(near, np.linalg.norm(away, axis=1), np.inf)))
            for above in self._standing_on(cube):
                self._fall(above, self.positions[above], "toppled")
            if self._happens(self._disturbances.failed_grasp):
                if self.positions[cube, 2] < TABLE_HEIGHT + CUBE_SIZE:
                    self.positions[cube, :2] += self._rng.normal(0.0, 0.01, 2)
            else:
                self._held = cube
                self._offset = self._seen[cube] - self._tool
                self.positions[cube] = self._tool
        return self._grip_outcome()

    def _grip_outcome(self) -> Outcome:
        if self._held is None:
            return Outcome(OutcomeCode.NOTHING_HELD, "the pads closed on nothing")
        return Outcome()

    def _open(self) -> Outcome:
        self._time += GRIPPER_TIME
        self._closed = False
        if self._held is not None:
            cube, self._held = self._held, None
            self._release(cube)
        self._tool = self._tool + [0.0, 0.0, RETREAT]
        return Outcome()

    def _release(self, cube: int) -> None:
        """A cube is let go where it is: it rests on what is under it, or falls."""
        if self._happens(self._disturbances.misplace):
            self._fall(cube, self.positions[cube], "toppled")
            return
        aside = np.hypot(*(self.positions[:, :2] - self.positions[cube, :2]).T)
        under = (aside < CUBE_SIZE) & (self.positions[:, 2] < self.positions[cube, 2] - CUBE_SIZE / 4)
        under[cube] = False
        if not under.any():
            if self.positions[cube, 2] - TABLE_Z > DROP_HEIGHT:
                self._fall(cube, self.positions[cube], "dropped")
            else:
                self.positions[cube, 2] = TABLE_Z
            return
        support = int(np.argmax(np.where(under, self.positions[:, 2], -np.inf)))
        rest = self.positions[support, 2] + CUBE_SIZE
        if aside[support] > CUBE_SIZE / 2:
            self._fall(cube, self.positions[cube], "toppled")
        elif self.positions[cube, 2] - rest > DROP_HEIGHT:
            self._fall(cube, self.positions[cube], "dropped")
        else:
            self.positions[cube, 2] = rest

    def _standing_on(self, cube: int) -> list[int]:
        """The cubes above a cube, lowest first."""
        aside = np.hypot(*(self.positions[:, :2] - self.positions[cube, :2]).T)
        above = (aside < CUBE_SIZE) & (self.positions[:, 2] > self.positions[cube, 2] + CUBE_SIZE / 2)
        return [int(i) for i in np.argsort(self.positions[:, 2]) if above[i] and i != self._held]

    def _fall(self, cube: int, near: NDArray[np.float64], mishap: str) -> None:
        """A cube ends on the table, near a place (3,) but clear of the other cubes."""
        self.mishaps.append(f"{mishap} {CUBE_NAMES[cube]}")
        self.positions[cube] = self._free_spot(cube, near)
        self._yaws[cube] = self._rng.uniform(-math.pi, math.pi)

    def _free_spot(self, cube: int, near: NDArray[np.float64]) -> NDArray[np.float64]:
        others = np.delete(self.positions[:, :2], cube, axis=0)
        low, high = np.array([LAYOUT_REGION.x, LAYOUT_REGION.y]).T
        spot = near[:2]
        for attempt in range(1000):
            reach = CUBE_SIZE * (1.0 + attempt / 20)
            angle = self._rng.uniform(0.0, 2 * math.pi)
            spot = np.clip(near[:2] + reach * np.array([math.cos(angle), math.sin(angle)]), low, high)
            if np.hypot(*(others - spot).T).min() >= CLEARANCE:
                break
        return np.array([spot[0], spot[1], TABLE_Z])

    def _meddle(self) -> None:
        cube = int(self._rng.choice([c for c in range(CUBE_COUNT) if c != self._held]))
        for above in self._standing_on(cube):
            self._fall(above, self.positions[above], "toppled")
        low, high = np.array([LAYOUT_REGION.x, LAYOUT_REGION.y]).T
        self._fall(cube, np.array([*self._rng.uniform(low, high), TABLE_Z]), "meddled with")

    def _happens(self, probability: float) -> bool:
        return probability > 0.0 and self._rng.uniform() < probability
