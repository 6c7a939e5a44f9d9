"""Where searches for an arm configuration begin: near a solution, for any pose of the tool.

For a tool that points down, the arm in its vertical plane is solved in closed form. For any other, a
table of configurations is asked for those whose tool is nearest. Joint 0 turns the whole arm about the
base's z axis and joint 6 turns the tool about its own, so the table leaves both out: what remains of a
pose has four dimensions, and 20,000 configurations of the five joints between fill them well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pinocchio
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ENTRIES = 20_000
LEVER = 0.3  # metres that a turn of the tool's axis by one radian counts as
FIRST = 16  # entries that are looked up at first; nearly always one of them leads to a solution
SLACK = 0.1  # radians beyond joint 0's limits from which a descent still comes back


class PlanarSeed:
    """The Sawyer with joints 2 and 4 at zero: joints 1, 3 and 5 move it in a vertical plane.

    The plane lies beside the base, and joint 0 turns it. Upper arm and forearm are two sides of a triangle.
    The result is the solution up to the rounding of angles in the robot description.
    """

    def __init__(self, model: pinocchio.Model, frame: int):
        """``frame`` is the tool's, on the last of ``model``'s seven joints."""
        data = model.createData()

        def forward(q: Vector) -> pinocchio.SE3:
            pinocchio.forwardKinematics(model, data, q)
            return pinocchio.updateFramePlacement(model, data, frame)

        # The stretched arm, every joint at zero: its parts lie along x.
        tool = forward(np.zeros(7)).copy()
        shoulder, elbow, wrist, hand = (data.oMi[i].translation.copy() for i in (2, 4, 6, 7))
        self._shoulder: tuple[float, float] = (float(shoulder[0]), float(shoulder[2]))
        self._upper_arm, self._forearm = float(elbow[0] - shoulder[0]), float(wrist[0] - elbow[0])
        self._hand_length = float(hand[0] - wrist[0])
        self._lateral = float(hand[1])  # of the hand, beside the vertical plane through the base
        self._tool_in_hand: Vector = tool.rotation.T @ (tool.translation - hand)
        # Yaw of a tool that points down, at zero of joints 0 and 6.
        down = forward(np.array([0, 0, 0, 0, 0, math.pi / 2, 0])).rotation
        self._yaw_at_zero = math.atan2(down[1, 0], down[0, 0])

    def __call__(self, position: Vector, rotation: Matrix) -> Vector:
        """The configuration (7,) for a tool at ``position`` (3,) that points about downwards, elbow up."""
        x, y, z = (position - rotation @ self._tool_in_hand).tolist()
        wrist_z = z - self._hand_length * float(rotation[2, 2])
        radius = max(math.hypot(x, y), self._lateral)
        ahead = math.sqrt(radius**2 - self._lateral**2) - self._shoulder[0]
        below = self._shoulder[1] - wrist_z
        a, b, distance = self._upper_arm, self._forearm, math.hypot(ahead, below)
        # Of the triangle shoulder, elbow, wrist: the angles at shoulder and elbow; flat when too far.
        j0 = math.atan2(y, x) - math.asin(self._lateral / radius)
        j1 = math.atan2(below, ahead) - _angle(a, distance, b)
        j3 = math.pi - _angle(a, b, distance)
        yaw = math.atan2(rotation[1, 0], rotation[0, 0])
        j6 = math.remainder(self._yaw_at_zero + j0 - yaw, 2 * math.pi)
        return np.array([j0, j1, 0.0, j3, 0.0, math.pi / 2 - j1 - j3, j6])


class SeedTable:
    """Configurations spread evenly over joint space, found by what their tool's pose needs of them."""

    def __init__(self, model: pinocchio.Model, frame: int, lower: Vector, upper: Vector):
        """``lower`` and ``upper`` (7,) are the limits of ``model``'s joints, radians. Takes 50 ms."""
        # Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018: powers of the root of
        # x^6 = x + 1 fill five dimensions evenly.
        root = 1.0
        for _ in range(50):
            root = (1.0 + root) ** (1 / 6)
        share = (0.5 + np.outer(np.arange(1, ENTRIES + 1), root ** -np.arange(1.0, 6.0))) % 1.0
        self._entries: Matrix = np.zeros((ENTRIES, 7))
        self._entries[:, 1:6] = lower[1:6] + share * (upper - lower)[1:6]
        self._turn = float(max(-lower[0], upper[0])) + SLACK
        self._wrist, self._axis = _wrist_in_tool(model, frame)
        positions, self._rotations = _poses(model, frame, self._entries)
        keys, self._azimuths = self._reduce(positions, self._rotations)
        self._tree = cKDTree(keys)

    def near(self, position: Vector, rotation: Matrix, count: int) -> Iterator[Vector]:
        """Up to ``count`` configurations (7,) with the tool near a pose, the nearest first.

        A few of them may be a little outside the limits of joint 0.
        """
        key, azimuth = self._reduce(position, rotation)
        for entry in self._entries_near(key, count):
            q: Vector = self._entries[entry].copy()
            j0 = math.remainder(float(azimuth - self._azimuths[entry]), 2 * math.pi)
            if abs(j0) > self._turn:
                continue
            # The tool's x axis in the axes of the entry's tool, which joint 0 has turned.
            c, s = math.cos(j0), math.sin(j0)
            x, y, z = rotation[:, 0].tolist()
            axis_x, axis_y, _ = (
                np.array([c * x + s * y, c * y - s * x, z]) @ self._rotations[entry]
            ).tolist()
            q[0], q[6] = j0, math.atan2(axis_y, axis_x)
            yield q

    def _entries_near(self, key: Vector, count: int) -> Iterator[int]:
        yield from self._tree.query(key, FIRST)[1].tolist()
        yield from self._tree.query(key, count)[1][FIRST:].tolist()

    def _reduce(self, positions: Vector, rotations: Matrix) -> tuple[Matrix, Vector]:
        """What is left of tools at (..., 3), (..., 3, 3) without joints 0 and 6, (..., 5); the azimuth."""
        wrist, axis = positions + rotations @ self._wrist, rotations @ self._axis
        azimuth = np.arctan2(wrist[..., 1], wrist[..., 0])
        c, s = np.cos(azimuth), np.sin(azimuth)
        key = [
            np.hypot(wrist[..., 0], wrist[..., 1]),
            wrist[..., 2],
            LEVER * (c * axis[..., 0] + s * axis[..., 1]),
            LEVER * (c * axis[..., 1] - s * axis[..., 0]),
            LEVER * axis[..., 2],
        ]
        return np.stack(key, axis=-1), azimuth


