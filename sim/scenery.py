"""What stands still is drawn once: the room, and the things that rest in it.

A mesh costs TinyRenderer its triangles in every picture, wherever it is; forty goods cost more than the
robot. So what rests is drawn into the backdrop and hidden from then on, until it moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from taskprog_sim.bullet import pybullet

SAME_PLACE, SAME_TURN = 1e-4, 1e-3  # metres, and of a quaternion's components: nearer than this is at rest

Pose = tuple[float, ...]  # position and quaternion
Paint = tuple[int, int, tuple[float, float, float, float]]  # link, number of its shape, colour


class Scenery:
    """Pictures of what stands still in a physics client; it hides that from its renderer.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32, metres.
    """

    def __init__(
        self,
        client: int,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
        draw: Callable[[], tuple[NDArray[np.uint8], NDArray[np.float32]]],
    ):
        """``rgb`` and ``depth`` are of what never moves; ``draw`` takes a picture of what is not hidden."""
        self._client = client
        self._room = rgb, depth
        self._draw = draw
        self.watch((), ())

    def watch(self, things: Sequence[int], others: Sequence[int]) -> None:
        """From now on these bodies are there: ``things`` may come to rest, ``others`` are always drawn."""
        self._things, self._others = list(things), list(others)
        self._paints = {body: self._paints_of(body) for body in (*things, *others)}
        self._still: dict[int, Pose] = {}
        self._last: dict[int, Pose] = {}
        self.rgb, self.depth = self._room

    def add(self, thing: int) -> None:
        """One more body is there, which may come to rest."""
        self._things.append(thing)
        self._paints[thing] = self._paints_of(thing)

    def update(self) -> list[int]:
        """See what rests and what does not; the bodies that are still to be drawn."""
        poses = {body: self._pose(body) for body in self._things}
        still = {body: pose for body, pose in self._still.items() if _same(pose, poses[body])}
        for body, pose in poses.items():
            if body not in still and body in self._last and _same(pose, self._last[body]):
                still[body] = pose
        self._last = poses
        if still.keys() != self._still.keys():
            self._take(still)
        return [body for body in (*self._things, *self._others) if body not in self._still]

    def _take(self, still: dict[int, Pose]) -> None:
        """Draw ``still`` into the backdrop."""
        for body, paints in self._paints.items():
            self._show(body, paints, body in still)
        rgb, depth = self._draw()
        behind = depth >= self._room[1]
        self.rgb = np.where(behind[..., None], self._room[0], rgb)
        self.depth = np.where(behind, self._room[1], depth)
        for body, paints in self._paints.items():
            self._show(body, paints, body not in still)
        self._still = still

    def _pose(self, body: int) -> Pose:
        position, quaternion = pybullet.getBasePositionAndOrientation(body, physicsClientId=self._client)
        return (*position, *quaternion)

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
    near = all(abs(x - y) < SAME_PLACE for x, y in zip(a[:3], b[:3], strict=True))
    return near and all(abs(x - y) < SAME_TURN for x, y in zip(a[3:], b[3:], strict=True))
