"""The model card of a policy: what it is for, what it was trained on, how well it does."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.train import TrainConfig, Trainer
from taskprog.tasks.evaluation import Summary

CARD = "MODEL_CARD.md"
WIDTH = 110
PURPOSE = (
    "Decides, from a task video read as object tracks and from the present scene, which program to call next "
    "and which part of the video it may see: block_stacking > pick_and_place > pick, place > move_to, "
    "close_gripper, open_gripper. For eight cubes on a table. docs/results/ has its figures on unseen tasks."
)


def write_card(
    folder: Path,
    config: TrainConfig,
    recordings: Sequence[Recording],
    trainer: Trainer,
    check: Summary | None,
) -> None:
    """Write ``MODEL_CARD.md`` into a policy's folder."""
    data, mishaps = config.data, config.data.disturbances
    parameters = sum(p.numel() for p in trainer.model.parameters())
    errors = ", ".join(f"{name} {error:.2%}" for name, error in trainer.errors.items())
    made = [
        f"Data: {config.tasks} generated tasks with distinct end configurations, all of the training half, "
        f"recorded {data.trials} times each by the expert on the kinematic twin: {len(recordings)} "
        f"demonstrations, {sum(len(r) for r in recordings)} decisions. A task of the test half is refused.",
        f"Detector noise {_millimetres(data.detector)}, action noise {_millimetres(data.action)}, drawn for "
        "each recording.",
        f"Variety: {data.reordered:.0%} of the recordings build their towers interleaved in a random order; "
        f"{data.thinned:.0%} lack up to 30 % of the frames in which a cube is carried; {data.disturbed:.0%} "
        f"have mishaps from which the expert recovers (probabilities: grasp fails {mishaps.failed_grasp:g}, "
        f"cube lost on the way {mishaps.drop:g}, placed beside {mishaps.misplace:g}, somebody moves a cube "
        f"{mishaps.meddle:g}).",
        "No relabelling of cubes: the networks treat all objects alike, so permuted tasks look the same.",
        f"{parameters} parameters; {config.steps} steps of {config.videos} videos x {config.decisions} "
        f"decisions; {trainer.seconds:.0f} s of CPU time; one seed, {config.seed}. Repeatable on one machine "
        "with the same number of threads.",
    ]
    figures = [_checked(check), f"Wrong decisions at the end of training, running mean: {errors}."]
    limits = [
        "Only relative heights and horizontal distances count; it never saw anything but cubes of one size.",
        "The demonstration must show every cube of the scene, and how each placement ends.",
    ]
    command = f"taskprog train --seed {config.seed} --tasks {config.tasks} --trials {data.trials}"
    text = [
        "# Block-stacking policy (Neural Task Programming)",
        "",
        *_wrapped(PURPOSE),
        "",
        "## How it was made",
        "```",
        f"{command} --steps {config.steps}",
        "```",
        *_bullets(made),
        "",
        "## Figures",
        *_bullets(figures),
        "",
        "## Limits",
        *_bullets(limits),
    ]
    (folder / CARD).write_text("\n".join(text) + "\n", encoding="utf-8")


def _checked(check: Summary | None) -> str:
    if check is None:
        return "Success was not checked."
    low, high = check.interval
    causes = ", ".join(f"{cause} {count}" for cause, count in check.causes.items()) or "none"
    return (
        f"{check.successes} of {check.n} tasks of the training half that were not trained on succeed on the "
        f"twin with its default noise ({check.rate:.1%}, 95 % Wilson interval {low:.1%} to {high:.1%}). "
        f"Failures by cause: {causes}."
    )


def _millimetres(interval: tuple[float, float]) -> str:
    return f"{interval[0] * 1e3:g} to {interval[1] * 1e3:g} mm"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _bullets(texts: Sequence[str]) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]
