"""Why an episode through the whole stack failed, from what its run did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.parameter import Parameter
from ros_world import RosWorld
from sawyer_ntp.action import ExecuteTask

from taskprog.cli import evaluate_physics
from taskprog.cli.client import StackClient, video_specification
from taskprog.cli.disturber import MOVE, TOPPLE
from taskprog.cli.evaluate_physics import Episode, Physics, figures, run_episodes
from taskprog.cli.failures import (
    DROPPED,
    PERCEPTION,
    ROBOT,
    TIMEOUT,
    TOPPLED,
    WRONG_PICK,
    WRONG_PLACE,
    cause_of_failure,
    moves,
)
from taskprog.cli.main import main
from taskprog.cli.record import record_video
from taskprog.cli.stack import StackOptions
from taskprog.cli.supervisor import Supervisor
from taskprog.machine import Decision, Event, EventKind, Frame, PlannerError, RunCode, Scope
from taskprog.nodes.simulator import SimulatorNode
from taskprog.nodes.specification import NPI, read_specification
from taskprog.tasks.conditions import Disturbances, WorldNoise
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.faults import PLANNER_ERROR, WRONG_PROGRAM, WRONG_SCOPE, Kept

FAMILY = FAMILIES["block_stacking"]
TASK = FAMILY.parse("2>6")  # yellow on purple


def calls(*targets: tuple[str, float], outcome: str = "SUCCEEDED") -> list[Event]:
    events: list[Event] = []
    for name, height in targets:
        events.append(Event(EventKind.CALL, len(events), 0.0, 0, 1, "pick", "move_to", (name, height)))
        events.append(Event(EventKind.OUTCOME, len(events), 0.0, 0, 1, "pick", "move_to", outcome=outcome))
    return events


RIGHT = calls(("yellow", 0.0), ("purple", 0.045))


def test_moves_are_read_from_the_calls() -> None:
    assert list(moves(RIGHT + calls(("red", 0.0), ("blue", 0.045)))) == [
        ("yellow", "purple"),
        ("red", "blue"),
    ]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of ``TASK``."""
    path = tmp_path_factory.mktemp("film") / "task.mp4"
    record_video(TASK, 5, "hand", path)
    return path


@pytest.mark.parametrize(
    ("events", "code", "cause", "detail"),
    [
        (RIGHT, RunCode.NO_OBSERVATION, PERCEPTION, "ended with NO_OBSERVATION"),
        (RIGHT, ExecuteTask.Result.BAD_SPECIFICATION, PERCEPTION, "ended with BAD_SPECIFICATION"),
        (RIGHT, RunCode.PLANNER_ERROR, PLANNER_ERROR, "ended with PLANNER_ERROR"),
        (
            calls(("yellow", 0.0), outcome="COLLISION"),
            RunCode.PRIMITIVE_FAILED,
            ROBOT,
            "ended with PRIMITIVE_FAILED, the last primitive with COLLISION",
        ),
        (RIGHT, RunCode.STEP_BUDGET, TIMEOUT, "ended with STEP_BUDGET"),
        (RIGHT, RunCode.RETURNED, TOPPLED, "put in its place, and not there in the end"),
        (
            calls(("yellow", 0.0), outcome="NOTHING_HELD") + RIGHT,
            RunCode.RETURNED,
            DROPPED,
            "and not put right before the end",
        ),
        (calls(("yellow", 0.0), ("red", 0.045)), RunCode.RETURNED, WRONG_PLACE, "yellow taken to red"),
        (calls(("red", 0.0), ("purple", 0.045)), RunCode.RETURNED, WRONG_PICK, "red taken to purple"),
    ],
)
def test_the_first_thing_that_went_wrong(events: list[Event], code: int, cause: str, detail: str) -> None:
    """Of a task that was told in words, so that there is nothing to judge decisions by."""
    assert cause_of_failure(FAMILY, TASK, events, int(code)) == (cause, detail)


def test_a_misread_video_comes_before_all_that_follows_from_it(film: Path, tmp_path: Path) -> None:
    events = calls(("yellow", 0.0), ("red", 0.045))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    cause, detail = cause_of_failure(FAMILY, TASK, events, int(RunCode.RETURNED), broken)
    assert (cause, detail.partition(":")[0]) == (PERCEPTION, "video misread")
    other = FAMILY.parse("2>1")
    assert cause_of_failure(FAMILY, other, events, int(RunCode.RETURNED), film) == (
        PERCEPTION,
        "video misread: yellow to purple",
    )


@pytest.mark.parametrize(
    ("chosen", "cause", "detail"),
    [
        (lambda d: replace(d, call=None, end=True), WRONG_PROGRAM, "block_stacking: returned too early"),
        (lambda d: replace(d, scope=Scope(0, 1)), WRONG_SCOPE, "block_stacking: pick_and_place sees no one"),
        (lambda d: PlannerError("lost"), PLANNER_ERROR, ""),
        (lambda d: d, ROBOT, "ended with PRIMITIVE_FAILED, the last primitive with COLLISION"),
    ],
    ids=["returned too early", "scope", "planner error", "decided rightly"],
)
def test_a_decision_that_is_not_the_experts_comes_before_what_it_led_to(
    film: Path, chosen: Callable[[Decision], Decision | PlannerError], cause: str, detail: str
) -> None:
    """The first decision of a run that ended because the arm met something."""
    task = FAMILY.parse("2>6")
    video = read_specification(video_specification(film.read_bytes(), str(task)), FAMILY)
    world = FAMILY.world(task, np.random.default_rng(0), WorldNoise(0.0, 0.0), Disturbances())
    expert = FAMILY.expert(task)
    expert.begin(video)
    root = Frame(FAMILY.library[FAMILY.library.root], video.whole)
    seen = world.observe()
    kept: Kept = [(root, seen, chosen(expert.decide(root, seen)))]
    events = calls(("yellow", 0.0), outcome="COLLISION")
    found, told = cause_of_failure(
        FAMILY, task, events, int(RunCode.PRIMITIVE_FAILED), film, (FAMILY.library, kept)
    )
    assert found == cause
    assert told.startswith(detail)


