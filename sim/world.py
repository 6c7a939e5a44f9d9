"""The simulated world: a Sawyer, a table with eight cubes, a camera, and PyBullet's physics.

One thread owns a ``World``. Every number is in frame ``base``, metres, radians, seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import Layout, StackingTask, random_layout
from taskprog.tasks.table_top import CAMERA_SIZE
from taskprog_sim.bullet import TIME_STEP, Bullet, pybullet
from taskprog_sim.camera import Camera, Image, draw
from taskprog_sim.sawyer import Sawyer
from taskprog_sim.scene import add_cube, add_room, check_scene
from taskprog_sim.scorer import StabilityCheck

if TYPE_CHECKING:
    from types import TracebackType

# Bullet keeps a margin around boxes; cubes start this much above the table and settle into it.
START_GAP = 0.0005
CHECK_STEPS = 12  # between two looks at a tower that is to stand still


@dataclass(frozen=True)
class CubePoses:
    """The truth about the cubes, which no planner or detector may ask for.

    Attributes:
        positions: (8, 3) float64, centres, metres.
        quaternions: (8, 4) float64, x y z w.
    """

    positions: NDArray[np.float64]
    quaternions: NDArray[np.float64]


class World:
    """The physics of one scene, stepped at 240 Hz.

    Same scene, seed and commands, same world, bit for bit, on the same machine.

    Attributes:
        scene: name of the scene.
        seed: of the layout.
        sawyer: the arm's motors and sensors.
        steps: of time, since the start; a reset takes one.
        camera: RGB-D, its geometry is ``camera.model``.
    """

    def __init__(
        self,
        scene: str = "block_stacking",
        seed: int = 0,
        gui: bool = False,
        camera_size: tuple[int, int] = CAMERA_SIZE,
    ):
        """Build the scene, with a window if ``gui``; ``camera_size`` is (width, height), pixels.

        Raises:
            ValueError: there is no such scene or seed.
            RuntimeError: PyBullet cannot open its window.
            FileNotFoundError: the robot's description is missing.
        """
        check_scene(scene)
        model = CameraModel.table_top(*camera_size)
        backdrop = _take_backdrop(model)
        self._gui = gui
        self.steps = -1
        self._bullet = Bullet(gui)
        self.camera = Camera(model, self._bullet.client, backdrop, lambda: self.time)
        self.reset(scene, seed)

    def reset(self, scene: str, seed: int, layout: Layout | None = None) -> None:
        """Start anew: arm neutral, cubes as in ``layout`` (by default that of ``seed``).

        Raises:
            ValueError: there is no such scene or seed; the world stays as it was.
        """
        check_scene(scene)
        if seed < 0:
            raise ValueError(f"a layout's seed is 0 or more, not {seed}")
        layout = random_layout(seed) if layout is None else layout
        self.scene, self.seed = scene, seed
        self.steps += 1  # time goes on, so that nothing after a reset has a stamp from before it
        self._bullet.clear()
        add_room(self._bullet, drawn=self._gui)
        self.sawyer = Sawyer(self._bullet, share_dir() / "models" / "sawyer" / "sawyer.urdf")
        self._cubes = [
            add_cube(self._bullet, index, (float(x), float(y), float(z) + START_GAP), float(yaw))
            for index, ((x, y, z), yaw) in enumerate(zip(layout.positions, layout.yaws, strict=True))
        ]

    @property
    def time(self) -> float:
        """Simulated seconds; never goes back, not even at a reset."""
        return self.steps * TIME_STEP

    def step(self, n: int = 1) -> None:
        """Let time go on by ``n`` steps of 1/240 s."""
        for _ in range(n):
            pybullet.stepSimulation(physicsClientId=self._bullet.client)
        self.steps += n

    def cube_poses(self) -> CubePoses:
        """Where the cubes are: for scorers, recordings and tests only."""
        poses = [
            pybullet.getBasePositionAndOrientation(body, physicsClientId=self._bullet.client)
            for body in self._cubes
        ]
        positions, quaternions = zip(*poses, strict=True)
        return CubePoses(np.array(positions), np.array(quaternions))

    def positions(self) -> NDArray[np.float64]:
        """(8, 3) centres of the cubes; see ``cube_poses``."""
        return self.cube_poses().positions

    def touching(self, above: int, below: int) -> bool:
        """Whether two cubes, by their indices, are in contact."""
        points = pybullet.getContactPoints(
            self._cubes[above], self._cubes[below], physicsClientId=self._bullet.client
        )
        return len(points) > 0

    def held(self, cube: int) -> bool:
        """Whether a cube, by its index, is between the gripper's fingers and touches both."""
        points = pybullet.getContactPoints(
            self._cubes[cube], self.sawyer.body, physicsClientId=self._bullet.client
        )
        return set(self.sawyer.finger_links) <= {point[4] for point in points}

    def check(self, task: StackingTask, stable_for: float) -> list[tuple[int, int]]:
        """Let ``stable_for`` seconds go by; the task's relations that did not hold all that time."""
        check = StabilityCheck(task)
        check.observe(self)
        for _ in range(math.ceil(stable_for / (CHECK_STEPS * TIME_STEP))):
            self.step(CHECK_STEPS)
            check.observe(self)
        return check.failed

    def close(self) -> None:
        """Disconnect from the physics; the world is of no use afterwards."""
        self._bullet.close()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _take_backdrop(model: CameraModel) -> Image:
    bullet = Bullet()
    try:
        bullet.clear()
        add_room(bullet, drawn=True)
        return draw(model, bullet.client, 0.0)
    finally:
        bullet.close()
