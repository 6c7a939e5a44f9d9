"""Writes ``sawyer.urdf`` from tables: ``python models/sawyer/make_urdf.py``.

Joint frames, limits, masses and inertias are those of Rethink Robotics' sawyer_description 5.3.0 and
intera_tools_description 5.3.0 (electric gripper, slot 2, narrow standard fingers, basic soft tips),
metres, radians, kilograms. Shapes are primitives of our own. Three things differ on purpose:

* fixed joints that share their link's name upstream end in ``_joint`` (Pinocchio wants unique frame names);
* links without inertia upstream get a negligible one, because PyBullet would give them a kilogram;
* the gripper's mass is split between body, fingers and tips, which upstream lumps into placeholders.

No surface has an HSV saturation of 0.35 or more, so that no colour detector takes the arm for an object.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HALF_PI = "1.57079632679"
ALONG_X = f"0 {HALF_PI} 0"  # turns a shape's z axis to x
ALONG_Y = f"-{HALF_PI} 0 0"  # turns a shape's z axis to y

COLOURS = {
    "charcoal": (0.27, 0.27, 0.28),
    "black": (0.09, 0.09, 0.10),
    "grey": (0.48, 0.49, 0.50),
    "light": (0.76, 0.77, 0.78),
    "accent": (0.43, 0.29, 0.29),
    "glass": (0.28, 0.32, 0.36),
}


@dataclass(frozen=True)
class Joint:
    """A row of the joint table; ``limits`` are lower, upper, effort, velocity."""

    name: str
    parent: str
    child: str
    xyz: str = "0 0 0"
    rpy: str = "0 0 0"
    kind: str = "fixed"
    axis: str = "0 0 1"
    limits: tuple[str, str, str, str] | None = None
    mimic: str = ""


@dataclass(frozen=True)
class Inertial:
    """Mass, centre of mass, and ixx ixy ixz iyy iyz izz about it."""

    mass: str
    com: str
    inertia: str


@dataclass(frozen=True)
class Shape:
    """A box (three sizes), cylinder (radius, length along z) or sphere (radius); colour for visuals."""

    kind: str
    size: str
    xyz: str = "0 0 0"
    rpy: str = "0 0 0"
    colour: str = "charcoal"


def turning(name: str, parent: str, child: str, xyz: str, rpy: str, *limits: str) -> Joint:
    """A revolute joint about its z axis."""
    lower, upper, effort, velocity = limits
    return Joint(name, parent, child, xyz, rpy, "revolute", limits=(lower, upper, effort, velocity))


JOINTS = (
    Joint("controller_box_fixed", "base", "controller_box"),
    Joint("pedestal_feet_fixed", "base", "pedestal_feet"),
    Joint("pedestal_fixed", "base", "pedestal"),
    Joint("right_arm_mount", "base", "right_arm_base_link"),
    Joint("torso_t0", "base", "torso"),
    turning("right_j0", "right_arm_base_link", "right_l0", "0 0 0.08", "0 0 0",
            "-3.0503", "3.0503", "80.0", "1.74"),
    turning("head_pan", "right_l0", "head", "0 0 0.2965", "0 0 0", "-5.0952", "0.9064", "8", "1.8"),
    Joint("right_torso_itb_joint", "right_l0", "right_torso_itb", "-.055 0 .22", f"0 -{HALF_PI} 0"),
    turning("right_j1", "right_l0", "right_l1", "0.081 0.05 0.237", f"-{HALF_PI} {HALF_PI} 0",
            "-3.8095", "2.2736", "80.0", "1.328"),
    turning("right_j2", "right_l1", "right_l2", "0 -0.14 0.1425", f"{HALF_PI} 0 0",
            "-3.0426", "3.0426", "40.0", "1.957"),
    turning("right_j3", "right_l2", "right_l3", "0 -0.042 0.26", f"-{HALF_PI} 0 0",
            "-3.0439", "3.0439", "40.0", "1.957"),
    turning("right_j4", "right_l3", "right_l4", "0 -0.125 -0.1265", f"{HALF_PI} 0 0",
            "-2.9761", "2.9761", "9.0", "3.485"),
    Joint("right_arm_itb_joint", "right_l4", "right_arm_itb", "-.055 0 .075", f"0 -{HALF_PI} 0"),
    turning("right_j5", "right_l4", "right_l5", "0 0.031 0.275", f"-{HALF_PI} 0 0",
            "-2.9761", "2.9761", "9.0", "3.485"),
    Joint("right_hand_camera_joint", "right_l5", "right_hand_camera",
          "0.039552 -0.033 0.0695", f"0 {HALF_PI} 0"),
    Joint("right_wrist_joint", "right_l5", "right_wrist", "0 0 0.10541", f"{HALF_PI} 0 0"),
    turning("right_j6", "right_l5", "right_l6", "0 -0.11 0.1053", f"-{HALF_PI} -0.17453 3.1416",
            "-4.7124", "4.7124", "9.0", "4.545"),
    Joint("right_hand_joint", "right_l6", "right_hand", "0 0 0.0245", "0 0 1.570796"),
    Joint("right_j1_2", "right_l1", "right_l1_2"),
    Joint("right_j2_2", "right_l2", "right_l2_2"),
    Joint("right_j4_2", "right_l4", "right_l4_2"),
    Joint("display_joint", "head", "screen", "0.03 0.0 0.105", f"{HALF_PI} 0 {HALF_PI}"),
    Joint("head_camera_joint", "head", "head_camera", "0.0228027 0 0.216572", f"-2.1293 0 -{HALF_PI}"),
    Joint("right_gripper_base_joint", "right_hand", "right_gripper_base", "0 0 -0.005"),
    Joint("right_connector_plate_base_joint", "right_gripper_base", "right_connector_plate_base",
          "0 0 0.0018"),
    Joint("right_connector_plate_mount_joint", "right_connector_plate_base", "right_connector_plate_mount",
          "0 0 0.0176"),
    Joint("right_electric_gripper_base_joint", "right_connector_plate_mount", "right_electric_gripper_base"),
    Joint("right_gripper_l_finger_joint", "right_electric_gripper_base", "right_gripper_l_finger",
          "0.003 -0.0015 0.04552", kind="prismatic", axis="0 1 0",
          limits=("0.0", "0.020833", "20", "5.0")),
    Joint("right_gripper_r_finger_joint", "right_electric_gripper_base", "right_gripper_r_finger",
          "0.003 0.0015 0.04552", kind="prismatic", axis="0 1 0",
          limits=("-0.020833", "0.0", "20", "5.0"), mimic="right_gripper_l_finger_joint"),
    Joint("right_gripper_l_finger_tip_joint", "right_gripper_l_finger", "right_gripper_l_finger_tip",
          "0 0.01725 0.075"),
    Joint("right_gripper_r_finger_tip_joint", "right_gripper_r_finger", "right_gripper_r_finger_tip",
          "0 -0.01725 0.075"),
    Joint("right_gripper_tip_joint", "right_gripper_base", "right_gripper_tip", "0 0 0.14062"),
    # Between the middles of the two pads; z points the way that the fingers do.
    Joint("tcp_joint", "right_gripper_base", "tcp", "0.003 0 0.12492"),
)  # fmt: skip

NEGLIGIBLE = Inertial("0.0001", "0 0 0", "1e-08 0 0 1e-08 0 1e-08")
# Upstream gives these 1e-8 kg and a singular inertia of 1e-8 in every entry; here only on the diagonal.
MASSLESS = Inertial("1.0E-08", "1.0E-08 1.0E-08 1.0E-08", "1.0E-08 0 0 1.0E-08 0 1.0E-08")

INERTIALS = {
    "pedestal": Inertial("60.86397744", "0 0 -0.5",
                         "5.0635929 0.00103417 0.80199628 6.08689388 0.00105311 4.96191932"),
    "right_arm_base_link": Inertial("2.0687", "-0.0006241 -2.8025E-05 0.065404",
                                    "0.0067599 -4.2024E-05 -6.1904E-07 0.0067877 1.5888E-05 0.0074031"),
    "right_l0": Inertial("5.3213", "0.024366 0.010969 0.14363",
                         "0.053314 0.0047093 0.011734 0.057902 0.0080179 0.023659"),
    "head": Inertial("1.5795", "0.0053207 -2.6549E-05 0.1021",
                     "0.011833 -4.4669E-06 4.9425E-05 0.0082709 4.2124E-07 0.0049661"),
    "right_l1": Inertial("4.505", "-0.0030849 -0.026811 0.092521",
                         "0.022398 -0.00023986 -0.00029362 0.014613 -0.0060875 0.017295"),
    "right_l2": Inertial("1.745", "-0.00016044 -0.014967 0.13582",
                         "0.025506 4.4101E-06 1.4955E-05 0.0253 -0.0033204 0.0034179"),
    "right_l3": Inertial("2.5097", "-0.0048135 -0.0281 -0.084154",
                         "0.01016 -9.7452E-06 0.00026624 0.0065685 0.0030316 0.0069078"),
    "right_l4": Inertial("1.1136", "-0.0018844 0.0069001 0.1341",
                         "0.013557 1.8109E-05 0.00013523 0.013555 0.0010561 0.0013658"),
    "right_l5": Inertial("1.5625", "0.0061133 -0.023697 0.076416",
                         "0.0047328 0.00011526 4.6269E-05 0.0029676 -0.0011557 0.0031762"),
    "right_l6": Inertial("0.3292", "-8.0726E-06 0.0085838 -0.0049566",
                         "0.00031105 1.4771E-06 -3.7074E-07 0.00021549 -8.4533E-06 0.00035976"),
    "right_hand": MASSLESS,
    "right_l1_2": MASSLESS,
    "right_l2_2": MASSLESS,
    "right_l4_2": MASSLESS,
    # Body as a box of 60 x 100 x 80 mm, finger and tip as their collision boxes, of uniform density.
    "right_gripper_base": Inertial("0.37", "0.0028 -0.0004 0.0343", "0.000506 0 0 0.000308 0 0.000419"),
    "right_gripper_l_finger": Inertial("0.035", "0 0.01725 0.0375", "1.69e-05 0 0 1.67e-05 0 8.23e-07"),
    "right_gripper_r_finger": Inertial("0.035", "0 -0.01725 0.0375", "1.69e-05 0 0 1.67e-05 0 8.23e-07"),
    "right_gripper_l_finger_tip": Inertial("0.015", "0 -0.0045 -0.015", "1.77e-06 0 0 2.03e-06 0 3.81e-07"),
    "right_gripper_r_finger_tip": Inertial("0.015", "0 0.0045 -0.015", "1.77e-06 0 0 2.03e-06 0 3.81e-07"),
}  # fmt: skip


def box(size: str, xyz: str = "0 0 0", colour: str = "charcoal") -> Shape:
    """A box of sizes x y z."""
    return Shape("box", size, xyz, colour=colour)


def rod(radius: float, length: float, xyz: str, colour: str = "charcoal", rpy: str = "0 0 0") -> Shape:
    """A cylinder about ``xyz``, along z unless ``rpy`` turns it."""
    return Shape("cylinder", f"{radius:g} {length:g}", xyz, rpy, colour)


def ball(radius: float, xyz: str) -> Shape:
    """A sphere."""
    return Shape("sphere", f"{radius:g}", xyz)


def finger(side: int) -> tuple[Shape, ...]:
    """Blade and knuckle of the left (+1) or right (-1) finger."""
    return (
        box("0.010 0.0135 0.075", f"0 {side * 0.01725:g} 0.04", "grey"),
        box("0.010 0.050 0.017", f"{side * -0.005:g} {side * -0.003:g} 0.0083", "grey"),
    )


COLLISIONS = {
    "pedestal": (rod(0.18, 0.62, "-0.02 0 -0.29"),),
    "controller_box": (box("0.22 0.4 0.53", "-0.325 0 -0.38"),),
    "pedestal_feet": (box("0.77 0.7 0.31", "-0.1225 0 -0.758"),),
    "right_arm_base_link": (rod(0.08, 0.24, "0 0 0.12"),),
    "right_l0": (ball(0.07, "0.08 0 0.23"),),
    "head": (ball(0.18, "0 0 0.08"),),
    "right_l1": (ball(0.07, "0 0 0.1225"),),
    "right_l1_2": (rod(0.07, 0.14, "0 0 0.035"),),
    "right_l2": (rod(0.06, 0.34, "0 0 0.08"),),
    "right_l2_2": (ball(0.06, "0 0 0.26"),),
    "right_l3": (ball(0.06, "0 -0.01 -0.12"),),
    "right_l4": (rod(0.045, 0.30, "0 0 0.11"),),
    "right_l4_2": (ball(0.06, "0 0.01 0.26"),),
    "right_l5": (ball(0.06, "0 0 0.1"),),
    "right_l6": (rod(0.055, 0.05, "0 0.015 -0.01"),),
    "right_hand": (rod(0.035, 0.03, "0 0 0.02"),),
    "right_connector_plate_base": (rod(0.04, 0.0302, "0 0 0.0135"),),
    "right_electric_gripper_base": (rod(0.029, 0.10, "0.004 0 0.025", rpy=ALONG_Y),),
    "right_gripper_l_finger": finger(1),
    "right_gripper_r_finger": finger(-1),
    "right_gripper_l_finger_tip": (box("0.016 0.007 0.037", "0 -0.0045 -0.015"),),
    "right_gripper_r_finger_tip": (box("0.016 0.007 0.037", "0 0.0045 -0.015"),),
}

VISUALS = {
    "pedestal": (
        rod(0.125, 0.05, "0 0 -0.025", "black"),
        rod(0.155, 0.56, "-0.02 0 -0.33", "charcoal"),
        rod(0.19, 0.03, "-0.02 0 -0.605", "grey"),
    ),
    "controller_box": (box("0.22 0.4 0.53", "-0.325 0 -0.38", "charcoal"),),
    "pedestal_feet": (
        box("0.70 0.10 0.08", "-0.12 0.27 -0.86", "black"),
        box("0.70 0.10 0.08", "-0.12 -0.27 -0.86", "black"),
        box("0.12 0.64 0.08", "-0.30 0 -0.83", "black"),
        box("0.30 0.30 0.25", "-0.05 0 -0.74", "charcoal"),
    ),
    "right_arm_base_link": (
        rod(0.1, 0.03, "0 0 0.015", "black"),
        rod(0.08, 0.055, "0 0 0.0525", "charcoal"),
    ),
    "right_l0": (
        rod(0.077, 0.012, "0 0 0.006", "accent"),
        rod(0.08, 0.23, "0 0 0.127", "charcoal"),
        rod(0.062, 0.03, "0 0 0.257", "charcoal"),
        rod(0.078, 0.115, "0.081 -0.012 0.237", "charcoal", ALONG_Y),
        rod(0.062, 0.008, "0.081 -0.073 0.237", "accent", ALONG_Y),
        box("0.09 0.11 0.15", "0.035 -0.012 0.215", "charcoal"),
    ),
    "head": (
        rod(0.03, 0.04, "0 0 -0.005", "black"),
        rod(0.045, 0.09, "-0.012 0 0.055", "charcoal"),
        box("0.045 0.27 0.17", "0.005 0 0.105", "charcoal"),
        box("0.035 0.21 0.13", "-0.03 0 0.105", "accent"),
        rod(0.032, 0.03, "0 0 0.2", "black"),
    ),
    "screen": (box("0.24 0.14 0.002", "0 0 0", "glass"),),
    "right_l1": (
        rod(0.072, 0.012, "0 0 0.002", "accent"),
        rod(0.075, 0.18, "0 0 0.098", "charcoal"),
        rod(0.06, 0.012, "0 0 0.194", "accent"),
        rod(0.065, 0.11, "0 -0.055 0.1325", "charcoal", ALONG_Y),
    ),
    "right_l2": (
        rod(0.063, 0.014, "0 0 -0.03", "accent"),
        rod(0.06, 0.13, "0 0 0.042", "light"),
        rod(0.053, 0.11, "0 -0.01 0.16", "charcoal"),
        rod(0.06, 0.122, "0 0.005 0.26", "charcoal", ALONG_Y),
        rod(0.048, 0.008, "0 0.07 0.26", "accent", ALONG_Y),
    ),
    "right_l3": (
        rod(0.055, 0.01, "0 0 -0.014", "accent"),
        rod(0.058, 0.155, "0 0 -0.1", "charcoal"),
        rod(0.046, 0.008, "0 0 -0.181", "accent"),
        rod(0.05, 0.09, "0 -0.055 -0.1265", "charcoal", ALONG_Y),
    ),
    "right_l4": (
        rod(0.047, 0.014, "0 0 -0.02", "accent"),
        rod(0.045, 0.13, "0 0 0.052", "light"),
        rod(0.042, 0.13, "0 0.006 0.18", "charcoal"),
        rod(0.05, 0.09, "0 0.008 0.275", "charcoal", ALONG_Y),
        rod(0.04, 0.006, "0 -0.039 0.275", "accent", ALONG_Y),
    ),
    "right_l5": (
        rod(0.048, 0.01, "0 0 0.028", "accent"),
        rod(0.05, 0.125, "0 0 0.094", "charcoal"),
        rod(0.04, 0.006, "0 0 0.159", "accent"),
        rod(0.046, 0.07, "0 -0.05 0.1053", "charcoal", ALONG_Y),
        rod(0.014, 0.012, "0.042 -0.033 0.0695", "black", ALONG_X),
    ),
    "right_l6": (
        rod(0.048, 0.02, "0 0 -0.02", "accent"),
        rod(0.046, 0.034, "0 0 0.0065", "light"),
    ),
    "right_connector_plate_base": (rod(0.038, 0.0302, "0 0 0.0135", "black"),),
    "right_electric_gripper_base": (
        box("0.058 0.102 0.03", "0.004 0 0.016", "charcoal"),
        rod(0.024, 0.098, "0.004 0 0.028", "grey", ALONG_Y),
    ),
    "right_gripper_l_finger": finger(1),
    "right_gripper_r_finger": finger(-1),
    "right_gripper_l_finger_tip": (box("0.016 0.007 0.037", "0 -0.0045 -0.015", "black"),),
    "right_gripper_r_finger_tip": (box("0.016 0.007 0.037", "0 0.0045 -0.015", "black"),),
}

GEOMETRY = {"box": ("size",), "cylinder": ("radius", "length"), "sphere": ("radius",)}


def shape_lines(tag: str, shape: Shape) -> Iterator[str]:
    """A visual or collision element."""
    names = GEOMETRY[shape.kind]
    values = [shape.size] if len(names) == 1 else shape.size.split()
    attributes = " ".join(f'{n}="{v}"' for n, v in zip(names, values, strict=True))
    yield f"    <{tag}>"
    yield f'      <origin xyz="{shape.xyz}" rpy="{shape.rpy}"/>'
    yield f"      <geometry><{shape.kind} {attributes}/></geometry>"
    if tag == "visual":
        yield f'      <material name="{shape.colour}"/>'
    yield f"    </{tag}>"


def link_lines(name: str) -> Iterator[str]:
    """A link with its inertia, visuals and collisions."""
    inertial = INERTIALS.get(name, NEGLIGIBLE)
    entries = zip(("ixx", "ixy", "ixz", "iyy", "iyz", "izz"), inertial.inertia.split(), strict=True)
    moments = " ".join(f'{entry}="{value}"' for entry, value in entries)
    yield f'  <link name="{name}">'
    yield "    <inertial>"
    yield f'      <origin xyz="{inertial.com}" rpy="0 0 0"/>'
    yield f'      <mass value="{inertial.mass}"/>'
    yield f"      <inertia {moments}/>"
    yield "    </inertial>"
    for shape in VISUALS.get(name, ()):
        yield from shape_lines("visual", shape)
    for shape in COLLISIONS.get(name, ()):
        yield from shape_lines("collision", shape)
    yield "  </link>"


def joint_lines(joint: Joint) -> Iterator[str]:
    """A joint with its frame, and axis and limits if it moves."""
    yield f'  <joint name="{joint.name}" type="{joint.kind}">'
    yield f'    <parent link="{joint.parent}"/>'
    yield f'    <child link="{joint.child}"/>'
    yield f'    <origin xyz="{joint.xyz}" rpy="{joint.rpy}"/>'
    if joint.limits:
        lower, upper, effort, velocity = joint.limits
        yield f'    <axis xyz="{joint.axis}"/>'
        yield f'    <limit lower="{lower}" upper="{upper}" effort="{effort}" velocity="{velocity}"/>'
    if joint.mimic:
        yield f'    <mimic joint="{joint.mimic}" multiplier="-1.0" offset="0.0"/>'
    yield "  </joint>"


def urdf_lines() -> Iterator[str]:
    """The whole document."""
    yield '<?xml version="1.0"?>'
    yield "<!-- Written by make_urdf.py; change that, not this. -->"
    yield '<robot name="sawyer">'
    for name, rgb in COLOURS.items():
        rgba = " ".join(f"{c:g}" for c in (*rgb, 1.0))
        yield f'  <material name="{name}"><color rgba="{rgba}"/></material>'
    yield from link_lines("base")
    for joint in JOINTS:
        yield from joint_lines(joint)
        yield from link_lines(joint.child)
    yield "</robot>"


def urdf() -> str:
    """The whole document as text."""
    return "\n".join(urdf_lines()) + "\n"


def main() -> None:
    """Write the file next to this one, or to the path given."""
    parser = argparse.ArgumentParser(description="Write sawyer.urdf from the tables in this file.")
    parser.add_argument("output", type=Path, nargs="?", default=Path(__file__).with_name("sawyer.urdf"))
    arguments = parser.parse_args()
    arguments.output.write_text(urdf(), encoding="utf-8")


if __name__ == "__main__":
    main()
