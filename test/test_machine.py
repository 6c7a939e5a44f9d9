"""The machine: call stack, return semantics, scoping, budgets, cancellation, fatal outcomes, traces."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from taskprog.machine import (
    NO_SCOPE,
    NOTHING_HELD,
    ArgType,
    Budget,
    Call,
    CancelToken,
    Decision,
    Demonstration,
    EventKind,
    Frame,
    Library,
    Machine,
    Observation,
    ObservationError,
    Op,
    OpKind,
    Outcome,
    OutcomeCode,
    PlannerError,
    RunCode,
    RunResult,
    Scope,
    TaskSpecification,
    Trace,
    demonstration_of,
)
from taskprog.view.tree import render_tree

LIBRARY = Library(
    "root",
    (
        Op("root", OpKind.PROGRAM, (), ("branch", "touch")),
        Op("branch", OpKind.PROGRAM, (), ("branch", "touch", "put")),
        Op("touch", OpKind.PRIMITIVE),
        Op("put", OpKind.PRIMITIVE, (ArgType.OBJECT, ArgType.METRES)),
    ),
)
VIDEO = Demonstration(
    ("cup",), np.zeros((10, 1, 3), np.float32), np.full(10, NOTHING_HELD), np.arange(10, dtype=np.float64)
)


class World:
    """Counts; each primitive takes a second. ``react`` makes the outcome of the n-th primitive."""

    def __init__(self, react: Callable[[int, CancelToken], Outcome] = lambda n, cancel: Outcome()):
        self.react = react
        self.done: list[str] = []
        self.silent_after = 10**9

    def observe(self) -> Observation:
        if len(self.done) >= self.silent_after:
            raise ObservationError("camera silent for 5 s")
        zero = np.zeros(3, np.float32)
        return Observation(
            float(len(self.done)), ("cup",), zero[None], zero[:1], zero, closed=False, holding=False
        )

    def execute(self, call: Call, cancel: CancelToken) -> Outcome:
        self.done.append(str(call))
        return self.react(len(self.done), cancel)


class Script:
    """A planner that makes given decisions, one after another."""

    def __init__(self, *decisions: Decision):
        self.decisions = list(decisions)
        self.asked: list[tuple[str, Scope]] = []

    def begin(self, specification: TaskSpecification) -> None:
        self.asked = []

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        self.asked.append((frame.op.name, frame.scope))
        if not self.decisions:
            raise PlannerError("the script is over")
        return self.decisions.pop(0)


def call(name: str, *args: str | float, scope: Scope | None = None, end: bool = False) -> Decision:
    return Decision(Call(LIBRARY[name], args), scope, end)


STOP = Decision(None, end=True)


def render_plain(trace: Trace) -> str:
    """The trace's tree as text."""
    console = Console(width=200, record=True, file=StringIO())
    console.print(render_tree(trace))
    return console.export_text()


def run(
    planner: Script, world: World | None = None, budget: Budget | None = None, trace: Trace | None = None
) -> RunResult:
    return Machine(LIBRARY, world or World(), planner, budget).run(VIDEO, trace)


def test_a_program_returns_to_its_caller() -> None:
    world = World()
    planner = Script(call("branch"), call("touch"), STOP, call("touch"), STOP)
    result = run(planner, world)
    assert result.code is RunCode.RETURNED
    assert [name for name, _ in planner.asked] == ["root", "branch", "branch", "root", "root"]
    assert world.done == ["touch()", "touch()"]
    assert (result.steps, result.primitives, result.duration) == (5, 2, 2.0)


def test_an_end_decided_with_a_primitive_fires_after_it() -> None:
    planner = Script(call("branch"), call("touch", end=True), STOP)
    world = World()
    assert run(planner, world).code is RunCode.RETURNED
    assert [name for name, _ in planner.asked] == ["root", "branch", "root"]
    assert world.done == ["touch()"]


def test_an_end_decided_with_a_program_waits_for_it_and_chains_up() -> None:
    # root > branch > branch > touch, where both branches end with their call: one pop goes back to the root.
    planner = Script(call("branch"), call("branch", end=True), call("touch"), call("touch", end=True), STOP)
    world = World()
    trace = Trace()
    assert run(planner, world, trace=trace).code is RunCode.RETURNED
    assert [name for name, _ in planner.asked] == ["root", "branch", "branch", "branch", "root"]
    assert len(world.done) == 2
    returned = [(e.op, e.depth) for e in trace.events if e.kind is EventKind.RETURN]
    assert returned == [("branch", 2), ("branch", 1), ("root", 0)]


