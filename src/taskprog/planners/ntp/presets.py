"""Which models there are, how each is trained, and what NTP+ does otherwise than the paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from taskprog.planners.ntp.config import ModelConfig, Returns, Sight
from taskprog.planners.ntp.dataset import DataConfig
from taskprog.planners.ntp.train import TrainConfig
from taskprog.tasks.families import FAMILIES

RELATIONAL, NTP = "relational", "ntp"
NO_SCOPE, NTP_GRU, FLAT, FLAT_GRU = "ntp_no_scope", "ntp_gru", "flat", "flat_gru"
# By key, the names in plots: ours, then the paper's five.
MODELS = {
    RELATIONAL: "NTP+",
    NTP: "NTP",
    NO_SCOPE: "NTP (no scope)",
    NTP_GRU: "NTP (GRU)",
    FLAT: "Flat",
    FLAT_GRU: "Flat (GRU)",
}
RECORDINGS, QUICK_RECORDINGS = 2000, 1000  # in all, however many tasks: more trials of fewer tasks
# Models that see whole videos learn few recordings by heart. Of 1000 tasks recorded twice, Flat was wrong in
# 4 of 100 decisions, but in others of the same tasks in 16, and did 50 % of seen tasks; of the same recorded
# eight times it was wrong in 10 of either, and did 78 %. NTP is no more often wrong in others.
# In other families they do what they have seen with as few as other models have: 95 to 100 % in order
# fulfilment, 100 % in table clean-up.
WHOLE_RECORDINGS = {"block_stacking": 10_000}
# The paper's encoders: its text gives no sizes; these were the best of those tried on seen tasks.
PAPER = ModelConfig(
    sight=Sight.VECTOR,
    joint=False,
    channels=32,
    embedding=32,
    hidden=128,
    dilations=(1,),
    encoder_dilations=(1, 2),
)
# Models that see whole videos get an encoder that tells what comes when, and more room for what it says.
WHOLE = replace(
    PAPER,
    scoped=False,
    reading=True,
    encoder_dilations=(1, 2, 4),
    specification=128,
    channels=64,
    hidden=192,
)
# Gradient steps, until errors hardly fall any more. No baseline trains on fewer decisions than NTP: a step of
# a recurrent model holds more of them, as it draws whole calls of programs.
STEPS = {RELATIONAL: 2800, NTP: 4000, NO_SCOPE: 4000, NTP_GRU: 3200, FLAT: 4000, FLAT_GRU: 2400}
# Of recurrent models in other families: calls of programs are shorter there, so that a step holds fewer
# decisions, and recordings of whole videos are fewer.
OTHER_STEPS = {
    "order_fulfilment": {NTP_GRU: 3900, FLAT_GRU: 2150},
    "table_cleanup": {NTP_GRU: 3700},
}
# Of coordinates many tasks take longer to learn: with 4000 steps NTP did 98 % of 50 tasks seen, but 83 % of
# 200, and of 1000 some 70 %. From so many on they get twice the steps, models that see whole videos from the
# other number on still more: with three times the steps no scope did 80, 94 and 96 % of seen tasks, with four
# 95, 98 and 99 %; Flat (GRU) did 90 % with three times.
MANY_TASKS, MOST_TASKS = 200, 1000
MOST_STEPS = {NO_SCOPE: 4, FLAT: 3, FLAT_GRU: 4}
# Peak learning rates, and demonstrations in a batch. At the usual ones, models that see whole videos do not
# learn which object an API is about: after 200 CPU seconds on 1000 tasks, no scope was wrong in 8 of 100
# decisions with these, in 14 at twice the rate, in 12 at half of it, and in 19 with half the demonstrations
# at twice the rate. Of NTP, the lower rate does 73 % instead of 91 % of 200 tasks seen.
RATE, WHOLE_RATE = 3e-3, 1e-3
VIDEOS, WHOLE_VIDEOS = 16, {"block_stacking": 32}
# With `quick`: too few for most, which only show that all runs. NTP+ is nearly there.
QUICK_STEPS = {RELATIONAL: 1000, NTP: 800, NO_SCOPE: 600, NTP_GRU: 500, FLAT: 600, FLAT_GRU: 200}
# Shipped policies take that many times the steps, as errors still fall: block stacking's root was wrong in
# 4.3 of 100 decisions at the end of a training with `STEPS`, and in 1.6 with twice as many.
SHIPPED_STEPS = 2
# Training tasks of shipped policies.
USUAL_TASKS = 100
TASKS = {"block_stacking": 1000, "order_fulfilment": 4, "table_cleanup": 100}
# Share of the recordings that show a task in an order of their own. A task of order fulfilment is a map, in
# which order its categories are shown is no part of it: with one order a map, that gives the map away.
REORDERED = {"order_fulfilment": 1.0}


def configuration(family: str, model: str, tasks: int, seed: int, quick: bool = False) -> TrainConfig:
    """How a model is trained on ``tasks`` tasks of a family; ``quick``: in a fraction of the time.

    Raises:
        KeyError: there is no such family or model.
    """
    world = FAMILIES[family]
    objects = len(world.names)
    choices = {
        # Where all objects are of one kind, nothing but relations tells which one is meant.
        RELATIONAL: ModelConfig(doubt=0.1 if world.receptacles else 0.0),
        NTP: PAPER,
        NO_SCOPE: WHOLE,
        NTP_GRU: replace(PAPER, recurrent=True),
        FLAT: replace(WHOLE, flat=True),
        FLAT_GRU: replace(WHOLE, flat=True, recurrent=True),
    }
    chosen = replace(choices[model], unit=world.unit, objects=objects)
    recordings = QUICK_RECORDINGS if quick else RECORDINGS
    if not chosen.scoped and not quick:
        recordings = WHOLE_RECORDINGS.get(family, recordings)
    steps = OTHER_STEPS.get(family, {}).get(model, STEPS[model])
    if chosen.sight is Sight.VECTOR and tasks >= MANY_TASKS:
        steps *= MOST_STEPS.get(model, 2) if tasks >= MOST_TASKS else 2
    return TrainConfig(
        family=family,
        seed=seed,
        tasks=tasks,
        steps=QUICK_STEPS[model] if quick else steps,
        videos=VIDEOS if chosen.scoped or chosen.recurrent else WHOLE_VIDEOS.get(family, VIDEOS),
        rate=RATE if chosen.scoped else WHOLE_RATE,
        decisions=(1 if chosen.flat else 4) if chosen.recurrent else 12,
        data=DataConfig(max(1, recordings // tasks), REORDERED.get(family, 0.0)),
        model=chosen,
    )


def shipped(family: str) -> TrainConfig:
    """How the policy in ``models/policies`` is trained: NTP+, longer, also on tasks in another order."""
    config = configuration(family, RELATIONAL, TASKS.get(family, USUAL_TASKS), 0)
    data = replace(config.data, reordered=max(0.3, config.data.reordered))
    return replace(config, steps=SHIPPED_STEPS * config.steps, data=data)


def relabelled(config: TrainConfig) -> TrainConfig:
    """With objects renumbered at random, which makes new tasks of the given ones."""
    return replace(config, data=replace(config.data, relabelled=True))


@dataclass(frozen=True)
class Ablation:
    """One thing that NTP+ does, or that its training has, switched off or done in another way.

    Attributes:
        receptacles: it is about receptacles, which not every family has.
        crowds: it is about how many objects there are, so that it is measured where these are many, too.
        steps: gradient steps that it needs, if more than others.
    """

    title: str
    change: Callable[[TrainConfig], TrainConfig]
    receptacles: bool = False
    crowds: bool = False
    steps: int = 0


def _model(**fields: object) -> Callable[[TrainConfig], TrainConfig]:
    def change(config: TrainConfig) -> TrainConfig:
        return replace(config, model=replace(config.model, **fields))  # type: ignore[arg-type]

    return change


def _data(**fields: object) -> Callable[[TrainConfig], TrainConfig]:
    def change(config: TrainConfig) -> TrainConfig:
        return replace(config, data=replace(config.data, **fields))  # type: ignore[arg-type]

    return change


ABLATIONS = {
    # What relations say of objects tells none by its number, so that classes of objects need coordinates.
    "vector": Ablation(
        "coordinates in a vector instead of relations; object classified, not pointed at",
        _model(sight=Sight.VECTOR),
        crowds=True,
        steps=STEPS[NTP],
    ),
    "unaimed": Ablation("the state does not say how the tool stands to what is meant", _model(aimed=False)),
    "not_fading": Ablation("relations of far objects do not fade", _model(fading=False), crowds=True),
    "not_compared": Ablation("frames not compared with the present", _model(compared=False)),
    "summed": Ablation('sums over pairs instead of "at least one"', _model(saturated=False), crowds=True),
    "one_convolution": Ablation("one convolution of kernel 3", _model(dilations=(1,))),
    "apart": Ablation("start and end of a scope decoded apart", _model(joint=False)),
    "encoder": Ablation("two convolutions in the encoder of scopes", _model(encoder_dilations=(1, 2))),
    "wide": Ablation("128 hidden units", _model(hidden=128)),
    "no_kind": Ablation("no term for an object's kind in pointing", _model(kinds=False), receptacles=True),
    "unbounded": Ablation("relations count without bound in pointing", _model(bounded=False), crowds=True),
    "no_doubt": Ablation("no relations left out in training", _model(doubt=0.0), receptacles=True),
    "no_mishaps": Ablation("no mishaps, nor slips, in the training traces", _data(disturbed=0.0)),
    "no_slips": Ablation("no slips in the training traces", _data(slips=0.0)),
    "with_call": Ablation(
        "every program returns with its last call (Algorithm 1 to the letter)",
        _model(returns=Returns.WITH_CALL),
    ),
    "separate": Ablation("every program returns in a decision of its own", _model(returns=Returns.SEPARATE)),
}
