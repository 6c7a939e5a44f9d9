"""Forward and inverse kinematics of the Sawyer arm, and its limits.

Inverse kinematics is damped least squares on the SE(3) error with an analytic seed. While joints 2
and 4 are zero, joints 1, 3 and 5 move the arm in a vertical plane beside the base that joint 0 turns;
upper arm and forearm are two sides of a triangle there. For a tool that points straight down, the seed
is the solution up to the rounding of angles in the robot description.
"""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pinocchio
from numpy.typing import NDArray

from taskprog.control.errors import JointLimit, Unreachable
from taskprog.control.robot import ARM_JOINTS
from taskprog.resources import share_dir

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

TOOL_FRAME = "tcp"
# Rethink's Intera SDK lets its motion controller accelerate with up to 10, 8, 10, 10, 12, 12, 12 rad/s^2.
# A bit more than a third of that keeps a cube in the fingers and the arm's tracking error small.
ACCELERATION_LIMITS = 0.35 * np.array([10.0, 8.0, 10.0, 10.0, 12.0, 12.0, 12.0])
LIMIT_MARGIN = 1e-3  # radians kept from the joint limits
TOLERANCE = 1e-6  # metres and radians
RESTARTS = 20


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
        # The stretched arm, every joint at zero: its parts lie along x.
        tool, rotation = self.forward(np.zeros(len(ARM_JOINTS)))
        shoulder, elbow, wrist, hand = (self._data.oMi[i].translation.copy() for i in (2, 4, 6, 7))
        self._shoulder: Vector = shoulder
        self._upper_arm, self._forearm = float(elbow[0] - shoulder[0]), float(wrist[0] - elbow[0])
        self._hand_length = float(hand[0] - wrist[0])
        self._lateral = float(hand[1])  # of the hand, beside the vertical plane through the base
        self._tool_in_hand: Vector = rotation.T @ (tool - hand)
        # Yaw of a tool that points down, at zero of joints 0 and 6.
        self._yaw_at_zero = yaw_of(self.forward(np.array([0, 0, 0, 0, 0, math.pi / 2, 0]))[1])

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

    def seed(self, position: Vector, rotation: Matrix) -> Vector:
        """A configuration near the solution for a tool at ``position`` (3,) that points about downwards."""
        hand = position - rotation @ self._tool_in_hand
        wrist = hand - self._hand_length * rotation[:, 2]
        radius = max(math.hypot(hand[0], hand[1]), self._lateral)
        ahead = math.sqrt(radius**2 - self._lateral**2) - self._shoulder[0]
        below = self._shoulder[2] - wrist[2]
        a, b, distance = self._upper_arm, self._forearm, math.hypot(ahead, below)
        # Of the triangle shoulder, elbow, wrist: the angles at shoulder and elbow; flat when too far.
        at_shoulder = _angle(a, distance, b)
        at_elbow = _angle(a, b, distance)
        q = np.zeros(len(ARM_JOINTS))
        q[0] = math.atan2(hand[1], hand[0]) - math.asin(self._lateral / radius)
        q[1] = math.atan2(below, ahead) - at_shoulder
        q[3] = math.pi - at_elbow
        q[5] = math.pi / 2 - q[1] - q[3]
        q[6] = math.remainder(self._yaw_at_zero + q[0] - yaw_of(rotation), 2 * math.pi)
        return np.clip(q, self.lower + LIMIT_MARGIN, self.upper - LIMIT_MARGIN)

    def inverse(self, position: Vector, rotation: Matrix, seed: Vector | None = None) -> Vector:
        """A configuration (7,) inside the limits with the tcp at ``position`` (3,), ``rotation`` (3, 3).

        Starts at ``seed`` if given, then at the analytic seed, then at random configurations, always
        the same ones.

        Raises:
            JointLimit: the search ends only at joint limits.
            Unreachable: the tool does not get there.
        """
        target = pinocchio.SE3(rotation, position)
        starts = [self.seed(position, rotation)] if seed is None else [seed, self.seed(position, rotation)]
        rng = np.random.default_rng(0)
        starts += [rng.uniform(self.lower, self.upper) for _ in range(RESTARTS)]
        nearest, at_limit = math.inf, ""
        for start in starts:
            q, error = self._descend(target, start)
            if error < TOLERANCE:
                return q
            if error < nearest:
                nearest, at_limit = error, self._at_limit(q)
        where = f"the tool at {format_point(position)} m"
        if at_limit:
            raise JointLimit(f"{where}: {at_limit} is at its limit")
        raise Unreachable(f"{where} is out of reach, the nearest configuration is {nearest:.3f} (m, rad) off")

    def track(self, position: Vector, rotation: Matrix, previous: Vector) -> Vector:
        """The configuration (7,) for the next pose of a path, near that of the ``previous`` one (7,).

        Each step also takes joints 2 and 4 a little towards zero without moving the tool, so that the
        arm keeps to one family of postures and does not drift over many motions.

        Raises:
            JointLimit, Unreachable: as ``inverse``.
        """
        step = self.seed(position, rotation) - self.seed(*self.forward(previous))
        step[[0, 6]] = (step[[0, 6]] + math.pi) % (2 * math.pi) - math.pi
        jacobian = self.jacobian(previous)
        wish = np.clip(-0.1 * previous * [0, 0, 1, 0, 1, 0, 0], -0.02, 0.02)
        wish -= np.linalg.pinv(jacobian, rcond=1e-3) @ (jacobian @ wish)
        guess = previous + step + wish
        if not self.lower[6] < guess[6] < self.upper[6]:
            # The rest of the arm could make room for a while, but in a posture that nobody wants.
            raise JointLimit(f"on the way, at {format_point(position)} m: {ARM_JOINTS[6]} is at its limit")
        q, error = self._descend(pinocchio.SE3(rotation, position), guess)
        if error < TOLERANCE:
            return q
        at_limit = self._at_limit(q)
        if at_limit:
            raise JointLimit(f"on the way, at {format_point(position)} m: {at_limit} is at its limit")
        raise Unreachable(f"on the way, at {format_point(position)} m: out of reach")

    def _descend(self, target: pinocchio.SE3, q: Vector) -> tuple[Vector, float]:
        """Damped least squares from ``q``; the configuration found and its error (metres, radians)."""
        data, lower, upper = self._data, self.lower + LIMIT_MARGIN, self.upper - LIMIT_MARGIN
        q = np.clip(q, lower, upper)
        size = math.inf
        for _ in range(100):
            pinocchio.forwardKinematics(self._model, data, q)
            difference = pinocchio.updateFramePlacement(self._model, data, self._frame).actInv(target)
            error = pinocchio.log6(difference).vector
            size = float(np.abs(error).max())
            if size < TOLERANCE:
                break
            jacobian = pinocchio.Jlog6(difference.inverse()) @ pinocchio.computeFrameJacobian(
                self._model, data, q, self._frame, pinocchio.LOCAL
            )
            damping = 1e-3 * (1e-4 + min(1.0, float(error @ error)))
            step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + damping * np.eye(6), error)
            q = np.clip(q + step * min(1.0, 0.5 / float(np.abs(step).max())), lower, upper)
        return q, size

    def _at_limit(self, q: Vector) -> str:
        near = np.minimum(q - self.lower, self.upper - q) < 2 * LIMIT_MARGIN
        return ", ".join(name for name, n in zip(ARM_JOINTS, near, strict=True) if n)


def _angle(a: float, b: float, opposite: float) -> float:
    """The angle between the sides ``a`` and ``b`` of a triangle; as near as can be if there is none."""
    return math.acos(min(1.0, max(-1.0, (a * a + b * b - opposite * opposite) / (2 * a * b + 1e-9))))


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
