"""Things on the table with a person's hand over them, to be filmed; nothing here obeys physics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import pybullet
from scipy.spatial.transform import Rotation

from taskprog.perception.camera import CameraModel
from taskprog_sim.bullet import Bullet
from taskprog_sim.camera import Camera, Image
from taskprog_sim.drawing import draw
from taskprog_sim.film import Film
from taskprog_sim.hand_motion import Floats, Hand, HandMoment
from taskprog_sim.hand_motion import film as play
from taskprog_sim.scene import add_room
from taskprog_sim.things import add_thing

# Low saturation, so that no colour detector takes the hand for a cube.
SKIN = (0.80, 0.68, 0.60)
SLEEVE = (0.36, 0.37, 0.40)
FOREARM_TILT = math.radians(-48.0)  # the arm comes from behind the cubes, as the camera sees them


@dataclass(frozen=True)
class _Part:
    """A piece of the hand: what it looks like, and where it is in the hand's frame.

    The frame's origin lies between the fingers, z up, y from finger to finger. ``side`` is the finger's (-1
    or 1: it moves along y with the opening) or 0 for what is fixed.
    """

    visual: int
    centre: tuple[float, float, float]
    pitch: float = 0.0
    side: int = 0


class HandScene:
    """Puts things and hand where it is told to, and takes pictures. A context manager, for one thread."""

    def __init__(self, model: CameraModel, film: Film):
        self._bullet = Bullet()
        client = self._bullet.client
        self._bullet.clear()
        add_room(self._bullet, drawn=True)
        room = Image(*draw(model, client), 0.0)
        self._bullet.clear()
        self._time = 0.0
        self.camera = Camera(model, client, room, lambda: self._time)
        self._things = [add_thing(self._bullet, thing) for thing in film.scene.things]
        self._upright = film.upright
        self._parts = [(part, self._body(part)) for part in self._hand_parts()]

    def picture(self, moment: HandMoment) -> Image:
        """What the camera sees at a moment of the film."""
        self._time = moment.time
        turns = Rotation.from_euler("z", moment.yaws[:, None]) * self._upright
        for body, position, turn in zip(self._things, moment.positions, turns.as_quat(), strict=True):
            self._put(body, position, turn)
        self._put_hand(moment.hand)
        return self.camera.render()

    def close(self) -> None:
        """Let go of the renderer; the scene is of no use afterwards."""
        self._bullet.close()

    def __enter__(self) -> HandScene:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _put_hand(self, hand: Hand) -> None:
        c, s = math.cos(hand.yaw), math.sin(hand.yaw)
        for part, body in self._parts:
            x, y, z = part.centre
            y += part.side * hand.opening / 2
            offset = np.array([c * x - s * y, s * x + c * y, z])
            turn = pybullet.getQuaternionFromEuler((0.0, part.pitch, hand.yaw))
            self._put(body, hand.position + offset, turn)

    def _put(self, body: int, position: Floats, quaternion: Sequence[float]) -> None:
        pybullet.resetBasePositionAndOrientation(
            body,
            [float(v) for v in position],
            [float(v) for v in quaternion],
            physicsClientId=self._bullet.client,
        )

    def _body(self, part: _Part) -> int:
        return int(
            pybullet.createMultiBody(0.0, -1, part.visual, part.centre, physicsClientId=self._bullet.client)
        )

    def _hand_parts(self) -> list[_Part]:
        fingers = [
            _Part(self._box(0.020, 0.013, 0.075, SKIN), (0.0, side * 0.0065, 0.022), side=side)
            for side in (-1, 1)
        ]
        tips = [_Part(self._ball(0.0105, SKIN), (0.0, side * 0.0085, -0.014), side=side) for side in (-1, 1)]
        wrist = np.array([-0.035, 0.0, 0.085])
        along = np.array([math.sin(FOREARM_TILT), 0.0, math.cos(FOREARM_TILT)])
        forearm, sleeve = wrist + 0.08 * along, wrist + 0.43 * along
        return [
            *fingers,
            *tips,
            _Part(self._box(0.050, 0.100, 0.034, SKIN), (-0.018, 0.0, 0.070), pitch=FOREARM_TILT / 3),
            _Part(self._tube(0.026, 0.16, SKIN), _point(forearm), pitch=FOREARM_TILT),
            _Part(self._tube(0.037, 0.60, SLEEVE), _point(sleeve), pitch=FOREARM_TILT),
        ]

    def _box(self, x: float, y: float, z: float, colour: tuple[float, float, float]) -> int:
        return self._visual(pybullet.GEOM_BOX, colour, halfExtents=[x / 2, y / 2, z / 2])

    def _ball(self, radius: float, colour: tuple[float, float, float]) -> int:
        return self._visual(pybullet.GEOM_SPHERE, colour, radius=radius)

    def _tube(self, radius: float, length: float, colour: tuple[float, float, float]) -> int:
        return self._visual(pybullet.GEOM_CYLINDER, colour, radius=radius, length=length)

    def _visual(self, kind: int, colour: tuple[float, float, float], **shape: object) -> int:
        visual: int = pybullet.createVisualShape(
            kind,
            rgbaColor=[*colour, 1.0],
            specularColor=[0.05, 0.05, 0.05],
            physicsClientId=self._bullet.client,
            **shape,
        )
        return visual


def _point(vector: Floats) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in vector)
    return x, y, z


def film_hand(
    film: Film, seed: int, model: CameraModel, fps: float, on_frame: Callable[[Image, int], None]
) -> None:
    """Film a hand that does a task.

    Args:
        seed: of how exactly things are put down.
        model: the camera.
        fps: pictures a second.
        on_frame: gets each picture, and how many things have been put down by then.
    """
    with HandScene(model, film) as scene:
        for moment in play(film.script, seed, 1.0 / fps):
            on_frame(scene.picture(moment), moment.done)
