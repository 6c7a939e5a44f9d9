"""Table-top tasks as calls with arguments: what programs see, what the expert does."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.machine import Call, EventKind, Machine, RunCode, Trace
from taskprog.tasks.block_stacking import BlockStacking, StackingTask
from taskprog.tasks.called import ELSEWHERE, NO_OBJECT, NOTHING, CalledTasks
from taskprog.tasks.family import TEST
from taskprog.tasks.order_fulfilment import OrderFulfilment

STACKING = CalledTasks(BlockStacking(), 6, 20)
ORDERS = CalledTasks(OrderFulfilment(), 4, 4)


@pytest.mark.parametrize("tasks", [STACKING, ORDERS], ids=lambda tasks: tasks.name)
def test_the_expert_does_what_the_call_says(tasks: CalledTasks) -> None:
    for seed in range(10):
        problem = tasks.problem(np.random.default_rng(seed), 1)
        assert problem.pad.wrong() != ""
        machine = Machine(tasks.library, problem.pad, tasks.expert(), problem.budget)
        assert machine.run(problem.call).code is RunCode.RETURNED
        assert problem.pad.wrong() == ""


def test_programs_are_called_with_what_they_are_about() -> None:
    problem = STACKING.of(StackingTask.parse("2>6"), np.random.default_rng(0))
    a, b = StackingTask.parse("2>6").named[0]
    assert problem.call.args == (a, b, *(NOTHING,) * 10)
    trace = Trace()
    Machine(STACKING.library, problem.pad, STACKING.expert(), problem.budget).run(problem.call, trace)
    calls = [(e.op, e.args) for e in trace.events if e.kind is EventKind.CALL]
    assert calls[1:4] == [("pick_and_place", (a, b)), ("pick", (a,)), ("move_to", (a, 0.0))]
    assert ("place", (b,)) in calls


def test_what_is_seen_is_about_the_arguments_alone() -> None:
    task = StackingTask.parse("2>6 7>1")
    problem = STACKING.of(task, np.random.default_rng(0))
    seen = problem.pad.observe()
    assert STACKING.view(seen, problem.call.args) == (0, NO_OBJECT, NO_OBJECT, 0, 0, 0)
    assert STACKING.view(seen, (task.named[0][0],)) == (6, ELSEWHERE, NO_OBJECT, 0, 0, 0)
    Machine(STACKING.library, problem.pad, STACKING.expert(), problem.budget).run(problem.call)
    assert STACKING.view(problem.pad.observe(), problem.call.args)[0] == 6
    backwards = (*problem.call.args[2:4], *problem.call.args[:2], *task.named[0][::-1], *(NOTHING,) * 6)
    assert STACKING.view(problem.pad.observe(), backwards)[0] == 2, "the first that does not hold"


def test_views_fit_their_sizes_in_all_programs() -> None:
    from taskprog.planners.recording import Recorder

    for tasks in (STACKING, ORDERS):
        problem = tasks.problem(np.random.default_rng(3), 1)
        recorder = Recorder(tasks.expert())
        Machine(tasks.library, problem.pad, recorder, problem.budget).run(problem.call)
        assert {kept.frame.op.name for kept in recorder.kept} == {
            name for name, op in tasks.library.items() if op.callees
        }
        for kept in recorder.kept:
            view = tasks.view(kept.observation, kept.frame.args)
            assert all(0 <= value < size for value, size in zip(view, tasks.sizes, strict=True))


def test_tasks_of_the_test_half_are_others() -> None:
    for tasks in (STACKING, ORDERS):
        others = CalledTasks(tasks.family, tasks.steps, tasks.trained, TEST)
        assert not {task.goal for task in tasks.tasks} & {task.goal for task in others.tasks}
        assert len(others.tasks) == 250


def test_a_step_can_be_called_by_itself_and_tasks_that_are_too_long_are_refused() -> None:
    problem = STACKING.of(StackingTask.parse("2>6"), np.random.default_rng(0))
    expert = STACKING.expert()
    other = Call(STACKING.library["pick_and_place"], ("red", "blue"))
    result = Machine(STACKING.library, problem.pad, expert, problem.budget).run(other)
    assert result.code is RunCode.RETURNED
    assert problem.pad.wrong() != "", "the task asks for another step"
    with pytest.raises(ValueError, match="has 7 steps, block_stacking takes 6"):
        STACKING.of(StackingTask.parse("1>0 2>1 3>2 4>3 5>4 6>5 7>6"), np.random.default_rng(0))


def test_the_order_of_steps_is_part_of_a_call_only_where_it_is_of_the_task() -> None:
    words = ["duck>container_2", "lego>container_0", "jenga>container_1", "bear>container_3"]
    orders = [OrderFulfilment().parse(" ".join(said)) for said in (words, words[::-1])]
    assert orders[0] != orders[1]
    assert ORDERS.call(orders[0]) == ORDERS.call(orders[1])
    towers = [StackingTask.parse(text) for text in ("2>6 7>1", "7>1 2>6")]
    assert STACKING.call(towers[0]) != STACKING.call(towers[1])
