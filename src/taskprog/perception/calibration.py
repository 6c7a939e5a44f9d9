"""Where a camera stands, from views of a board that the arm carries past it.

All unknowns (the camera's pose, and the board's in the hand) are fitted at once so that the board's corners
come to lie where they are seen, with the likely errors of arm and corners weighed. How sure that is comes
from the views themselves: each is left out once, and the spread of the results (the jackknife) counts lens,
joints and print together, whatever their errors are.

A camera on the hand that looks at a board on the table is the same with the roles of base and tool swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import degrees, radians

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from taskprog.perception.board import BoardView
from taskprog.perception.hand_eye import inverse, robot_world_hand_eye, turning
from taskprog.perception.intrinsics import Intrinsics

Floats = NDArray[np.float64]

FRAMES = ("base", "tcp")
MIN_VIEWS = 6  # each is left out once, and what is left must do
MIN_TURN = radians(10.0)  # root mean square about the second axis
MIN_SCALE_ERROR = 0.01  # of the board; paper shrinks less, a printer that fits to the page does more
SIGMAS = 4.0
# What is taken for granted of a Sawyer and of corners, standard deviations: metres, radians, pixels.
ARM_POSITION = 0.001
ARM_ROTATION = 0.002
PIXEL = 0.2
# Pixels, as shares of the image's width. A Sawyer is exact to millimetres, a few pixels at 640.
TOLERANT = 0.0015  # residuals beyond count less and less
MAX_RESIDUAL = 0.008  # rms of all views
OUTLIER = 0.012  # rms of a view that does not fit the others, about a centimetre at one metre ...
OUTLIER_RATIO = 4.0  # ... if it is also so many times their median


class CalibrationError(ValueError):
    """The views do not give a camera's pose; the message says why and what would help."""


@dataclass(frozen=True, eq=False)
class ArmView:
    """One image of the board and where the arm was: ``tool`` (4, 4) is base <- tcp, metres."""

    name: str
    tool: Floats
    board: BoardView


@dataclass(frozen=True, eq=False)
class Calibration:
    """A camera's pose and how good it is.

    Attributes:
        frame: ``base`` for a camera that stands, ``tcp`` for one on the hand.
        pose: (4, 4) ``frame`` <- optical frame, metres.
        board: (4, 4) of the board: in ``tcp`` if the camera stands, else in ``base``.
        error: standard error of where things are, metres, at the places where the board was seen.
        position_error, rotation_error: standard errors of ``pose``, metres and radians. Most of these two
            cancel where the board was: a camera a little to the left that looks a little to the right.
        scale: how large the board is against what was said of it, as far as the arm's motion tells.
        scale_error: its standard error.
        residuals: rms distance in pixels, by view, between corners seen and expected.
    """

    frame: str
    pose: Floats
    board: Floats
    error: float
    position_error: float
    rotation_error: float
    scale: float
    scale_error: float
    residuals: dict[str, float]

    @property
    def rms(self) -> float:
        """Of the residuals of all views, pixels."""
        return float(np.sqrt(np.mean(np.square(list(self.residuals.values())))))


class _Fit:
    """The corners of all views in flat arrays, and the least squares of the two poses to them."""

    def __init__(self, views: Sequence[ArmView], camera: Intrinsics, hands: Floats):
        counts = [len(view.board.points) for view in views]
        self._camera = camera
        self._hands = hands
        self._of = np.repeat(np.arange(len(views)), counts)
        self._points = np.concatenate([view.board.points for view in views])
        self._pixels = np.concatenate([view.board.pixels for view in views])

    def misfits(self, x: Floats, z: Floats, scale: float = 1.0, hands: Floats | None = None) -> Floats:
        """(N, 2) pixels from where the corners are seen to where they should be."""
        poses = (inverse(z) @ (self._hands if hands is None else hands) @ x)[self._of]
        local = np.einsum("nij,nj->ni", poses[:, :3, :3], scale * self._points) + poses[:, :3, 3]
        local[:, 2] = np.maximum(local[:, 2], 1e-3)  # a step too far may put a corner behind the camera
        return np.asarray(self._camera.project(local) - self._pixels)

    def robust(self, x: Floats, z: Floats) -> tuple[Floats, Floats]:
        """X and Z from a rough guess, by corners alone; a few wrong views do little harm."""

        def residuals(step: Floats) -> Floats:
            return self.misfits(_moved(x, step[:6]), _moved(z, step[6:])).ravel()

        scale = TOLERANT * self._camera.width
        step = least_squares(residuals, np.zeros(12), loss="huber", f_scale=scale).x
        return _moved(x, step[:6]), _moved(z, step[6:])

    def whitening(self, x: Floats, z: Floats) -> list[Floats]:
        """For each view, (2n, 2n) by which its misfits become independent, with variance one.

        A camera finds corners to tenths of a pixel, an arm stands where it says to a millimetre or so, which
        is pixels; and where the hand is off, all corners of a view are off together.
        """
        slopes = []
        for axis, deviation in enumerate([ARM_ROTATION] * 3 + [ARM_POSITION] * 3):
            step = np.zeros(6)
            step[axis] = deviation / 10
            moved = np.array([_moved(hand, step) for hand in self._hands])
            slopes.append((self.misfits(x, z, hands=moved) - self.misfits(x, z)) * 10)
        result = []
        for view in range(len(self._hands)):
            slope = np.stack([s[self._of == view].ravel() for s in slopes], axis=1)
            covariance = PIXEL**2 * np.eye(len(slope)) + slope @ slope.T
            result.append(np.linalg.inv(np.linalg.cholesky(covariance)))
        return result

    def likeliest(
        self, x: Floats, z: Floats, white: Sequence[Floats], scaled: bool = False
    ) -> tuple[Floats, Floats]:
        """The best step from X and Z, and those that would be best without each view.

        Returns:
            (D,) and (V, D), D being 13 with the board's scale minus one as the last, else 12: see ``_moved``.
            Those without a view are one Gauss-Newton step from the best, exact for errors as small as here.
        """

        def residuals(step: Floats) -> Floats:
            misfits = self.misfits(_moved(x, step[:6]), _moved(z, step[6:12]), 1.0 + float(step[12:].sum()))
            return np.concatenate([w @ misfits[self._of == k].ravel() for k, w in enumerate(white)])

        best = least_squares(residuals, np.zeros(13 if scaled else 12))
        of = np.repeat(self._of, 2)
        without = [np.linalg.lstsq(best.jac[of != k], -best.fun[of != k])[0] for k in range(len(white))]
        return np.asarray(best.x), best.x + np.array(without)

    def rms(self, x: Floats, z: Floats) -> Floats:
        """(V,) of each view's misfits, pixels."""
        squares = np.sum(self.misfits(x, z) ** 2, axis=1)
        return np.asarray(np.sqrt(np.bincount(self._of, squares) / np.bincount(self._of)))


