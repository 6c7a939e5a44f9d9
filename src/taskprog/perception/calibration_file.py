"""A camera's pose on disk, as YAML: what ``taskprog calibrate`` writes and the perception node reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import degrees
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.files import written_whole
from taskprog.perception.board import Board
from taskprog.perception.calibration import FRAMES, Calibration

FORMAT = 1


@dataclass(frozen=True, eq=False)
class CameraPose:
    """Where a calibrated camera is: ``pose`` (4, 4) is ``frame`` <- optical frame, metres."""

    frame: str
    pose: NDArray[np.float64]
    date: str


def write_calibration(path: Path, result: Calibration, board: Board) -> None:
    """Write a result with what it was made from, dated now.

    Raises:
        OSError: the file cannot be written.
    """
    content = {
        "format": FORMAT,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "frame": result.frame,
        "camera": {
            "position": [round(float(v), 6) for v in result.pose[:3, 3]],
            "quaternion": [
                round(float(v), 9) for v in Rotation.from_matrix(result.pose[:3, :3]).as_quat(canonical=True)
            ],
        },
        "standard_error": {
            "at_the_board_mm": round(result.error * 1000, 3),
            "position_mm": round(result.position_error * 1000, 3),
            "rotation_deg": round(degrees(result.rotation_error), 4),
        },
        "residuals_pixels": {
            "all": round(result.rms, 3),
            "views": {name: round(value, 3) for name, value in result.residuals.items()},
        },
        "board": {
            "kind": board.kind,
            "columns": board.columns,
            "rows": board.rows,
            "square_mm": round(board.square * 1000, 4),
            "marker_mm": round(board.marker * 1000, 4),
        },
    }
    comment = f"# Position in metres, quaternion x y z w: the camera's optical frame in {result.frame}.\n"
    with written_whole(path) as partial:
        partial.write_text(
            comment + yaml.safe_dump(content, sort_keys=False, default_flow_style=None), encoding="utf-8"
        )


def read_calibration(path: Path, frame: str = "base") -> CameraPose:
    """Read a camera's pose.

    Args:
        frame: in which it is wanted.

    Raises:
        ValueError: the file cannot be read, is no calibration, or its pose is in another frame.
    """
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"calibration file {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"calibration file {path}: not YAML ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f"calibration file {path}: should be written by taskprog calibrate, with 'format: {FORMAT}'"
        )
    try:
        found, date, camera = str(content["frame"]), str(content["date"]), content["camera"]
        position = np.asarray(camera["position"], np.float64)
        quaternion = np.asarray(camera["quaternion"], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"calibration file {path}: frame, date, camera position and quaternion are needed ({error})"
        ) from error
    if position.shape != (3,) or quaternion.shape != (4,) or not np.isfinite([*position, *quaternion]).all():
        raise ValueError(f"calibration file {path}: camera needs a position x y z and a quaternion x y z w")
    if not 0.999 < np.linalg.norm(quaternion) < 1.001:
        raise ValueError(
            f"calibration file {path}: the quaternion's norm is {np.linalg.norm(quaternion):.4g}, not 1"
        )
    if found not in FRAMES or found != frame:
        raise ValueError(f"calibration file {path}: the camera's pose is in {found!r}, wanted is {frame!r}")
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_quat(quaternion).as_matrix(), position
    return CameraPose(found, pose, date)