def _wrist_in_tool(model: pinocchio.Model, frame: int) -> tuple[Vector, Vector]:
    """The point (3,) where the axes of joints 5 and 6 meet, and the axis of joint 6 (3,), in the tool.

    The tool's own z axis points along that of joint 6.
    """
    data = model.createData()
    pinocchio.forwardKinematics(model, data, np.zeros(7))
    tool = pinocchio.updateFramePlacement(model, data, frame)
    fifth, sixth = tool.actInv(data.oMi[6]), tool.actInv(data.oMi[7])
    axes = np.stack([sixth.rotation[:, 2], -fifth.rotation[:, 2]], axis=1)
    along = np.linalg.lstsq(axes, fifth.translation - sixth.translation, rcond=None)[0]
    axis: Vector = sixth.rotation[:, 2].copy()
    return sixth.translation + along[0] * axis, axis


def _poses(model: pinocchio.Model, frame: int, configurations: Matrix) -> tuple[Matrix, Matrix]:
    """Positions (N, 3) and rotations (N, 3, 3) of the tool at ``configurations`` (N, 7), all at once."""
    positions, rotations = np.zeros((len(configurations), 3)), np.eye(3)
    for index, angles in enumerate(configurations.T):
        placement = model.jointPlacements[index + 1]
        positions = positions + rotations @ placement.translation
        c, s, zero, one = np.cos(angles), np.sin(angles), np.zeros_like(angles), np.ones_like(angles)
        turns = np.stack([c, -s, zero, s, c, zero, zero, zero, one], axis=-1).reshape(-1, 3, 3)
        rotations = rotations @ placement.rotation @ turns
    placement = model.frames[frame].placement
    return positions + rotations @ placement.translation, rotations @ placement.rotation


def _angle(a: float, b: float, opposite: float) -> float:
    """The angle between the sides ``a`` and ``b`` of a triangle; as near as can be if there is none."""
    return math.acos(min(1.0, max(-1.0, (a * a + b * b - opposite * opposite) / (2 * a * b + 1e-9))))
