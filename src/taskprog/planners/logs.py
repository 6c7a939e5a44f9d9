"""Training curves for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from taskprog.planners.training import Progress

EVERY = 20  # steps between two points


class TrainingLog:
    """Writes loss, learning rate and each program's error into a folder; a context manager.

    Args:
        step: where the training stands. Points that an earlier, interrupted training wrote beyond it are
            dropped by TensorBoard.
    """

    def __init__(self, folder: Path, step: int = 0):
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)  # type: ignore[no-untyped-call]

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()  # type: ignore[no-untyped-call]

    def add(self, progress: Progress, rate: float) -> None:
        """Add a point, at every ``EVERY``-th step only; ``rate`` is the learning rate."""
        if progress.step % EVERY:
            return
        points = {"loss": progress.loss, "rate": rate}
        points |= {f"wrong/{program}": error for program, error in progress.errors.items()}
        for name, value in points.items():
            self._writer.add_scalar(name, value, progress.step)  # type: ignore[no-untyped-call]
