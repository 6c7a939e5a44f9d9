"""Why an episode through the whole stack failed, from what its run did."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from sawyer_ntp.action import ExecuteTask

from taskprog.cli.evaluate_physics import (
    DROPPED,
    PERCEPTION,
    ROBOT,
    TIMEOUT,
    TOPPLED,
    WRONG_DECISION,
    WRONG_PICK,
    cause_of_failure,
    moves,
)
from taskprog.cli.record import record_video
from taskprog.machine import Event, EventKind, RunCode
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
