"""An RGB-D camera: what moves is drawn by PyBullet's TinyRenderer over a backdrop of what does not.

TinyRenderer's cost is pixels and triangles: floor and table fill most of a picture and never change, and
goods have many triangles and mostly rest. So every frame draws only what moves, and only the part of the
picture where that is; while nothing moves, the last one is given once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog_sim.drawing import Window, draw, window_of
from taskprog_sim.scenery import Scenery


@dataclass(frozen=True)
class Image:
    """One picture.

    Attributes:
        rgb: (H, W, 3) uint8; read only.
        depth: (H, W) float32, metres along the optical axis; ``drawing.FAR`` where nothing is; read only.
        stamp: seconds of simulated time.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    stamp: float


class Camera:
    """Takes pictures of one physics client with the geometry of a ``CameraModel``.

    Attributes:
        blind_until: seconds of simulated time; before, the lens is covered.
    """

    def __init__(self, model: CameraModel, client: int, room: Image, clock: Callable[[], float]):
        """``room`` is a picture of all that never moves; ``clock`` gives the simulated time."""
        self.model = model
        self._client = client
        self._clock = clock
        self.blind_until = 0.0
        self._watching = False
        self._last: Image | None = None
        self._scenery = Scenery(client, model, room.rgb, room.depth)

    def watch(self, things: Sequence[int], robots: Sequence[int]) -> None:
        """From now on these bodies are there, and no others: ``things`` rest now and then."""
        self._scenery.watch(things, robots)
        self._watching = True

    def add(self, thing: int) -> None:
        """One more body is there, which rests now and then; if none are watched, all are drawn anyway."""
        if self._watching:
            self._scenery.add(thing)

    def render(self) -> Image:
        """What the camera sees now; while its lens is covered black, and NaN where the depth would be."""
        if self._clock() < self.blind_until:
            shape = self.model.height, self.model.width
            return Image(np.zeros((*shape, 3), np.uint8), np.full(shape, np.nan, np.float32), self._clock())
        parts = self._scenery.update()
        if self._watching and self._scenery.unchanged and self._last is not None:
            return replace(self._last, stamp=self._clock())
        window = window_of(self.model, self._client, parts) if self._watching else Window.whole(self.model)
        image = Image(self._scenery.rgb.copy(), self._scenery.depth.copy(), self._clock())
        if window.area:
            rgb, depth = draw(self.model, self._client, window)
            here = window.slices
            before = depth < image.depth[here]
            np.copyto(image.rgb[here], rgb, where=before[..., None])
            np.copyto(image.depth[here], depth, where=before)
        for array in (image.rgb, image.depth):
            array.setflags(write=False)  # it may be given again
        self._last = image
        return image
