"""Evaluation on the twin: what counts as success, and what is said of a run that failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from taskprog.machine import (
    Call,
    Decision,
    FlatPlanner,
    Frame,
    Observation,
    PlannerError,
    Scope,
    Separate,
    TaskSpecification,
    demonstration_of,
    flattened,
)
from taskprog.tasks.block_stacking import LIBRARY, PLACE_OFFSET, BlockStacking
from taskprog.tasks.conditions import Conditions, Disturbances, TrackNoise, VideoConditions, WorldNoise
from taskprog.tasks.evaluation import Episode, Summary, evaluate, wilson
from taskprog.tasks.families import FAMILIES

FAMILY = BlockStacking()
TASK = FAMILY.parse("1>0 2>1 5>4")
FLAT = flattened(LIBRARY)
Change = Callable[[Frame, Observation, Decision], Decision]


class Mistaken:
    """The expert, some of whose decisions are changed."""

    def __init__(self, change: Change, flat: bool = False):
        expert = FAMILY.expert(TASK)
        self._planner = FlatPlanner(expert, LIBRARY) if flat else expert
        self._change = change

    def begin(self, specification: TaskSpecification) -> None:
        self._planner.begin(specification)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        return self._change(frame, observation, self._planner.decide(frame, observation))


def outcome(change: Change, conditions: Conditions | None = None) -> Episode:
    return evaluate(FAMILY, [TASK], Separate([Mistaken(change)]), conditions)[0]


def flat_outcome(change: Change) -> Episode:
    return evaluate(FAMILY, [TASK], Separate([Mistaken(change, flat=True)]), library=FLAT)[0]


def unchanged(frame: Frame, observation: Observation, decision: Decision) -> Decision:
    return decision


def instead(program: str, called: str, put: Callable[[Decision], Decision], skip: int = 0) -> Change:
    """Change a program's decisions to call something, after the first ``skip`` of these."""
    seen = 0

    def change(frame: Frame, observation: Observation, decision: Decision) -> Decision:
        nonlocal seen
        name = decision.call.op.name if decision.call else "end"
        if (frame.op.name, name) != (program, called):
            return decision
        seen += 1
        return put(decision) if seen > skip else decision

    return change


def calling(name: str, *args: str | float) -> Callable[[Decision], Decision]:
    return lambda decision: replace(decision, call=Call(LIBRARY[name], args))


def failing_at_the_end(change: Change) -> Change:
    """The expert gets over most single mistakes; so the last cube is let go in the air, too."""
    drop = instead("place", "move_to", calling("move_to", "cyan", 0.3), skip=2)
    return lambda frame, observation, decision: drop(frame, observation, change(frame, observation, decision))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_expert_succeeds_and_repeats_whatever_the_batch(name: str) -> None:
    family = FAMILIES[name]
    tasks = family.tasks(0, 12, "test")

    conditions = Conditions(disturbances=Disturbances(drop=0.2))

    def episodes(batch: int) -> list[Episode]:
        return evaluate(family, tasks, Separate([family.expert(t) for t in tasks]), conditions, batch=batch)

    found = episodes(256)
    assert [e.task for e in found] == [str(task) for task in tasks]
    assert all(e.success and (e.cause, e.detail, e.unmet) == ("", "", ()) for e in found)
    assert found == episodes(5)
    assert any(e.mishaps for e in found)


@pytest.mark.parametrize(
    ("change", "cause", "detail"),
    [
        (
            instead("pick", "close_gripper", calling("open_gripper")),
            "wrong program",
            "pick: open_gripper instead of close_gripper",
        ),
        (
            failing_at_the_end(instead("pick", "move_to", lambda d: replace(d, end=True))),
            "wrong program",
            "pick: returned too early",
        ),
        (
            instead("pick", "close_gripper", lambda d: replace(d, end=False)),
            "wrong program",
            "pick: did not return after close_gripper",
        ),
        (
            instead("block_stacking", "pick_and_place", lambda d: Decision(None, end=True), skip=1),
            "wrong program",
            "block_stacking: returned too early",
        ),
        (
            instead("pick", "move_to", calling("move_to", "pink", 0.0)),
            "wrong argument",
            "pick: move_to with another object",
        ),
        (
            instead("place", "move_to", calling("move_to", "red", 0.0)),
            "wrong argument",
            "place: move_to with another offset",
        ),
        (
            instead("place", "move_to", calling("move_to", "pink", 0.0)),
            "wrong argument",
            "place: move_to with another object and offset",
        ),
        (
            instead("block_stacking", "end", lambda d: Decision(Call(LIBRARY["pick_and_place"]))),
            "no return",
            "block_stacking: went on though all was done",
        ),
    ],
)
def test_the_first_decision_that_is_not_the_experts_is_named(change: Change, cause: str, detail: str) -> None:
    episode = outcome(change)
    assert not episode.success
    assert (episode.cause, episode.detail) == (cause, detail)


