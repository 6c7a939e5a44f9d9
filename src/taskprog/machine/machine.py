"""The call stack machine: asks a planner, pushes programs, runs primitives, pops.

Its loop is NTP's Algorithm 1 (Xu et al., section III) made iterative: a decision names the next
call and whether the program ends; as in the algorithm, an ending program still makes the call
that it was decided together with. A decision may also end without a call, which lets the root
program stop once it sees that nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from taskprog.machine.cancel import CancelToken
from taskprog.machine.domain import (
    FATAL,
    Domain,
    ObservationError,
    Outcome,
    OutcomeCode,
    Seen,
    SeenIn,
    SeenOut,
)
from taskprog.machine.op import Argument, Call, Library, Op, OpKind
from taskprog.machine.result import Budget, RunCode, RunResult
from taskprog.machine.specification import NO_SCOPE, Demonstration, Scope, TaskSpecification
from taskprog.machine.trace import Event, EventKind, Trace


@dataclass(frozen=True)
class Frame:
    """An entry of the call stack: a program with its arguments, and the part of a demonstration that it may
    see.

    ``state`` is what a recurrent planner remembers of this activation: None when the program was called,
    then what its latest decision left there.
    """

    op: Op
    scope: Scope
    depth: int = 0
    last: bool = False  # the program returns once the call above it has returned
    state: Any = None
    args: tuple[Argument, ...] = ()

    @property
    def call(self) -> Call:
        """The call that pushed it."""
        return Call(self.op, self.args)


@dataclass(frozen=True)
class Decision:
    """A planner's choice: the next call with its scope (or none), and whether the program ends.

    ``state`` is kept in the frame that was asked, until its program returns.

    Raises:
        ValueError: neither a call nor an end.
    """

    call: Call | None
    scope: Scope | None = None
    end: bool = False
    state: Any = None

    def __post_init__(self) -> None:
        if self.call is None and not self.end:
            raise ValueError("a decision must make a call, end the program, or both")


@dataclass(frozen=True)
class Ask(Generic[SeenOut]):
    """What a planner is asked: to decide for the program on top of the stack.

    ``run`` tells runs apart that go on side by side (see ``batch.py``).
    """

    frame: Frame
    observation: SeenOut
    run: int = 0


class PlannerError(RuntimeError):
    """A planner cannot decide; the message says what it was given and what it needs."""


def demonstration_of(specification: TaskSpecification) -> Demonstration:
    """The demonstration that a specification is.

    Raises:
        PlannerError: it is a call.
    """
    if isinstance(specification, Demonstration):
        return specification
    raise PlannerError(f"the planner follows a demonstration, and was given the call {specification}")


class Planner(Protocol[SeenIn]):
    """Who chooses the next call. Both methods may raise ``PlannerError``."""

    def begin(self, specification: TaskSpecification) -> None:
        """A new run starts with this specification."""

    def decide(self, frame: Frame, observation: SeenIn) -> Decision:
        """The next call of the program on top of the stack."""


class Machine(Generic[Seen]):
    """Runs a library's root program in a domain, or a given call, decision by decision.

    Without a planner it can only be stepped: whoever does that decides.
    """

    def __init__(
        self,
        library: Library,
        domain: Domain[Seen],
        planner: Planner[Seen] | None = None,
        budget: Budget | None = None,
    ):
        self.library = library
        self.domain = domain
        self.planner = planner
        self.budget = budget or Budget()
        self.stack: list[Frame] = []

    def run(
        self, specification: TaskSpecification, trace: Trace | None = None, cancel: CancelToken | None = None
    ) -> RunResult:
        """Run to the end. Never raises for what happens in the world: that is a ``RunResult``.

        Raises:
            ValueError: there is no planner, or the specification calls no program of the library.
        """
        if self.planner is None:
            raise ValueError("a machine without a planner cannot run by itself")
        steps = self.steps(specification, trace, cancel)
        try:
            ask = next(steps)
            try:
                self.planner.begin(specification)
            except PlannerError as error:
                steps.throw(error)
            while True:
                try:
                    decision = self.planner.decide(ask.frame, ask.observation)
                except PlannerError as error:
                    steps.throw(error)
                else:
                    ask = steps.send(decision)
        except StopIteration as stopped:
            result: RunResult = stopped.value
            return result

    def steps(
        self, specification: TaskSpecification, trace: Trace | None = None, cancel: CancelToken | None = None
    ) -> Generator[Ask[Seen], Decision, RunResult]:
        """A run that asks its caller instead of its planner: yields each ask, is sent the decision.

        A ``PlannerError`` thrown into it ends the run, as one raised by its planner would.
        """
        run = _Run(self, specification, trace, cancel or CancelToken())
        try:
            result = yield from run.loop()
        except ObservationError as error:
            result = run.result(RunCode.NO_OBSERVATION, str(error))
        except PlannerError as error:
            result = run.result(RunCode.PLANNER_ERROR, str(error))
        run.record(
            EventKind.FINISH,
            run.root,
            NO_SCOPE,
            0,
            outcome=result.code.name,
            message=result.message,
        )
        return result


class _Run(Generic[Seen]):
    """State of one run of a machine."""

    def __init__(
        self,
        machine: Machine[Seen],
        specification: TaskSpecification,
        trace: Trace | None,
        cancel: CancelToken,
    ):
        self.machine = machine
        if isinstance(specification, Call):
            if machine.library.get(specification.op.name) != specification.op:
                raise ValueError(f"the library has no {specification}, only {', '.join(machine.library)}")
            if specification.op.kind is not OpKind.PROGRAM:
                raise ValueError(f"{specification} is no program, and cannot be run by itself")
            self.root, self.whole = specification, NO_SCOPE
        else:
            self.root, self.whole = Call(machine.library[machine.library.root]), specification.whole
        self.trace = trace
        self.cancel = cancel
        self.steps = 0
        self.primitives = 0
        self.failures = 0
        self.retries = 0
        self.began: float | None = None
        self.now = 0.0
        machine.stack = []

    def result(self, code: RunCode, message: str, primitive: Outcome | None = None) -> RunResult:
        duration = 0.0 if self.began is None else self.now - self.began
        return RunResult(code, message, self.steps, self.primitives, duration, primitive)

    def record(
        self, kind: EventKind, call: Call, scope: Scope, depth: int, outcome: str = "", message: str = ""
    ) -> None:
        if self.trace is None:
            return
        stack = self.machine.stack
        caller = stack[depth - 1].op.name if 0 < depth <= len(stack) else ""
        self.trace.add(
            Event(
                kind,
                len(self.trace.events),
                self.now,
                self.steps,
                depth,
                caller,
                call.op.name,
                call.args,
                scope,
                outcome,
                message,
                self.now,
            )
        )

    def observe(self) -> Seen:
        observation = self.machine.domain.observe()
        self.now = observation.stamp
        if self.began is None:
            self.began = self.now
        return observation

    def push(self, call: Call, scope: Scope) -> None:
        stack = self.machine.stack
        self.record(EventKind.CALL, call, scope, len(stack))
        stack.append(Frame(call.op, scope, len(stack), args=call.args))

    def pop(self) -> None:
        """Pop the top program, and with it every caller that was only waiting for it."""
        stack = self.machine.stack
        while stack:
            frame = stack[-1]
            self.record(EventKind.RETURN, frame.call, frame.scope, frame.depth)
            stack.pop()
            if not (stack and stack[-1].last):
                break

    def give_up(self, outcome: Outcome) -> None:
        """Pop all programs but the root, which is to decide anew even if this was to be its last call."""
        stack = self.machine.stack
        while len(stack) > 1:
            frame = stack[-1]
            self.record(
                EventKind.RETURN, frame.call, frame.scope, frame.depth, outcome.code.name, outcome.message
            )
            stack.pop()
        root = stack[0]
        stack[0] = Frame(root.op, root.scope, root.depth, False, root.state, root.args)
        self.failures = 0
        self.retries += 1

    def loop(self) -> Generator[Ask[Seen], Decision, RunResult]:
        stack = self.machine.stack
        if self.cancel.cancelled:
            return self.result(RunCode.CANCELLED, self.cancel.reason)
        observation = self.observe()
        self.push(self.root, self.whole)
        while stack:
            over = self._over_budget()
            if over is not None:
                return over
            frame = stack[-1]
            decision = yield Ask(frame, observation)
            self.steps += 1
            if decision.end or decision.state is not frame.state:
                # Not `replace`, which takes thrice as long.
                stack[-1] = frame = Frame(
                    frame.op, frame.scope, frame.depth, decision.end, decision.state, frame.args
                )
            if decision.call is None:
                self.pop()
                continue
            call, scope = decision.call, decision.scope or frame.scope
            if call.op.name not in frame.op.callees:
                return self.result(
                    RunCode.PLANNER_ERROR,
                    f"{frame.op.name} may not call {call.op.name}, only {', '.join(frame.op.callees)}",
                )
            if not frame.scope.covers(scope):
                return self.result(
                    RunCode.PLANNER_ERROR, f"scope {scope} of {call} leaves its caller's, {frame.scope}"
                )
            if call.op.kind is OpKind.PROGRAM:
                self.push(call, scope)
                continue
            failed = self._primitive(call, scope)
            if failed is not None:
                return failed
            if stack[-1].last:
                self.pop()
            if stack:
                observation = self.observe()
        return self.result(RunCode.RETURNED, "the program returned by itself")

    def _over_budget(self) -> RunResult | None:
        budget = self.machine.budget
        if self.cancel.cancelled:
            return self.result(RunCode.CANCELLED, self.cancel.reason)
        if self.steps >= budget.steps:
            return self.result(RunCode.STEP_BUDGET, f"not done after {budget.steps} decisions")
        if self.began is not None and self.now - self.began > budget.seconds:
            return self.result(RunCode.TIME_BUDGET, f"not done after {budget.seconds:g} s")
        if len(self.machine.stack) > budget.depth:
            return self.result(RunCode.DEPTH_BUDGET, f"call stack deeper than {budget.depth}")
        return None

    def _primitive(self, call: Call, scope: Scope) -> RunResult | None:
        depth = len(self.machine.stack)
        self.record(EventKind.CALL, call, scope, depth)
        outcome = self.machine.domain.execute(call, self.cancel)
        self.primitives += 1
        self.record(EventKind.OUTCOME, call, scope, depth, outcome.code.name, outcome.message)
        self.failures = 0 if outcome.ok else self.failures + 1
        self.retries = 0 if outcome.ok else self.retries
        if outcome.code is OutcomeCode.CANCELLED:
            return self.result(RunCode.CANCELLED, self.cancel.reason or outcome.message, outcome)
        if outcome.code in FATAL:
            return self.result(RunCode.ROBOT_STOPPED, outcome.message, outcome)
        budget = self.machine.budget
        if self.failures >= budget.failures:
            if depth > 1 and self.retries < budget.retries:
                self.give_up(outcome)
                return None
            return self.result(
                RunCode.PRIMITIVE_FAILED,
                f"{self.failures} primitives failed in a row, the last {call}: "
                f"{outcome.code.name}: {outcome.message}",
                outcome,
            )
        return None
