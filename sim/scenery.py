"""What stands still is drawn once: the room, the robot's base, and the things that rest.

A mesh costs TinyRenderer its triangles in every picture, wherever it is; forty goods cost more than the
robot. So what rests is drawn into the backdrop and hidden from then on, until it moves. Of the robot it is
the base with its pedestal that costs most, and that never moves.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog_sim.bullet import pybullet
from taskprog_sim.drawing import Part, Window, draw, window_of

# Metres, of a quaternion's components, and radians (metres) of a joint: nearer than this is at rest.
SAME_PLACE, SAME_TURN, SAME_JOINT = 1e-4, 1e-3, 1e-4

Pose = tuple[float, ...]  # position and quaternion, then the joints' positions
Paint = tuple[int, int, tuple[float, float, float, float]]  # link, number of its shape, colour


class Scenery:
    """Pictures of what stands still in a physics client; it hides that from its renderer.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32, metres.
        unchanged: whether a picture taken now would be the same as at the ``update`` before.
    """

    def __init__(
        self,
        client: int,
        model: CameraModel,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
    ):
        """``rgb`` and ``depth`` are of what never moves."""
        self._client, self._model = client, model
        self._bare = rgb, depth
        self.watch((), ())

    def watch(self, things: Sequence[int], robots: Sequence[int]) -> None:
        """From now on these bodies are there: ``things`` may come to rest, a robot's base never moves."""
        self._things = list(things)
        self._paints = {body: self._paints_of(body) for body in (*things, *robots)}
        self._links = {body: self._links_of(body) for body in (*things, *robots)}
        self._still: dict[int, Pose] = {}
        self._windows: dict[int, Window] = {}  # where in the picture what is still is
        self._last: dict[int, Pose] = {}  # of all bodies, at the update before
        self._drawn: dict[int, Pose] = {}  # when the picture last changed
        self.unchanged = False
        bases = {}
        for robot in robots:
            self._links[robot].remove(-1)
            bases[robot] = [paint for paint in self._paints[robot] if paint[0] == -1]
            self._paints[robot] = [paint for paint in self._paints[robot] if paint[0] != -1]
        self._room = self._bare
        if robots:
            self._room = self._together(bases, Window.whole(self._model))
            for robot in robots:
                self._show(robot, bases[robot], False)
            for body, paints in self._paints.items():
                self._show(body, paints, True)
        self.rgb, self.depth = self._room

    def add(self, thing: int) -> None:
        """One more body is there, which may come to rest."""
        self._things.append(thing)
        self._paints[thing] = self._paints_of(thing)
        self._links[thing] = self._links_of(thing)

    def update(self) -> list[Part]:
        """See what rests and what does not; the parts of bodies that are still to be drawn."""
        poses = {body: self._pose(body) for body in self._paints}
        still = {body: pose for body, pose in self._still.items() if _same(pose, poses[body])}
        for body in self._things:
            if body not in still and body in self._last and _same(poses[body], self._last[body]):
                still[body] = poses[body]
        self._last = poses
        taken = still.keys() != self._still.keys()
        if taken:
            self._change(still)
            for body, paints in self._paints.items():
                self._show(body, paints, body not in still)
        self.unchanged = (
            not taken
            and poses.keys() == self._drawn.keys()
            and all(_same(pose, self._drawn[body]) for body, pose in poses.items())
        )
        if not self.unchanged:
            self._drawn = poses
        return [
            (body, link) for body in self._paints if body not in self._still for link in self._links[body]
        ]

    def _change(self, still: dict[int, Pose]) -> None:
        """Draw the backdrop anew where something has come to rest, or does not rest any more."""
        changed = still.keys() ^ self._still.keys()
        for body in still.keys() - self._still.keys():
            parts = [(body, link) for link in self._links[body]]
            self._windows[body] = window_of(self._model, self._client, parts)
        area = functools.reduce(Window.with_, (self._windows[body] for body in changed))
        self._windows = {body: self._windows[body] for body in still}
        self._still = still
        inside = [body for body, window in self._windows.items() if window.overlaps(area)]
        self.rgb, self.depth = self.rgb.copy(), self.depth.copy()
        here = area.slices
        self.rgb[here], self.depth[here] = self._together({b: self._paints[b] for b in inside}, area)

    def _together(
        self, shown: Mapping[int, Sequence[Paint]], area: Window
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """A part of a picture of these in the room; leaves them shown, and everything else hidden."""
        for body in self._paints:
            self._show(body, self._paints[body], False)
        for body in shown:
            self._show(body, shown[body], True)
        room_rgb, room_depth = self._room[0][area.slices], self._room[1][area.slices]
        if not area.area:
            return room_rgb, room_depth
        rgb, depth = draw(self._model, self._client, area)
        behind = depth >= room_depth
        return np.where(behind[..., None], room_rgb, rgb), np.where(behind, room_depth, depth)

    def _pose(self, body: int) -> Pose:
        position, quaternion = pybullet.getBasePositionAndOrientation(body, physicsClientId=self._client)
        joints = range(pybullet.getNumJoints(body, physicsClientId=self._client))
        states = pybullet.getJointStates(body, joints, physicsClientId=self._client) if joints else ()
        return (*position, *quaternion, *(state[0] for state in states))

    def _links_of(self, body: int) -> list[int]:
        return list(range(-1, pybullet.getNumJoints(body, physicsClientId=self._client)))

    def _paints_of(self, body: int) -> list[Paint]:
        numbers: dict[int, int] = {}
        paints = []
        for shape in pybullet.getVisualShapeData(body, physicsClientId=self._client):
            link = shape[1]
            numbers[link] = numbers.get(link, -1) + 1
            paints.append((link, numbers[link], shape[7]))
        return paints

    def _show(self, body: int, paints: Sequence[Paint], shown: bool) -> None:
        """TinyRenderer leaves out what is fully transparent."""
        for link, number, (red, green, blue, alpha) in paints:
            pybullet.changeVisualShape(
                body,
                link,
                shapeIndex=number,
                rgbaColor=(red, green, blue, alpha if shown else 0.0),
                physicsClientId=self._client,
            )


def _same(a: Pose, b: Pose) -> bool:
    limits = itertools.chain((SAME_PLACE,) * 3, (SAME_TURN,) * 4, itertools.repeat(SAME_JOINT))
    return all(abs(x - y) < limit for x, y, limit in zip(a, b, limits, strict=False))
