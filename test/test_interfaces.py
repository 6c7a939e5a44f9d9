"""Stand-ins for official interface packages are the official types on the wire; our own interfaces exist."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

ROOT = Path(__file__).parent.parent

# Of the official definitions of ROS 2 Jazzy: geometry2, and control_msgs 5.3 to 5.8.
OFFICIAL_HASHES = {
    "tf2_msgs/msg/TFMessage": "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
    "control_msgs/msg/GripperCommand": "57eb8f326c9889ca8bb34ead82cc94cc09bf6bc5c3b6c09546dca3a00b589890",
    "control_msgs/msg/JointTolerance": "c254f9cece0f3b733017b6990fd46d1326e25242d6b8844398c97d9a88e7d648",
    "control_msgs/action/GripperCommand": "e17c0e644eccf14bea84a0a93e0977182872c2eb7873ca6694900059b46dbc84",
    "control_msgs/action/FollowJointTrajectory": (
        "738ebcb7a2d7cfa42f9f1001cc99ce3a4383d1cfe508015d9be8485e4b1c66f6"
    ),
}


@pytest.mark.parametrize("name", OFFICIAL_HASHES)
def test_type_hash_is_the_official_one(name: str) -> None:
    package, kind, type_ = name.split("/")
    prefix = Path(str(importlib.import_module(package).__file__)).parents[4]  # of lib/python3.x/site-packages
    description = json.loads((prefix / "share" / package / kind / f"{type_}.json").read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    assert hashes[name] == f"RIHS01_{OFFICIAL_HASHES[name]}"


# Constants are no part of a type hash.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUCCESSFUL", 0),
        ("INVALID_GOAL", -1),
        ("INVALID_JOINTS", -2),
        ("OLD_HEADER_TIMESTAMP", -3),
        ("PATH_TOLERANCE_VIOLATED", -4),
        ("GOAL_TOLERANCE_VIOLATED", -5),
    ],
)
def test_error_codes_of_follow_joint_trajectory(name: str, value: int) -> None:
    from control_msgs.action import FollowJointTrajectory

    assert getattr(FollowJointTrajectory.Result, name) == value


INTERFACES = sorted(p for kind in ("action", "msg", "srv") for p in ROOT.glob(f"{kind}/*"))


@pytest.mark.parametrize("path", INTERFACES, ids=lambda path: path.name)
def test_every_interface_is_generated(path: Path) -> None:
    module = importlib.import_module(f"sawyer_ntp.{path.suffix[1:]}")
    assert hasattr(module, path.stem), f"{path.name} is not in the generated module: run `make setup`"
