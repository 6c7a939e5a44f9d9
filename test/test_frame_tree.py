"""Frames of the robot's description, against the kinematics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from taskprog.control.frame_tree import FrameTree
from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH
from taskprog.resources import share_dir
from taskprog_sim.sawyer import JOINTS

URDF = (share_dir() / "models/sawyer/sawyer.urdf").read_text(encoding="utf-8")


def pose_of(tree: FrameTree, frame: str, positions: dict[str, float]) -> np.ndarray:
    """(4, 4) of a frame in ``base``."""
    by_child = {pose.child: pose for pose in (*tree.fixed, *tree.moving(positions))}
    matrix = np.eye(4)
    while frame != "base":
        pose = by_child[frame]
        step = np.eye(4)
        step[:3, :3] = Rotation.from_quat(pose.rotation).as_matrix()
        step[:3, 3] = pose.translation
        matrix = step @ matrix
        frame = pose.parent
    return matrix


def test_tool_is_where_the_kinematics_say() -> None:
    tree, kinematics = FrameTree(URDF), Kinematics.load()
    rng = np.random.default_rng(0)
    for _ in range(20):
        q = rng.uniform(kinematics.lower, kinematics.upper)
        positions = dict.fromkeys(JOINTS, 0.0) | dict(zip(JOINTS, q.tolist(), strict=False))
        pose = pose_of(tree, "tcp", positions)
        position, rotation = kinematics.forward(q)
        assert pose[:3, 3] == pytest.approx(position, abs=1e-9)
        assert pose[:3, :3] == pytest.approx(rotation, abs=1e-9)


def test_fingers_slide_apart_by_the_gap_between_the_pads() -> None:
    tree = FrameTree(URDF)
    travel = (GRIPPER_OPEN_WIDTH - GRIPPER_CLOSED_WIDTH) / 2
    gaps = []
    for position in (0.0, travel):
        positions = dict.fromkeys(JOINTS, 0.0) | {JOINTS[8]: position, JOINTS[9]: -position}
        left = pose_of(tree, "right_gripper_l_finger", positions)[:3, 3]
        right = pose_of(tree, "right_gripper_r_finger", positions)[:3, 3]
        gaps.append(left - right)
    assert np.linalg.norm(gaps[1] - gaps[0]) == pytest.approx(
        GRIPPER_OPEN_WIDTH - GRIPPER_CLOSED_WIDTH, abs=1e-9
    )


@pytest.mark.parametrize(
    ("urdf", "message"),
    [("not xml", "not XML"), ('<robot><joint name="a" type="floating"/></robot>', "'a' is of type")],
)
def test_what_is_no_robot_description_is_refused(urdf: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FrameTree(urdf)
