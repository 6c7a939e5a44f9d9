"""The simulated world: a Sawyer, a table with things on it, a camera, and PyBullet's physics.

One thread owns a ``World``. Every number is in frame ``base``, metres, radians, seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.resources import share_dir
from taskprog.tasks.table_top import CAMERA_SIZE
from taskprog_sim.bullet import TIME_STEP, Bullet, pybullet
from taskprog_sim.camera import Camera, Image
from taskprog_sim.drawing import draw
from taskprog_sim.sawyer import Sawyer
from taskprog_sim.scene import add_room
from taskprog_sim.scene_description import BLOCK_STACKING, ORDER_FULFILMENT, SceneDescription, Thing
from taskprog_sim.scenes import describe
from taskprog_sim.scorer import Task, Verdict, make_judge
from taskprog_sim.things import add_thing

if TYPE_CHECKING:
    from types import TracebackType

CHECK_STEPS = 12  # between two looks at what is to stand still
SETTLE_STEPS = 720  # that things get at most to come to rest before the start
ASLEEP = pybullet.ACTIVATION_STATE_ENABLE_SLEEPING | pybullet.ACTIVATION_STATE_SLEEP
STILL_SPEED, STILL_TURN = 0.005, 0.1  # metres and radians a second: slower is at rest


@dataclass(frozen=True)
class Poses:
    """The truth about the things on the table, which no planner or detector may ask for.

    Attributes:
        names: of the N things.
        positions: (N, 3) float64, centres, metres.
        quaternions: (N, 4) float64, x y z w.
    """

    names: tuple[str, ...]
    positions: NDArray[np.float64]
    quaternions: NDArray[np.float64]


class World:
    """The physics of one scene, stepped at 240 Hz.

    Same scene, seed and commands, same world, bit for bit, on the same machine.

    Attributes:
        description: of the scene as it started, and what was added since.
        scene, seed, objects, clutter: what it was made from; see ``scenes.describe``.
        sawyer: the arm's motors and sensors.
        steps: of time, since the start; a reset takes one.
        camera: RGB-D, its geometry is ``camera.model``.
    """

    def __init__(
        self,
        scene: str = BLOCK_STACKING,
        seed: int = 0,
        gui: bool = False,
        camera_size: tuple[int, int] = CAMERA_SIZE,
        objects: int = 0,
        clutter: bool = False,
    ):
        """Build the scene, with a window if ``gui``; ``camera_size`` is (width, height), pixels.

        Raises:
            ValueError: there is no such scene, see ``scenes.describe``.
            RuntimeError: PyBullet cannot open its window.
            FileNotFoundError: the robot's description is missing.
        """
        description = describe(scene, seed, objects, clutter)
        model = CameraModel.table_top(*camera_size)
        room = _take_room(model)
        self._gui = gui
        self.steps, self.starts = -1, 0
        self._bullet = Bullet(gui)
        self.camera = Camera(model, self._bullet.client, room, lambda: self.time)
        self.scene, self.seed, self.clutter = scene, seed, clutter
        self.objects = description.objects
        self.start(description)

    def reset(self, scene: str, seed: int, objects: int = 0) -> None:
        """Start anew; ``objects`` 0 is as many as now in the present scene, or another scene's own number.

        Raises:
            ValueError: there is no such scene, see ``scenes.describe``; the world stays as it was.
        """
        if not objects and scene == self.scene:
            objects = self.objects
        self.start(describe(scene, seed, objects, self.clutter))
        self.scene, self.seed, self.objects = scene, seed, self.description.objects

    def start(self, description: SceneDescription) -> None:
        """Start anew: arm neutral, things where ``description`` says, at rest."""
        self.starts += 1
        self.steps += 1  # time goes on, so that nothing after a reset has a stamp from before it
        self.description = description
        self.camera.blind_until = 0.0
        self._bullet.clear()
        add_room(self._bullet, drawn=self._gui)
        self._bodies = [add_thing(self._bullet, thing) for thing in description.things]
        self._let_furniture_sleep()
        if description.family == ORDER_FULFILMENT:
            self._settle()
        self.sawyer = Sawyer(self._bullet, share_dir() / "models" / "sawyer" / "sawyer.urdf")
        if not self._gui:  # what the camera hides would be missing from the window
            self.camera.watch(self._bodies, (self.sawyer.body,))

    def _let_furniture_sleep(self) -> None:
        """Bullet looks for contacts of two bodies unless both sleep; what is fixed only does when told."""
        client = self._bullet.client
        for number in range(pybullet.getNumBodies(physicsClientId=client)):
            body = pybullet.getBodyUniqueId(number, physicsClientId=client)
            if pybullet.getDynamicsInfo(body, -1, physicsClientId=client)[0] == 0.0:
                pybullet.changeDynamics(body, -1, activationState=ASLEEP, physicsClientId=client)

    def _settle(self) -> None:
        """Let things come to rest before time begins."""
        for _ in range(SETTLE_STEPS // CHECK_STEPS):
            for _ in range(CHECK_STEPS):
                pybullet.stepSimulation(physicsClientId=self._bullet.client)
            if all(self.at_rest(index) for index in range(len(self._bodies))):
                break
        for body, thing in zip(self._bodies, self.description.things, strict=True):
            if thing.movable:
                # What sleeps costs nothing until something touches it; by itself it takes two seconds.
                pybullet.changeDynamics(
                    body,
                    -1,
                    activationState=ASLEEP,
                    physicsClientId=self._bullet.client,
                )

    @property
    def time(self) -> float:
        """Simulated seconds; never goes back, not even at a reset."""
        return self.steps * TIME_STEP

    def step(self, n: int = 1) -> None:
        """Let time go on by ``n`` steps of 1/240 s."""
        step, client = pybullet.stepSimulation, self._bullet.client
        for _ in range(n):
            step(client)
        self.steps += n

    def drive(self, setpoints: Iterable[tuple[list[float], list[float]]]) -> None:
        """A step of time for each setpoint of the arm: 7 radians and radians per second."""
        command, step, client = self.sawyer.command_arm, pybullet.stepSimulation, self._bullet.client
        for positions, velocities in setpoints:
            command(positions, velocities)
            step(client)
            self.steps += 1

    @property
    def names(self) -> tuple[str, ...]:
        """Of all things on the table, in the order of all that is about them here."""
        return self.description.names

    def poses(self) -> Poses:
        """Where things are: for scorers, recordings and tests only."""
        poses = [
            pybullet.getBasePositionAndOrientation(body, physicsClientId=self._bullet.client)
            for body in self._bodies
        ]
        positions, quaternions = zip(*poses, strict=True)
        return Poses(self.names, np.array(positions), np.array(quaternions))

    def positions(self) -> NDArray[np.float64]:
        """(N, 3) centres; see ``poses``."""
        return self.poses().positions

    def orientations(self) -> NDArray[np.float64]:
        """(N, 4) quaternions, x y z w; see ``poses``."""
        return self.poses().quaternions

    def touching(self, above: int, below: int) -> bool:
        """Whether two things, by their indices, are in contact."""
        points = pybullet.getContactPoints(
            self._bodies[above], self._bodies[below], physicsClientId=self._bullet.client
        )
        return len(points) > 0

    def held(self, index: int) -> bool:
        """Whether a thing is between the gripper's fingers and touches both."""
        points = pybullet.getContactPoints(
            self._bodies[index], self.sawyer.body, physicsClientId=self._bullet.client
        )
        return set(self.sawyer.finger_links) <= {point[4] for point in points}

    def lifted(self, index: int) -> bool:
        """Whether a thing touches nothing but the robot."""
        points = pybullet.getContactPoints(self._bodies[index], physicsClientId=self._bullet.client)
        return {point[2] for point in points} <= {self.sawyer.body}

    def at_rest(self, index: int) -> bool:
        """Whether a thing neither moves nor turns."""
        linear, angular = pybullet.getBaseVelocity(self._bodies[index], physicsClientId=self._bullet.client)
        return math.hypot(*linear) < STILL_SPEED and math.hypot(*angular) < STILL_TURN

    def push(self, index: int, force: Iterable[float]) -> None:
        """Let a force (3,), newtons, act on a thing's centre for one step."""
        body, client = self._bodies[index], self._bullet.client
        self._wake(body)
        pybullet.applyExternalForce(
            body, -1, list(force), self.positions()[index], pybullet.WORLD_FRAME, physicsClientId=client
        )

    def throw(self, index: int, velocity: Iterable[float]) -> None:
        """Give a thing a velocity (3,), metres a second."""
        self._wake(self._bodies[index])
        pybullet.resetBaseVelocity(
            self._bodies[index], list(velocity), [0.0] * 3, physicsClientId=self._bullet.client
        )

    def limit_speed(self, index: int, speed: float) -> None:
        """Slow a thing down to ``speed``, metres a second, if it is faster."""
        linear, _ = pybullet.getBaseVelocity(self._bodies[index], physicsClientId=self._bullet.client)
        present = math.hypot(*linear)
        if present > speed:
            self.throw(index, [value * speed / present for value in linear])

    def place(self, index: int, thing: Thing) -> None:
        """Put a thing where ``thing`` says, at rest."""
        pybullet.resetBasePositionAndOrientation(
            self._bodies[index], thing.position, thing.quaternion, physicsClientId=self._bullet.client
        )
        self.throw(index, [0.0] * 3)

    def add(self, thing: Thing) -> int:
        """Put one more object on the table; gives its index, the one after all other objects."""
        index = self.description.objects
        things = self.description.things
        self.description = replace(self.description, things=(*things[:index], thing, *things[index:]))
        body = add_thing(self._bullet, thing)
        self._bodies.insert(index, body)
        self.camera.add(body)
        return index

    def _wake(self, body: int) -> None:
        pybullet.changeDynamics(
            body,
            -1,
            activationState=pybullet.ACTIVATION_STATE_WAKE_UP,
            physicsClientId=self._bullet.client,
        )

    def check(self, task: Task, stable_for: float) -> Verdict:
        """Let ``stable_for`` seconds go by, and judge whether a task was done all that time."""
        judge = make_judge(task)
        judge.observe(self)
        for _ in range(math.ceil(stable_for / (CHECK_STEPS * TIME_STEP))):
            self.step(CHECK_STEPS)
            judge.observe(self)
        return judge.verdict

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


def _take_room(model: CameraModel) -> Image:
    bullet = Bullet()
    try:
        bullet.clear()
        add_room(bullet, drawn=True)
        return Image(*draw(model, bullet.client), 0.0)
    finally:
        bullet.close()
