"""Scratch pads: addition and bubble sort, what their experts do, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskprog.machine import (
    Budget,
    Call,
    CancelToken,
    EventKind,
    Machine,
    OutcomeCode,
    RunCode,
    RunResult,
    Trace,
)
from taskprog.tasks.environment import Environment, Problem
from taskprog.tasks.scratch_pad.addition import Addition, AdditionPad
from taskprog.tasks.scratch_pad.pad import ACT
from taskprog.tasks.scratch_pad.sorting import Sorting, SortingPad

ENVIRONMENTS: tuple[Environment, ...] = (
    Addition(),
    Addition(recursive=True),
    Sorting(),
    Sorting(recursive=True),
    Sorting(maximum=True),
    Sorting(recursive=True, maximum=True),
)


def run(environment: Environment, problem: Problem[Any], trace: Trace | None = None) -> RunResult:
    machine = Machine(environment.library, problem.pad, environment.expert(), problem.budget)
    return machine.run(problem.call, trace)


def calls(environment: Environment, problem: Problem[Any]) -> list[str]:
    """Each call of a run, indented by its depth."""
    trace = Trace()
    run(environment, problem, trace)
    made = (event for event in trace.events if event.kind is EventKind.CALL)
    return ["  " * e.depth + (" ".join(map(str, e.args)) if e.op == "ACT" else e.op) for e in made]


def test_the_trace_of_96_and_125_is_the_papers() -> None:
    shift = ["  LSHIFT", *(f"    PTR {row} LEFT" for row in ("INP1", "INP2", "CARRY", "OUT"))]
    carry = ["    CARRY", "      PTR CARRY LEFT", "      WRITE CARRY 1", "      PTR CARRY RIGHT"]
    assert calls(Addition(), Addition().of("96", "125")) == [
        "ADD",
        *("  ADD1", "    WRITE OUT 1", *carry, *shift),
        *("  ADD1", "    WRITE OUT 2", *carry, *shift),
        *("  ADD1", "    WRITE OUT 2", *shift),
    ]


def test_the_trace_of_9_2_5_is_the_papers() -> None:
    right = ["      RSHIFT", "        PTR 1 RIGHT", "        PTR 2 RIGHT"]
    swapping = ["    BSTEP", "      COMPSWAP", "        SWAP 1 2", *right]
    resting = ["    BSTEP", "      COMPSWAP", *right]
    left = ["    LSHIFT", "      PTR 1 LEFT", "      PTR 2 LEFT"]
    assert calls(Sorting(), Sorting().of(["9", "2", "5"])) == [
        "BUBBLESORT",
        *("  BUBBLE", "    PTR 2 RIGHT", *swapping, *swapping),
        *("  RESET", *left, *left, "    PTR 3 RIGHT"),
        *("  BUBBLE", "    PTR 2 RIGHT", *resting, *resting),
        *("  RESET", *left, *left, "    PTR 3 RIGHT"),
    ]


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, 10**12), second=st.integers(0, 10**12), recursive=st.booleans())
def test_the_expert_adds_any_two_numbers(first: int, second: int, recursive: bool) -> None:
    environment = Addition(recursive)
    problem = environment.of(str(first), str(second))
    assert run(environment, problem).code is RunCode.RETURNED
    assert isinstance(problem.pad, AdditionPad)
    assert problem.pad.sum == str(first + second)
    assert problem.pad.wrong() == ""


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.integers(0, 9), min_size=1, max_size=12), recursive=st.booleans())
def test_the_expert_sorts_any_digits(values: list[int], recursive: bool) -> None:
    environment = Sorting(recursive)
    problem = environment.of([str(value) for value in values])
    assert run(environment, problem).code is RunCode.RETURNED
    assert isinstance(problem.pad, SortingPad)
    assert problem.pad.values == sorted(values)


@pytest.mark.parametrize("recursive", [False, True])
def test_max_ends_at_the_greatest_digit(recursive: bool) -> None:
    environment = Sorting(recursive, maximum=True)
    problem = environment.of(["3", "9", "1", "4"])
    assert problem.pad.wrong() == "the maximum of 3 9 1 4 is 9, but pointer 1 is at 3"
    assert run(environment, problem).code is RunCode.RETURNED
    assert problem.pad.wrong() == ""
    assert problem.pad.pointers["1"] == problem.pad.pointers["2"] == 3


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda e: f"{e.library.root}-{e.name}")
def test_every_program_of_the_library_can_be_run_by_itself(environment: Environment) -> None:
    for name, op in environment.library.items():
        if name != ACT.name:
            assert op.callees
            problem = environment.problem(np.random.default_rng(1), 6, name)
            assert problem.call.op == op
            assert run(environment, problem).code is RunCode.RETURNED


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda e: f"{e.library.root}-{e.name}")
@pytest.mark.parametrize("length", [1, 2, 9])
def test_the_budget_is_enough_and_what_is_seen_is_in_range(environment: Environment, length: int) -> None:
    for seed in range(5):
        problem = environment.problem(np.random.default_rng(seed), length)
        assert run(environment, problem).code is RunCode.RETURNED
        seen = problem.pad.observe()
        assert all(0 <= value < size for value, size in zip(seen.values, environment.sizes, strict=True))


def test_problems_repeat_with_their_seed_and_have_their_length() -> None:
    for seed in range(8):
        pads = [Addition().problem(np.random.default_rng(seed), 7).pad for _ in range(2)]
        assert isinstance(pads[0], AdditionPad)
        assert isinstance(pads[1], AdditionPad)
        assert pads[0].numbers == pads[1].numbers
        assert max(map(len, pads[0].numbers)) == 7


def test_a_sum_of_more_digits_than_python_converts_is_checked() -> None:
    problem = Addition().of("9" * 5000, "1")
    assert run(Addition(), problem).code is RunCode.RETURNED
    assert problem.pad.wrong() == ""


def test_running_out_of_steps_or_depth_is_an_outcome() -> None:
    problem = Addition().of("96", "125")
    result = run(Addition(), problem._replace(budget=Budget(steps=9)))
    assert (result.code, result.message) == (RunCode.STEP_BUDGET, "not done after 9 decisions")
    assert problem.pad.wrong() == "96 + 125 = 221, but the pad says 1"
    deep = Addition(recursive=True).of("9" * 30, "1")
    result = run(Addition(recursive=True), deep._replace(budget=Budget(steps=10_000, depth=20)))
    assert (result.code, result.message) == (RunCode.DEPTH_BUDGET, "call stack deeper than 20")


def test_what_is_no_number_or_no_digit_is_refused() -> None:
    for text in ("9x", "", "-3", "1.5", "٣"):
        with pytest.raises(ValueError, match="is no number: it should be digits only"):
            Addition().of("12", text)
    with pytest.raises(ValueError, match="there are no digits"):
        Sorting().of([])
    for word in ("10", "a", "", "-1"):
        with pytest.raises(ValueError, match="is no digit"):
            Sorting().of(["3", word])
    for environment in ENVIRONMENTS:
        with pytest.raises(ValueError, match="length 0"):
            environment.problem(np.random.default_rng(0), 0)


def test_an_act_that_the_pad_does_not_know_fails_and_changes_nothing() -> None:
    pad = Addition().of("1", "2").pad
    before = pad.text()
    outcome = pad.execute(Call(ACT, ("SWAP", "1", "2")), CancelToken())
    assert outcome.code is OutcomeCode.INVALID_GOAL
    assert outcome.message == "the pad cannot do ACT(SWAP, 1, 2)"
    assert pad.text() == before == "INP1  ··[1]\nINP2  ··[2]\nCARRY ··[·]\nOUT   ··[·]"