def calibrate(views: Sequence[ArmView], camera: Intrinsics, frame: str = "base") -> Calibration:
    """Find where the camera stands.

    Args:
        views: of one board, fixed in the hand (``frame`` is ``base``) or in the world (``tcp``).

    Raises:
        CalibrationError: too few views, the hand turned too little or about one axis only, views that
            contradict the others, or a board that is not as large as was said.
    """
    if frame not in FRAMES:
        raise ValueError(f"a camera's pose is wanted in one of {', '.join(FRAMES)}, not {frame!r}")
    if len(views) < MIN_VIEWS:
        raise CalibrationError(
            f"{len(views)} views show the board; at least {MIN_VIEWS} are needed, 15 to 20 are good"
        )
    tools = np.array([view.tool for view in views])
    _check_turning(tools)
    hands = tools if frame == "base" else inverse(tools)
    boards = np.array([view.board.pose for view in views])
    fit = _Fit(views, camera, hands)
    # A small or far board may be seen with its tilt mirrored; the fit of corners has no such doubts.
    x, z = fit.robust(*robot_world_hand_eye(hands, boards))
    names = [view.name for view in views]
    _check_residuals(dict(zip(names, map(float, fit.rms(x, z)), strict=True)), camera)

    white = fit.whitening(x, z)
    best, without = fit.likeliest(x, z, white)
    poses = np.array([_moved(z, step[6:]) for step in without])
    x, z = _moved(x, best[:6]), _moved(z, best[6:])
    turns = np.array([Rotation.from_matrix(z[:3, :3].T @ other[:3, :3]).as_rotvec() for other in poses])
    seen = np.concatenate([boards[:, :3, 3], np.ones((len(views), 1))], axis=1)
    places = np.einsum("vij,nj->vni", poses[:, :3], seen)
    scaled, scaled_without = fit.likeliest(x, z, white, scaled=True)
    scale = 1.0 + float(scaled[12])
    result = Calibration(
        frame,
        z,
        x,
        error=_jackknife(places.reshape(len(views), -1)) / float(np.sqrt(len(views))),
        position_error=_jackknife(poses[:, :3, 3]),
        rotation_error=_jackknife(turns),
        scale=scale,
        scale_error=_jackknife(scaled_without[:, 12:]),
        residuals=dict(zip(names, map(float, fit.rms(x, z)), strict=True)),
    )
    if abs(scale - 1.0) > max(MIN_SCALE_ERROR, SIGMAS * result.scale_error):
        raise CalibrationError(
            f"the arm's motion says that the board is {scale:.3f} times as large as was said: measure the"
            " printed squares (was it printed at 100 %?); if they are right, the focal length is wrong"
        )
    return result


def _check_turning(tools: Floats) -> None:
    most, second, _ = turning(tools)
    if second < MIN_TURN:
        raise CalibrationError(
            f"the hand turns by {degrees(most):.0f} deg (rms) about one axis and only {degrees(second):.1f}"
            f" deg about any other; at least {degrees(MIN_TURN):.0f} are needed: roll, tilt and swing the"
            " hand by 20 to 40 deg between views"
        )


def _check_residuals(residuals: dict[str, float], camera: Intrinsics) -> None:
    median = float(np.median(list(residuals.values())))
    limit = max(OUTLIER * camera.width, OUTLIER_RATIO * median)
    far = [f"{name} ({value:.0f} pixels)" for name, value in residuals.items() if value > limit]
    if far and len(far) <= len(residuals) // 3:
        raise CalibrationError(
            f"views that do not fit the others (median {median:.1f} pixels): {', '.join(far)}; did the arm"
            " still move, or do image and joints belong to different poses? Leave them out, or record again"
        )
    if median > MAX_RESIDUAL * camera.width or far:
        raise CalibrationError(
            f"the views contradict each other (median residual {median:.1f} pixels): the board must not move"
            " in the hand, nor the camera in the world, and joint positions must belong to their images"
        )


def _moved(pose: Floats, step: Floats) -> Floats:
    """A pose turned in its own axes by a rotation vector, and shifted; ``step`` is (6,)."""
    result = pose.copy()
    result[:3, :3] = pose[:3, :3] @ Rotation.from_rotvec(step[:3]).as_matrix()
    result[:3, 3] += step[3:]
    return result


def _jackknife(values: Floats) -> float:
    """Standard error of an estimate (norm over its D components) from those without each view, (V, D)."""
    count = len(values)
    return float(np.sqrt((count - 1) / count * np.sum((values - values.mean(axis=0)) ** 2)))
