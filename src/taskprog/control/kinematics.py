"""Forward and inverse kinematics of the Sawyer arm, and its limits.

Inverse kinematics is a few steps of damped least squares from configurations that are near a solution
already: the arm solved in its vertical plane, and neighbours of the pose in a table.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pinocchio
from numpy.typing import NDArray

from taskprog.control.descent import TOLERANCE, Descent, damped_step
from taskprog.control.errors import Blocked, InvalidGoal, JointLimit, Unreachable
from taskprog.control.robot import ARM_JOINTS
from taskprog.control.seeds import PlanarSeed, SeedTable
from taskprog.resources import share_dir

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TOOL_FRAME = "tcp"
# Rethink's Intera SDK lets its motion controller accelerate with up to 10, 8, 10, 10, 12, 12, 12 rad/s^2.
# A bit more than a third of that keeps a cube in the fingers and the arm's tracking error small.
ACCELERATION_LIMITS = 0.35 * np.array([10.0, 8.0, 10.0, 10.0, 12.0, 12.0, 12.0])
LIMIT_MARGIN = 1e-3  # radians kept from the joint limits
NEIGHBOURS = 256  # of a pose in the table, from which a search starts before it is given up
UNLIMITED = 8  # of them, from which is seen whether only limits are in the way
DOWNWARDS = -0.8  # z of the tool's axis below which the arm in its plane is a good start
SAME = 0.05  # radians; postures closer to each other than this are one
# Along a path, joints 2 and 4 go back to zero by this share a step, and no faster than so many radians.
STRAIGHTENING, STRAIGHTENING_LIMIT = 0.1, 0.02
# How willingly each joint takes part in a step along a path: 2 and 4 where the others cannot do it.
SHARES = np.array([1.0, 1.0, 0.1, 1.0, 0.1, 1.0, 1.0])
IDENTITY = np.eye(3)
STRAIGHTENED = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0])


class Kinematics:
    """The arm's geometry. Calls from several threads are safe: each uses working memory of its own.

    Attributes:
        lower, upper: (7,) joint limits, radians.
        velocity: (7,) velocity limits, radians per second, from the URDF.
        acceleration: (7,) acceleration limits, radians per second squared.
    """

    def __init__(self, urdf: str):
        """``urdf`` is the robot description as XML."""
        whole = pinocchio.buildModelFromXML(urdf)
        locked = [whole.getJointId(n) for n in whole.names if n not in ("universe", *ARM_JOINTS)]
        self._model = pinocchio.buildReducedModel(whole, locked, np.zeros(whole.nq))
        if tuple(self._model.names)[1:] != ARM_JOINTS:
            raise ValueError(
                f"the robot description should have the joints {', '.join(ARM_JOINTS)}, "
                f"it has {', '.join(self._model.names)}"
            )
        if not self._model.existFrame(TOOL_FRAME):
            raise ValueError(f"the robot description has no frame {TOOL_FRAME!r}")
        self._frame = self._model.getFrameId(TOOL_FRAME)
        self._local = threading.local()
        self.lower: Vector = self._model.lowerPositionLimit.copy()
        self.upper: Vector = self._model.upperPositionLimit.copy()
        self.velocity: Vector = self._model.velocityLimit.copy()
        self.acceleration: Vector = ACCELERATION_LIMITS.copy()
        self._inner: tuple[Vector, Vector] = (self.lower + LIMIT_MARGIN, self.upper - LIMIT_MARGIN)
        self._descent = Descent(self._model, self._frame, *self._inner)
        self._planar = PlanarSeed(self._model, self._frame)

    @staticmethod
    def load(path: Path | None = None) -> Kinematics:
        """The shipped Sawyer, or another URDF file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it lacks the arm's joints or the frame ``tcp``.
        """
        path = path or share_dir() / "models" / "sawyer" / "sawyer.urdf"
        return Kinematics(path.read_text(encoding="utf-8"))

    @property
    def _data(self) -> pinocchio.Data:
        if not hasattr(self._local, "data"):
            self._local.data = self._model.createData()
        return self._local.data

    @cached_property
    def _table(self) -> SeedTable:
        """Made when it is first needed; threads that race for it make the same one."""
        return SeedTable(self._model, self._frame, *self._inner)

    def forward(self, q: Vector) -> tuple[Vector, Matrix]:
        """Position (3,) in metres and rotation (3, 3) of the tcp in frame ``base`` at ``q`` (7,) radians."""
        data = self._data
        pinocchio.forwardKinematics(self._model, data, q)
        pose = pinocchio.updateFramePlacement(self._model, data, self._frame)
        return pose.translation.copy(), pose.rotation.copy()

    def jacobian(self, q: Vector) -> Matrix:
        """Of the tcp at ``q`` (7,): (6, 7), linear above angular velocity, in the axes of frame ``base``."""
        jacobian: Matrix = pinocchio.computeFrameJacobian(
            self._model, self._data, q, self._frame, pinocchio.LOCAL_WORLD_ALIGNED
        )
        return jacobian

    def inside_limits(self, q: Vector) -> bool:
        """Whether every joint of ``q`` (7,) is inside its limits."""
        return bool((q >= self.lower).all() and (q <= self.upper).all())

    def inverse(
        self,
        position: Vector,
        rotation: Matrix,
        seed: Vector | None = None,
        accept: Callable[[Vector], bool] | None = None,
    ) -> Vector:
        """A configuration (7,) inside the limits with the tcp at ``position`` (3,), ``rotation`` (3, 3).

        Searches from ``seed`` (7,) if given, then from the arm in its plane if the tool points about
        downwards, then from the pose's neighbours in a table. The same call gives the same result. It gives
        up after at most 258 descents, and 8 more that tell why, of no more than 20 steps each: 50 ms.

        Args:
            accept: whether a configuration (7,) will do, for example because it is free of collision; the
                search goes on until one does, the nearest starts to ``seed`` first.

        Raises:
            InvalidGoal: the pose is no position and rotation.
            JointLimit: only joints beyond their limits would put the tool there.
            Unreachable: the tool does not get there.
            Blocked: ``accept`` refuses each configuration that was found.
        """
        _check(position, rotation)
        target = pinocchio.SE3(rotation, position)
        refused: list[Vector] = []
        nearest = math.inf
        for start in self._starts(position, rotation, seed, ordered=accept is not None):
            q, error = self._descent.inside(self._data, target, start)
            nearest = min(nearest, error)
            if error >= TOLERANCE:
                continue
            if refused and np.abs(np.array(refused) - q).max(axis=1).min() < SAME:
                continue
            if accept is None or accept(q):
                return q
            refused.append(q)
        where = f"the tool at {format_point(position)} m"
        if refused:
            raise Blocked(f"{where}: none of the {len(refused)} postures that were found is free")
        beyond = self._beyond_limits(target, position, rotation)
        if beyond:
            raise JointLimit(f"{where}: {beyond} would have to turn beyond the limit")
        raise Unreachable(f"{where} is out of reach, the nearest configuration is {nearest:.3f} (m, rad) off")

    def track(self, position: Vector, rotation: Matrix, previous: Vector) -> Vector:
        """The configuration (7,) for the next pose of a path, near that of the ``previous`` one (7,).

        Each step also takes joints 2 and 4 a little towards zero without moving the tool, so that the
        arm keeps to one family of postures and does not drift over many motions.

        Raises:
            JointLimit, Unreachable: as ``inverse``.
        """
        data, target = self._data, pinocchio.SE3(rotation, position)
        error, jacobian = self._descent.linearise(data, target, previous)
        wish = -STRAIGHTENING * previous * STRAIGHTENED
        wish = np.minimum(np.maximum(wish, -STRAIGHTENING_LIMIT), STRAIGHTENING_LIMIT)
        guess = previous + wish + SHARES * damped_step(jacobian * SHARES, error - jacobian @ wish)
        if not self.lower[6] < guess[6] < self.upper[6]:
            # The rest of the arm could make room for a while, but in a posture that nobody wants.
            raise JointLimit(f"on the way, at {format_point(position)} m: {ARM_JOINTS[6]} is at its limit")
        q, off = self._descent.inside(data, target, guess)
        if off < TOLERANCE:
            return q
        near = np.minimum(q - self.lower, self.upper - q) < 2 * LIMIT_MARGIN
        if near.any():
            raise JointLimit(f"on the way, at {format_point(position)} m: {_names(near)} is at its limit")
        raise Unreachable(f"on the way, at {format_point(position)} m: out of reach")

    def _starts(
        self, position: Vector, rotation: Matrix, seed: Vector | None, ordered: bool
    ) -> Iterator[Vector]:
        """Where searches begin; ``ordered``: the table's by their distance from the first start."""
        first = seed
        if first is not None:
            yield first
        if rotation[2, 2] < DOWNWARDS:
            planar = self._planar(position, rotation)
            first = planar if first is None else first
            yield planar
        near = self._table.near(position, rotation, NEIGHBOURS)
        if ordered and first is not None:
            yield from sorted(near, key=lambda q: float(np.abs(q - first).max()))
        else:
            yield from near

    def _beyond_limits(self, target: pinocchio.SE3, position: Vector, rotation: Matrix) -> str:
        """The fewest joints that are beyond their limits in a solution; empty if there is none at all."""
        found: list[NDArray[np.bool_]] = []
        lower, upper = self._inner
        for start in islice(self._starts(position, rotation, None, ordered=False), UNLIMITED):
            q, error = self._descent.anywhere(self._data, target, start)
            if error < TOLERANCE:
                q = q - 2 * math.pi * np.round((q - (lower + upper) / 2) / (2 * math.pi))
                found.append((q < lower) | (q > upper))
        return _names(min(found, key=lambda outside: int(outside.sum()))) if found else ""


