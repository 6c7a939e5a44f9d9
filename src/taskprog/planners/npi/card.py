"""The model cards of NPIs and of the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from taskprog.planners.card import Card, programs
from taskprog.planners.npi.dataset import Practice, Recordings
from taskprog.planners.npi.presets import ADDED, BASELINES, MODELS
from taskprog.planners.npi.seq2seq import Seq2SeqTrainer
from taskprog.planners.npi.train import Trainer
from taskprog.tasks.called import DISTURBED, CalledTasks
from taskprog.tasks.environment import Environment
from taskprog.tasks.scratch_pad.evaluation import Summary


class Kind(NamedTuple):
    """What a card says of a kind of environments: what is seen, where the programs are known, what is not."""

    seen: str
    known: str
    limit: str


PADS = Kind(
    "the symbols under a scratch pad's pointers",
    "on pads of these kinds",
    "Only trying tells up to which length it is right; docs/results/npi.md says what was tried.",
)
POSES = Kind(
    "a picture of a shape and the pose that is wanted",
    "on shapes of our own making, which are not the paper's cars",
    "A shape may be taken to be in another pose than it is; docs/results/npi.md says how often that was.",
)
TABLES = Kind(
    "how a program's arguments stand to the tool and to the task's steps on a table-top, as symbols",
    "for tasks with these objects",
    "Tasks whose arguments no training had together may fail; docs/npi.md says how many did.",
)


def write_card(
    folder: Path,
    model: str,
    recordings: Recordings,
    trainer: Trainer,
    checks: Sequence[tuple[str, Summary]],
    base: Path | None = None,
) -> None:
    """Write ``MODEL_CARD.md``.

    Args:
        model: its name in ``MODELS`` or ``ADDED``; base: the policy that it was added to.
        checks: figures, by the environment's name.
    """
    config, worlds = trainer.config, trainer.table.environments
    known = "; ".join(f"{world.name}: {programs(world.library)}" for world in worlds)
    kinds = list(dict.fromkeys(map(_kind, worlds)))
    tables = {world.name for world in worlds if _kind(world) is TABLES}
    parameters = sum(p.numel() for p in trainer.model.parameters())
    learnt = "" if base is None else ", of which only the rows of the new programs are learnt"
    errors = ", ".join(f"{name} {error:.2%}" for name, error in trainer.errors.items())
    added = "" if base is None else f" --base {base}"
    Card(
        f"{(MODELS | ADDED)[model]} (Neural Programmer-Interpreter)",
        "Decides which program to call next with which arguments, from "
        f"{', and '.join(kind.seen for kind in kinds)}. The programs, and what they call: {known}.",
        f"taskprog train --family {model} --seed {config.seed} --steps {config.steps}{added}",
        [
            f"Data: {recordings.problems} random problems solved by the expert, {recordings.decisions} "
            f"decisions; {len(recordings.activations)} distinct activations of programs. "
            "In a batch those are likelier that were missed of late.",
            *(_practised(worlds[practice.environment], practice) for practice in config.practices),
            f"{parameters} parameters{learnt}; {config.steps} steps of about {config.decisions} decisions; "
            f"{trainer.seconds:.0f} s of CPU time; one seed, {config.seed}. Repeatable on one machine with "
            "the same number of threads.",
        ],
        [
            *(_checked(name, summary, name not in tables) for name, summary in checks),
            *(_tried(world) for world in worlds if isinstance(world, CalledTasks)),
            f"Wrong decisions at the end of training, running mean: {errors}.",
        ],
        [
            f"It knows these programs only, {', and '.join(kind.known for kind in kinds)}.",
            *(kind.limit for kind in kinds),
        ],
    ).write(folder)


def write_sequence_card(
    folder: Path, how: str, trainer: Seq2SeqTrainer, checks: Sequence[tuple[str, Summary]]
) -> None:
    """Write ``MODEL_CARD.md`` of a baseline; ``how``: its family and model, as on the command line."""
    config = trainer.config
    parameters = sum(p.numel() for p in trainer.model.parameters())
    Card(
        f"{BASELINES[config.task]} ({how.split()[0]})",
        "A baseline of Neural Programmer-Interpreters: reads a problem's digits and writes the result's, "
        "without programs, pads or traces.",
        f"taskprog train --family {how} --seed {config.seed} --steps {config.steps}",
        [
            f"Data: {config.problems} random problems of each of {_lengths(config.lengths)}.",
            f"{parameters} parameters; {config.steps} steps of {config.batch} problems; "
            f"{trainer.seconds:.0f} s of CPU time; one seed, {config.seed}.",
        ],
        [_checked(name, summary) for name, summary in checks],
        ["It was made to be compared with. Only trying tells up to which length it is right."],
    ).write(folder)


def _kind(world: Environment) -> Kind:
    if isinstance(world, CalledTasks):
        return TABLES
    return PADS if world.album is None else POSES


def _practised(world: Environment, practice: Practice) -> str:
    what = f"{world.name}, {practice.program or 'the root program'}: {practice.problems}"
    if isinstance(world, CalledTasks):
        mishaps = f", of which {DISTURBED:.0%} have mishaps" if world.mishaps else ""
        return f"{what} runs of tasks drawn from {len(world.tasks)} of the training half{mishaps}."
    return f"{what} problems of each of {_lengths(practice.lengths)}."


def _lengths(lengths: Sequence[int]) -> str:
    if len(lengths) == 1:
        return f"one length, {lengths[0]}"
    between = range(lengths[0], lengths[-1] + 1)
    shown = (
        f"{lengths[0]} to {lengths[-1]}" if tuple(lengths) == tuple(between) else ", ".join(map(str, lengths))
    )
    return f"{len(lengths)} lengths, {shown}"


def _tried(world: CalledTasks) -> str:
    """What the check's tasks are."""
    mishaps = f"{DISTURBED:.0%} of the runs with mishaps" if world.mishaps else "without mishaps"
    return (
        f"{world.name} was tried on tasks that were trained on, from other starts, {mishaps}. Without any: "
        f"`taskprog evaluate --family {world.kind}_seen`; other tasks: `{world.kind}_unseen`."
    )


def _checked(name: str, summary: Summary, lengths: bool = True) -> str:
    """A line of a check; ``lengths``: its problems have a length."""
    tried = f"{name}, length {summary.length}" if lengths else name
    low, high = summary.interval
    causes = ", ".join(f"{cause} {count}" for cause, count in summary.causes.items()) or "none"
    return (
        f"{tried}: {summary.successes} of {summary.n} problems right "
        f"({summary.rate:.1%}, 95 % Wilson interval {low:.1%} to {high:.1%}). Failures by cause: {causes}."
    )
