"""Solvers of inverse kinematics that ``bench_ik.py`` compares: the arm's own, and four others.

Each takes a pose and gives a configuration (7,) of the arm, or None where it gives up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pinocchio
import pybullet
import pytracik
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.control.errors import MotionError
from taskprog.control.kinematics import TOOL_FRAME, Kinematics
from taskprog.control.robot import ARM_JOINTS, NEUTRAL

Vector = NDArray[np.float64]

STRICT = (1e-4, math.radians(0.01))  # metres and radians
LOOSE = (1e-3, math.radians(0.5))
OVER = 1e-6  # radians beyond a limit that count as rounding: TRAC-IK keeps limits as float32
RESTARTS = 20


@dataclass(frozen=True)
class Pose:
    """Of the tool, in frame ``base``: metres, a rotation matrix, and the same as x, y, z, w."""

    position: Vector
    rotation: Vector
    quaternion: Vector

    @staticmethod
    def of(position: Vector, rotation: Vector) -> Pose:
        """With the quaternion worked out, so that no solver's time has it."""
        return Pose(position, rotation, Rotation.from_matrix(rotation).as_quat())


Solver = Callable[[Pose], Vector | None]


class Judge:
    """Says how good a configuration is, by the forward kinematics that all share."""

    def __init__(self, kinematics: Kinematics):
        self.kinematics = kinematics

    def passes(self, q: Vector | None, pose: Pose, tolerance: tuple[float, float]) -> bool:
        """Whether ``q`` is inside the limits and puts the tool at the pose, to metres and radians."""
        if q is None or not ((q > self.kinematics.lower - OVER) & (q < self.kinematics.upper + OVER)).all():
            return False
        position, rotation = self.kinematics.forward(q)
        chord = float(np.linalg.norm(rotation - pose.rotation)) / math.sqrt(8)
        off = float(np.linalg.norm(position - pose.position))
        return off <= tolerance[0] and 2 * math.asin(min(1.0, chord)) <= tolerance[1]


def own(kinematics: Kinematics, accept: Callable[[Vector], bool] | None = None) -> Solver:
    """The arm's own."""

    def solve(pose: Pose) -> Vector | None:
        try:
            return kinematics.inverse(pose.position, pose.rotation, accept=accept)
        except MotionError:
            return None

    return solve


def trac_ik(urdf: Path, timeout: float) -> Solver:
    """TRAC-IK as for its published table: from the middle of the limits, to 1e-5, ``timeout`` in seconds."""
    solver = pytracik.TRAC_IK(
        "base", TOOL_FRAME, urdf.read_text(encoding="utf-8"), timeout, 1e-5, pytracik.SolveType.Speed
    )
    lower = np.array(pytracik.get_joint_lower_bounds(solver))
    middle = (lower + np.array(pytracik.get_joint_upper_bounds(solver))) / 2

    def solve(pose: Pose) -> Vector | None:
        found = pytracik.ik(solver, middle, *pose.position, *pose.quaternion)
        return np.array(found[1:]) if found[0] >= 0 else None

    return solve


