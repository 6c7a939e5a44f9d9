"""The URDF against an independent transcription of the vendor's joint table."""

from __future__ import annotations

import colorsys
import math
import runpy
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pinocchio
import pytest
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[1] / "models" / "sawyer"
URDF = FOLDER / "sawyer.urdf"
P = 1.57079632679  # as many digits as the vendor's files have
MOVING = (
    *(f"right_j{i}" for i in range(7)),
    "head_pan",
    "right_gripper_l_finger_joint",
    "right_gripper_r_finger_joint",
)
NEUTRAL = (0.0, -1.18, 0.0, 2.18, 0.0, 0.57, 3.3161)
Matrix = NDArray[np.float64]


def rotation(axis: int, angle: float) -> Matrix:
    """Turn about x (0), y (1) or z (2), as a (4, 4) matrix."""
    c, s = math.cos(angle), math.sin(angle)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(4)
    matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
    return matrix


def place(x: float, y: float, z: float, roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> Matrix:
    """A joint's origin: fixed-axis roll, pitch, yaw, then the translation."""
    matrix = rotation(2, yaw) @ rotation(1, pitch) @ rotation(0, roll)
    matrix[:3, 3] = x, y, z
    return matrix


def slide(distance: float) -> Matrix:
    """Along y."""
    return place(0, distance, 0)


def frames(q: dict[str, float]) -> dict[str, Matrix]:
    """Every frame of the robot in frame ``base``, chained by hand."""
    f = {"base": np.eye(4)}
    for name in ("controller_box", "pedestal_feet", "pedestal", "right_arm_base_link", "torso"):
        f[name] = np.eye(4)
    f["right_l0"] = place(0, 0, 0.08) @ rotation(2, q["right_j0"])
    f["head"] = f["right_l0"] @ place(0, 0, 0.2965) @ rotation(2, q["head_pan"])
    f["screen"] = f["head"] @ place(0.03, 0, 0.105, P, 0, P)
    f["head_camera"] = f["head"] @ place(0.0228027, 0, 0.216572, -2.1293, 0, -P)
    f["right_torso_itb"] = f["right_l0"] @ place(-0.055, 0, 0.22, 0, -P, 0)
    f["right_l1"] = f["right_l0"] @ place(0.081, 0.05, 0.237, -P, P, 0) @ rotation(2, q["right_j1"])
    f["right_l2"] = f["right_l1"] @ place(0, -0.14, 0.1425, P, 0, 0) @ rotation(2, q["right_j2"])
    f["right_l3"] = f["right_l2"] @ place(0, -0.042, 0.26, -P, 0, 0) @ rotation(2, q["right_j3"])
    f["right_l4"] = f["right_l3"] @ place(0, -0.125, -0.1265, P, 0, 0) @ rotation(2, q["right_j4"])
    f["right_arm_itb"] = f["right_l4"] @ place(-0.055, 0, 0.075, 0, -P, 0)
    f["right_l5"] = f["right_l4"] @ place(0, 0.031, 0.275, -P, 0, 0) @ rotation(2, q["right_j5"])
    f["right_hand_camera"] = f["right_l5"] @ place(0.039552, -0.033, 0.0695, 0, P, 0)
    f["right_wrist"] = f["right_l5"] @ place(0, 0, 0.10541, P, 0, 0)
    f["right_l6"] = f["right_l5"] @ place(0, -0.11, 0.1053, -P, -0.17453, 3.1416) @ rotation(2, q["right_j6"])
    for body in ("right_l1", "right_l2", "right_l4"):
        f[body + "_2"] = f[body]
    f["right_hand"] = f["right_l6"] @ place(0, 0, 0.0245, 0, 0, 1.570796)
    f["right_gripper_base"] = f["right_hand"] @ place(0, 0, -0.005)
    f["right_connector_plate_base"] = f["right_gripper_base"] @ place(0, 0, 0.0018)
    f["right_connector_plate_mount"] = f["right_connector_plate_base"] @ place(0, 0, 0.0176)
    f["right_electric_gripper_base"] = f["right_connector_plate_mount"]
    for side, sign in (("l", 1), ("r", -1)):
        base = f["right_electric_gripper_base"] @ place(0.003, -0.0015 * sign, 0.04552)
        finger = base @ slide(q[f"right_gripper_{side}_finger_joint"])
        f[f"right_gripper_{side}_finger"] = finger
        f[f"right_gripper_{side}_finger_tip"] = finger @ place(0, 0.01725 * sign, 0.075)
    f["right_gripper_tip"] = f["right_gripper_base"] @ place(0, 0, 0.14062)
    f["tcp"] = f["right_gripper_base"] @ place(0.003, 0, 0.12492)
    return f


@pytest.fixture(scope="module")
def model() -> pinocchio.Model:
    return pinocchio.buildModelFromUrdf(str(URDF))


def modelled(model: pinocchio.Model, q: dict[str, float]) -> dict[str, Matrix]:
    """The same frames by Pinocchio from the URDF."""
    data = model.createData()
    configuration = np.zeros(model.nq)
    for name, value in q.items():
        configuration[model.joints[model.getJointId(name)].idx_q] = value
    pinocchio.framesForwardKinematics(model, data, configuration)
    bodies = [i for i, f in enumerate(model.frames) if f.type == pinocchio.FrameType.BODY]
    return {model.frames[i].name: data.oMf[i].homogeneous for i in bodies}


def test_every_frame_agrees_at_random_configurations(model: pinocchio.Model) -> None:
    rng = np.random.default_rng(0)
    low, high = (
        {n: bound[model.joints[model.getJointId(n)].idx_q] for n in MOVING}
        for bound in (model.lowerPositionLimit, model.upperPositionLimit)
    )
    for _ in range(300):
        q = {n: float(rng.uniform(low[n], high[n])) for n in MOVING}
        expected, found = frames(q), modelled(model, q)
        assert expected.keys() == found.keys()
        for name, matrix in expected.items():
            np.testing.assert_allclose(found[name], matrix, atol=1e-9, err_msg=name)


def test_neutral_pose_points_the_tool_down(model: pinocchio.Model) -> None:
    q = dict.fromkeys(MOVING, 0.0) | dict(zip(MOVING, NEUTRAL, strict=False))
    hand = modelled(model, q)["right_hand"]
    np.testing.assert_allclose(hand[:3, 3], (0.4496, 0.1603, 0.2158), atol=1e-4)
    np.testing.assert_allclose(hand[:3, 2], (0, 0, -1), atol=1e-3)


def test_limits(model: pinocchio.Model) -> None:
    expected = {  # lower, upper, velocity, effort
        "right_j0": (-3.0503, 3.0503, 1.74, 80),
        "right_j1": (-3.8095, 2.2736, 1.328, 80),
        "right_j2": (-3.0426, 3.0426, 1.957, 40),
        "right_j3": (-3.0439, 3.0439, 1.957, 40),
        "right_j4": (-2.9761, 2.9761, 3.485, 9),
        "right_j5": (-2.9761, 2.9761, 3.485, 9),
        "right_j6": (-4.7124, 4.7124, 4.545, 9),
        "head_pan": (-5.0952, 0.9064, 1.8, 8),
        "right_gripper_l_finger_joint": (0, 0.020833, 5, 20),
        "right_gripper_r_finger_joint": (-0.020833, 0, 5, 20),
    }
    assert set(model.names) == {"universe", *expected}
    for name, values in expected.items():
        i = model.joints[model.getJointId(name)].idx_q
        found = (
            model.lowerPositionLimit[i],
            model.upperPositionLimit[i],
            model.velocityLimit[i],
            model.effortLimit[i],
        )
        assert found == pytest.approx(values, abs=1e-12), name


def test_masses_and_inertias_are_the_vendors_and_physical() -> None:
    masses, names = {}, []
    for link in ElementTree.parse(URDF).getroot().iter("link"):
        names.append(link.attrib["name"])
        inertial = link.find("inertial")
        assert inertial is not None, f"{names[-1]}: PyBullet gives links without inertia one kilogram"
        mass, entry = inertial.find("mass"), inertial.find("inertia")
        assert mass is not None
        assert entry is not None
        masses[names[-1]] = float(mass.attrib["value"])
        xx, xy, xz, yy, yz, zz = (float(entry.attrib[k]) for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"))
        moments = np.linalg.eigvalsh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        assert moments[0] > 0, f"{names[-1]}: inertia is not positive definite"
        assert moments[2] <= moments[:2].sum() * 1.001, f"{names[-1]}: no body has this inertia"
    heavy = {n: m for n, m in masses.items() if m > 0.001}
    assert heavy == {
        "pedestal": 60.86397744,
        "right_arm_base_link": 2.0687,
        "right_l0": 5.3213,
        "head": 1.5795,
        "right_l1": 4.505,
        "right_l2": 1.745,
        "right_l3": 2.5097,
        "right_l4": 1.1136,
        "right_l5": 1.5625,
        "right_l6": 0.3292,
        "right_gripper_base": 0.37,
        "right_gripper_l_finger": 0.035,
        "right_gripper_r_finger": 0.035,
        "right_gripper_l_finger_tip": 0.015,
        "right_gripper_r_finger_tip": 0.015,
    }
    arm = [n for n in heavy if n.startswith(("right_l", "right_arm", "head"))]
    assert sum(heavy[n] for n in arm) == pytest.approx(20.73, abs=0.01)


def test_frame_names_are_unique() -> None:
    root = ElementTree.parse(URDF).getroot()
    names = [e.attrib["name"] for tag in ("link", "joint") for e in root.findall(tag)]
    assert len(names) == len(set(names))


def test_no_surface_is_as_saturated_as_an_object() -> None:
    for colour in ElementTree.parse(URDF).getroot().iter("color"):
        r, g, b = (float(v) for v in colour.attrib["rgba"].split()[:3])
        assert colorsys.rgb_to_hsv(r, g, b)[1] < 0.35


def test_every_shape_has_a_place_in_the_tree() -> None:
    tables = runpy.run_path(str(FOLDER / "make_urdf.py"))
    assert tables["urdf"]() == URDF.read_text(encoding="utf-8"), "run models/sawyer/make_urdf.py"
    links = {"base", *(joint.child for joint in tables["JOINTS"])}
    for table in ("INERTIALS", "VISUALS", "COLLISIONS"):
        assert set(tables[table]) <= links
