"""Where the coloured cubes are, from one image, with or without depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.colours import SEEN_REGION, Blob, ColourSegmenter
from taskprog.perception.cube_fit import fit_cube
from taskprog.perception.silhouette import centre_at_height, outline_area
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE, TABLE_HEIGHT

Floats = NDArray[np.float64]

MIN_SEEN = 0.08  # share of a cube's outline that must be seen to say anything of it
UNKNOWN_SEEN = (0.35, 4.0)  # an unknown object covers this many times a cube's outline
ENOUGH_SEEN = 0.35  # seen this much of its outline, a cube's fit is as good as it gets
GUESS_CONFIDENCE = 0.4  # at most, where part of the position had to be guessed
MAX_POINTS = 600  # of one cube that are fitted; more cost time and tell nothing new


@dataclass(frozen=True, eq=False)
class Detection:
    """One object in one image.

    Attributes:
        name: the cube's; "unknown", or "second red", for what is none of the known cubes.
        category: "cube", or "unknown".
        position: (3,) float64, centre, metres, frame ``base``.
        yaw: radians about z, in [-pi/4, pi/4).
        size: (3,) float64, metres.
        confidence: 0 to 1; above ``GUESS_CONFIDENCE`` no part of the position is a guess.
        pixel: (2,) float64, centroid (u, v) of what is seen of it.
        seen: area seen as a share of its whole outline's.
    """

    name: str
    category: str
    position: Floats
    yaw: float
    size: Floats
    confidence: float
    pixel: Floats
    seen: float


class CubeDetector:
    """Detects upright cubes of known colours and size in one camera's images. Keeps nothing between images.

    Args:
        camera: whose images these are.

    Attributes:
        segmenter: finds the blobs that are looked at.
    """

    def __init__(self, camera: CameraModel) -> None:
        self.camera = camera
        self.segmenter = ColourSegmenter(camera)

    def detect(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None = None) -> list[Detection]:
        """The known cubes in an image, at most one a colour, in the order of ``CUBE_NAMES``.

        Args:
            rgb: (H, W, 3).
            depth: (H, W) metres along the optical axis, or None: then cubes are taken to stand on the table.

        Raises:
            ValueError: an image's size is not the camera's.
        """
        if depth is not None and depth.shape != rgb.shape[:2]:
            raise ValueError(f"depth {depth.shape} and colour {rgb.shape[:2]} images differ in size")
        blobs = self.segmenter.blobs(rgb)
        found = []
        for name in CUBE_NAMES:
            pieces = [blob for blob in blobs if blob.name == name]
            detection = self._on_table(name, pieces) if depth is None else self._in_depth(name, pieces, depth)
            if detection is not None:
                found.append(detection)
        return found

    def unknown(self, blobs: Iterable[Blob]) -> list[Detection]:
        """Strongly coloured things of about a cube's size, as on the table, that are none of the known cubes.

        That is what has no cube's colour, and a second thing of a cube's colour.

        Args:
            blobs: of one image, as ``ColourSegmenter.blobs`` gives them.
        """
        found = []
        first: dict[str, Blob] = {}
        for blob in blobs:
            position = centre_at_height(self.camera, blob.centroid, TABLE_HEIGHT + CUBE_SIZE / 2)
            if not _inside(position[None])[0]:
                continue
            drawn = outline_area(self.camera, position)
            if blob.name is not None:
                other = first.setdefault(blob.name, blob)
                if np.linalg.norm(other.centroid - blob.centroid) < 2 * np.sqrt(drawn):
                    continue
            seen = blob.area / drawn
            if UNKNOWN_SEEN[0] <= seen <= UNKNOWN_SEEN[1]:
                size = np.full(3, CUBE_SIZE * np.sqrt(seen))
                name = "unknown" if blob.name is None else f"second {blob.name}"
                found.append(Detection(name, "unknown", position, 0.0, size, 0.5, blob.centroid, seen))
        return found

    def _on_table(self, name: str, pieces: list[Blob]) -> Detection | None:
        for blob in pieces:
            position = centre_at_height(self.camera, blob.centroid, TABLE_HEIGHT + CUBE_SIZE / 2)
            if not _inside(position[None])[0]:
                continue
            seen = blob.area / outline_area(self.camera, position)
            if seen < MIN_SEEN:
                return None
            confidence = min(1.0, seen) if not blob.cut else GUESS_CONFIDENCE
            return Detection(name, "cube", position, 0.0, _cube_size(), confidence, blob.centroid, seen)
        return None

    def _in_depth(self, name: str, pieces: list[Blob], depth: NDArray[np.float32]) -> Detection | None:
        main: Floats | None = None
        kept: list[Floats] = []
        pixels: list[Blob] = []
        for blob in pieces:
            points = self.camera.points(blob.u, blob.v, depth[blob.v, blob.u])
            points = points[_inside(points)]
            if len(points) == 0:
                continue
            middle = np.median(points, axis=0)
            if main is None:
                main = middle
            if np.linalg.norm(middle - main) < 1.5 * CUBE_SIZE:
                kept.append(points[np.linalg.norm(points - main, axis=1) < 1.5 * CUBE_SIZE])
                pixels.append(blob)
        if main is None:
            return None
        points = np.concatenate(kept)
        fit = fit_cube(points[:: 1 + len(points) // MAX_POINTS], self.camera.origin, CUBE_SIZE)
        if fit is None:
            return None
        seen = len(points) / outline_area(self.camera, fit.position, fit.yaw)
        if seen < MIN_SEEN:
            return None
        confidence = fit.inliers * min(1.0, seen / ENOUGH_SEEN)
        if not fit.certain:
            confidence = min(confidence, GUESS_CONFIDENCE)
        area = sum(blob.area for blob in pixels)
        centroid = np.sum([blob.centroid * blob.area for blob in pixels], axis=0) / area
        return Detection(name, "cube", fit.position, fit.yaw, _cube_size(), confidence, centroid, seen)


def _cube_size() -> Floats:
    return np.full(3, CUBE_SIZE)


def _inside(points: Floats) -> NDArray[np.bool_]:
    """(N,) whether points (N, 3) lie where cubes can be."""
    low = np.array([SEEN_REGION.x[0], SEEN_REGION.y[0], SEEN_REGION.z[0]])
    high = np.array([SEEN_REGION.x[1], SEEN_REGION.y[1], SEEN_REGION.z[1]])
    return np.asarray(((points > low) & (points < high)).all(axis=1))
