"""Neural Task Programming as a planner of the machine: each decision is one pass of the networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taskprog.machine import (
    ArgType,
    Ask,
    Call,
    Decision,
    Frame,
    Library,
    Observation,
    OpKind,
    PlannerError,
    Scope,
    TaskSpecification,
    demonstration_of,
)
from taskprog.machine.op import Argument, Op
from taskprog.planners.checkpoint import CheckpointError
from taskprog.planners.ntp.checkpoint import load_policy
from taskprog.planners.ntp.config import Returns
from taskprog.planners.ntp.features import State, Window, frames_of
from taskprog.planners.ntp.model import NTPModel, Prediction
from taskprog.planners.ntp.quick import QuickModel, Scene
from taskprog.planners.ntp.quick_layers import decode_scope
from taskprog.planners.ntp.scoping import decode_scopes
from taskprog.tasks.family import Family

__all__ = ["CheckpointError", "NTPPlanner"]


class NTPPlanner:
    """Implements ``taskprog.machine.Planner`` and ``BatchPlanner``; between decisions it keeps only the
    encoded videos (a recurrent core's hidden states stay on the machine's stack).

    Where a model allows it (``QuickModel.fits``), single decisions are made without torch, from a copy of
    the weights that is taken when a run begins: training may go on meanwhile, the run does not change.
    """

    def __init__(self, model: NTPModel, family: Family, library: Library):
        self.library = library
        self._model = model
        self._family = family
        self._ops = list(library.values())
        self._index = {op.name: i for i, op in enumerate(self._ops)}
        self._names: list[tuple[str, ...]] = []
        self._first: list[int] = []  # where each run's frames begin
        self._receptacle = np.zeros(0, np.float32)
        self._video: Any = None
        self._quick: QuickModel | None = None

    @staticmethod
    def load(path: Path, family: Family) -> NTPPlanner:
        """Load a policy's folder; torch gets one thread, more would only wait for each other.

        Raises:
            CheckpointError: it is missing, damaged or for another family.
        """
        torch.set_num_threads(1)
        model, library = load_policy(path, family)
        return NTPPlanner(model, family, library)

    def begin(self, specification: TaskSpecification) -> None:
        """Encode the demonstration's frames, once for the whole run."""
        self.begin_many([specification])

    @torch.no_grad()
    def begin_many(self, specifications: Sequence[TaskSpecification]) -> None:
        """Encode the frames of demonstrations with the same number of objects.

        Raises:
            PlannerError: a specification is no demonstration.
        """
        videos = [demonstration_of(specification) for specification in specifications]
        self._names = [video.names for video in videos]
        self._first = [0, *np.cumsum([len(video) for video in videos]).tolist()]
        receptacles = self._family.receptacles
        self._receptacle = np.array([name in receptacles for name in self._names[0]], np.float32)
        self._video = self._model.encode(frames_of(videos))
        alone = len(specifications) == 1 and QuickModel.fits(self._model)
        self._quick = QuickModel(self._model, self._video, self._receptacle) if alone else None

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """The next call of the program on top of the stack, with its scope or arguments.

        Raises:
            PlannerError: ``begin`` was not called, or the scene's objects are not the demonstration's.
        """
        if self._quick is not None:
            return self._decide_quickly(self._quick, frame, observation)
        decision = self.decide_many([Ask(frame, observation)])[0]
        if isinstance(decision, PlannerError):
            raise decision
        return decision

    def _decide_quickly(self, quick: QuickModel, frame: Frame, observation: Observation) -> Decision:
        """What ``decide_many`` would say."""
        config, program, scope = self._model.config, self._index[frame.op.name], self._scope(frame)
        answer = quick.predict(program, scope, self._scene(observation))
        end = answer.end > 0
        if end and self._returns_alone(frame.op):
            return Decision(None, end=True)
        op = self._ops[int(answer.call.argmax())]
        part = None
        if op.kind is OpKind.PROGRAM and config.scoped:
            found = decode_scope(quick.labels(program, answer), config.joint)
            part = Scope(scope.start + found.start, scope.start + found.stop)
        call = self._call(op, 0, int(answer.object.argmax()), int(answer.offset.argmax()))
        return Decision(call, part, end)

    def _scene(self, observation: Observation) -> Scene:
        order = self._order(0, observation.names)
        if isinstance(order, PlannerError):
            raise order
        flags = (observation.closed, observation.holding)
        if isinstance(order, slice):
            return Scene(observation.positions, None, observation.gripper, flags)
        objects = len(self._names[0])
        positions, present = np.zeros((objects, 3), np.float32), np.zeros(objects, np.float32)
        positions[order], present[order] = observation.positions, 1.0
        return Scene(positions, None if len(order) == objects else present, observation.gripper, flags)

    @torch.no_grad()
    def decide_many(self, asks: Sequence[Ask]) -> list[Decision | PlannerError]:
        """Decide for all at once."""
        if self._video is None:
            error = PlannerError("the planner was asked to decide before it was given a demonstration")
            return [error for _ in asks]
        orders = [self._order(ask.run, ask.observation.names) for ask in asks]
        known = [i for i, order in enumerate(orders) if not isinstance(order, PlannerError)]
        decided = iter(self._decide([asks[i] for i in known], [orders[i] for i in known]) if known else ())
        return [order if isinstance(order, PlannerError) else next(decided) for order in orders]

    def _scope(self, frame: Frame, run: int = 0) -> Scope:
        if self._model.config.scoped:
            return frame.scope
        return Scope(0, self._first[run + 1] - self._first[run])

    def _decide(self, asks: Sequence[Ask], orders: Sequence[Any]) -> list[Decision]:
        scopes = [self._scope(ask.frame, ask.run) for ask in asks]
        start = torch.tensor([self._first[a.run] + s.start for a, s in zip(asks, scopes, strict=True)])
        length = torch.tensor([s.stop - s.start for s in scopes])
        memory = None
        if self._model.config.recurrent:
            nothing = torch.zeros(self._model.config.hidden)
            states = [a.frame.state if a.frame.state is not None else nothing for a in asks]
            memory = torch.stack(states)
        window = Window.of(start, length)
        prediction = self._model(self._video, window, self._state(asks, orders), memory)
        return self._decode(asks, scopes, window, prediction)

    def _state(self, asks: Sequence[Ask], orders: Sequence[Any]) -> State:
        objects = len(self._names[0])
        positions = np.zeros((len(asks), objects, 3), np.float32)
        present = np.zeros((len(asks), objects), np.float32)
        for row, (ask, order) in enumerate(zip(asks, orders, strict=True)):
            positions[row, order] = ask.observation.positions
            present[row, order] = 1.0
        flags = [(float(a.observation.closed), float(a.observation.holding)) for a in asks]
        return State(
            torch.from_numpy(positions).unsqueeze(1),
            torch.from_numpy(present).unsqueeze(1),
            torch.from_numpy(self._receptacle).expand(len(asks), 1, -1),
            torch.from_numpy(np.array([a.observation.gripper for a in asks], np.float32)).unsqueeze(1),
            torch.tensor(flags).unsqueeze(1),
            torch.tensor([[self._index[a.frame.op.name]] for a in asks]),
        )

    def _decode(
        self, asks: Sequence[Ask], scopes: Sequence[Scope], window: Window, prediction: Prediction
    ) -> list[Decision]:
        """What the logits say: alpha of Algorithm 1 is 0.5."""
        config = self._model.config
        calls = prediction.call[:, 0].argmax(-1).tolist()
        ends = (prediction.end[:, 0] > 0).tolist()
        objects = prediction.object[:, 0].argmax(-1).tolist()
        offsets = prediction.offset[:, 0].argmax(-1).tolist()
        found = None
        if config.scoped and any(self._ops[call].kind is OpKind.PROGRAM for call in calls):
            found = decode_scopes(prediction.labels, window, config.joint)[:, 0].tolist()
        decisions = []
        for i, (ask, scope) in enumerate(zip(asks, scopes, strict=True)):
            state = prediction.memory[i] if prediction.memory is not None else None
            if ends[i] and self._returns_alone(ask.frame.op):
                decisions.append(Decision(None, end=True, state=state))
                continue
            op = self._ops[calls[i]]
            part = None
            if op.kind is OpKind.PROGRAM and found is not None:
                part = Scope(scope.start + found[i][0], scope.start + found[i][1])
            decisions.append(Decision(self._call(op, ask.run, objects[i], offsets[i]), part, ends[i], state))
        return decisions

    def _returns_alone(self, op: Op) -> bool:
        """Whether a program's end is a decision of its own."""
        returns = self._model.config.returns
        return returns is Returns.SEPARATE or (returns is Returns.MIXED and op.name == self.library.root)

    def _call(self, op: Op, run: int, object: int, offset: int) -> Call:
        values: dict[ArgType, Argument] = {
            ArgType.OBJECT: self._names[run][object],
            ArgType.METRES: self._family.offsets[offset],
        }
        return Call(op, tuple(values[kind] for kind in op.args))

    def _order(self, run: int, seen: tuple[str, ...]) -> list[int] | PlannerError | slice:
        """Where among the demonstration's objects each of the observation's is."""
        names = self._names[run]
        if seen == names:
            return slice(None)
        surplus = sorted(set(seen) - set(names))
        missing = [] if self._family.vanishing else sorted(set(names) - set(seen))
        if surplus or missing:
            return PlannerError(
                "the scene's objects differ from the demonstration's: "
                f"not in the scene: {', '.join(missing) or 'none'}; "
                f"not in the demonstration: {', '.join(surplus) or 'none'}"
            )
        return [names.index(name) for name in seen]
