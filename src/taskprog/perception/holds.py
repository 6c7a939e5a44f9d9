"""Which cube is held when, from what a video shows of each cube: no geometry, no assumption about the hand.

A hand, an arm or another cube before a cube takes pixels away from it; only motion shows it where it was
not before. So a cube moves when a good part of what is seen of it lies outside its best view at rest, and
one at a time moves, for there is one hand. A carry lasts until another cube starts: a pause in mid-air does
not end it. It ends, looking back, at the first frame from which the cube stays where it is in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from taskprog.perception.views import View, grown, grown_pixels, outside

MOVED = 0.30  # share of a view outside the view at rest that only motion explains
SAME = 0.12  # share that noise and compression explain
GONE = 3.0  # times its usual area: a cube that was seen in so many pixels has left the place
GOOD = 0.95  # a view with this share of another's pixels is as good
STEADY = 0.05  # of its width: a cube whose view's centre moves less is where it was

Views = Sequence[View | None]


@dataclass(frozen=True, eq=False)
class Rest:
    """A cube at rest in a row of frames.

    Attributes:
        view: the one that shows most of it.
        frame: index of that view's frame.
        good: indices of the frames that show about as much.
    """

    view: View
    frame: int
    good: tuple[int, ...]


@dataclass(frozen=True)
class Hold:
    """Frames [start, stop) in which one cube is held, and how it rests afterwards.

    It is where it was taken in the first frame, and where it is put in the last.
    """

    cube: int
    start: int
    stop: int
    rest: Rest


def rest_at(views: Views, frames: Iterable[int], shape: tuple[int, int]) -> Rest | None:
    """How a cube rests in ``frames``, walked through for as long as it stays; None if it is never seen.

    Different frames may show different parts of it, so what counts is a view that covers all that was seen
    on the way to it.
    """
    seen = np.zeros(shape[0] * shape[1], bool)
    # Of a cube that is hidden for most of the video, the usual view is but a part.
    usual = float(np.median([view.area for view in views if view is not None] or [0]))
    total = 0
    first = 0
    covering: list[tuple[int, View]] = []
    for frame in frames:
        view = views[frame]
        if view is None:
            continue
        first = first or view.area
        total += int(np.count_nonzero(~seen[view.pixels]))
        seen[view.pixels] = True
        if total > GONE * max(usual, first):
            break
        if np.count_nonzero(seen[grown_pixels(view, shape)]) >= (1.0 - SAME) * total:
            covering.append((frame, view))
    if not covering:
        return None
    # Just before it comes to rest, a cube is a little nearer and looks larger: but not twice the same.
    steady = [_alike(a, b) for (_, a), (_, b) in pairwise(covering)]
    weights = [
        view.area * (2 if before or after else 1)
        for (_, view), before, after in zip(covering, [False, *steady], [*steady, False], strict=True)
    ]
    frame, best = covering[int(np.argmax(weights))]
    return Rest(best, frame, tuple(other for other, view in covering if _alike(view, best)))


def _alike(a: View, b: View) -> bool:
    """Whether two views show the same of a cube at the same place."""
    return (
        min(a.area, b.area) >= GOOD * max(a.area, b.area)
        and float(np.linalg.norm(a.centroid - b.centroid)) <= STEADY * a.area**0.5
    )


def _widened(holds: Sequence[Hold], frames: int) -> list[Hold]:
    """The carries with the frame before each, in which the cube is grasped, and the one in which it rests."""
    result: list[Hold] = []
    for index, hold in enumerate(holds):
        after_last = result[-1].stop + 1 if result else 1
        before_next = holds[index + 1].start - 2 if index + 1 < len(holds) else frames - 1
        start = max(hold.start - 1, min(after_last, hold.start))
        result.append(replace(hold, start=start, stop=max(hold.stop, min(hold.stop + 1, before_next))))
    return result


class HoldFinder:
    """Finds the carries in a video.

    Args:
        views: of each cube, in each frame.
        rests: how each cube rests before it is first moved.
        shape: (height, width) of the frames.
    """

    def __init__(self, views: Sequence[Views], rests: Sequence[Rest], shape: tuple[int, int]) -> None:
        self._views = views
        self._shape = shape
        self._frames = len(views[0])
        self._mask = [grown(rest.view, shape) for rest in rests]

    def find(self) -> list[Hold]:
        """The carries, in order."""
        holds: list[Hold] = []
        moving: int | None = None
        began = 0
        for frame in range(self._frames):
            starter = self._starts(frame, moving)
            if starter is None:
                continue
            first = self._first_moved(starter, frame, began)
            ended = [] if moving is None else self._end(moving, began, first)
            holds += ended
            # A hand is empty for at least a frame before it takes the next cube.
            free = ended[-1].stop + 1 if ended else 0
            moving, began = starter, max(free, self._last_at_rest(starter, first, free))
        if moving is not None:
            holds += self._end(moving, began, self._frames)
        return _widened([hold for hold in holds if hold.stop > hold.start], self._frames)

    def _starts(self, frame: int, moving: int | None) -> int | None:
        """The cube, not the moving one, that is seen to have moved in this frame and in its next view."""
        best, most = None, 0.0
        for cube in range(len(self._views)):
            share = 0.0 if cube == moving else self._moved(cube, frame)
            if share > max(MOVED, most):
                later = next(
                    (f for f in range(frame + 1, self._frames) if self._views[cube][f] is not None), None
                )
                if later is not None and self._moved(cube, later) > MOVED:
                    best, most = cube, share
        return best

    def _moved(self, cube: int, frame: int) -> float:
        view = self._views[cube][frame]
        return 0.0 if view is None else outside(view, self._mask[cube])

    def _first_moved(self, cube: int, frame: int, earliest: int) -> int:
        while frame - 1 > earliest and self._moved(cube, frame - 1) > SAME:
            frame -= 1
        return frame

    def _last_at_rest(self, cube: int, frame: int, earliest: int) -> int:
        """The first of the frames before ``frame`` in which the cube was hidden: it may have left by then."""
        while frame - 1 > earliest and self._views[cube][frame - 1] is None:
            frame -= 1
        return frame

    def _end(self, cube: int, start: int, stop: int) -> list[Hold]:
        """The carry of a cube that another cube's motion, or the video's end, ends at frame ``stop``."""
        views = self._views[cube]
        backwards = rest_at(views, range(stop - 1, start, -1), self._shape)
        if backwards is None:  # hidden to the end: where it was left may show later
            backwards = rest_at(views, range(start, self._frames), self._shape)
            if backwards is None:
                return []
        onwards = rest_at(views, range(backwards.good[0], self._frames), self._shape) or backwards
        rest = max((backwards, onwards), key=lambda r: r.view.area)
        mask = grown(rest.view, self._shape)
        release = stop
        for frame in range(min(stop, backwards.frame + 1) - 1, start, -1):
            view = views[frame]
            if view is None:
                continue
            if outside(view, mask) > SAME:
                break
            release = frame
        self._mask[cube] = mask
        return [Hold(cube, start, release, rest)]
