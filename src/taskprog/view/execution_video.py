"""The video of a run: the camera's pictures at their own pace, with call stack and target drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from taskprog.perception.camera import CameraModel
from taskprog.view.overlay import draw_overlay
from taskprog.view.render import Picture
from taskprog.view.scene import SeenObject
from taskprog.view.step import Step
from taskprog.view.video import VideoWriter, writing_video

LONGEST = 1.0  # seconds that a picture is shown at most


class ExecutionVideo:
    """Writes an mp4 that takes its name on ``close``; without a picture there will be none.

    For one thread at a time.
    """

    def __init__(self, path: Path, fps: float):
        """``fps``: pictures a second of the video."""
        self._path = path
        self._fps = fps
        self._files = ExitStack()
        self._writer: VideoWriter | None = None
        self._camera: CameraModel | None = None
        self.stamp = float("-inf")  # of the last picture
        self._due = 0.0  # frames that the video should have by now
        self.steps: list[Step] = []
        self.objects: Sequence[SeenObject] = ()

    def step(self, step: Step) -> None:
        """Take in the next event; one with index 0 starts a new run."""
        if step.event.index == 0:
            self.steps.clear()
        self.steps.append(step)

    def picture(self, picture: Picture, stamp: float) -> None:
        """Append a camera picture (H, W, 3), blue green red, taken at ``stamp``; drawn into.

        It is shown for as long as the last one was new, up to ``LONGEST``, so that the video has the run's
        own speed. One that is not newer than the last is the same one sent again, and left out.

        Raises:
            ValueError: it has another size than the first.
            OSError: the video cannot be written.
        """
        if stamp <= self.stamp:
            return
        height, width = picture.shape[:2]
        if self._writer is None or self._camera is None:
            self._camera = CameraModel.table_top(width, height)
            self._writer = self._files.enter_context(writing_video(self._path, (width, height), self._fps))
            self._due = 1.0
        else:
            self._due += min(stamp - self.stamp, LONGEST) * self._fps
        draw_overlay(picture, self._camera, self.steps, self.objects, stamp)
        while self._writer.frames < round(self._due):
            self._writer.write(picture)
        self.stamp = stamp

    def close(self) -> None:
        """Finish the file.

        Raises:
            OSError: it cannot be written.
        """
        self._files.close()
