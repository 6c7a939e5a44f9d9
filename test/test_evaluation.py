"""Evaluation on the twin: what counts as success, and why an episode failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from taskprog.cli.main import main
from taskprog.machine import Decision, Demonstration, Frame, Observation, Planner
from taskprog.planners.ntp.checkpoint import new_model, save_policy
from taskprog.planners.ntp.model import ModelConfig
from taskprog.tasks.block_stacking import LIBRARY, OFFSETS, StackingTask, generate_tasks
from taskprog.tasks.evaluation import Conditions, Episode, Summary, evaluate, run_episode, wilson
from taskprog.tasks.stacking_expert import StackingExpert
from taskprog.tasks.twin import Disturbances

TASK = StackingTask.parse("1>0 2>1 5>4")


class Blindfolded:
    """An expert for a task that it believes in, whatever the demonstration shows."""

    def __init__(self, believed: str):
        self._expert = StackingExpert(StackingTask.parse(believed))

    def begin(self, specification: Demonstration) -> None:
        """The expert keeps to its task; nothing to read."""

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        return self._expert.decide(frame, observation)


class NeverDone(Blindfolded):
    """Goes on placing the last cube."""

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        decision = super().decide(frame, observation)
        if decision.call is None:
            apart = observation.positions.copy()
            apart[:, 2] = -1.0
            return super().decide(frame, Observation(**(observation.__dict__ | {"positions": apart})))
        return decision


def outcome(planner: Planner, conditions: Conditions | None = None) -> Episode:
    return run_episode(TASK, 0, planner, conditions or Conditions())


def test_the_expert_succeeds_and_repeats() -> None:
    episode = outcome(StackingExpert(TASK))
    assert episode.success
    assert (episode.cause, episode.failed) == ("", ())
    assert episode == outcome(StackingExpert(TASK))


@pytest.mark.parametrize(
    ("believed", "cause", "failed"),
    [
        ("1>0 2>1 3>4", "wrong pick", ("5>4",)),
        ("1>0 2>1 5>3", "wrong decision", ("5>4",)),
        ("1>0", "wrong decision", ("2>1", "5>4")),
    ],
)
def test_failures_are_told_apart(believed: str, cause: str, failed: tuple[str, ...]) -> None:
    episode = outcome(Blindfolded(believed))
    assert not episode.success
    assert (episode.cause, episode.failed) == (cause, failed)


def test_a_program_that_does_not_return_by_itself_has_not_succeeded() -> None:
    episode = outcome(NeverDone(str(TASK)))
    assert not episode.success
    assert episode.cause == "timeout"


def test_what_was_lost_on_the_way_and_left_is_named() -> None:
    class Careless(Blindfolded):
        """Takes what it let go for done."""

        def decide(self, frame: Frame, observation: Observation) -> Decision:
            decision = super().decide(frame, observation)
            if frame.op.name == "block_stacking" and self._done(observation):
                return Decision(None, end=True)
            return decision

        def _done(self, observation: Observation) -> bool:
            self.asked = getattr(self, "asked", 0) + 1
            return self.asked > len(TASK.steps)

    episode = outcome(Careless(str(TASK)), Conditions(disturbances=Disturbances(drop=1.0)))
    assert episode.cause == "dropped"
    assert episode.mishaps


def test_wilsons_interval() -> None:
    low, high = wilson(95, 100)
    assert (round(low, 3), round(high, 3)) == (0.888, 0.978)
    assert wilson(300, 300)[1] == pytest.approx(1.0)
    assert wilson(0, 10)[0] == 0.0


def test_a_summary_counts_causes() -> None:
    episodes = [outcome(Blindfolded(text)) for text in (str(TASK), "1>0", "3>0")]
    summary = Summary.of(episodes)
    assert (summary.n, summary.successes) == (3, 1)
    assert summary.causes == {"wrong pick": 1, "wrong decision": 1}
    with pytest.raises(ValueError, match="no episodes"):
        Summary.of([])


def test_tasks_are_tried_in_other_layouts_than_they_are_shown_in() -> None:
    seen: list[tuple[float, float]] = []

    class Looks(Blindfolded):
        def begin(self, specification: Demonstration) -> None:
            self.shown = specification.positions[0, 0]

        def decide(self, frame: Frame, observation: Observation) -> Decision:
            if frame.op.name == "block_stacking":
                seen.append((float(self.shown[0]), float(observation.positions[0, 0])))
            return super().decide(frame, observation)

    evaluate([TASK], Looks(str(TASK)), Conditions())
    shown, found = seen[0]
    assert abs(shown - found) > 0.01


# The command


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    config = ModelConfig(channels=8, embedding=8, hidden=16)
    save_policy(tmp_path / "policy", new_model(config, LIBRARY, len(OFFSETS)), config, LIBRARY, OFFSETS, {})
    return tmp_path / "policy"


def test_the_command_writes_figures_for_the_half_asked_for(policy: Path, tmp_path: Path) -> None:
    tasks = generate_tasks(seed=3, n=12)
    file = tmp_path / "tasks.csv"
    rows = "\n".join(f"{i},{task}" for i, task in enumerate(tasks))
    file.write_text(f"# some tasks\ntask,steps\n{rows}\n")
    out = tmp_path / "figures.json"
    common = ["evaluate", "--checkpoint", str(policy), "--task-file", str(file), "--json", str(out)]
    assert main([*common, "--half", "test", "--limit", "3"]) == 0
    figures = json.loads(out.read_text())
    assert (figures["n"], figures["half"], figures["tasks"]) == (3, "test", "tasks.csv")
    assert figures["successes"] + sum(figures["causes"].values()) == 3
    unseen = [str(task) for task in tasks if task.half == "test"][:3]
    assert {failure["task"] for failure in figures["failures"]} <= set(unseen)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--task-file", "nowhere.csv"], "nowhere.csv"),
        (["--limit", "0"], "--limit is 0"),
        (["--checkpoint", "nowhere"], "nowhere: no such folder"),
        (["--world", "physics"], "needs --vision"),
    ],
)
def test_bad_use_is_explained(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--limit", "1", *arguments]) == 2
    assert reason in capsys.readouterr().err
