"""Where a camera stands, in closed form, from poses of the hand and of a board: A X = Z B.

A: base <- tool, known from the joints. B: camera <- board, seen. X: tool <- board and Z: base <- camera are
wanted; they are the same for all views. The solution is that of M. Shah, "Solving the robot-world/hand-eye
calibration problem using the Kronecker product", Journal of Mechanisms and Robotics 5(3), 2013.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]


def inverse(poses: Floats) -> Floats:
    """Inverse of rigid transforms (..., 4, 4)."""
    result = np.zeros_like(poses)
    result[..., :3, :3] = np.swapaxes(poses[..., :3, :3], -1, -2)
    result[..., :3, 3] = -np.einsum("...ij,...j->...i", result[..., :3, :3], poses[..., :3, 3])
    result[..., 3, 3] = 1.0
    return result


def turning(tools: Floats) -> Floats:
    """(3,) how much poses (N, 4, 4) turn against each other about three perpendicular axes, largest first.

    Root mean square over all pairs, radians; N is at least 2. X and Z can be told apart only if
    two of the three are not small: about one axis alone, camera and board may both move along it unseen.
    """
    first, second = np.triu_indices(len(tools), 1)
    turns = np.swapaxes(tools[first, :3, :3], 1, 2) @ tools[second, :3, :3]
    vectors = Rotation.from_matrix(turns).as_rotvec()
    squares = np.linalg.eigvalsh(vectors.T @ vectors / len(vectors))[::-1]
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def robot_world_hand_eye(tools: Floats, boards: Floats) -> tuple[Floats, Floats]:
    """X and Z, each (4, 4), from A ``tools`` and B ``boards``, each (N, 4, 4), N >= 3."""
    kron = np.einsum("nij,nkl->ikjl", boards[:, :3, :3], tools[:, :3, :3]).reshape(9, 9)
    u, _, vt = np.linalg.svd(kron)
    x, z = np.eye(4), np.eye(4)
    # vec() runs down columns.
    x[:3, :3], z[:3, :3] = _rotation(vt[0].reshape(3, 3).T), _rotation(u[:, 0].reshape(3, 3).T)
    count = len(tools)
    left = np.concatenate([tools[:, :3, :3], np.tile(-np.eye(3), (count, 1, 1))], axis=2).reshape(-1, 6)
    right = boards[:, :3, 3] @ z[:3, :3].T - tools[:, :3, 3]
    shifts, *_ = np.linalg.lstsq(left, right.ravel(), rcond=None)
    x[:3, 3], z[:3, 3] = shifts[:3], shifts[3:]
    return x, z


def _rotation(matrix: Floats) -> Floats:
    """The rotation nearest to a multiple (of either sign) of one."""
    u, _, vt = np.linalg.svd(matrix * np.sign(np.linalg.det(matrix)))
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)
