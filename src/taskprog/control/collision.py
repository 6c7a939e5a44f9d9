"""Which configurations of the arm touch something: itself, what stands around, what it holds.

The arm is the primitives of the robot description; coal tests them against each other and against
convex solids, through the tree of bounding boxes that Pinocchio keeps.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import coal
import numpy as np
import pinocchio
from numpy.typing import NDArray

from taskprog.control.clearance import Obstacle, Shape
from taskprog.control.kinematics import TOOL_FRAME
from taskprog.control.robot import (
    ARM_JOINTS,
    GRIPPER_CLOSED_WIDTH,
    GRIPPER_JOINTS,
    GRIPPER_OPEN_WIDTH,
    NEUTRAL,
)
from taskprog.resources import share_dir
from taskprog.tasks.goods import CONTAINER_WALL
from taskprog.tasks.table_top import TABLE_HEIGHT

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Of the table's slab: x and y from, x and y to, metres. It reaches farther than any real one, so that no
# path leads around its edges.
TABLE_EXTENT = (0.20, -1.0, 1.3, 1.0)
TABLE_THICKNESS = 0.05
TABLE = "the table"


@dataclass(frozen=True)
class Solid:
    """Something convex: a coal ``shape`` at ``position`` (3,), metres, turned by ``rotation`` (3, 3)."""

    name: str
    shape: coal.ShapeBase
    position: Vector
    rotation: Matrix


@dataclass(frozen=True)
class _Arm:
    """The arm with its fingers, head at rest, and the pairs of its parts that may not touch."""

    model: pinocchio.Model
    geometry: pinocchio.GeometryModel
    pairs: NDArray[np.bool_]  # (G, G), upper triangle
    tool: pinocchio.SE3  # of the tcp in the frame of the last joint


@dataclass(frozen=True)
class _Memory:
    """What one thread computes in."""

    data: pinocchio.Data
    geometry: pinocchio.GeometryData
    manager: pinocchio.BroadPhaseManager_DynamicAABBTreeCollisionManager


class CollisionModel:
    """The arm among solids. Calls from several threads are safe: each uses working memory of its own."""

    def __init__(
        self,
        urdf: str,
        solids: Sequence[Solid] = (),
        held: Sequence[Solid] = (),
        width: float = GRIPPER_OPEN_WIDTH,
        margin: float = 0.0,
        arm_margin: float | None = None,
    ):
        """Put the arm of a robot description among solids.

        Args:
            urdf: the robot description as XML.
            solids: what stands around, frame ``base``.
            held: what moves with the hand, in the frame of the tcp.
            width: metres between the pads.
            margin: metres to keep between the hand or what it holds and the solids.
            arm_margin: metres to keep between the rest of the arm and the solids; by default the same.

        Raises:
            ValueError: the description lacks a joint of the arm or gripper, or the frame ``tcp``.
        """
        self._urdf = urdf
        self._arm = _read_arm(urdf)
        travel = (min(max(width, GRIPPER_CLOSED_WIDTH), GRIPPER_OPEN_WIDTH) - GRIPPER_CLOSED_WIDTH) / 2
        self._fingers = np.array([travel, -travel])
        self._geometry = self._arm.geometry.copy()
        parts = self._geometry.ngeoms
        hand = self._arm.model.getJointId(ARM_JOINTS[-1])
        for joint, things in ((hand, held), (0, solids)):
            for thing in things:
                place = pinocchio.SE3(thing.rotation, thing.position)
                if joint:
                    place = self._arm.tool * place
                name = f"{self._geometry.ngeoms} {thing.name}"
                self._geometry.addGeometryObject(pinocchio.GeometryObject(name, joint, 0, place, thing.shape))
        self._names = [
            o.name.rsplit("_", 1)[0] if i < parts else o.name.split(" ", 1)[1]
            for i, o in enumerate(self._geometry.geometryObjects)
        ]
        joints = np.array([o.parentJoint for o in self._geometry.geometryObjects])
        pairs = np.zeros((len(joints), len(joints)), dtype=bool)
        pairs[:parts, :parts] = self._arm.pairs
        first = parts + len(held)
        pairs[:first, first:] = (joints[:first] > 0)[:, None]
        # The wrist holds what the hand holds: only parts before it can be reached.
        pairs[:parts, parts:first] = (joints[:parts] < hand - 1)[:, None]
        self._geometry.setCollisionPairs(pairs)
        self._margins = np.zeros(pairs.shape)
        self._margins[:first, first:] = margin
        if arm_margin is not None:
            self._margins[:first, first:][joints[:first] < hand] = arm_margin
        self._local = threading.local()

    @staticmethod
    def load(path: Path | None = None) -> CollisionModel:
        """The shipped Sawyer, or another URDF file, alone.

        Raises:
            OSError: the file cannot be read.
            ValueError: it lacks a joint of the arm or gripper, or the frame ``tcp``.
        """
        path = path or share_dir() / "models" / "sawyer" / "sawyer.urdf"
        return CollisionModel(path.read_text(encoding="utf-8"))

    def among(
        self,
        solids: Sequence[Solid],
        held: Sequence[Solid] = (),
        width: float = GRIPPER_OPEN_WIDTH,
        margin: float = 0.0,
        arm_margin: float | None = None,
    ) -> CollisionModel:
        """The same arm among other solids; arguments as those of the class."""
        return CollisionModel(self._urdf, solids, held, width, margin, arm_margin)

    def free(self, q: Vector) -> bool:
        """Whether the arm at ``q`` (7,) radians touches neither itself nor anything else."""
        memory = self._memory
        return not pinocchio.computeCollisions(
            self._arm.model, memory.data, memory.manager, self._whole(q), True
        )

    def contacts(self, q: Vector) -> frozenset[tuple[str, str]]:
        """What touches what at ``q`` (7,): names of the arm's part or held thing, and of the other."""
        memory = self._memory
        pinocchio.computeCollisions(
            self._arm.model, memory.data, self._geometry, memory.geometry, self._whole(q), False
        )
        return frozenset(
            (self._names[pair.first], self._names[pair.second])
            for pair, result in zip(
                self._geometry.collisionPairs, memory.geometry.collisionResults, strict=True
            )
            if result.isCollision()
        )

    def _whole(self, q: Vector) -> Vector:
        return np.concatenate([q, self._fingers])

    @property
    def _memory(self) -> _Memory:
        if not hasattr(self._local, "memory"):
            geometry = self._geometry.createData()
            geometry.setSecurityMargins(self._geometry, self._margins)
            manager = pinocchio.BroadPhaseManager_DynamicAABBTreeCollisionManager(
                self._arm.model, self._geometry, geometry
            )
            self._local.memory = _Memory(self._arm.model.createData(), geometry, manager)
        memory: _Memory = self._local.memory
        return memory


