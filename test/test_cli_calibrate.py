"""``taskprog calibrate`` as people use it: print, solve from files, record from topics."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import yaml
from board_scene import LENS, BoardRenderer, Image, cell, off, tool_at
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.cli.calibration_folder import TOOL_POSE, ViewFolder
from taskprog.cli.main import main
from taskprog.control.robot import ARM_JOINTS
from taskprog.perception.board import KINDS, Board
from taskprog.perception.calibration_file import read_calibration

if TYPE_CHECKING:
    from ros_world import RosWorld

Floats = NDArray[np.float64]
SCENE = cell(Board())
MILLIMETRE = 72 / 25.4  # PDF points
DPMM = 8


@pytest.fixture(scope="module")
def shown() -> list[tuple[Floats, Image]]:
    """Joint positions and images of what the camera then sees."""
    rng = np.random.default_rng(11)
    renderer = BoardRenderer(SCENE.board, LENS)
    return [(q, renderer.render(SCENE.seen(tool_at(q)), rng)) for q in SCENE.arm_poses(7, rng)]


@pytest.fixture
def folder(tmp_path: Path, shown: list[tuple[Floats, Image]]) -> Path:
    views = ViewFolder(tmp_path / "views", LENS)
    for joints, image in shown:
        views.add(image, joints)
    return views.folder


def rows(table: Path) -> list[list[str]]:
    with table.open(newline="") as file:
        return list(csv.reader(file))


def write(table: Path, lines: list[list[str]]) -> None:
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def as_tool_poses(table: Path) -> None:
    """Rewrite joint positions as poses of the tool."""
    lines = [["image", *TOOL_POSE]]
    for name, *joints in rows(table)[1:]:
        tool = tool_at(np.array([float(value) for value in joints]))
        pose = (*tool[:3, 3], *Rotation.from_matrix(tool[:3, :3]).as_quat())
        lines.append([name, *(f"{value:.8f}" for value in pose)])
    write(table, lines)


@pytest.mark.parametrize("kind", KINDS)
def test_the_printed_board_is_the_board_that_is_looked_for_and_of_exact_size(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "board.pdf"
    assert main(["calibrate", "board", str(file), "--kind", kind, "--square", "40", "--marker", "30"]) == 0
    text = file.read_text("ascii")
    box = re.search(r"/MediaBox \[0 0 (\S+) (\S+)\]", text)
    assert box is not None
    width, height = (float(side) / MILLIMETRE for side in box.groups())
    assert [width, height] == pytest.approx([297, 210], abs=1e-3)
    paths = text.partition("stream\n")[2].split("\nf")
    rectangles = [
        [
            np.array([float(v) / MILLIMETRE for v in line.split()[:4]])
            for line in path.splitlines()
            if " re" in line
        ]
        for path in paths[:2]
    ]
    pattern, ruler = (np.array(group) for group in rectangles)
    spans = (pattern[:, :2] + pattern[:, 2:]).max(axis=0) - pattern[:, :2].min(axis=0)
    gap = 10 if kind == "apriltag" else 0
    assert spans == pytest.approx([6 * 40 - gap, 4 * 40 - gap], abs=1e-3)
    assert ruler[0, 2] == pytest.approx(100, abs=1e-3)
    # Seen from straight above, it is found, and measures what was asked for.
    page = np.full((round(height * DPMM), round(width * DPMM)), 255, np.uint8)
    for x, y, w, h in pattern:
        left, right, top, bottom = (round(v * DPMM) for v in (x, x + w, height - y - h, height - y))
        page[top:bottom, left:right] = 0
    board = Board(kind, square=0.040, marker=0.030)
    focal = float(page.shape[1])
    matrix = np.array([[focal, 0, page.shape[1] / 2], [0, focal, page.shape[0] / 2], [0, 0, 1.0]])
    camera = type(LENS)(page.shape[1], page.shape[0], matrix, np.zeros(5))
    view = board.see(page, camera)
    assert len(view.points) == (15 if kind == "charuco" else 96)
    assert view.pose[2, 3] == pytest.approx(focal / DPMM / 1000, rel=1e-3)


def test_a_board_larger_than_the_paper_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "board.pdf"
    assert main(["calibrate", "board", str(file), "--square", "60"]) == 2
    assert "does not fit on A4 (297 x 210 mm)" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("table", ["joints", "tool poses"])
def test_a_folder_of_images_becomes_a_calibration_file(folder: Path, tmp_path: Path, table: str) -> None:
    if table == "tool poses":
        as_tool_poses(folder / "views.csv")
    file = tmp_path / "camera.yaml"
    assert main(["calibrate", "solve", str(folder), "--output", str(file)]) == 0
    found = read_calibration(file)
    millimetres, degrees = off(found.pose, SCENE.camera)
    assert millimetres < 2.0
    assert degrees < 0.3
    content = yaml.safe_load(file.read_text())
    assert content["board"] == {
        "kind": "charuco",
        "columns": 6,
        "rows": 4,
        "square_mm": 45.0,
        "marker_mm": 34.0,
    }
    assert content["residuals_pixels"]["views"].keys() == {f"00{k}.png" for k in range(1, 8)}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT.*\+00:00", found.date)


def test_an_image_without_the_board_is_left_out_and_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(folder / "003.png"), np.full((480, 640), 90, np.uint8))
    file = tmp_path / "camera.yaml"
    assert main(["calibrate", "solve", str(folder), "--output", str(file)]) == 0
    assert "003.png is left out: 0 corners" in capsys.readouterr().out
    assert off(read_calibration(file).pose, SCENE.camera)[0] < 2.0


def test_views_that_are_not_good_enough_write_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "camera.yaml"
    solve = ["calibrate", "solve", str(folder), "--output", str(file)]
    assert main([*solve, "--max-error", "0.001"]) == 1
    assert "not sure enough (--max-error 0.001 mm)" in capsys.readouterr().err
    write(folder / "views.csv", rows(folder / "views.csv")[:5])
    assert main(solve) == 1
    assert "4 views show the board; at least 6" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["010.png", *"0000000"], r"line 9: 010\.png is not in"),
        (["001.png", *"0000000"], r"line 9: 001\.png is there twice"),
        (["001.png", "0.1"], "line 9: should be an image and seven numbers"),
        (["001.png", *"000000", "left"], "line 9: could not convert"),
        (["002.png", "90", *"000000"], "positions should be in radians"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(
    folder: Path, line: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = rows(folder / "views.csv")
    if "radians" in message:
        lines = [row for row in lines if row[0] != line[0]]
    write(folder / "views.csv", [*lines, line])
    assert main(["calibrate", "solve", str(folder)]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_missing_and_wrong_files_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*options: str) -> str:
        assert main(["calibrate", "solve", *options]) == 2
        return capsys.readouterr().err

    assert "camera_info.yaml: No such file" in complaint(str(folder.parent))
    (folder / "camera_info.yaml").write_text("a camera")
    assert "as ROS's camera_calibration writes it" in complaint(str(folder))
    (folder / "camera_info.yaml").unlink()
    ViewFolder(folder.parent / "other", LENS)
    info = str(folder.parent / "other" / "camera_info.yaml")
    (folder / "001.png").write_text("no image")
    assert "001.png: no image" in complaint(str(folder), "--camera-info", info)
    write(folder / "views.csv", [["file", "pose"]])
    assert "its first line should be image,right_j0" in complaint(str(folder), "--camera-info", info)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not YAML"),
        ("pose: 1", "should be written by taskprog calibrate"),
        ("{format: 1, date: x, frame: base}", "camera position and quaternion are needed"),
        (
            "{format: 1, date: x, frame: base, camera: {position: [0, 0], quaternion: [0, 0, 0, 1]}}",
            "x y z and",
        ),
        (
            "{format: 1, date: x, frame: base, camera: {position: [0, 0, 1], quaternion: [0, 0, 0, 2]}}",
            "norm is 2",
        ),
        (
            "{format: 1, date: x, frame: tcp, camera: {position: [0, 0, 1], quaternion: [0, 0, 0, 1]}}",
            "pose is in 'tcp', wanted is 'base'",
        ),
    ],
)
def test_a_calibration_file_that_is_none_is_refused(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "camera.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=f"camera.yaml: .*{message}"):
        read_calibration(file)


class Robot:
    """A robot and its camera on the topics; as an operator's keyboard it poses the arm at each line read."""

    def __init__(self, ros: RosWorld, shown: list[tuple[Floats, Image]]) -> None:
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, JointState
        from sensor_msgs.msg import Image as ImageMessage

        node = ros.node("robot")
        self._shown = shown
        self._at = 0
        self.wobble = 0.0
        self._info = CameraInfo(width=LENS.width, height=LENS.height, distortion_model="plumb_bob")
        self._info.k, self._info.d = LENS.matrix.ravel(), LENS.distortion.tolist()
        self._infos = node.create_publisher(CameraInfo, "camera/color/camera_info", qos_profile_sensor_data)
        self._images = node.create_publisher(ImageMessage, "camera/color/image_raw", qos_profile_sensor_data)
        self._states = node.create_publisher(JointState, "joint_states", qos_profile_sensor_data)
        self._turn = 1.0
        node.create_timer(0.05, self._publish)

    def _publish(self) -> None:
        from builtin_interfaces.msg import Time
        from sensor_msgs.msg import JointState

        from taskprog.nodes.images import colour_message

        joints, image = self._shown[self._at]
        self._turn = -self._turn
        self._infos.publish(self._info)
        self._states.publish(JointState(name=["right_gripper_l_finger_joint"], position=[0.0]))
        position = [*(joints + self.wobble * self._turn), 0.1]
        self._states.publish(JointState(name=[*ARM_JOINTS, "head_pan"], position=position))
        self._images.publish(colour_message(image, Time(), "camera"))

    def pose(self, number: int) -> None:
        self._at = number