def test_a_root_that_ends_with_its_last_call_is_done() -> None:
    world = World()
    assert run(Script(call("touch", end=True)), world).code is RunCode.RETURNED
    assert world.done == ["touch()"]


def test_a_decision_does_something() -> None:
    with pytest.raises(ValueError, match="must make a call, end the program, or both"):
        Decision(None)


def test_scopes_narrow_and_are_inherited() -> None:
    planner = Script(
        call("branch", scope=Scope(2, 8)),
        call("branch", scope=Scope(3, 8)),
        call("touch", end=True),
        STOP,
        STOP,
    )
    assert run(planner).code is RunCode.RETURNED
    assert [scope for _, scope in planner.asked] == [(0, 10), (2, 8), (3, 8), (2, 8), (0, 10)]
    inherited = Script(call("branch"), STOP, STOP)
    run(inherited)
    assert inherited.asked[1] == ("branch", Scope(0, 10))


@pytest.mark.parametrize("scope", [Scope(1, 8), Scope(2, 9), Scope(0, 10)])
def test_a_scope_that_leaves_its_callers_ends_the_run(scope: Scope) -> None:
    result = run(Script(call("branch", scope=Scope(2, 8)), call("branch", scope=scope)))
    assert result.code is RunCode.PLANNER_ERROR
    assert f"{scope}" in result.message
    assert "[2:8]" in result.message


def test_only_a_programs_own_callees_may_be_called() -> None:
    world = World()
    result = run(Script(call("put", "cup", 0.1)), world)
    assert result.code is RunCode.PLANNER_ERROR
    assert result.message == "root may not call put, only branch, touch"
    assert world.done == []


def test_a_planner_that_cannot_decide_is_a_result() -> None:
    result = run(Script(call("touch")))
    assert (result.code, result.message) == (RunCode.PLANNER_ERROR, "the script is over")


@pytest.mark.parametrize(
    ("budget", "code", "primitives"),
    [
        (Budget(steps=5), RunCode.STEP_BUDGET, 5),
        (Budget(seconds=3.5), RunCode.TIME_BUDGET, 4),
    ],
)
def test_steps_and_seconds_run_out(budget: Budget, code: RunCode, primitives: int) -> None:
    result = run(Script(*[call("touch")] * 50), budget=budget)
    assert result.code is code
    assert result.primitives == primitives


def test_endless_recursion_runs_out_of_depth() -> None:
    result = run(Script(*[call("branch")] * 50), budget=Budget(depth=4))
    assert result.code is RunCode.DEPTH_BUDGET
    assert result.steps == 4


def test_failing_primitives_are_retried_until_too_many_fail_in_a_row() -> None:
    lost = Outcome(OutcomeCode.UNREACHABLE, "too far")
    recovers = World(lambda n, cancel: Outcome() if n % 3 == 0 else lost)
    touch_often = [call("touch")] * 9
    assert run(Script(*touch_often, STOP), recovers).code is RunCode.RETURNED
    result = run(Script(*touch_often, STOP), World(lambda n, cancel: lost))
    assert (result.code, result.primitives) == (RunCode.PRIMITIVE_FAILED, 3)
    assert "UNREACHABLE: too far" in result.message
    assert result.primitive == lost


def test_a_program_whose_primitives_keep_failing_is_given_up_and_the_root_decides_anew() -> None:
    """Also if it was to be the root's last call; the programs given up say why they returned."""
    gone = Outcome(OutcomeCode.UNKNOWN_OBJECT, "no duck in sight")
    often = [call("branch", end=True), call("branch"), *[call("touch")] * 3]
    planner = Script(*often, call("touch"), *often, STOP)
    world = World(lambda n, cancel: Outcome() if n == 4 else gone)
    trace = Trace()
    assert run(planner, world, Budget(retries=1), trace).code is RunCode.RETURNED
    asked = [name for name, _ in planner.asked]
    assert asked == ["root", *["branch"] * 4, "root", "root", *["branch"] * 4, "root"]
    ends = [
        (e.op, e.depth, e.outcome, e.message)
        for e in trace.events
        if e.kind is EventKind.RETURN and e.outcome
    ]
    assert ends == [("branch", depth, "UNKNOWN_OBJECT", "no duck in sight") for depth in (2, 1)] * 2
    text = render_plain(trace)
    assert text.count("✘ UNKNOWN_OBJECT: no duck in sight") == 2 * (3 + 2)