class Clik:
    """Closed-loop inverse kinematics with Pinocchio, from its neutral posture."""

    def __init__(self, urdf: Path, judge: Judge):
        whole = pinocchio.buildModelFromUrdf(str(urdf))
        locked = [whole.getJointId(n) for n in whole.names if n not in ("universe", *ARM_JOINTS)]
        self._model = pinocchio.buildReducedModel(whole, locked, np.zeros(whole.nq))
        self._data = self._model.createData()
        self._frame = self._model.getFrameId(TOOL_FRAME)
        self._judge = judge

    def example(self, pose: Pose) -> Vector | None:
        """As in Pinocchio's documentation: 1000 steps of a tenth, to 1e-4, limits not known."""
        q = NEUTRAL.copy()
        target = pinocchio.SE3(pose.rotation, pose.position)
        for _ in range(1000):
            error, jacobian = self._errors(target, q)
            if np.linalg.norm(error) < 1e-4:
                return q
            v = -jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + 1e-12 * np.eye(6), error)
            q = pinocchio.integrate(self._model, q, 0.1 * v)
        return None

    def restarting(self, restarts: int, steps: int = 100) -> Solver:
        """Whole damped steps, joints held inside their limits, then again from random configurations."""
        lower, upper = self._model.lowerPositionLimit, self._model.upperPositionLimit

        def solve(pose: Pose) -> Vector | None:
            rng = np.random.default_rng(0)
            target = pinocchio.SE3(pose.rotation, pose.position)
            for start in range(restarts + 1):
                q = NEUTRAL.copy() if start == 0 else rng.uniform(lower, upper)
                for _ in range(steps):
                    error, jacobian = self._errors(target, q)
                    if np.linalg.norm(error) < 1e-5:
                        return q
                    damping = 1e-3 * (1e-4 + min(1.0, float(error @ error)))
                    v = -jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + damping * np.eye(6), error)
                    q = np.clip(q + v * min(1.0, 0.5 / float(np.abs(v).max())), lower, upper)
            return None

        return solve

    def _errors(self, target: pinocchio.SE3, q: Vector) -> tuple[Vector, Vector]:
        pinocchio.forwardKinematics(self._model, self._data, q)
        tool = pinocchio.updateFramePlacement(self._model, self._data, self._frame)
        off = tool.actInv(target)
        jacobian = pinocchio.computeFrameJacobian(self._model, self._data, q, self._frame, pinocchio.LOCAL)
        return pinocchio.log6(off).vector, -pinocchio.Jlog6(off.inverse()) @ jacobian


class Bullet:
    """PyBullet's own inverse kinematics, from the neutral posture."""

    def __init__(self, urdf: Path, judge: Judge):
        self._client = pybullet.connect(pybullet.DIRECT)
        self._body = pybullet.loadURDF(str(urdf), useFixedBase=True, physicsClientId=self._client)
        number = pybullet.getNumJoints(self._body, physicsClientId=self._client)
        infos = [pybullet.getJointInfo(self._body, i, physicsClientId=self._client) for i in range(number)]
        moving = [info for info in infos if info[3] >= 0]
        self._joints = [next(i[0] for i in infos if i[1].decode() == name) for name in ARM_JOINTS]
        self._places = [[info[0] for info in moving].index(joint) for joint in self._joints]
        self._link = next(i[0] for i in infos if i[12].decode() == TOOL_FRAME)
        self._judge = judge

    def one_call(self, pose: Pose) -> Vector | None:
        """A single call with up to 1000 iterations."""
        return self._call(NEUTRAL, pose, 1000)

    def restarting(self, pose: Pose) -> Vector | None:
        """Ten calls of 100 iterations, each from the last one's result inside the limits; then from random
        configurations. Its best setting: it knows no limits, and its null-space mode finds less."""
        lower, upper = self._judge.kinematics.lower, self._judge.kinematics.upper
        rng = np.random.default_rng(0)
        for start in range(RESTARTS + 1):
            q = NEUTRAL.copy() if start == 0 else rng.uniform(lower, upper)
            for _ in range(10):
                q = np.clip(self._call(q, pose, 100), lower, upper)
                if self._judge.passes(q, pose, STRICT):
                    return q
        return None

    def _call(self, start: Vector, pose: Pose, iterations: int) -> Vector:
        for joint, angle in zip(self._joints, start.tolist(), strict=True):
            pybullet.resetJointState(self._body, joint, angle, physicsClientId=self._client)
        found = pybullet.calculateInverseKinematics(
            self._body,
            self._link,
            pose.position.tolist(),
            pose.quaternion.tolist(),
            maxNumIterations=iterations,
            residualThreshold=1e-6,
            physicsClientId=self._client,
        )
        return np.array(found)[self._places]
