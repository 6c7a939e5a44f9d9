"""Whether a video shows what its reader expects: known cubes of the known size, seen by the known camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.perception.colours import SEEN_REGION
from taskprog.perception.detection import Detection
from taskprog.perception.errors import UnknownObject, WrongCamera
from taskprog.perception.holds import Rest
from taskprog.perception.silhouette import outline
from taskprog.tasks.table_top import CUBE_SIZE

Floats = NDArray[np.float64]

# Overlap (intersection over union) of a cube's view and its predicted outline, at the best yaw: most cubes
# reach the first if the camera is right, a partly hidden one at least the second.
MATCH, HIDDEN_MATCH = 0.87, 0.45
PERSISTENT = 0.5  # share of the frames in which something unknown must be seen to be there
_YAWS = np.arange(0.0, np.pi / 2, np.pi / 18)


def check_cubes(camera: CameraModel, names: Sequence[str], rests: Sequence[Rest], positions: Floats) -> None:
    """Check that cubes at rest look as the camera would see them.

    Args:
        camera: that is said to have filmed.
        names: of N cubes.
        rests: of the N cubes.
        positions: (N, 3) that were concluded, metres, frame ``base``.

    Raises:
        WrongCamera: most do not.
        UnknownObject: a few do not.
    """
    overlaps = np.array([_overlap(camera, r, p) for r, p in zip(rests, positions, strict=True)])
    if np.median(overlaps) < MATCH:
        scale = np.median([_scale(camera, r, p) for r, p in zip(rests, positions, strict=True)])
        raise WrongCamera(
            f"most of the {len(names)} cubes do not look as the given camera would see them: outlines "
            f"overlap by {np.median(overlaps):.0%}, sizes are {scale:.2f} of what is expected; send the "
            "camera_info and pose of the camera that filmed"
        )
    odd = [name for name, overlap in zip(names, overlaps, strict=True) if overlap < HIDDEN_MATCH]
    if odd:
        raise UnknownObject(
            f"what is {' and '.join(odd)} is not a cube of {CUBE_SIZE * 1e3:.0f} mm on the table when the "
            "video starts"
        )


def check_unknown(sightings: Sequence[Sequence[Detection]]) -> None:
    """Check that nothing unknown is there for most of the video.

    Args:
        sightings: for each frame, the unknown things in it.

    Raises:
        UnknownObject: something is.
    """
    if sum(bool(frame) for frame in sightings) > PERSISTENT * len(sightings):
        thing = next(frame[0] for frame in sightings if frame)
        what = "an object of no known colour" if thing.name == "unknown" else f"a {thing.name} object"
        x, y = thing.position[:2]
        raise UnknownObject(
            f"the video shows {what} at x {x:.2f} m, y {y:.2f} m; only the known cubes may be on the table"
        )


def in_region(position: Floats) -> bool:
    """Whether a position (3,) is one that the camera is meant to see cubes at."""
    return SEEN_REGION.contains((float(position[0]), float(position[1]), float(position[2])))


def _overlap(camera: CameraModel, rest: Rest, position: Floats) -> float:
    """Intersection over union of a view and the outline of a cube there, at the best yaw."""
    if not in_region(position):
        return 0.0
    v, u = np.divmod(rest.view.pixels, camera.width)
    best = 0.0
    for yaw in _YAWS:
        corners = outline(camera, position, yaw).astype(np.float64)
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
        columns, rows = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        drawn = int(np.count_nonzero(_in_polygon(columns.ravel(), rows.ravel(), corners)))
        both = int(np.count_nonzero(_in_polygon(u.astype(np.float64), v.astype(np.float64), corners)))
        best = max(best, both / max(drawn + len(u) - both, 1))
    return best


def _in_polygon(u: Floats, v: Floats, corners: Floats) -> NDArray[np.bool_]:
    """(N,) whether pixel centres (u, v), each (N,), lie inside a convex polygon (M, 2)."""
    edges = np.roll(corners, -1, axis=0) - corners
    sides = edges[:, :1] * (v - corners[:, 1:]) - edges[:, 1:] * (u - corners[:, :1])
    return np.asarray((sides >= 0).all(axis=0) | (sides <= 0).all(axis=0))


def _scale(camera: CameraModel, rest: Rest, position: Floats) -> float:
    """Length of what is seen as a share of what a cube there would show."""
    return float(np.sqrt(rest.view.area / max(cv2.contourArea(outline(camera, position)), 1.0)))