def test_giving_up_again_and_again_ends_the_run() -> None:
    gone = Outcome(OutcomeCode.UNKNOWN_OBJECT, "no duck in sight")
    planner = Script(*[call("branch"), *[call("touch")] * 3] * 4)
    result = run(planner, World(lambda n, cancel: gone), Budget(retries=2))
    assert (result.code, result.primitives) == (RunCode.PRIMITIVE_FAILED, 9)
    result = run(Script(*[call("touch")] * 9), World(lambda n, cancel: gone), Budget(retries=2))
    assert (result.code, result.primitives) == (RunCode.PRIMITIVE_FAILED, 3)  # nothing but the root


def test_a_stopped_robot_ends_the_run_at_once() -> None:
    stopped = Outcome(OutcomeCode.ROBOT_STOPPED, "e-stop")
    result = run(Script(*[call("touch")] * 9), World(lambda n, cancel: stopped if n == 2 else Outcome()))
    assert (result.code, result.message, result.primitives) == (RunCode.ROBOT_STOPPED, "e-stop", 2)


def test_a_silent_camera_is_a_result() -> None:
    world = World()
    world.silent_after = 1
    result = run(Script(call("touch"), call("touch")), world)
    assert (result.code, result.message) == (RunCode.NO_OBSERVATION, "camera silent for 5 s")


def test_cancel_before_the_start_touches_nothing() -> None:
    world, cancel = World(), CancelToken()
    cancel.cancel("changed my mind")
    result = Machine(LIBRARY, world, Script(call("touch"))).run(VIDEO, cancel=cancel)
    assert (result.code, result.message) == (RunCode.CANCELLED, "changed my mind")
    assert world.done == []


@pytest.mark.parametrize("code", [OutcomeCode.CANCELLED, OutcomeCode.SUCCEEDED])
def test_cancel_during_a_primitive_makes_no_further_call(code: OutcomeCode) -> None:
    """Whether the primitive was cut short or just got done."""

    def react(n: int, cancel: CancelToken) -> Outcome:
        if n == 2:
            cancel.cancel("stop")
            return Outcome(code)
        return Outcome()

    world = World(react)
    result = run(Script(*[call("touch")] * 9), world)
    assert (result.code, result.message) == (RunCode.CANCELLED, "stop")
    assert len(world.done) == 2


def test_cancel_callbacks_run_once_and_late_ones_at_once() -> None:
    cancel = CancelToken()
    heard: list[str] = []
    cancel.on_cancel(lambda: heard.append("first"))
    remove = cancel.on_cancel(lambda: heard.append("removed"))
    remove()
    cancel.cancel("why")
    cancel.cancel("again")
    cancel.on_cancel(lambda: heard.append("late"))
    assert heard == ["first", "late"]
    assert cancel.reason == "why"


def test_arguments_must_fit_the_operation() -> None:
    with pytest.raises(ValueError, match="put takes 2 arguments, got 1"):
        Call(LIBRARY["put"], ("cup",))
    with pytest.raises(ValueError, match="should be metres"):
        Call(LIBRARY["put"], ("cup", "high"))


def test_libraries_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown operation 'fly'"):
        Library("root", (Op("root", OpKind.PROGRAM, (), ("fly",)),))
    with pytest.raises(ValueError, match="unique"):
        Library("root", (Op("root", OpKind.PROGRAM), Op("root", OpKind.PRIMITIVE)))


def traced() -> Trace:
    trace = Trace("script", "a task", ("cup",))
    planner = Script(call("branch", scope=Scope(2, 8)), call("put", "cup", 0.045, end=True), STOP)
    run(planner, trace=trace)
    return trace