def _check(position: Vector, rotation: Matrix) -> None:
    if position.shape != (3,) or not all(map(math.isfinite, position.tolist())):
        raise InvalidGoal(f"the position should be three finite numbers, not {position.tolist()}")
    if rotation.shape != (3, 3) or not _is_rotation(rotation):
        raise InvalidGoal(f"the orientation should be a rotation matrix, not {rotation.tolist()}")


def _is_rotation(matrix: Matrix) -> bool:
    """NaN fails the comparisons as well."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return bool(np.abs(matrix @ matrix.T - IDENTITY).max() < 1e-4) and determinant > 0.0


def _names(joints: NDArray[np.bool_]) -> str:
    return ", ".join(name for name, j in zip(ARM_JOINTS, joints, strict=True) if j)


def top_down(yaw: float) -> Matrix:
    """Rotation (3, 3) of a tool that points straight down, its x axis at ``yaw`` from that of ``base``."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])


def yaw_of(rotation: Matrix) -> float:
    """Angle of the tool's x axis (rotation (3, 3)) about ``base``'s z, radians."""
    return math.atan2(rotation[1, 0], rotation[0, 0])


def format_point(position: Vector) -> str:
    """A point (3,) for messages to people."""
    return "(" + ", ".join(f"{v:.3f}" for v in position) + ")"
