"""Decisions to learn from: what an expert was asked, what it saw and what it decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

from taskprog.machine import Decision, Frame, Planner, Seen, TaskSpecification


@dataclass(frozen=True)
class Kept(Generic[Seen]):
    """A decision, who was asked, and what was seen; ``activation`` numbers the program's call."""

    frame: Frame
    observation: Seen
    decision: Decision
    activation: int


class Recorder(Generic[Seen]):
    """A planner that keeps another's decisions and passes them on.

    Attributes:
        kept: the decisions, in order.
    """

    def __init__(self, planner: Planner[Seen]):
        self._planner = planner
        self._activations = 0
        self.kept: list[Kept[Seen]] = []

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.Planner``."""
        self._planner.begin(specification)

    def decide(self, frame: Frame, observation: Seen) -> Decision:
        """See ``taskprog.machine.Planner``. A frame's state is its activation, and the other planner's."""
        if frame.state is None:
            activation = self._activations
            self._activations += 1
        else:
            activation, state = frame.state
            frame = replace(frame, state=state)
        decision = self._planner.decide(frame, observation)
        kept = self.keep(frame, decision)
        self.kept.append(Kept(frame, observation, kept, activation))
        return replace(self.carried_out(frame, kept), state=(activation, decision.state))

    def keep(self, frame: Frame, decision: Decision) -> Decision:
        """What is kept of a decision."""
        return decision

    def carried_out(self, frame: Frame, decision: Decision) -> Decision:
        """What is carried out of a decision that is kept."""
        return decision
