"""Damped least squares for the pose of one frame of an arm, with the joints kept inside limits.

One step costs about ten microseconds: two calls of Pinocchio and a solved 6x6 system. Python's overhead
decides, so the small vectors are handled with as few calls as can be.
"""

from __future__ import annotations

import math

import numpy as np
import pinocchio
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

Vector = NDArray[np.float64]

TOLERANCE = 1e-6  # metres and radians: a descent that ends closer has arrived
STEPS = 20
PATIENCE = 4  # steps in which the error should become half
LARGEST_STEP = 0.5  # radians that a joint turns in one step
DAMPING = 1e-2  # times the squared error, so that the last steps are Newton's
LEAST_DAMPING = 1e-9


class Descent:
    """Finds configurations near a start that put ``frame`` at a pose."""

    def __init__(self, model: pinocchio.Model, frame: int, lower: Vector, upper: Vector):
        """``lower`` and ``upper`` (n,) are the limits to keep, radians."""
        self._model, self._frame = model, frame
        self._lower, self._upper = lower, upper

    def inside(self, data: pinocchio.Data, target: pinocchio.SE3, q: Vector) -> tuple[Vector, float]:
        """The configuration (n,) that a descent from ``q`` ends at, inside the limits, and its error.

        A joint that a step would push over its limit stays there, and the others make up for it.
        The error is the largest part of the SE(3) logarithm, metres or radians.
        """
        lower, upper = self._lower, self._upper
        q = np.minimum(np.maximum(q, lower), upper)
        goal = math.inf
        for step in range(STEPS):
            error, jacobian = self.linearise(data, target, q)
            size = max(map(abs, error.tolist()))
            if size < TOLERANCE:
                break
            if step % PATIENCE == PATIENCE - 1:
                if size > goal:
                    break
                goal = size / 2
            there = q + damped_step(jacobian, error)
            q_next = np.minimum(np.maximum(there, lower), upper)
            held = (q_next != there) & (q_next == q)
            if held.any():
                there = q + damped_step(jacobian * ~held, error)
                q_next = np.minimum(np.maximum(there, lower), upper)
            q = q_next
        return q, size

    def anywhere(self, data: pinocchio.Data, target: pinocchio.SE3, q: Vector) -> tuple[Vector, float]:
        """The same for an arm whose joints have no limits."""
        for _ in range(STEPS):
            error, jacobian = self.linearise(data, target, q)
            size = max(map(abs, error.tolist()))
            if size < TOLERANCE:
                break
            q = q + damped_step(jacobian, error)
        return q, size

    def linearise(self, data: pinocchio.Data, target: pinocchio.SE3, q: Vector) -> tuple[Vector, Vector]:
        """What is missing to ``target`` (6,), metres and radians in the frame's axes; its Jacobian (6, n)."""
        pinocchio.computeJointJacobians(self._model, data, q)
        placement = pinocchio.updateFramePlacement(self._model, data, self._frame)
        error = pinocchio.log6(placement.actInv(target)).vector
        return error, pinocchio.getFrameJacobian(self._model, data, self._frame, pinocchio.LOCAL)


def damped_step(jacobian: Vector, error: Vector) -> Vector:
    """The step (n,) of the joints, radians, for ``jacobian`` (6, n) and what is missing (6,)."""
    square = jacobian @ jacobian.T
    square.flat[::7] += DAMPING * min(1.0, float(error @ error)) + LEAST_DAMPING
    step: Vector = dposv(square, error)[1] @ jacobian
    largest = max(map(abs, step.tolist()))
    return step if largest <= LARGEST_STEP else step * (LARGEST_STEP / largest)
