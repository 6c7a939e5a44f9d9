"""Random heaps of goods, containers and other things in the physics, an arm and a hand: for training images.

Frame ``base``, metres, radians.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.robot import ARM_JOINTS, GRIPPER_CLOSED_WIDTH, GRIPPER_JOINTS, NEUTRAL
from taskprog.resources import share_dir
from taskprog.tasks.goods import CONTAINER_SIZE, CONTAINERS, GOOD_NAMES, good_of
from taskprog.tasks.table_top import CUBES, TABLE_HEIGHT
from taskprog_sim.bullet import Bullet, pybullet
from taskprog_sim.goods import add_container, add_good
from taskprog_sim.hand_scene import SKIN, SLEEVE
from taskprog_sim.sawyer import Sawyer
from taskprog_sim.scene import add_room

Floats = NDArray[np.float64]

AREA_X, AREA_Y = (0.33, 0.84), (-0.33, 0.33)  # goods start within these bounds
HEAP = (0.055, 0.035)  # metres between centres: apart at least so far, or touching and on top of each other
PLACES = ((0.42, 0.42), (0.68, 0.42), (0.42, -0.42), (0.68, -0.42))  # usual ones of containers
STRAY = 0.05  # metres that containers may stand beside their usual places
SETTLE = 200  # steps: whether all lies still by then does not matter for an image
AWAY = (0.0, 0.0, -5.0)
OWN_COLOUR = 0.5  # share of goods in the colour that the simulator gives them


class RandomGoods:
    """One random scene after the other in a physics client of its own; for one thread.

    Attributes:
        goods: body and category of each good.
        containers: body and index of each container.
    """

    def __init__(self) -> None:
        self.bullet = Bullet()
        self._kinematics = Kinematics.load()
        self.goods: dict[int, str] = {}
        self.containers: dict[int, int] = {}

    def build(self, rng: np.random.Generator, others: bool) -> None:
        """Another scene, with goods dropped in heaps or apart, on the table and into containers.

        Args:
            others: whether there are things as well that are neither.
        """
        self.bullet.clear()
        add_room(self.bullet, drawn=False)
        names = rng.permutation(len(CONTAINERS))[: rng.choice(5, p=[0.08, 0.04, 0.08, 0.1, 0.7])]
        spots = [PLACES[i] for i in rng.permutation(len(PLACES))]
        self.containers = {
            self._container(int(index), spots[i], rng): int(index) for i, index in enumerate(names)
        }
        self.goods = {}
        gap = float(rng.choice(HEAP))
        points: list[Floats] = []
        for _ in range(int(rng.integers(4, 41))):
            self._drop(points, gap, rng)
        self._others = [self._other(rng) for _ in range(int(rng.integers(0, 4)) if others else 0)]
        for _ in range(SETTLE):
            pybullet.stepSimulation(physicsClientId=self.bullet.client)
        sawyer = Sawyer(self.bullet, share_dir() / "models" / "sawyer" / "sawyer.urdf")
        self._sawyer = sawyer.body
        joints = [
            pybullet.getJointInfo(self._sawyer, i, physicsClientId=self.bullet.client)
            for i in range(pybullet.getNumJoints(self._sawyer, physicsClientId=self.bullet.client))
        ]
        self._joints = {joint[1].decode(): joint[0] for joint in joints}
        self._hand = self._hand_parts(rng)

    def move(self, rng: np.random.Generator) -> None:
        """Arm, hand and a few goods go elsewhere: some goods into the gripper, the hand or the air."""
        self._pose_arm(NEUTRAL + rng.normal(0.0, 0.02, 7), 0.03)
        for body, _ in self._hand:
            self._put(body, AWAY, (0.0, 0.0, 0.0, 1.0))
        held = list(self.goods)[int(rng.integers(len(self.goods)))]
        where = np.array([rng.uniform(0.36, 0.80), rng.uniform(-0.45, 0.45), 0.0])
        where[2] = TABLE_HEIGHT + rng.choice([rng.uniform(0.012, 0.03), rng.uniform(0.03, 0.35)])
        yaw = rng.uniform(-math.pi, math.pi)
        kind = rng.uniform()
        if kind < 0.3:  # the arm waits, as it does while planners look
            return
        if kind < 0.7:
            self._reach(where, yaw, rng)
        else:
            self._put_hand(where, yaw)
        if rng.uniform() < 0.7:
            turn = Rotation.random(random_state=rng) if rng.uniform() < 0.5 else Rotation.from_euler("z", yaw)
            self._put(held, where + rng.normal(0.0, 0.004, 3), turn.as_quat())

    def paint(self, rng: np.random.Generator) -> None:
        """Other colours: goods any that they may have, containers other shades of theirs."""
        for body, category in self.goods.items():
            rgb = np.array(good_of(category).rgb)
            if rng.uniform() > OWN_COLOUR:
                rgb = np.clip(rgb * rng.uniform(0.7, 1.3) + rng.normal(0.0, 0.07, 3), 0.05, 1.0)
            self._colour(body, -1, rgb)
        for body, index in self.containers.items():
            hue, saturation, value = colorsys.rgb_to_hsv(*CONTAINERS[index].rgb)
            shade = colorsys.hsv_to_rgb(
                (hue + rng.normal(0, 0.012)) % 1.0,
                min(1.0, saturation * rng.uniform(0.8, 1.15)),
                min(1.0, value * rng.uniform(0.75, 1.25)),
            )
            self._colour(body, -1, np.array(shade))
        for body in self._others:
            self._colour(body, -1, rng.uniform(0.0, 1.0, 3))
        if rng.uniform() < 0.3:
            for link in range(-1, len(self._joints)):
                self._colour(self._sawyer, link, np.full(3, rng.uniform(0.1, 0.9)))

    def pose(self, body: int) -> tuple[Floats, Floats]:
        """Position (3,) and quaternion (4,), x y z w, of a body."""
        position, turn = pybullet.getBasePositionAndOrientation(body, physicsClientId=self.bullet.client)
        return np.array(position), np.array(turn)

    def hide(self, bodies: Sequence[int]) -> None:
        """Put bodies out of sight."""
        for body in bodies:
            self._put(body, AWAY, (0.0, 0.0, 0.0, 1.0))

    def others(self) -> list[int]:
        """The bodies that are neither goods nor containers."""
        return [*self._others, *(body for body, _ in self._hand), self._sawyer]

    def close(self) -> None:
        """Disconnect from the physics; the scene is of no use afterwards."""
        self.bullet.close()

    def _container(self, index: int, spot: tuple[float, float], rng: np.random.Generator) -> int:
        x, y = np.add(spot, rng.uniform(-STRAY, STRAY, 2))
        yaw = rng.choice([rng.uniform(-0.2, 0.2), rng.uniform(-math.pi, math.pi)], p=[0.8, 0.2])
        return add_container(self.bullet, index, (x, y, TABLE_HEIGHT + CONTAINER_SIZE[2] / 2), float(yaw))

    def _drop(self, points: list[Floats], gap: float, rng: np.random.Generator) -> None:
        category = str(rng.choice(GOOD_NAMES))
        height = 0.03
        if self.containers and rng.uniform() < 0.25:
            place, _ = self.pose(int(rng.choice(list(self.containers))))
            point = place[:2] + rng.uniform(-0.06, 0.06, 2)
            height = rng.uniform(0.04, 0.15)
        else:
            for _ in range(50):
                point = np.array([rng.uniform(*AREA_X), rng.uniform(*AREA_Y)])
                if all(np.linalg.norm(point - other) > gap for other in points):
                    break
            points.append(point)
        if rng.uniform() < 0.6:
            rests = good_of(category).rests
            rest = rests[int(rng.integers(len(rests)))]
            turn = Rotation.from_euler("z", rng.uniform(0, 2 * math.pi)) * Rotation.from_quat(rest.quaternion)
            height = max(height if height > 0.03 else 0.0, rest.height + 0.002)
        else:
            turn = Rotation.random(random_state=rng)
        body = add_good(self.bullet, category, (*point, TABLE_HEIGHT + height), turn.as_quat().tolist())
        self.goods[body] = category

    def _other(self, rng: np.random.Generator) -> int:
        """Something that is no good: a box, ball or tube."""
        client = self.bullet.client
        kind = int(rng.choice([pybullet.GEOM_BOX, pybullet.GEOM_SPHERE, pybullet.GEOM_CYLINDER]))
        shape = {
            pybullet.GEOM_BOX: {"halfExtents": rng.uniform(0.022, 0.05, 3).tolist()},
            pybullet.GEOM_SPHERE: {"radius": rng.uniform(0.015, 0.04)},
            pybullet.GEOM_CYLINDER: {"radius": rng.uniform(0.01, 0.03)},
        }[kind]
        length = rng.uniform(0.02, 0.1)
        solid, drawn = dict(shape), dict(shape)
        if kind == pybullet.GEOM_CYLINDER:
            solid["height"] = drawn["length"] = length
        if rng.uniform() < 0.3:  # a block stacking cube
            kind, half = pybullet.GEOM_BOX, [0.0225] * 3
            solid = drawn = {"halfExtents": half}
        rgb = CUBES[int(rng.integers(len(CUBES)))].rgb
        collision = pybullet.createCollisionShape(kind, physicsClientId=client, **solid)
        visual = pybullet.createVisualShape(kind, rgbaColor=[*rgb, 1.0], physicsClientId=client, **drawn)
        place = (rng.uniform(0.3, 0.95), rng.uniform(-0.55, 0.55), TABLE_HEIGHT + 0.06)
        turn = pybullet.getQuaternionFromEuler((0.0, 0.0, rng.uniform(0, math.pi)))
        return int(pybullet.createMultiBody(0.1, collision, visual, place, turn, physicsClientId=client))

    def _reach(self, where: Floats, yaw: float, rng: np.random.Generator) -> None:
        tilt = Rotation.from_rotvec(rng.normal(0.0, 0.1, 3)).as_matrix()
        try:
            joints = self._kinematics.inverse(where, tilt @ top_down(yaw))
        except MotionError:
            return  # the arm stays in its neutral pose
        self._pose_arm(joints, rng.uniform(GRIPPER_CLOSED_WIDTH, 0.057))

    def _pose_arm(self, joints: Floats, width: float) -> None:
        travel = (width - GRIPPER_CLOSED_WIDTH) / 2
        names = (*ARM_JOINTS, *GRIPPER_JOINTS)
        for name, value in zip(names, (*joints, travel, -travel), strict=True):
            pybullet.resetJointState(
                self._sawyer, self._joints[name], value, physicsClientId=self.bullet.client
            )

    def _hand_parts(self, rng: np.random.Generator) -> list[tuple[int, Floats]]:
        """Two fingers, a palm and a forearm in a sleeve: bodies, and where they are from the finger tips."""
        skin = np.clip(np.array(SKIN) * rng.uniform(0.3, 1.15) + rng.normal(0, 0.03, 3), 0.05, 1.0)
        sleeve = np.clip(np.array(SLEEVE) + rng.normal(0, 0.2, 3), 0.02, 1.0)
        gap = rng.uniform(0.02, 0.04)
        boxes = [
            ((0.020, 0.014, 0.085), (0.0, gap, 0.030), skin),
            ((0.020, 0.014, 0.085), (0.0, -gap, 0.030), skin),
            ((0.060, 0.100, 0.034), (-0.018, 0.0, 0.080), skin),
            ((0.150, 0.050, 0.045), (-0.110, 0.0, 0.130), skin),
            ((0.500, 0.080, 0.075), (-0.400, 0.0, 0.260), sleeve),
        ]
        parts = []
        for size, centre, rgb in boxes:
            visual = pybullet.createVisualShape(
                pybullet.GEOM_BOX,
                halfExtents=[side / 2 for side in size],
                rgbaColor=[*rgb, 1.0],
                physicsClientId=self.bullet.client,
            )
            body = pybullet.createMultiBody(0.0, -1, visual, AWAY, physicsClientId=self.bullet.client)
            parts.append((int(body), np.array(centre)))
        return parts

    def _put_hand(self, where: Floats, yaw: float) -> None:
        turn = Rotation.from_euler("z", yaw)
        for number, (body, centre) in enumerate(self._hand):
            pitch = 0.45 if number >= 3 else 0.0  # the forearm comes from above
            self._put(body, where + turn.apply(centre), (turn * Rotation.from_euler("y", pitch)).as_quat())

    def _put(self, body: int, position: Sequence[float] | Floats, turn: Sequence[float] | Floats) -> None:
        pybullet.resetBasePositionAndOrientation(
            body, list(position), list(turn), physicsClientId=self.bullet.client
        )

    def _colour(self, body: int, link: int, rgb: Floats) -> None:
        pybullet.changeVisualShape(
            body, link, rgbaColor=[*np.asarray(rgb).tolist(), 1.0], physicsClientId=self.bullet.client
        )
