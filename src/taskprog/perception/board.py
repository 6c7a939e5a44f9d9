"""Flat calibration boards: what is printed, and where its corners are seen in an image.

Two kinds: a ChArUco board (chessboard whose white squares hold ArUco markers; its inner corners are
measured) and a grid of AprilTags (the tags' own corners are measured). Board coordinates are OpenCV's:
origin at the top left corner of the printed pattern, x right, y down, z into the board.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.intrinsics import Intrinsics

Floats = NDArray[np.float64]
Rectangle = tuple[float, float, float, float]

# Few, large modules can be read from farther away; tag36h11 is what other AprilTag tools print.
DICTIONARIES = {"charuco": "DICT_4X4_50", "apriltag": "DICT_APRILTAG_36h11"}
KINDS = tuple(DICTIONARIES)
MIN_CORNERS = 6  # seen in an image; fewer say too little about the board's tilt
MAX_MISFIT = 0.003  # rms distance of corners from the board that fits them best, in image widths
TAG_OFFSET = 0.5  # pixels: OpenCV's AprilTag code counts from a pixel's corner, all else from its centre


class BoardNotSeen(ValueError):
    """An image does not show the board well enough; the message says why."""


@dataclass(frozen=True, eq=False)
class BoardView:
    """The board in one image.

    Attributes:
        points: (N, 3) the corners seen, in the board's frame, metres.
        pixels: (N, 2) where they are seen, to a fraction of a pixel.
        pose: (4, 4) optical frame <- board, from this image alone.
    """

    points: Floats
    pixels: Floats
    pose: Floats


@dataclass(frozen=True)
class Board:
    """A board of ``columns`` x ``rows`` squares or tags.

    Attributes:
        kind: one of ``KINDS``.
        square: metres from one square or tag to the next.
        marker: side of a marker's black border, metres.

    Raises:
        ValueError: there is no such board.
    """

    kind: str = "charuco"
    columns: int = 6
    rows: int = 4
    square: float = 0.045
    marker: float = 0.034

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a board is one of {', '.join(KINDS)}, not {self.kind!r}")
        least = 3 if self.kind == "charuco" else 2
        if min(self.columns, self.rows) < least:
            raise ValueError(
                f"a {self.kind} board needs at least {least}x{least} squares, not {self.columns}x{self.rows}"
            )
        if not 0 < self.marker < self.square:
            raise ValueError(
                f"markers of {self.marker * 1000:g} mm should be smaller than the {self.square * 1000:g} mm"
                " from one to the next"
            )
        count = self._dictionary.bytesList.shape[0]
        if self.columns * self.rows // (2 if self.kind == "charuco" else 1) > count:
            raise ValueError(f"{self.columns}x{self.rows} squares: there are only {count} different markers")

    def __str__(self) -> str:
        return (
            f"{self.kind}, {self.columns} x {self.rows} squares of {self.square * 1000:g} mm,"
            f" markers of {self.marker * 1000:g} mm"
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the printed pattern, metres."""
        gap = self.square - self.marker if self.kind == "apriltag" else 0.0
        return self.columns * self.square - gap, self.rows * self.square - gap

    @cached_property
    def _dictionary(self) -> cv2.aruco.Dictionary:
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARIES[self.kind]))

    @cached_property
    def _chessboard(self) -> cv2.aruco.CharucoBoard:
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square, self.marker, self._dictionary)

    @cached_property
    def _layout(self) -> cv2.aruco.Board:
        if self.kind == "charuco":
            return self._chessboard
        gap = self.square - self.marker
        return cv2.aruco.GridBoard((self.columns, self.rows), self.marker, gap, self._dictionary)

    @cached_property
    def _ids(self) -> set[int]:
        return {int(number) for number in np.ravel(self._layout.getIds())}

    def black(self) -> Iterator[Rectangle]:
        """What is printed black, as rectangles (x, y, width, height) in board coordinates, metres."""
        if self.kind == "charuco":
            for row in range(self.rows):
                for column in range(row % 2, self.columns, 2):
                    yield column * self.square, row * self.square, self.square, self.square
        modules = self._dictionary.markerSize + 2
        step = self.marker / modules
        for number, corners in zip(sorted(self._ids), self._layout.getObjPoints(), strict=True):
            # From integers again: OpenCV keeps the corners in single precision.
            x, y = (round(float(v) * 1e6) / 1e6 for v in corners[0][:2])
            picture = self._dictionary.generateImageMarker(int(number), modules)
            for v, u in zip(*np.nonzero(picture == 0), strict=True):
                yield x + u * step, y + v * step, step, step

    def see(self, image: NDArray[np.uint8], camera: Intrinsics) -> BoardView:
        """Find the board in an image.

        Args:
            image: (H, W) grey or (H, W, 3) of the camera's size, as it came: not rectified.

        Raises:
            BoardNotSeen: it is not there, too little of it is, or it is another board.
            ValueError: the image is not of the camera's size.
        """
        if image.shape[:2] != (camera.height, camera.width):
            raise ValueError(
                f"an image is {image.shape[1]}x{image.shape[0]}, but camera_info is for"
                f" {camera.width}x{camera.height}"
            )
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        find = self._charuco_corners if self.kind == "charuco" else self._tag_corners
        points, pixels = find(grey, camera)
        if len(points) < MIN_CORNERS or np.linalg.matrix_rank(points - points[0], tol=1e-6) < 2:
            raise BoardNotSeen(
                f"{len(points)} corners of the board can be seen, {MIN_CORNERS} that are not in one line are"
                f" needed{self._other(grey)}"
            )
        pose, misfit = _pose(points, pixels, camera)
        if misfit > MAX_MISFIT * camera.width:
            raise BoardNotSeen(
                f"the corners are {misfit:.1f} pixels (rms) off a flat board of {self}: it should be that"
                " board, flat, and camera_info that of this camera"
            )
        return BoardView(points, pixels, pose)

    def _charuco_corners(self, grey: NDArray[np.uint8], camera: Intrinsics) -> tuple[Floats, Floats]:
        parameters = cv2.aruco.CharucoParameters()
        parameters.cameraMatrix, parameters.distCoeffs = camera.matrix, camera.distortion
        corners, ids, _, _ = cv2.aruco.CharucoDetector(self._chessboard, parameters).detectBoard(grey)
        if ids is None:
            return np.zeros((0, 3)), np.zeros((0, 2))
        points = np.asarray(self._chessboard.getChessboardCorners(), np.float64)[ids.ravel()]
        return points, np.asarray(corners, np.float64).reshape(-1, 2)

    def _tag_corners(self, grey: NDArray[np.uint8], camera: Intrinsics) -> tuple[Floats, Floats]:
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_APRILTAG
        corners, ids, _ = cv2.aruco.ArucoDetector(self._dictionary, parameters).detectMarkers(grey)
        known = [] if ids is None else [i for i, tag in enumerate(ids.ravel()) if tag in self._ids]
        if not known:
            return np.zeros((0, 3)), np.zeros((0, 2))
        layout = np.asarray(self._layout.getObjPoints(), np.float64)
        points = np.concatenate([layout[int(ids.ravel()[i])] for i in known])
        pixels = np.concatenate([np.asarray(corners[i], np.float64).reshape(4, 2) for i in known])
        return points, pixels - TAG_OFFSET

    def _other(self, grey: NDArray[np.uint8]) -> str:
        """Which markers can be seen instead, for a message."""
        for name in sorted({"DICT_5X5_250", "DICT_6X6_250", "DICT_7X7_250", *DICTIONARIES.values()}):
            dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))
            _, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(grey)
            wanted = self._ids if name == DICTIONARIES[self.kind] else set()
            strange = [] if ids is None else sorted({int(i) for i in ids.ravel()} - wanted)
            if len(strange) >= 2:
                return f"; markers {', '.join(map(str, strange[:6]))} of {name} are there: another board?"
        return ""


def _pose(points: Floats, pixels: Floats, camera: Intrinsics) -> tuple[Floats, float]:
    """Pose of a flat board, and its rms misfit in pixels."""
    found = []
    # Two tilts of a flat thing look much alike: both are starting points.
    _, turns, shifts, _ = cv2.solvePnPGeneric(
        points, pixels.reshape(-1, 1, 2), camera.matrix, camera.distortion, flags=cv2.SOLVEPNP_IPPE
    )
    for start in zip(turns, shifts, strict=True):
        turn, shift = cv2.solvePnPRefineLM(points, pixels, camera.matrix, camera.distortion, *start)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], shift.ravel()
        seen = camera.project(points @ pose[:3, :3].T + pose[:3, 3])
        found.append((pose, float(np.sqrt(np.mean(np.sum((seen - pixels) ** 2, axis=1))))))
    return min(found, key=lambda pair: pair[1])
