"""Why an episode through the whole stack failed, from what its run did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.parameter import Parameter
from ros_world import RosWorld
from sawyer_ntp.action import ExecuteTask

from taskprog.cli import evaluate_physics
from taskprog.cli.client import StackClient
from taskprog.cli.disturber import MOVE, TOPPLE
from taskprog.cli.evaluate_physics import (
    DROPPED,
    PERCEPTION,
    ROBOT,
    TIMEOUT,
    TOPPLED,
    WRONG_DECISION,
    WRONG_PICK,
    Episode,
    Physics,
    cause_of_failure,
    figures,
    moves,
    run_episodes,
)
from taskprog.cli.main import main
from taskprog.cli.record import record_video
from taskprog.cli.stack import StackOptions
from taskprog.cli.supervisor import Supervisor
from taskprog.machine import Event, EventKind, RunCode
from taskprog.nodes.simulator import SimulatorNode
from taskprog.nodes.specification import NPI
from taskprog.tasks.families import FAMILIES

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


@pytest.mark.parametrize(
    ("events", "code", "cause", "detail"),
    [
        (RIGHT, RunCode.NO_OBSERVATION, PERCEPTION, "ended with NO_OBSERVATION"),
        (RIGHT, ExecuteTask.Result.BAD_SPECIFICATION, PERCEPTION, "ended with BAD_SPECIFICATION"),
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
        # No such video can be read, so what was done wrong is perception's fault.
        (
            calls(("yellow", 0.0), ("red", 0.045)),
            RunCode.RETURNED,
            PERCEPTION,
            "video misread: yellow taken to red",
        ),
    ],
)
def test_the_first_thing_that_went_wrong(
    events: list[Event], code: int, cause: str, detail: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert cause_of_failure(FAMILY, TASK, events, int(code), broken) == (cause, detail)


def test_what_was_read_rightly_was_decided_wrongly(tmp_path: Path) -> None:
    film = tmp_path / "task.mp4"
    record_video(TASK, 5, "hand", film)
    other_place = calls(("yellow", 0.0), ("red", 0.045))
    assert cause_of_failure(FAMILY, TASK, other_place, int(RunCode.RETURNED), film) == (
        WRONG_DECISION,
        "yellow taken to red",
    )
    other_thing = calls(("red", 0.0), ("purple", 0.045))
    assert cause_of_failure(FAMILY, TASK, other_thing, int(RunCode.RETURNED), film) == (
        WRONG_PICK,
        "red taken to purple",
    )


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


def test_a_refused_reset_is_a_failed_episode_and_the_next_task_is_tried(
    ros: RosWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a stack that has no more than the simulator, which knows no layouts of negative seeds."""
    small = {"camera_width": 64, "camera_height": 48, "pace": "lockstep"}
    overrides = [Parameter(name, value=value) for name, value in small.items()]
    ros.add(SimulatorNode(context=ros.context, parameter_overrides=overrides))

    @contextmanager
    def running(options: StackOptions, on_event: object) -> Iterator[tuple[Supervisor, StackClient]]:
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
