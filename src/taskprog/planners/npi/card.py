"""The model card of an NPI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from taskprog.planners.card import Card, programs
from taskprog.planners.npi.dataset import Recordings
from taskprog.planners.npi.presets import MODELS
from taskprog.planners.npi.train import Trainer
from taskprog.tasks.scratch_pad.evaluation import Summary


def write_card(
    folder: Path, model: str, recordings: Recordings, trainer: Trainer, checks: Sequence[tuple[str, Summary]]
) -> None:
    """Write ``MODEL_CARD.md``; ``checks`` are figures by the environment's name."""
    config, worlds = trainer.config, trainer.table.environments
    known = "; ".join(f"{world.name}: {programs(world.library)}" for world in worlds)
    parameters = sum(p.numel() for p in trainer.model.parameters())
    errors = ", ".join(f"{name} {error:.2%}" for name, error in trainer.errors.items())
    Card(
        f"{MODELS[model]} (Neural Programmer-Interpreter)",
        "Decides, from the symbols under a scratch pad's pointers, which program to call next with which "
        f"arguments. The programs, and what they call: {known}.",
        f"taskprog train --family {model} --seed {config.seed} --steps {config.steps}",
        [
            f"Data: {recordings.problems} random problems solved by the expert, {recordings.decisions} "
            f"decisions; {len(recordings.activations)} distinct activations of programs, each as likely as "
            "any other of its program in a batch.",
            *(
                f"{worlds[p.environment].name}, {p.program or 'the root program'}: {p.problems} problems "
                f"of each of {len(p.lengths)} lengths, {p.lengths[0]} to {p.lengths[-1]}."
                for p in config.practices
            ),
            f"{parameters} parameters; {config.steps} steps of about {config.decisions} decisions; "
            f"{trainer.seconds:.0f} s of CPU time; one seed, {config.seed}. Repeatable on one machine with "
            "the same number of threads.",
        ],
        [
            *(_checked(name, summary) for name, summary in checks),
            f"Wrong decisions at the end of training, running mean: {errors}.",
        ],
        [
            "It knows these programs only, on pads of these kinds.",
            "Only trying tells up to which length it is right; docs/results/npi.md says what was tried.",
        ],
    ).write(folder)


def _checked(name: str, summary: Summary) -> str:
    low, high = summary.interval
    causes = ", ".join(f"{cause} {count}" for cause, count in summary.causes.items()) or "none"
    return (
        f"{name}, length {summary.length}: {summary.successes} of {summary.n} problems right "
        f"({summary.rate:.1%}, 95 % Wilson interval {low:.1%} to {high:.1%}). Failures by cause: {causes}."
    )