DONE = Episode("2>6", 0, True, "", "", (), 4, 20.0, 9.0, right=1)
FAILED = replace(DONE, success=False, cause=TOPPLED, detail="not there", failed=("2>6",), right=0)
EPISODES = [
    replace(DONE, asked=TOPPLE, disturbed=True, disturbance="toppled the tower yellow on purple"),
    replace(DONE, asked=MOVE, disturbed=True, disturbance="moved red"),
    replace(FAILED, asked=TOPPLE, disturbed=True, disturbance="toppled the tower yellow on purple"),
    replace(DONE, asked=MOVE, disturbance="not disturbed: no such moment came"),
    replace(FAILED, asked=MOVE, disturbance="not disturbed: no such moment came"),
]


def test_what_was_not_disturbed_is_counted_apart() -> None:
    found = figures(EPISODES)
    assert (found["n"], found["successes"], found["rate"]) == (3, 2, pytest.approx(2 / 3))
    assert (found["causes"], found["objects_right"], found["relations_failed"]) == ({TOPPLED: 1}, 2, 1)
    told = {kind: (share["n"], share["successes"]) for kind, share in found["disturbed"].items()}
    assert told == {TOPPLE: (2, 1), MOVE: (1, 1)}
    assert {kind: (s["n"], s["successes"]) for kind, s in found["undisturbed"].items()} == {MOVE: (2, 1)}
    assert [failure["disturbed"] for failure in found["failures"]] == [True, False]


def test_where_nothing_was_to_go_wrong_all_count_and_where_nothing_did_there_is_no_rate() -> None:
    found = figures([DONE, FAILED])
    assert (found["n"], found["rate"], found["disturbed"], found["undisturbed"]) == (2, 0.5, {}, {})
    assert (figures(EPISODES[3:])["n"], figures(EPISODES[3:])["rate"]) == (0, None)


def test_the_table_has_a_line_for_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate_physics, "evaluate", lambda *arguments: EPISODES)
    out = tmp_path / "figures.json"
    arguments = ["--world", "physics", "--vision", "--disturb", "--limit", "5", "--json", str(out)]
    assert main(["evaluate", *arguments, "--output", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "tasks 3 done 2 (66.7%;" in shown
    assert "with topple: 2 1 (50.0%;" in shown
    assert "with move_object: 1 1 (100.0%;" in shown
    assert "not counted, as no move_object came 2, of which 1 done" in shown
    assert json.loads(out.read_text())["disturbed"]["topple"]["n"] == 2
    monkeypatch.setattr(evaluate_physics, "evaluate", lambda *arguments: EPISODES[3:])
    assert main(["evaluate", *arguments, "--output", str(tmp_path)]) == 0
    assert "none counts" in capsys.readouterr().out


def test_the_stack_and_the_kept_episodes_are_of_the_clutter_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Physics] = []

    def evaluate(physics: Physics, *rest: object) -> list[Episode]:
        asked.append(physics)
        return [DONE]

    monkeypatch.setattr(evaluate_physics, "evaluate", evaluate)
    command = ["evaluate", "--world", "physics", "--vision", "--limit", "1", "--output", str(tmp_path)]
    orders = [*command, "--family", "order_fulfilment", "--objects", "12"]
    assert main(orders) == 0
    assert main([*orders, "--clutter"]) == 0
    apart, touching = asked
    assert apart.settings != touching.settings
    for physics, clutter in ((apart, False), (touching, True)):
        assert physics.stack(3) == StackOptions(
            tmp_path, "order_fulfilment", 3, record=False, objects=12, clutter=clutter
        )


def test_cubes_have_no_clutter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate_physics, "evaluate", lambda *arguments: [DONE])
    arguments = ["--world", "physics", "--vision", "--clutter", "--limit", "1", "--output", str(tmp_path)]
    assert main(["evaluate", *arguments]) == 2
    assert "--clutter: in block_stacking all objects start apart" in capsys.readouterr().err


def test_a_refused_reset_is_a_failed_episode_and_the_next_task_is_tried(
    ros: RosWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a stack that has no more than the simulator, which knows no layouts of negative seeds."""
    small = {"camera_width": 64, "camera_height": 48, "pace": "lockstep"}
    overrides = [Parameter(name, value=value) for name, value in small.items()]
    ros.add(SimulatorNode(context=ros.context, parameter_overrides=overrides))

    @contextmanager
    def running(
        options: StackOptions, on_event: object, on_decision: object
    ) -> Iterator[tuple[Supervisor, StackClient]]:
        with Supervisor((), tmp_path) as supervisor, StackClient() as client:
            yield supervisor, client

    monkeypatch.setattr(evaluate_physics, "running", running)
    physics = Physics(FAMILY, -2, "hand", NPI, "", tmp_path, disturb=(TOPPLE, MOVE))
    first, second = run_episodes(physics, [(TASK, -2), (TASK, -1)])
    for episode in (first, second):
        assert (episode.success, episode.cause, episode.detail) == (False, ROBOT, "ResetRefused")
        assert not episode.disturbed
        assert not episode.counts
    assert first.message == "ResetRefused: a layout's seed is 0 or more, not -2"
    assert (first.asked, second.asked) == (TOPPLE, MOVE)
