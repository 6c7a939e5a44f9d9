"""``taskprog calibrate``: where a camera stands, from a printed board that the arm shows it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import degrees
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from scipy.spatial.transform import Rotation

from taskprog.cli.calibration_folder import Row, ViewFolder, read_camera, read_views
from taskprog.cli.main import CommandError
from taskprog.cli.options import positive
from taskprog.perception.board import KINDS, Board, BoardNotSeen
from taskprog.perception.calibration import ArmView, Calibration, CalibrationError, calibrate
from taskprog.perception.calibration_file import write_calibration
from taskprog.perception.hand_eye import turning
from taskprog.perception.intrinsics import Intrinsics
from taskprog.view.board_pdf import PAPERS, write_board

if TYPE_CHECKING:
    from taskprog.nodes.calibration_recorder import CalibrationRecorder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    # The board's and the camera's options stand with the actions that need them.
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    board = _action(actions, "board", "write the board as a PDF to print")
    board.add_argument("file", type=Path, help="PDF file to write")
    board.add_argument("--paper", choices=tuple(PAPERS), default="A4", help="the printer's")
    solve = _action(actions, "solve", "find the camera's pose from a folder of images")
    solve.add_argument("folder", type=Path, help="images, views.csv and camera_info.yaml")
    solve.add_argument("--views", type=Path, help="another table than FOLDER/views.csv")
    solve.add_argument("--camera-info", type=Path, help="another file than FOLDER/camera_info.yaml")
    record = _action(actions, "record", "take views from the running robot and camera, then solve")
    record.add_argument("folder", type=Path, help="new folder for the views")
    record.add_argument("--namespace", default="", help="of the robot and camera")
    record.add_argument("--image", default="camera/color/image_raw", help="topic, not rectified")
    record.add_argument("--camera-info", default="camera/color/camera_info", help="topic")
    record.add_argument("--joint-states", default="joint_states", help="topic")
    record.add_argument("--wait", type=float, default=30.0, help="seconds to wait for the topics")
    for action in (solve, record):
        action.add_argument("--output", type=Path, default=Path("calibration.yaml"), help="file to write")
        action.add_argument("--on-hand", action="store_true", help="camera on the hand, board on the table")
        action.add_argument(
            "--max-error", type=float, default=3.0, help="mm of standard error at the board that are accepted"
        )


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    usual = Board()
    parser.add_argument("--kind", choices=KINDS, default=usual.kind, help="of board")
    parser.add_argument("--columns", type=positive, default=usual.columns, help="squares or tags in a row")
    parser.add_argument("--rows", type=positive, default=usual.rows, help="rows of them")
    parser.add_argument(
        "--square", type=float, default=usual.square * 1000, help="mm from one to the next, measured"
    )
    parser.add_argument("--marker", type=float, default=usual.marker * 1000, help="mm, side of a marker")
    return parser


def run(options: argparse.Namespace) -> int:
    """Print, solve or record; 1 if the views do not give a pose that is good enough."""
    try:
        board = Board(
            options.kind, options.columns, options.rows, options.square / 1000, options.marker / 1000
        )
        if options.action == "board":
            write_board(options.file, board, options.paper)
            print(f"{options.file}: {board}; print at 100 %, then measure the ruler and a row of squares")
            return 0
        if not options.max_error > 0:
            raise CommandError(f"--max-error {options.max_error:g}: should be positive")
        if options.action == "record":
            _record(options, board)
            camera, rows = read_camera(options.folder, None), read_views(options.folder)
        else:
            camera = read_camera(options.folder, options.camera_info)
            rows = read_views(options.folder, options.views)
        return _solve(options, board, camera, rows)
    except CalibrationError as error:
        print(f"taskprog calibrate: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandError(str(error)) from error


def _solve(options: argparse.Namespace, board: Board, camera: Intrinsics, rows: list[Row]) -> int:
    console = Console(highlight=False)
    views = []
    for row in rows:
        try:
            views.append(ArmView(row.image.name, row.tool, board.see(row.pixels(), camera)))
        except BoardNotSeen as error:
            console.print(
                f"{row.image.name} is left out: {error}", style="yellow", markup=False, soft_wrap=True
            )
    result = calibrate(views, camera, "tcp" if options.on_hand else "base")
    _show(console, result)
    if result.error * 1000 > options.max_error:
        print(
            f"taskprog calibrate: not sure enough (--max-error {options.max_error:g} mm), nothing is written:"
            " take more views, from farther apart and with the hand turned more",
            file=sys.stderr,
        )
        return 1
    write_calibration(options.output, result, board)
    console.print(f"written to {options.output}", markup=False, soft_wrap=True)
    return 0


def _show(console: Console, result: Calibration) -> None:
    for name, residual in result.residuals.items():
        console.print(f"{name}: {residual:.2f} pixels", markup=False, soft_wrap=True)
    position = ", ".join(f"{value:.4f}" for value in result.pose[:3, 3])
    quaternion = ", ".join(
        f"{v:.5f}" for v in Rotation.from_matrix(result.pose[:3, :3]).as_quat(canonical=True)
    )
    lines = (
        f"camera in {result.frame}: position ({position}) m, quaternion x y z w ({quaternion})",
        f"standard error: {result.error * 1000:.2f} mm where the board was;"
        f" of the camera's pose {result.position_error * 1000:.2f} mm"
        f" and {degrees(result.rotation_error):.3f} deg",
        f"residuals {result.rms:.2f} pixels (rms) in {len(result.residuals)} views; board measured by the arm"
        f" {100 * result.scale:.2f} +- {100 * result.scale_error:.2f} % of its size",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _record(options: argparse.Namespace, board: Board) -> None:
    """Take views at each Enter until a line with ``q``, or the input's end."""
    from taskprog.nodes.calibration_recorder import CaptureError

    console = Console(highlight=False)
    try:
        with _recorder(options) as recorder:
            camera = recorder.wait_ready(options.wait)
            folder = ViewFolder(options.folder, camera)
            console.print(
                "Enter takes a view, q and Enter ends. Let the arm stand; turn the hand between views."
            )
            for line in sys.stdin:
                if line.strip().lower() == "q":
                    break
                try:
                    rgb, joints = recorder.capture()
                    seen = board.see(rgb, camera)
                except (CaptureError, BoardNotSeen) as error:
                    console.print(f"not taken: {error}", style="yellow", markup=False, soft_wrap=True)
                    continue
                name = folder.add(rgb, joints)
                console.print(
                    f"{name}: {len(seen.points)} corners{_turned(options.folder)}",
                    markup=False,
                    soft_wrap=True,
                )
    except CaptureError as error:
        raise CommandError(str(error)) from error


def _turned(folder: Path) -> str:
    """How well the views are spread so far, for the operator."""
    tools = np.array([row.tool for row in read_views(folder)])
    if len(tools) < 2:
        return ""
    most, second, third = (degrees(value) for value in turning(tools))
    return f"; the hand turned {most:.0f}, {second:.0f} and {third:.0f} deg about three axes (rms)"


@contextmanager
def _recorder(options: argparse.Namespace) -> Iterator[CalibrationRecorder]:
    """A node of our own that listens to robot and camera, spun meanwhile."""
    import rclpy
    from rclpy.context import Context

    from taskprog.nodes.calibration_recorder import CalibrationRecorder
    from taskprog.nodes.spin import SpinThread

    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("calibration", context=context, namespace=options.namespace)
    spin = SpinThread(context)
    try:
        recorder = CalibrationRecorder(node, options.image, options.camera_info, options.joint_states)
        spin.serve(node)
        yield recorder
    finally:
        if spin.is_alive():
            spin.stop()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