def test_a_trace_tells_the_run_and_survives_the_disk(tmp_path: Path) -> None:
    trace = traced()
    told = [(e.kind.value, e.depth, e.caller, e.op, e.scope) for e in trace.events]
    assert told == [
        ("call", 0, "", "root", (0, 10)),
        ("call", 1, "root", "branch", (2, 8)),
        ("call", 2, "branch", "put", (2, 8)),
        ("outcome", 2, "branch", "put", (2, 8)),
        ("return", 1, "root", "branch", (2, 8)),
        ("return", 0, "", "root", (0, 10)),
        ("finish", 0, "", "root", (0, 0)),
    ]
    assert trace.events[2].args == ("cup", 0.045)
    assert trace.events[-1].outcome == "RETURNED"
    path = tmp_path / "trace.jsonl"
    trace.save(path)
    assert Trace.load(path) == trace


def test_damaged_traces_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    traced().save(path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3][:20], *lines[4:]]))
    with pytest.raises(ValueError, match="line 4"):
        Trace.load(path)
    path.write_text("\n".join(lines[1:]))
    with pytest.raises(ValueError, match="line 1: not a trace header"):
        Trace.load(path)
    path.write_text("")
    with pytest.raises(ValueError, match="line 1"):
        Trace.load(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"positions": np.zeros((9, 1, 3), np.float32)}, "held and times"),
        ({"positions": np.zeros((10, 2, 3), np.float32)}, r"positions must be \(T, 1, 3\)"),
        ({"held": np.full(10, 1)}, "held must be an object's index"),
        ({"names": ()}, "at least one frame and one object"),
    ],
)
def test_demonstrations_are_checked(change: dict[str, object], reason: str) -> None:
    fields = {"names": VIDEO.names, "positions": VIDEO.positions, "held": VIDEO.held, "times": VIDEO.times}
    with pytest.raises(ValueError, match=reason):
        Demonstration(**(fields | change))  # type: ignore[arg-type]


BY_CALL = Library(
    "add",
    (
        Op("add", OpKind.PROGRAM, (ArgType.WORD, ArgType.WORD), ("touch", "twice")),
        Op("twice", OpKind.PROGRAM, (ArgType.WORD,), ("touch",)),
        Op("touch", OpKind.PRIMITIVE),
    ),
)


def test_a_call_in_place_of_a_demonstration_runs_with_its_arguments() -> None:
    asked: list[tuple[str, tuple[object, ...], Scope]] = []

    class Arguments(Script):
        def decide(self, frame: Frame, observation: Observation) -> Decision:
            asked.append((frame.op.name, frame.args, frame.scope))
            return super().decide(frame, observation)

    twice = Decision(Call(BY_CALL["twice"], ("left",)), end=True)
    planner = Arguments(twice, Decision(Call(BY_CALL["touch"]), end=True))
    trace = Trace()
    result = Machine(BY_CALL, World(), planner).run(Call(BY_CALL["add"], ("3", "4")), trace)
    assert result.code is RunCode.RETURNED
    assert asked == [("add", ("3", "4"), NO_SCOPE), ("twice", ("left",), NO_SCOPE)]
    returns = [(event.op, event.args) for event in trace.events if event.kind is EventKind.RETURN]
    assert returns == [("twice", ("left",)), ("add", ("3", "4"))]
    assert (trace.events[-1].op, trace.events[-1].args) == ("add", ("3", "4"))


def test_only_programs_of_the_library_are_run_in_place_of_its_root() -> None:
    with pytest.raises(ValueError, match=r"touch\(\) is no program"):
        Machine(BY_CALL, World(), Script()).run(Call(BY_CALL["touch"]))
    with pytest.raises(ValueError, match=r"has no put\(cup, \+0 mm\), only add, twice, touch"):
        Machine(BY_CALL, World(), Script()).run(Call(LIBRARY["put"], ("cup", 0.0)))


def test_a_planner_that_follows_demonstrations_says_so_when_given_a_call() -> None:
    class Follower(Script):
        def begin(self, specification: TaskSpecification) -> None:
            demonstration_of(specification)

    result = Machine(BY_CALL, World(), Follower()).run(Call(BY_CALL["add"], ("3", "4")))
    assert result.code is RunCode.PLANNER_ERROR
    assert "follows a demonstration, and was given the call add(3, 4)" in result.message
