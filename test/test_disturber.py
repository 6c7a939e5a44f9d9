"""When something goes wrong on purpose in a run through the stack."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from taskprog.cli.disturber import (
    ADD,
    BLIND,
    BLIND_SECONDS,
    KINDS,
    KNOCK_OUT,
    MOVE,
    TOPPLE,
    Disturber,
    kind_of,
)
from taskprog.cli.main import main
from taskprog.machine import Event, EventKind, Machine, RunCode, Trace
from taskprog.tasks.block_stacking import BlockStacking
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise


def placement(n: int) -> list[Event]:
    """The events of the n-th thing's way."""
    calls = [("pick", "move_to", ("red", 0.0)), ("pick", "close_gripper", ())]
    calls += [("place", "move_to", ("blue", 0.045)), ("place", "open_gripper", ())]
    events = []
    for caller, op, args in calls:
        for kind, outcome in ((EventKind.CALL, ""), (EventKind.OUTCOME, "SUCCEEDED")):
            events.append(Event(kind, 0, float(n), 0, 2, caller, op, args, outcome=outcome))
    return events


class World:
    """Lets itself be disturbed from the ``possible``-th time on, and knows what it was asked."""

    def __init__(self, possible: int = 0):
        self.asked: list[tuple[str, float]] = []
        self._possible = possible

    def disturb(self, kind: str, seconds: float, seed: int) -> str:
        self.asked.append((kind, seconds))
        if len(self.asked) <= self._possible:
            raise ValueError("nothing is held")
        return f"{kind} happened"


def moments(
    kind: str, seed: int, carries: int = 3, possible: int = 0, more: int = 0
) -> tuple[list[int], str]:
    """After which events of ``carries`` things on their ways, and some more, a disturbance was asked for; and
    its end."""
    world = World(possible)
    disturber = Disturber(world.disturb, kind, seed, carries)
    found = []
    for index, event in enumerate(e for n in range(carries + more) for e in placement(n)):
        before = len(world.asked)
        disturber.on_event(event)
        told = disturber.finish()  # it is over before the next event
        if len(world.asked) > before:
            found.append(index)
    assert {kind for kind, _ in world.asked} <= {kind}
    return found, told


# The call that takes a thing to its place, and the end of letting it go, of a thing's events.
PLACE, LET_GO, EACH = 4, 7, 8


def test_what_is_held_is_knocked_out_on_its_way_at_any_of_the_first_carries() -> None:
    found = {tuple(moments(KNOCK_OUT, seed)[0]) for seed in range(20)}
    assert found == {(PLACE + EACH * n,) for n in range(3)}


def test_a_tower_is_toppled_once_a_cube_was_put_on_it_and_before_the_task_is_done() -> None:
    found = {tuple(moments(TOPPLE, seed)[0]) for seed in range(20)}
    assert found == {(LET_GO + EACH * n,) for n in range(2)}


