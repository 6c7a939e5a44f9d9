"""Images of a calibration board in a robot's hand, rendered through a lens, with everything known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics
from taskprog.perception.board import Board
from taskprog.perception.camera import look_at
from taskprog.perception.hand_eye import inverse
from taskprog.perception.intrinsics import Intrinsics
from taskprog.tasks.table_top import CAMERA_EYE, CAMERA_TARGET

Floats = NDArray[np.float64]
Image = NDArray[np.uint8]

LENS = Intrinsics(
    640,
    480,
    np.array([[611.0, 0.0, 323.5], [0.0, 613.0, 236.2], [0.0, 0.0, 1.0]]),
    np.array([0.12, -0.25, 0.0015, -0.0008, 0.08]),
)
MARGIN = 0.012  # metres of white paper around the pattern
TEXELS = 5000.0  # of the printed page, a metre
FINER = 2  # rays a pixel, in each direction


def rigid(turn: Floats, shift: Floats) -> Floats:
    """(4, 4) from a rotation vector (3,) and a translation (3,)."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_rotvec(turn).as_matrix(), shift
    return pose


def page(board: Board) -> Image:
    """What is printed, as a picture with ``TEXELS`` and ``MARGIN``."""
    width, height = (round((side + 2 * MARGIN) * TEXELS) for side in board.size)
    picture = np.full((height, width), 235, np.uint8)
    for x, y, w, h in board.black():
        edges = [round((v + MARGIN) * TEXELS) for v in (y, y + h, x, x + w)]
        picture[edges[0] : edges[1], edges[2] : edges[3]] = 20
    return picture


class BoardRenderer:
    """Draws a board as a camera sees it."""

    def __init__(self, board: Board, camera: Intrinsics):
        self._camera = camera
        self._page = page(board)
        offset = (FINER - 1) / 2
        v, u = np.mgrid[: camera.height * FINER, : camera.width * FINER]
        pixels = np.stack([(u - offset) / FINER, (v - offset) / FINER], axis=-1).reshape(-1, 1, 2)
        rays = cv2.undistortPoints(pixels.astype(np.float64), camera.matrix, camera.distortion)
        self._rays = np.concatenate([rays.reshape(-1, 2), np.ones((len(rays), 1))], axis=1).astype(np.float32)

    def render(self, pose: Floats, rng: np.random.Generator, blur: float = 0.8, noise: float = 4.0) -> Image:
        """(H, W, 3) RGB of the board at ``pose`` (camera <- board);
        blur in pixels, noise in grey levels."""
        # Pixels and the board's plane are related by a homography: (x, y, 1) on the board to rays.
        plane = np.linalg.inv(pose[:3, [0, 1, 3]]).astype(np.float32)
        hits = self._rays @ plane.T
        texels = (hits[:, :2] / hits[:, 2:] + MARGIN) * TEXELS - 0.5
        shape = (self._camera.height * FINER, self._camera.width * FINER)
        u, v = (np.ascontiguousarray(texels[:, k].reshape(shape)) for k in (0, 1))
        fine = cv2.remap(self._page, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=90)
        size = (self._camera.width, self._camera.height)
        grey = cv2.resize(fine, size, interpolation=cv2.INTER_AREA).astype(np.float64)
        grey = cv2.GaussianBlur(grey, (0, 0), blur)
        grey *= np.linspace(0.75, 1.0, size[0])  # light from one side
        image = grey[..., None] + rng.normal(0.0, noise, (*grey.shape, 3))
        return np.asarray(np.clip(np.rint(image), 0, 255), np.uint8)


@dataclass(frozen=True)
class Cell:
    """A camera beside the table, and how the hand holds the board; both are what calibration should find."""

    board: Board
    camera: Floats  # (4, 4) base <- optical
    in_hand: Floats  # (4, 4) tcp <- centre of the board, x right and z into the board

    @property
    def held(self) -> Floats:
        """(4, 4) tcp <- board."""
        corner = np.eye(4)
        corner[:2, 3] = -np.array(self.board.size) / 2
        return self.in_hand @ corner

    def seen(self, tool: Floats) -> Floats:
        """(4, 4) camera <- board while the hand is at ``tool`` (base <- tcp)."""
        return np.asarray(inverse(self.camera) @ tool @ self.held)

    def arm_poses(self, count: int, rng: np.random.Generator, tilt: float = 0.5) -> list[Floats]:
        """Joint positions (7,) that show the camera the board, turned by up to about ``tilt`` radians."""
        kinematics = Kinematics.load()
        found: list[Floats] = []
        while len(found) < count:
            turn = rng.uniform(-tilt, tilt, 3)
            depth = rng.uniform(0.65, 0.95)
            shift = depth * np.array([rng.uniform(-0.22, 0.22), rng.uniform(-0.16, 0.16), 1.0])
            tool = self.camera @ rigid(turn, shift) @ inverse(self.in_hand)
            try:
                found.append(kinematics.inverse(tool[:3, 3], tool[:3, :3]))
            except MotionError:
                continue
        return found


def cell(board: Board) -> Cell:
    """A cell with a camera about where the simulator's is, off by some centimetres and degrees."""
    camera = look_at(CAMERA_EYE, CAMERA_TARGET) @ rigid(
        np.array([0.05, -0.08, 0.1]), np.array([0.04, 0.03, 0.02])
    )
    # A stiff plate in the fingers, its face away from the arm: the tool's z axis points at the camera.
    in_hand = rigid(np.array([0.0, np.pi, 0.0]), np.array([0.01, -0.02, 0.03])) @ rigid(
        np.array([0.06, 0.1, 0.3]), np.zeros(3)
    )
    return Cell(board, camera, in_hand)


def tool_at(joints: Floats) -> Floats:
    """(4, 4) base <- tcp."""
    pose = np.eye(4)
    pose[:3, 3], pose[:3, :3] = Kinematics.load().forward(joints)
    return pose


def off(found: Floats, truth: Floats) -> tuple[float, float]:
    """How far a pose is from the truth, millimetres and degrees."""
    turn = Rotation.from_matrix(truth[:3, :3].T @ found[:3, :3]).magnitude()
    return float(np.linalg.norm(found[:3, 3] - truth[:3, 3]) * 1000), float(np.degrees(turn))