def only_its_end(decision: Decision) -> Decision:
    assert decision.scope is not None
    return replace(decision, scope=Scope(decision.scope.stop - 1, decision.scope.stop))


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (
            instead("block_stacking", "pick_and_place", lambda d: replace(d, scope=Scope(0, 1))),
            "block_stacking: pick_and_place sees no one step",
        ),
        (
            instead("pick_and_place", "place", only_its_end),
            "pick_and_place: place sees too much or too little",
        ),
    ],
)
def test_a_scope_that_shows_another_part_is_named(change: Change, detail: str) -> None:
    episode = outcome(failing_at_the_end(change))
    assert (episode.cause, episode.detail) == ("wrong scope", detail)


def test_a_later_step_that_cannot_be_done_yet_is_a_wrong_scope() -> None:
    expert = FAMILY.expert(TASK)

    def second(frame: Frame, observation: Observation, decision: Decision) -> Decision:
        if frame.op.name != "block_stacking" or observation.stamp > 0.0:
            return decision
        return replace(decision, scope=expert.scope(1, "pick_and_place"))

    class Eager(Mistaken):
        def begin(self, specification: TaskSpecification) -> None:
            expert.begin(specification)
            super().begin(specification)

    episode = evaluate(FAMILY, [TASK], Separate([Eager(failing_at_the_end(second))]))[0]
    detail = "block_stacking: pick_and_place sees a step whose turn it is not"
    assert (episode.cause, episode.detail) == ("wrong scope", detail)


class OtherOrder:
    """Knows the same goal in another order, and finds its steps in the demonstration; fails at the end.

    ``scoped``: shows its programs the part of the demonstration that they need.
    """

    def __init__(self, order: list[int], flat: bool = False, scoped: bool = True):
        self._order = order
        self._expert = FAMILY.expert(TASK)
        self._flat = flat
        self._scoped = scoped

    def begin(self, specification: TaskSpecification) -> None:
        self._expert.begin(specification)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        undone = self._expert.undone(observation)
        step = next((k for k in self._order if k in undone), None)
        if frame.op.name != LIBRARY.root:
            if self._scoped:
                return self._expert.decide(frame, observation)
            assert step is not None
            return replace(self._expert.act(frame.op.name, step, observation), scope=None)
        if step is None or len(undone) == 1:
            return Decision(None, end=True)  # one is left out
        if not self._scoped and not self._flat:
            return Decision(Call(LIBRARY["pick_and_place"]))
        if not self._flat:
            return Decision(Call(LIBRARY["pick_and_place"]), self._expert.scope(step, "pick_and_place"))
        name = "pick_and_place"
        while LIBRARY[name].callees:
            call = self._expert.act(name, step, observation).call
            assert call is not None
            name = call.op.name
        return Decision(call)


@pytest.mark.parametrize(("flat", "scoped"), [(False, True), (False, False), (True, False)])
def test_steps_in_another_possible_order_are_no_fault(flat: bool, scoped: bool) -> None:
    planner = Separate([OtherOrder([2, 0, 1], flat, scoped)])
    episode = evaluate(FAMILY, [TASK], planner, library=FLAT if flat else LIBRARY)[0]
    assert episode.unmet == ("yellow>orange",)
    assert (episode.cause, episode.detail) == ("wrong program", "block_stacking: returned too early")


def test_scopes_of_a_planner_that_narrows_none_are_not_judged() -> None:
    def whole(frame: Frame, observation: Observation, decision: Decision) -> Decision:
        if decision.call is None or not decision.call.op.callees:
            return drop(frame, observation, decision)
        return replace(decision, scope=frame.scope)

    drop = instead("place", "move_to", calling("move_to", "cyan", 0.3), skip=2)
    episode = outcome(whole)
    assert (episode.cause, episode.detail) == ("wrong argument", "place: move_to with another offset")


def test_returning_by_a_decision_of_its_own_is_no_fault() -> None:
    """Some planners return after their last call, not with it; only what else goes wrong is blamed."""
    over: set[str] = set()

    def change(frame: Frame, observation: Observation, decision: Decision) -> Decision:
        if frame.op.name in over:
            over.discard(frame.op.name)
            return Decision(None, end=True)
        if decision.end and decision.call is not None:
            over.add(frame.op.name)
            return replace(decision, end=False)
        return decision

    assert outcome(change).success
    wrong = instead("pick", "move_to", calling("move_to", "pink", 0.0), skip=1)
    episode = outcome(lambda f, o, d: wrong(f, o, change(f, o, d)))
    assert (episode.cause, episode.detail) == ("wrong argument", "pick: move_to with another object")


