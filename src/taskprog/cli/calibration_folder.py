"""A folder of calibration views: images, ``views.csv`` with the arm's poses, ``camera_info.yaml``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import ARM_JOINTS
from taskprog.files import written_whole
from taskprog.perception.intrinsics import Intrinsics, read_intrinsics, write_intrinsics

Floats = NDArray[np.float64]

TABLE, CAMERA = "views.csv", "camera_info.yaml"
TOOL_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")


@dataclass(frozen=True)
class Row:
    """An image's file and base <- tcp (4, 4) when it was taken."""

    image: Path
    tool: Floats

    def pixels(self) -> NDArray[np.uint8]:
        """(H, W) grey.

        Raises:
            ValueError: the file is no image.
        """
        image = cv2.imread(str(self.image), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise ValueError(f"{self.image}: no image, or it cannot be read")
        return np.asarray(image, np.uint8)


class ViewFolder:
    """Writes a folder, view by view; it is whole after each."""

    def __init__(self, folder: Path, camera: Intrinsics):
        """Begin an empty folder.

        Raises:
            FileExistsError: views are in it already.
            OSError: it cannot be written.
        """
        if (folder / TABLE).exists():
            raise FileExistsError(17, "views are in it already; give another folder", str(folder))
        self.folder = folder
        self._rows: list[list[str]] = []
        folder.mkdir(parents=True, exist_ok=True)
        write_intrinsics(folder / CAMERA, camera)

    def add(self, rgb: NDArray[np.uint8], joints: Floats) -> str:
        """Keep an image (H, W, 3) and the joint positions (7,) of that moment; returns the image's name.

        Raises:
            OSError: it cannot be written.
        """
        name = f"{len(self._rows) + 1:03d}.png"
        with written_whole(self.folder / name) as partial:
            if not cv2.imwrite(str(partial), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)):
                raise OSError(5, "the image cannot be written", str(self.folder / name))
        self._rows.append([name, *(f"{value:.6f}" for value in joints)])
        with written_whole(self.folder / TABLE) as partial, partial.open("w", newline="") as file:
            csv.writer(file).writerows([["image", *ARM_JOINTS], *self._rows])
        return name


def read_views(folder: Path, table: Path | None = None) -> list[Row]:
    """The views that a folder's table lists; joint positions become tool poses by the Sawyer's kinematics.

    Args:
        table: another table than ``views.csv``; its images' names count from ``folder``.

    Raises:
        OSError: it cannot be read.
        ValueError: another header, or a line that makes no sense; names the line.
    """
    table = table or folder / TABLE
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    headers = (["image", *ARM_JOINTS], ["image", *TOOL_POSE])
    if not lines or [cell.strip() for cell in lines[0]] not in headers:
        raise ValueError(
            f"{table}: its first line should be {' or '.join(','.join(header) for header in headers)}"
        )
    by_joints = lines[0][1].strip() == ARM_JOINTS[0]
    return list(_rows(lines, folder, table, Kinematics.load() if by_joints else None))


def _rows(
    lines: Sequence[list[str]], folder: Path, table: Path, kinematics: Kinematics | None
) -> Iterator[Row]:
    seen: set[str] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        where = f"{table}, line {number}"
        try:
            name, values = line[0].strip(), np.array([float(cell) for cell in line[1:]])
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if values.shape != (7,) or not np.isfinite(values).all():
            raise ValueError(f"{where}: should be an image and seven numbers")
        if name in seen or not (folder / name).is_file():
            raise ValueError(
                f"{where}: {name} {'is there twice' if name in seen else 'is not in ' + str(folder)}"
            )
        seen.add(name)
        yield Row(folder / name, _tool(values, kinematics, where))


def _tool(values: Floats, kinematics: Kinematics | None, where: str) -> Floats:
    pose = np.eye(4)
    if kinematics is not None:
        if not kinematics.inside_limits(values):
            raise ValueError(f"{where}: outside the Sawyer's joint limits; positions should be in radians")
        pose[:3, 3], pose[:3, :3] = kinematics.forward(values)
        return pose
    if not 0.99 < np.linalg.norm(values[3:]) < 1.01:
        raise ValueError(f"{where}: qx qy qz qw should be a unit quaternion")
    if np.linalg.norm(values[:3]) > 3.0:
        raise ValueError(
            f"{where}: the tool is {np.linalg.norm(values[:3]):.3g} m away; should x y z be metres?"
        )
    pose[:3, 3], pose[:3, :3] = values[:3], Rotation.from_quat(values[3:]).as_matrix()
    return pose


def read_camera(folder: Path, path: Path | None) -> Intrinsics:
    """The folder's camera, or that in another file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no camera_info file.
    """
    return read_intrinsics(path or folder / CAMERA)
