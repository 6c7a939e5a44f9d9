"""Neural Task Programming as a planner of the machine: each decision is one pass of the networks."""

from __future__ import annotations

from pathlib import Path

import torch

from taskprog.machine import (
    ArgType,
    Call,
    Decision,
    Frame,
    Library,
    Observation,
    Op,
    OpKind,
    PlannerError,
    Scope,
    TaskSpecification,
)
from taskprog.machine.op import Argument
from taskprog.planners.ntp.checkpoint import CheckpointError, load_policy
from taskprog.planners.ntp.features import state_of, video_of
from taskprog.planners.ntp.model import EncodedVideo, NTPModel, Prediction, decode_scopes

__all__ = ["CheckpointError", "NTPPlanner"]

END_THRESHOLD = 0.5  # alpha of Algorithm 1


class NTPPlanner:
    """Implements ``taskprog.machine.Planner``; stateless between decisions but for the encoded video.

    Args:
        offsets: metres, the height offset of each class that the model knows.
    """

    def __init__(self, model: NTPModel, library: Library, offsets: tuple[float, ...]):
        self._model = model
        self._library = library
        self._offsets = offsets
        self._ops = list(library.values())
        self._index = {op.name: i for i, op in enumerate(self._ops)}
        self._names: tuple[str, ...] = ()
        self._video: EncodedVideo | None = None

    @staticmethod
    def load(path: Path, library: Library) -> NTPPlanner:
        """Load a policy's folder; torch gets one thread, more would only wait for each other.

        Raises:
            CheckpointError: it is missing, damaged or for another library.
        """
        torch.set_num_threads(1)
        model, offsets = load_policy(path, library)
        return NTPPlanner(model, library, offsets)

    @torch.no_grad()
    def begin(self, specification: TaskSpecification) -> None:
        """Encode the demonstration's frames, once for the whole run."""
        self._names = specification.names
        self._video = self._model.encode(video_of(specification))

    @torch.no_grad()
    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """The next call of the program on top of the stack, with its scope or arguments.

        A program's end fires together with its last call; only the root may end without one.

        Raises:
            PlannerError: ``begin`` was not called, or the scene's objects are not the demonstration's.
        """
        if self._video is None:
            raise PlannerError("the planner was asked to decide before it was given a demonstration")
        first, stop = frame.scope
        window = (0, stop - first)
        state = state_of(observation, self._order(observation), self._index[frame.op.name], window)
        prediction = self._model(self._video.window(first, stop), state)
        end = bool(prediction.end.sigmoid() > END_THRESHOLD)
        if end and frame.op.name == self._library.root:
            return Decision(None, end=True)
        op = self._ops[int(prediction.call.argmax())]
        if op.kind is OpKind.PROGRAM:
            start, stop = decode_scopes(prediction.labels, state.scope)[0, 0].tolist()
            return Decision(Call(op), Scope(first + start, first + stop), end)
        return Decision(self._api_call(op, prediction), end=end)

    def _api_call(self, op: Op, prediction: Prediction) -> Call:
        values: dict[ArgType, Argument] = {
            ArgType.OBJECT: self._names[int(prediction.object.argmax())],
            ArgType.METRES: self._offsets[int(prediction.offset.argmax())],
        }
        return Call(op, tuple(values[kind] for kind in op.args))

    def _order(self, observation: Observation) -> list[int]:
        """Where in the observation each of the demonstration's objects is."""
        if observation.names == self._names:
            return list(range(len(self._names)))
        if sorted(observation.names) != sorted(self._names):
            missing = sorted(set(self._names) - set(observation.names))
            surplus = sorted(set(observation.names) - set(self._names))
            raise PlannerError(
                "the scene's objects differ from the demonstration's: "
                f"not in the scene: {', '.join(missing) or 'none'}; "
                f"not in the demonstration: {', '.join(surplus) or 'none'}"
            )
        return [observation.names.index(name) for name in self._names]