def test_a_tower_that_did_not_fall_is_tried_again_but_not_when_the_task_is_done() -> None:
    found, told = moments(TOPPLE, seed=0, carries=3, possible=9)
    assert found == [LET_GO + EACH * n for n in range(found[0] // EACH, 2)]
    assert told.startswith("not disturbed: ")


def test_nothing_is_toppled_because_the_hand_opened_to_grasp() -> None:
    world = World()
    disturber = Disturber(world.disturb, TOPPLE, 0, 1)
    for event in (*placement(0)[:4], *placement(0)[:2], *placement(0)[6:]):
        disturber.on_event(event)
    assert disturber.finish() == "not disturbed: no such moment came"


@pytest.mark.parametrize("kind", [MOVE, ADD, BLIND])
def test_others_come_while_the_hand_goes_for_something(kind: str) -> None:
    found = {tuple(moments(kind, seed)[0]) for seed in range(20)}
    assert found == {(EACH * n,) for n in range(3)}


def test_it_is_tried_again_until_it_is_possible_and_then_no_more() -> None:
    found, told = moments(MOVE, 1, carries=1, possible=2, more=3)
    assert found == [0, EACH, 2 * EACH]
    assert told == "move_object happened"


def test_what_is_not_lifted_yet_is_knocked_out_later_on_the_same_way() -> None:
    world = World(possible=3)
    disturber = Disturber(world.disturb, KNOCK_OUT, 0, 1)
    for event in placement(0)[: PLACE + 1]:
        disturber.on_event(event)
    assert disturber.finish() == "knock_out happened"
    assert len(world.asked) == 4


def test_nothing_is_knocked_out_any_more_once_the_arm_has_arrived() -> None:
    world = World(possible=10**9)
    disturber = Disturber(world.disturb, KNOCK_OUT, 0, 1)
    for event in placement(0):
        disturber.on_event(event)
    assert disturber.finish() == "not disturbed: nothing is held"


def test_a_run_without_a_moment_says_so() -> None:
    told = moments(MOVE, 0, carries=1, possible=99, more=1)[1]
    assert told == "not disturbed: nothing is held; nothing is held"
    assert Disturber(World().disturb, TOPPLE, 0, 3).finish() == "not disturbed: no such moment came"


@cache
def done_by_expert(placements: int) -> list[tuple[Event, bool, bool]]:
    """The events of a run that builds one tower on the twin; at each, whether something of it stands, and
    whether a cube is held."""
    family = BlockStacking(cubes=9, tallest=9)
    task = family.parse(" ".join(f"{cube + 1}>{cube}" for cube in range(placements)))
    rng = np.random.default_rng(placements)
    world = family.world(task, rng, WorldNoise(0.0, 0.0), Disturbances())
    kept: list[tuple[Event, bool, bool]] = []

    def keep(event: Event) -> None:
        kept.append((event, len(world.unmet()) < placements, world.observe().holding))

    machine = Machine(family.library, world, family.expert(task), family.budget)
    video = family.demonstrate(task, rng, VideoConditions())
    assert machine.run(video, Trace(listener=keep)).code is RunCode.RETURNED
    assert not world.unmet()
    return kept


class Simulator:
    """Can be disturbed as the real one can: towers are toppled that stand, what is held is knocked out."""

    def __init__(self) -> None:
        self.stands = self.holds = False

    def disturb(self, kind: str, seconds: float, seed: int) -> str:
        if (kind == TOPPLE and not self.stands) or (kind == KNOCK_OUT and not self.holds):
            raise ValueError("not now")
        return f"{kind} happened"


@pytest.mark.parametrize("placements", range(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_whoever_does_a_whole_task_is_disturbed_at_any_of_its_carries(kind: str, placements: int) -> None:
    found = set()
    for seed in range(100):
        simulator = Simulator()
        disturber = Disturber(simulator.disturb, kind, seed, placements)
        for event, simulator.stands, simulator.holds in done_by_expert(placements):
            disturber.on_event(event)
            disturber.finish()
            if disturber.told:
                found.add(event.index)
                break
        assert disturber.told, f"seed {seed}"
        assert not disturber.refusals
    assert len(found) == (max(placements - 1, 1) if kind == TOPPLE else placements)


def test_only_the_camera_is_blind_for_some_time() -> None:
    for kind in (BLIND, MOVE):
        world = World()
        disturber = Disturber(world.disturb, kind, 0, 1)
        disturber.on_event(placement(0)[0])
        disturber.finish()
        assert world.asked == [(kind, BLIND_SECONDS if kind == BLIND else 0.0)]


def test_episodes_take_turns() -> None:
    assert [kind_of((MOVE, BLIND), n) for n in range(3)] == [MOVE, BLIND, MOVE]
    assert kind_of((), 3) == ""


def test_a_disturbance_that_the_scene_does_not_have_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--world", "physics", "--vision", "--disturb", "add_object", "--output", str(tmp_path)]
    assert main(["evaluate", *arguments]) == 2
    assert "--disturb add_object: in block_stacking there are knock_out, topple" in capsys.readouterr().err
