"""The figures of the paper's experiments, and of what goes beyond: rows, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from taskprog.experiments.paper import RELABELLED, STACKING, Paper, label
from taskprog.experiments.tables import Figure, Row
from taskprog.experiments.work import ATTEMPTS, GIVEN, SEEN, STUCK, TOPOLOGY, UNSEEN, TaskSet
from taskprog.planners.ntp.presets import (
    ABLATIONS,
    FLAT,
    MODELS,
    NTP,
    RECORDINGS,
    RELATIONAL,
    TASKS,
    WHOLE_RECORDINGS,
    Ablation,
)
from taskprog.tasks.conditions import Conditions, Disturbances, TrackNoise, VideoConditions, WorldNoise
from taskprog.tasks.families import FAMILIES

ORDERS, CLEANUP = "order_fulfilment", "table_cleanup"
# Gradient steps of all ablations, the unchanged model's included: enough for it to do nearly all tasks.
ABLATION_STEPS = 1200
MAPS = 252  # unseen maps of order fulfilment
QUICK_CHANGES = 4  # rows of ablations in a quick run


def figures(paper: Paper, only: Sequence[str] = ()) -> list[Figure]:
    """The figures of these names, or all."""
    return [make(paper) for name, make in FIGURES.items() if not only or name in only]


def _block_stacking(paper: Paper) -> Figure:
    rows = []
    for test in (SEEN, UNSEEN, TOPOLOGY):
        for model in (*MODELS, RELABELLED):
            for tasks in paper.scale.tasks:
                rows.append(_stacking_row(paper, test, model, tasks))
    if paper.own:
        rows.append(_own_row(paper))
    return Figure(
        "fig5",
        "Block stacking over the number of training tasks (the paper's figure 5)",
        (
            "Eight cubes. *seen*: tasks that were trained on, from new starts. *unseen*: end configurations "
            "of the test half, which no training sees. *topology*: the end configurations of the training "
            "tasks, reached in another order than trained and shown. Detector noise 2 mm, action noise 3 mm "
            "(standard deviations). The same number of recordings"
            + (
                ", whatever the number of tasks."
                if paper.scale.quick
                else f" whatever the number of tasks: {RECORDINGS}, and {WHOLE_RECORDINGS[STACKING]:,} for "
                "models that see whole videos."
            ),
            "The paper says in words: around 85 % on seen tasks for all models but Flat, with up to 1000 "
            "tasks; flat models fail on unseen tasks; with 1000 tasks, NTP and NTP (GRU) are almost on par "
            "on unseen and seen tasks. Its curves exist as pictures only, so no points of them are drawn.",
            "*NTP (relabelled)* is NTP trained with cubes renumbered at random, which makes new tasks of the "
            "given ones: a curve of its own.",
            f"A training that ends with more than {STUCK:.0%} of a program's decisions wrong, on its own "
            "data, is stuck: an argument stays at chance. It is begun anew from other weights, "
            f"{ATTEMPTS} attempts at most; the table of costs tells of which.",
        ),
        rows,
        across="tasks",
        apart="test",
    )


def _stacking_row(paper: Paper, test: str, model: str, tasks: int) -> Row:
    n = paper.episodes(model)
    return paper.row(
        {"test": test, "model": label(model), "tasks": tasks},
        lambda seed: paper.evaluated(
            paper.trained(STACKING, model, tasks, seed),
            f"fig5-{test}-{model}-{tasks}-seed{seed}",
            TaskSet(test, n, seed, tasks),
        ),
    )


def _own_row(paper: Paper) -> Row:
    tasks = TaskSet(GIVEN, len(paper.own), texts=paper.own)
    return paper.row(
        {"test": "the authors' tasks of the test half", "model": label(RELATIONAL), "tasks": paper.most},
        lambda seed: paper.evaluated(
            paper.trained(STACKING, RELATIONAL, paper.most, seed),
            f"fig5-given-{RELATIONAL}-{paper.most}-seed{seed}",
            replace(tasks, seed=seed),
        ),
    )


def _orders(paper: Paper) -> Figure:
    counts = (4, 40) if paper.scale.quick else (4, 8, 20, 40)
    rows = []
    for model in MODELS:
        for objects in counts:
            rows.append(_orders_row(paper, model, objects))
    return Figure(
        "fig6",
        "Order fulfilment over the number of objects (the paper's figure 6)",
        (
            "Four categories, four containers; trained on four maps of categories to containers with one "
            "object a category; tried on maps that no training sees. Some choices of NTP+, and for all "
            "models that each video has an order of its own, were made after looks at such maps "
            "(docs/ntp.md): the four seen ones cannot show what fails on others.",
            "The paper says in words: NTP stays over 90 %; flat models fall from around 40 % to around 25 %, "
            "which it calls close to random; NTP (GRU) falls faster than NTP. A container chosen at random "
            "is right for one object in four, but for all of four objects once in 256 tasks. So the paper's "
            "rate is read as one of objects; both are shown.",
        ),
        rows,
        across="objects",
        pieces="objects in their containers",
    )


def _orders_row(paper: Paper, model: str, objects: int) -> Row:
    n = min(MAPS, paper.episodes(model))
    trained = TASKS[ORDERS]
    return paper.row(
        {"model": label(model), "objects": objects},
        lambda seed: paper.evaluated(
            paper.trained(ORDERS, model, trained, seed),
            f"fig6-{model}-{objects}-seed{seed}",
            TaskSet(UNSEEN, n, seed, trained),
            family=ORDERS,
            sizes={"objects": objects},
        ),
    )


def _ablations(paper: Paper) -> Figure:
    changes = {"": "none: NTP+ as it is"} | {name: ablation.title for name, ablation in ABLATIONS.items()}
    points: list[tuple[str, int, dict[str, int]]]
    points = [(STACKING, min(paper.scale.tasks), {})]
    points.append((ORDERS, TASKS[ORDERS], {"objects": 20}))
    if paper.scale.quick:
        changes, points = dict(list(changes.items())[:QUICK_CHANGES]), points[:1]
    rows = [
        _ablation_row(paper, name, title, family, tasks, sizes)
        for family, tasks, sizes in points
        for name, title in changes.items()
        if not name or _concerns(ABLATIONS[name], family)
    ]
    return Figure(
        "ablations",
        "NTP+ with one thing after another switched off or done otherwise",
        (
            "Unseen tasks; order fulfilment with 20 objects, for what is about receptacles or the number of "
            "objects. "
            + (
                ""
                if paper.scale.quick
                else f"All are trained for {ABLATION_STEPS} steps, fewer than usual; coordinates for "
                f"{ABLATIONS['vector'].steps}, as NTP."
            ),
        ),
        rows,
    )


def _concerns(ablation: Ablation, family: str) -> bool:
    """Whether it is measured with a family: what is about receptacles only with them, the rest without."""
    if FAMILIES[family].receptacles:
        return ablation.receptacles or ablation.crowds
    return not ablation.receptacles


def _ablation_row(paper: Paper, name: str, title: str, family: str, tasks: int, sizes: dict[str, int]) -> Row:
    steps = (name and ABLATIONS[name].steps) or ABLATION_STEPS
    return paper.row(
        {"switched back": title, "family": family, "tasks": tasks},
        lambda seed: paper.evaluated(
            paper.trained(family, RELATIONAL, tasks, seed, name, steps),
            f"ablation-{family}-{name or 'none'}-{tasks}-seed{seed}",
            TaskSet(UNSEEN, paper.scale.others, seed, tasks),
            family=family,
            sizes=sizes,
        ),
    )


CONDITIONS: dict[str, Conditions] = {
    "as trained": Conditions(),
    "detector noise 5 mm": Conditions(noise=WorldNoise(detector=0.005)),
    "30 % of the video's frames lost": Conditions(video=VideoConditions(TrackNoise(missed=0.3))),
    "demonstrator half as quick": Conditions(video=VideoConditions(speed=0.5)),
    "demonstrator twice as quick": Conditions(video=VideoConditions(speed=2.0)),
    "demonstrator pauses in every carry": Conditions(video=VideoConditions(pause=1.0)),
    "video mirrored": Conditions(video=VideoConditions(mirrored=True)),
    "video turned by 90°": Conditions(video=VideoConditions(turned=math.pi / 2)),
    "video turned by 180°": Conditions(video=VideoConditions(turned=math.pi)),
    "each move loses its cube with probability 0.1": Conditions(disturbances=Disturbances(drop=0.1)),
    "somebody moves a cube once": Conditions(disturbances=Disturbances(meddle_once=True)),
}
MISHAPS = tuple(CONDITIONS)[-2:]


def _robustness(paper: Paper) -> Figure:
    names = [name for name in CONDITIONS if not paper.scale.quick or name in MISHAPS]
    rows = [_robustness_row(paper, name, "") for name in names]
    rows += [_robustness_row(paper, name, "no_mishaps") for name in MISHAPS]
    return Figure(
        "robustness",
        "Other conditions than usual, block stacking",
        (f"{label(RELATIONAL)} trained on {paper.most} tasks; unseen ones; each row changes one condition.",),
        rows,
    )


def _robustness_row(paper: Paper, condition: str, ablation: str) -> Row:
    index = list(CONDITIONS).index(condition)
    return paper.row(
        {"condition": condition, "trained": "without mishaps" if ablation else "with mishaps"},
        lambda seed: paper.evaluated(
            paper.trained(STACKING, RELATIONAL, paper.most, seed, ablation),
            f"robustness-{index}-{ablation or 'usual'}-seed{seed}",
            TaskSet(UNSEEN, paper.scale.episodes, seed, paper.most),
            CONDITIONS[condition],
        ),
    )


def _beyond(paper: Paper) -> Figure:
    orders = {"categories": 8, "containers": 8}
    rows = [
        *(_beyond_row(paper, STACKING, f"{cubes} cubes", {"cubes": cubes}) for cubes in (10, 12)),
        *(
            _beyond_row(paper, STACKING, f"a tower of {h} cubes", {"shortest": h, "tallest": h})
            for h in (6, 7, 8)
        ),
        *(
            _beyond_row(
                paper, ORDERS, f"8 categories, 8 containers, {count} objects", {**orders, "objects": count}
            )
            for count in (8, 40)
        ),
    ]
    return Figure(
        "beyond",
        "More than was trained for",
        (
            f"{label(RELATIONAL)}. Block stacking: trained with 8 cubes on {paper.most} tasks with towers of "
            "up to four cubes. Order fulfilment: trained with 4 categories, 4 containers and one object a "
            "category.",
        ),
        rows,
    )


def _beyond_row(paper: Paper, family: str, name: str, sizes: dict[str, int]) -> Row:
    tasks = paper.most if family == STACKING else TASKS[family]
    slug = "-".join([family, *(f"{size}{value}" for size, value in sizes.items())])
    return paper.row(
        {"family": family, "tried on": name},
        lambda seed: paper.evaluated(
            paper.trained(family, RELATIONAL, tasks, seed),
            f"beyond-{slug}-seed{seed}",
            TaskSet(UNSEEN, paper.scale.episodes, seed, tasks),
            family=family,
            sizes=sizes,
        ),
    )


def _cleanup(paper: Paper) -> Figure:
    models = (RELATIONAL,) if paper.scale.quick else (RELATIONAL, NTP, FLAT)
    tasks = TASKS[CLEANUP]
    rows = [
        paper.row(
            {"test": test, "model": label(model)},
            lambda seed, model=model, test=test: paper.evaluated(  # type: ignore[misc]
                paper.trained(CLEANUP, model, tasks, seed),
                f"cleanup-{test}-{model}-seed{seed}",
                TaskSet(test, paper.episodes(model), seed, tasks),
                family=CLEANUP,
            ),
        )
        for test in (SEEN, UNSEEN)
        for model in models
    ]
    return Figure(
        "cleanup",
        "A third family: table clean-up",
        (
            f"Trays onto each other, cutlery onto the topmost (docs/new_task.md); {tasks} training tasks; "
            "new starts. No line of the planner is for this family alone.",
        ),
        rows,
    )


def _convergence(paper: Paper) -> Figure:
    models = (RELATIONAL, *list(MODELS)[1:2]) if paper.scale.quick else tuple(MODELS)
    rows = [
        _convergence_row(paper, test, model, again)
        for model in models
        for again in (False, True)
        for test in (SEEN, UNSEEN)
    ]
    return Figure(
        "convergence",
        "Is that all that training can do? The same trained on for as many gradient steps again",
        (
            f"Block stacking, {paper.most} training tasks; one seed. Trained on: from the weights that "
            "training ended with, with other batches, the learning rate from its peak down once more. A "
            "model is said to be trained to convergence here if that does not change its rates beyond their "
            "intervals.",
        ),
        rows,
    )


def _convergence_row(paper: Paper, test: str, model: str, again: bool) -> Row:
    seed, n = paper.scale.seeds[0], paper.scale.episodes
    policy = paper.trained(STACKING, model, paper.most, seed)
    usual = policy.config.steps
    if again:
        policy = paper.trained_on(policy)
    name = f"convergence-{test}-{model}-{'again' if again else 'usual'}-seed{seed}"
    unit = paper.evaluated(policy, name, TaskSet(test, n, seed, paper.most))
    steps = f"{usual} + {usual}" if again else str(usual)
    return Row({"model": label(model), "steps": steps, "test": test}, {seed: unit})


def _cost(paper: Paper) -> Figure:
    plan = [(STACKING, model, tasks) for model in (*MODELS, RELABELLED) for tasks in paper.scale.tasks]
    plan += [(family, RELATIONAL, TASKS[family]) for family in (ORDERS, CLEANUP)]
    rows = [_cost_row(paper, family, model, tasks) for family, model, tasks in plan]
    return Figure(
        "cost",
        "What training costs",
        ("CPU seconds of one core: recording the expert and training.",),
        rows,
        costs=True,
    )


def _cost_row(paper: Paper, family: str, model: str, tasks: int) -> Row:
    return paper.row(
        {"family": family, "model": label(model), "tasks": tasks},
        lambda seed: paper.trained(family, model, tasks, seed),
    )


TITLE = "The paper's experiments"
INTRODUCTION = (
    "How the experiments of Neural Task Programming (Xu et al., 2017, section IV) come out here. Everything "
    "on this page is measured on the kinematic twin and written by one command; the JSON files beside the "
    "pictures have all figures, with each seed's.",
    "An episode shows a task from one random start and lets the policy do it from another. It succeeds if "
    "all of the task's relations hold at the end *and* the program returned by itself. n counts episodes "
    "over all training seeds; in brackets, Wilson's 95 % interval of all episodes together, in per cent.",
)
FIGURES: dict[str, Callable[[Paper], Figure]] = {
    "fig5": _block_stacking,
    "fig6": _orders,
    "ablations": _ablations,
    "robustness": _robustness,
    "beyond": _beyond,
    "cleanup": _cleanup,
    "convergence": _convergence,
    "cost": _cost,
}