def test_flat_planners_are_judged_by_primitives() -> None:
    assert flat_outcome(unchanged).success
    wrong = flat_outcome(instead("block_stacking", "close_gripper", calling("open_gripper")))
    detail = "block_stacking: open_gripper instead of close_gripper"
    assert (wrong.cause, wrong.detail) == ("wrong program", detail)
    lost = flat_outcome(instead("block_stacking", "move_to", calling("move_to", "pink", PLACE_OFFSET)))
    assert lost.cause == "wrong argument"

    def let_go_of_it(frame: Frame, observation: Observation, decision: Decision) -> Decision:
        return Decision(Call(LIBRARY["open_gripper"])) if observation.holding else decision

    let_go = flat_outcome(let_go_of_it)
    detail = "block_stacking: open_gripper instead of move_to"
    assert (let_go.cause, let_go.detail) == ("wrong program", detail)


def test_what_went_wrong_though_all_was_decided_rightly_is_manipulation() -> None:
    """Where detections are poor, a cube is let go too far aside, or taken for placed."""
    blurred = Conditions(noise=WorldNoise(detector=0.008, action=0.012))
    tasks = FAMILY.tasks(0, 30)
    episodes = evaluate(FAMILY, tasks, Separate([FAMILY.expert(t) for t in tasks]), blurred)
    failures = [e for e in episodes if not e.success]
    assert failures
    assert {e.cause for e in failures} <= {"manipulation", "no return"}


def test_a_planner_that_cannot_decide_is_named() -> None:
    def give_up(frame: Frame, observation: Observation, decision: Decision) -> Decision:
        raise PlannerError("no idea")

    episode = outcome(give_up)
    assert (episode.success, episode.cause, episode.message) == (False, "planner error", "no idea")


def test_a_run_over_its_budget_has_not_succeeded() -> None:
    episode = outcome(unchanged, Conditions(disturbances=Disturbances(drop=1.0)))
    assert (episode.cause, episode.detail) == ("no return", "step budget")
    assert set(episode.mishaps) == {"dropped orange"}
    assert episode.unmet == ("orange>red", "yellow>orange", "blue>cyan")


def test_other_videos_of_the_same_tasks_leave_their_starts_as_they_are() -> None:
    seen: list[tuple[float, float]] = []

    class Looks(Mistaken):
        def begin(self, specification: TaskSpecification) -> None:
            self._shown = demonstration_of(specification).positions[0, 0]
            super().begin(specification)

        def decide(self, frame: Frame, observation: Observation) -> Decision:
            if observation.stamp == 0.0 and frame.depth == 0:
                seen.append((float(self._shown[0]), float(observation.positions[0, 0])))
            return super().decide(frame, observation)

    poor = VideoConditions(TrackNoise(missed=0.2), speed=2.0)
    for video in (VideoConditions(), poor, VideoConditions(turned=1.0)):
        evaluate(FAMILY, [TASK], Separate([Looks(unchanged)]), Conditions(3, video))
    shown, found = zip(*seen, strict=True)
    assert len(set(found)) == 1
    assert len(set(shown)) == 3
    assert abs(shown[0] - found[0]) > 0.01


def test_wilsons_interval() -> None:
    low, high = wilson(95, 100)
    assert (round(low, 3), round(high, 3)) == (0.888, 0.978)
    assert wilson(300, 300)[1] == pytest.approx(1.0)
    assert wilson(0, 10)[0] == 0.0


def test_a_summary_counts_causes_and_details() -> None:
    changes = [
        unchanged,
        instead("pick", "move_to", calling("move_to", "pink", 0.0)),
        instead("pick", "move_to", calling("move_to", "green", 0.0)),
        instead("pick", "close_gripper", calling("open_gripper")),
    ]
    told: list[Episode] = []
    planner = Separate([Mistaken(change) for change in changes])
    episodes = evaluate(FAMILY, [TASK] * 4, planner, batch=3, on_episode=told.append)
    assert told == episodes
    summary = Summary.of(episodes)
    assert (summary.n, summary.successes, summary.rate) == (4, 1, 0.25)
    assert summary.interval == wilson(1, 4)
    assert {e.relations for e in episodes} == {len(TASK.named)}
    unmet = sum(len(e.unmet) for e in episodes)
    assert unmet > 0
    assert summary.met == pytest.approx(1 - unmet / (4 * len(TASK.named)))
    assert summary.causes == {"wrong program": 1, "wrong argument": 2}
    assert summary.details == {
        "pick: move_to with another object": 2,
        "pick: open_gripper instead of close_gripper": 1,
    }
    assert summary.decisions == np.mean([e.decisions for e in episodes])
    assert summary.to_json()["causes"] == summary.causes
    with pytest.raises(ValueError, match="no episodes"):
        Summary.of([])