def table() -> Solid:
    """The table's top as a slab."""
    x, y, to_x, to_y = TABLE_EXTENT
    middle = np.array([(x + to_x) / 2, (y + to_y) / 2, TABLE_HEIGHT - TABLE_THICKNESS / 2])
    return Solid(TABLE, coal.Box(to_x - x, to_y - y, TABLE_THICKNESS), middle, np.eye(3))


def solids_of(obstacle: Obstacle, shrink: float = 0.0) -> list[Solid]:
    """What an obstacle is made of.

    A box whose yaw is not known is the cylinder around it, or the one inside it where it is shrunk.

    Args:
        shrink: metres by which boxes and cylinders, not containers, are smaller on every side; at most a
            quarter of their size is taken away.
    """
    length, width, height = (float(side) for side in obstacle.size)
    rotation = _turned(obstacle.yaw or 0.0)
    if obstacle.shape is Shape.CONTAINER:
        boxes = _container_boxes(length, width, height)
        return [
            Solid(obstacle.name, coal.Box(*size), obstacle.centre + rotation @ place, rotation)
            for size, place in boxes
        ]
    length, width, height = (side - 2 * min(shrink, side / 4) for side in (length, width, height))
    shape: coal.ShapeBase
    if obstacle.shape is Shape.CYLINDER:
        shape = coal.Cylinder(length / 2, height)
    elif obstacle.yaw is None:
        shape = coal.Cylinder(min(length, width) / 2 if shrink else math.hypot(length, width) / 2, height)
    else:
        shape = coal.Box(length, width, height)
    return [Solid(obstacle.name, shape, obstacle.centre, rotation)]


def _container_boxes(length: float, width: float, height: float) -> list[tuple[Vector, Vector]]:
    """Sizes and places of floor and walls."""
    wall = CONTAINER_WALL
    return [
        (np.array([length, width, wall]), np.array([0.0, 0.0, (wall - height) / 2])),
        *((np.array([wall, width, height]), np.array([s * (length - wall) / 2, 0, 0])) for s in (-1, 1)),
        *((np.array([length, wall, height]), np.array([0, s * (width - wall) / 2, 0])) for s in (-1, 1)),
    ]


def _turned(yaw: float) -> Matrix:
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


@lru_cache(maxsize=4)
def _read_arm(urdf: str) -> _Arm:
    whole = pinocchio.buildModelFromXML(urdf)
    shapes = pinocchio.buildGeomFromUrdfString(whole, urdf, pinocchio.GeometryType.COLLISION)
    joints = (*ARM_JOINTS, *GRIPPER_JOINTS)
    locked = [whole.getJointId(n) for n in whole.names if n not in ("universe", *joints)]
    model, geometry = pinocchio.buildReducedModel(whole, shapes, locked, np.zeros(whole.nq))
    if tuple(model.names)[1:] != joints or not model.existFrame(TOOL_FRAME):
        raise ValueError(
            f"the robot description should have the joints {', '.join(joints)} and the frame "
            f"{TOOL_FRAME!r}; it has the joints {', '.join(model.names)}"
        )
    tool = model.frames[model.getFrameId(TOOL_FRAME)].placement
    return _Arm(model, geometry, _self_pairs(model, geometry), tool)


def _self_pairs(model: pinocchio.Model, geometry: pinocchio.GeometryModel) -> NDArray[np.bool_]:
    """Which parts of the arm could meet and may not, (G, G), upper triangle.

    Neighbours along the chain always touch at their joint. So do a few parts whose primitives are wider
    than the real ones: those that meet in the neutral pose, whatever the gripper's width, are left out.
    """
    joints = [o.parentJoint for o in geometry.geometryObjects]
    hand = model.getJointId(ARM_JOINTS[-1])
    n = len(joints)
    pairs = np.zeros((n, n), dtype=bool)
    for i in range(n):
        for j in range(i + 1, n):
            a, b = sorted((min(joints[i], hand), min(joints[j], hand)))  # fingers belong to the hand
            pairs[i, j] = a != b and model.parents[b] != a
    geometry = geometry.copy()
    geometry.setCollisionPairs(pairs)
    data = geometry.createData()
    pinocchio.computeCollisions(
        model, model.createData(), geometry, data, np.concatenate([NEUTRAL, [0.0, 0.0]]), False
    )
    for pair, result in zip(geometry.collisionPairs, data.collisionResults, strict=True):
        if result.isCollision():
            pairs[pair.first, pair.second] = False
    return pairs