@pytest.mark.timeout(120)
def test_views_are_recorded_from_the_topics_when_the_operator_says_so(
    ros: RosWorld,
    shown: list[tuple[Floats, Image]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from taskprog.nodes import calibration_recorder

    monkeypatch.setattr(calibration_recorder.CalibrationRecorder.capture, "__defaults__", (0.4, 5.0))
    robot = Robot(ros, shown)
    folder, file = tmp_path / "views", tmp_path / "camera.yaml"

    def keyboard() -> Iterator[str]:
        for number in range(len(shown)):
            robot.pose(number)
            # What is still under way from the last pose looks like motion; then one presses again.
            for _ in range(5):
                if not (folder / f"00{number + 1}.png").exists():
                    yield "\n"
        robot.wobble = 0.02
        yield "\n"
        yield "q\n"

    monkeypatch.setattr(sys, "stdin", keyboard())
    assert main(["calibrate", "record", str(folder), "--output", str(file)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "007.png: 15 corners; the hand turned" in out
    assert re.search(r"not taken: the arm moved by 0\.0\d+ rad", out)
    assert len(rows(folder / "views.csv")) == 8
    millimetres, degrees = off(read_calibration(file).pose, SCENE.camera)
    assert millimetres < 2.0
    assert degrees < 0.3
    assert main(["calibrate", "record", str(folder)]) == 2
    assert "views are in it already" in capsys.readouterr().err


def test_topics_that_are_silent_are_named(
    ros: RosWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["calibrate", "record", str(tmp_path / "views"), "--namespace", "left", "--wait", "0.1"]
    assert main(command) == 2
    topics = "/left/camera/color/image_raw, /left/camera/color/camera_info, /left/joint_states"
    assert f"nothing came within 0.1 s on {topics}" in capsys.readouterr().err


def test_the_perception_node_takes_the_pose_from_the_file(
    ros: RosWorld, folder: Path, tmp_path: Path
) -> None:
    from rclpy.parameter import Parameter
    from ros_world import wait_until
    from sensor_msgs.msg import CameraInfo

    from taskprog.nodes.perception import PerceptionNode
    from taskprog.nodes.qos import CAMERA

    file = tmp_path / "camera.yaml"

    def node() -> PerceptionNode:
        given = Parameter("calibration_file", value=str(file))
        return PerceptionNode(context=ros.context, parameter_overrides=[given])

    with pytest.raises(ValueError, match=r"camera\.yaml: No such file"):
        node()
    assert main(["calibrate", "solve", str(folder), "--output", str(file)]) == 0
    perception = node()
    ros.add(perception)
    publisher = ros.node("camera").create_publisher(CameraInfo, "camera/color/camera_info", CAMERA)

    def informed() -> bool:
        publisher.publish(CameraInfo(width=640, height=480, k=LENS.matrix.ravel()))
        return perception.camera is not None

    wait_until(informed, "camera_info")
    assert perception.camera is not None
    assert off(perception.camera.pose, SCENE.camera)[0] < 2.0
