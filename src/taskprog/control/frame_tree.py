"""The frames of a robot description: where each link is relative to its parent, for any joint positions."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinkPose:
    """Pose of frame ``child`` in ``parent``: ``translation`` (3,) metres, ``rotation`` (4,) x y z w."""

    parent: str
    child: str
    translation: Floats
    rotation: Floats


@dataclass(frozen=True)
class _Joint:
    name: str
    kind: str
    at_zero: LinkPose
    axis: Floats  # in the joint's own frame


class FrameTree:
    """All joints of a URDF as poses of their child links."""

    def __init__(self, urdf: str):
        """``urdf`` is a robot description as XML.

        Raises:
            ValueError: not a URDF, or with a joint that is neither fixed, revolute, continuous nor prismatic.
        """
        try:
            root = ElementTree.fromstring(urdf)
        except ElementTree.ParseError as error:
            raise ValueError(f"the robot description is not XML: {error}") from error
        joints = [_read_joint(element) for element in root.findall("joint")]
        self._moving = [joint for joint in joints if joint.kind != "fixed"]
        self.fixed = tuple(joint.at_zero for joint in joints if joint.kind == "fixed")

    def moving(self, positions: Mapping[str, float]) -> list[LinkPose]:
        """Poses of all links on movable joints; ``positions`` by joint name, radians or metres.

        Raises:
            KeyError: the position of a joint is missing.
        """
        return [_displaced(joint, positions[joint.name]) for joint in self._moving]


def _read_joint(element: ElementTree.Element) -> _Joint:
    name, kind = element.get("name", ""), element.get("type", "")
    if kind not in ("fixed", "revolute", "continuous", "prismatic"):
        raise ValueError(f"joint {name!r} is of type {kind!r}, which has no frame here")
    parent, child = element.find("parent"), element.find("child")
    if parent is None or child is None:
        raise ValueError(f"joint {name!r} lacks a parent or a child link")
    origin, axis = element.find("origin"), element.find("axis")
    translation = _vector("0 0 0" if origin is None else origin.get("xyz", "0 0 0"))
    roll, pitch, yaw = _vector("0 0 0" if origin is None else origin.get("rpy", "0 0 0"))
    rotation = _product(_about_axis(2, yaw), _product(_about_axis(1, pitch), _about_axis(0, roll)))
    direction = _vector("1 0 0" if axis is None else axis.get("xyz", "1 0 0"))
    pose = LinkPose(parent.get("link", ""), child.get("link", ""), translation, rotation)
    return _Joint(name, kind, pose, direction)


def _displaced(joint: _Joint, position: float) -> LinkPose:
    zero = joint.at_zero
    if joint.kind == "prismatic":
        translation = zero.translation + _rotated(zero.rotation, joint.axis * position)
        return LinkPose(zero.parent, zero.child, translation, zero.rotation)
    turn = np.array([*(math.sin(position / 2) * joint.axis), math.cos(position / 2)])
    return LinkPose(zero.parent, zero.child, zero.translation, _product(zero.rotation, turn))


def _vector(text: str) -> Floats:
    return np.array([float(word) for word in text.split()], np.float64)


def _about_axis(axis: int, angle: float) -> Floats:
    quaternion = np.array([0.0, 0.0, 0.0, math.cos(angle / 2)])
    quaternion[axis] = math.sin(angle / 2)
    return quaternion


def _product(a: Floats, b: Floats) -> Floats:
    """Of two quaternions: first ``b``, then ``a``."""
    ax, ay, az, aw = a.tolist()
    bx, by, bz, bw = b.tolist()
    return np.array(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ]
    )


def _rotated(quaternion: Floats, vector: Floats) -> Floats:
    u, w = quaternion[:3], float(quaternion[3])
    return np.asarray(vector + 2 * np.cross(u, np.cross(u, vector) + w * vector))
