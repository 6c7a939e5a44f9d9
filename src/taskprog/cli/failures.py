"""Why an episode through the whole stack failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sawyer_ntp.action import ExecuteTask

from taskprog.cli.client import video_specification
from taskprog.machine import Demonstration, Event, EventKind, Library, OutcomeCode, RunCode
from taskprog.nodes.specification import SpecificationError, read_specification
from taskprog.tasks.block_stacking import demonstrated_steps
from taskprog.tasks.carrying import GRASP_OFFSET, steps_into
from taskprog.tasks.family import Family, Task
from taskprog.tasks.faults import PLANNER_ERROR, Kept, first_fault

# The first that applies. Before those that follow the first comes a decision that is not the expert's, of a
# planner that follows a video: see ``tasks.faults``.
PERCEPTION = "perception"  # the video was misread, or the cameras or the robot were silent
WRONG_PICK = "wrong pick"  # moved something that the task does not move
WRONG_PLACE = "wrong place"  # put something where the task does not want it
ROBOT = "robot"
DROPPED, TOPPLED = "dropped", "toppled"  # and was not put right before the program returned
TIMEOUT = "timeout"  # the program did not return in time, though all it decided was right


def cause_of_failure(
    family: Family,
    task: Task,
    events: Sequence[Event],
    code: int,
    video: Path | None = None,
    made: tuple[Library, Kept] | None = None,
) -> tuple[str, str]:
    """The first thing that went wrong, as a cause named here or in ``tasks.faults``, and more of it in words.

    Args:
        video: that the planner followed; None if the task was told in words.
        made: the planner's library and what it decided, if it is to be judged by the expert's decisions; else
            it is by what it moved.
    """
    ended = f"ended with {_named(code)}"
    if code in (ExecuteTask.Result.BAD_SPECIFICATION, RunCode.NO_OBSERVATION):
        return PERCEPTION, ended
    if video is not None:
        try:
            demonstration = read_specification(video_specification(video.read_bytes(), str(task)), family)
        except SpecificationError as error:
            return PERCEPTION, f"video misread: {error}"
        shown = _shown(family, demonstration)
        if shown != task.named:
            return PERCEPTION, f"video misread: {', '.join(f'{a} to {b}' for a, b in shown) or 'nothing'}"
        if made is not None:
            fault = first_fault(family.expert(task), made[0], demonstration, made[1])
            if fault is not None:
                return fault.cause, fault.detail
    if code == RunCode.PLANNER_ERROR:
        return PLANNER_ERROR, ended
    wanted = set(task.named)
    for picked, placed in moves(events):
        if (picked, placed) not in wanted:
            what = f"{picked} taken to {placed}"
            return (WRONG_PLACE if picked in {a for a, _ in wanted} else WRONG_PICK), what
    if code in (RunCode.ROBOT_STOPPED, RunCode.PRIMITIVE_FAILED, RunCode.CANCELLED):
        failed = [e.outcome for e in events if e.kind is EventKind.OUTCOME]
        return ROBOT, f"{ended}, the last primitive with {failed[-1]}" if failed else ended
    if any(e.outcome == OutcomeCode.NOTHING_HELD.name for e in events):
        return DROPPED, "and not put right before the end"
    if code in (RunCode.STEP_BUDGET, RunCode.TIME_BUDGET, RunCode.DEPTH_BUDGET):
        return TIMEOUT, ended
    return TOPPLED, "put in its place, and not there in the end"


def _named(code: int) -> str:
    """The name of an error code of ``ExecuteTask``, most of which are codes of runs."""
    return RunCode(code).name if code in set(RunCode) else "BAD_SPECIFICATION"


def moves(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    """Which object a run put on which, in order, read from its calls of ``move_to``."""
    picked = ""
    for event in events:
        if event.kind is EventKind.CALL and event.op == "move_to":
            name, height = str(event.args[0]), float(event.args[1])
            if height == GRASP_OFFSET:
                picked = name
            else:
                yield picked, name


def _shown(family: Family, demonstration: Demonstration) -> tuple[tuple[str, str], ...]:
    """What a video shows being carried where."""
    if family.receptacles:
        return tuple(steps_into(demonstration, family.receptacles))
    return tuple(demonstrated_steps(demonstration))
