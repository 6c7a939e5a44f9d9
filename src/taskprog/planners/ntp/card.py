"""The model card of a policy: what it is for, what it was trained on, how well it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskprog.planners.card import Card, programs
from taskprog.planners.ntp.config import Sight
from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.presets import MODELS
from taskprog.planners.ntp.train import Trainer
from taskprog.tasks.evaluation import Summary


@dataclass(frozen=True)
class Check:
    """How a policy did at its end; ``seen``: on tasks that were trained on, as there are no others."""

    summary: Summary
    seen: bool

    @property
    def tasks(self) -> str:
        """Which tasks, in words."""
        if self.seen:
            return "tasks that were trained on, from new starts,"
        return "tasks of the training half that were not trained on"


def write_card(
    folder: Path, model: str, recordings: Sequence[Recording], trainer: Trainer, check: Check | None
) -> None:
    """Write ``MODEL_CARD.md`` into a policy's folder; ``model`` is a key of ``presets.MODELS``."""
    config = trainer.config
    Card(
        f"{config.family.replace('_', ' ').capitalize()} policy, {MODELS[model]} (Neural Task Programming)",
        "Decides, from a task video read as object tracks and from the present scene, which program to call "
        "next and which part of the video it may see. docs/results/ has figures on unseen tasks. The "
        f"programs, and what they call: {programs(trainer.library)}.",
        _command(model, trainer),
        _made(recordings, trainer),
        _figures(trainer, check),
        _limits(trainer),
    ).write(folder)


def _command(model: str, trainer: Trainer) -> str:
    config, data = trainer.config, trainer.config.data
    command = (
        f"taskprog train --family {config.family} --model {model} --seed {config.seed} --tasks "
        f"{config.tasks} --trials {data.trials} --steps {config.steps} --reordered {data.reordered:g}"
    )
    return command + (" --relabelled" if data.relabelled else "")


def _made(recordings: Sequence[Recording], trainer: Trainer) -> list[str]:
    config = trainer.config
    data, mishaps = config.data, config.data.disturbances
    parameters = sum(p.numel() for p in trainer.model.parameters())
    relabelling = "No renumbering of objects"
    if config.data.relabelled:
        relabelling = "Objects are renumbered at random, which makes new tasks of the given ones"
    elif config.model.sight is Sight.RELATIONAL:
        relabelling += ": the networks treat all objects alike, so renumbered tasks look the same"
    slips, doubt = [], []
    if data.slips and not config.model.flat:  # only scopes and the ends of programs below the root slip
        slips.append(
            f"Slips: in recordings with mishaps, {data.slips:.0%} of the decisions are carried out otherwise "
            "than decided (a scope a little off, an end too early or too late). What is learnt is what the "
            "expert decided."
        )
    if config.model.doubt and config.model.sight is Sight.RELATIONAL:
        doubt.append(
            "Doubt: in training, pointing has to do without the relations of "
            f"{config.model.doubt:.0%} of the objects, drawn at random."
        )
    return [
        f"Data: {config.tasks} generated tasks with distinct goals, all of the training half, recorded "
        f"{data.trials} times each by the expert on the kinematic twin: {len(recordings)} demonstrations, "
        f"{sum(len(r) for r in recordings)} decisions. A task of the test half is refused.",
        f"Detector noise {_millimetres(data.detector)}, action noise {_millimetres(data.action)}, drawn for "
        "each recording.",
        f"Variety: {data.reordered:.0%} of the recordings reach their goal in another, random order; "
        f"{data.thinned:.0%} lack up to 30 % of the frames in which something is carried; "
        f"{data.disturbed:.0%} have mishaps from which the expert recovers (probabilities: grasp fails "
        f"{mishaps.failed_grasp:g}, lost on the way {mishaps.drop:g}, put beside {mishaps.misplace:g}, "
        f"somebody moves an object {mishaps.meddle:g}).",
        *slips,
        f"{relabelling}.",
        *doubt,
        f"{parameters} parameters; {config.steps} steps of {config.videos} videos x {config.decisions} "
        f"decisions; {trainer.seconds:.0f} s of CPU time; one seed, {config.seed}. Repeatable on one machine "
        "with the same number of threads.",
    ]


def _figures(trainer: Trainer, check: Check | None) -> list[str]:
    errors = ", ".join(f"{name} {error:.2%}" for name, error in trainer.errors.items())
    return [_checked(check), f"Wrong decisions at the end of training, running mean: {errors}."]


def _limits(trainer: Trainer) -> list[str]:
    config = trainer.config.model
    seen = "Only relative heights and horizontal distances count; it never saw objects of other sizes."
    if config.sight is Sight.VECTOR:
        seen = f"It knows exactly {config.objects} objects, each by its place in a vector."
    return [
        seen,
        "The demonstration must show every object that the task needs, and how each placement ends.",
    ]


def _checked(check: Check | None) -> str:
    if check is None:
        return "Success was not checked."
    summary = check.summary
    low, high = summary.interval
    causes = ", ".join(f"{cause} {count}" for cause, count in summary.causes.items()) or "none"
    return (
        f"{summary.successes} of {summary.n} {check.tasks} succeed on the twin with its default noise "
        f"({summary.rate:.1%}, 95 % Wilson interval {low:.1%} to {high:.1%}). Failures by cause: {causes}."
    )


def _millimetres(interval: tuple[float, float]) -> str:
    return f"{interval[0] * 1e3:g} to {interval[1] * 1e3:g} mm"
