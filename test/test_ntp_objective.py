"""What the networks are trained towards, on decisions made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from taskprog.planners.ntp.features import Window
from taskprog.planners.ntp.model import Prediction
from taskprog.planners.ntp.objective import LABEL_WEIGHT, Targets, losses, wrong
from taskprog.planners.ntp.scoping import END, INSIDE, OUTSIDE, START

# Two windows of 4 and 3 frames, two decisions each, of which the first passes a scope on, and of the others
# one calls an API, and one stops. There are 5 operations, 3 objects and 2 offsets.
WINDOW = Window.of(torch.tensor([6, 0]), torch.tensor([4, 3]))
TARGET = Targets(
    call=torch.tensor([[1, 4], [2, -1]]),
    end=torch.tensor([[0.0, 1.0], [0.0, 1.0]]),
    object=torch.tensor([[-1, 2], [-1, -1]]),
    offset=torch.tensor([[-1, 1], [-1, -1]]),
    scope=torch.tensor([[[1, 3], [-1, -1]], [[0, 3], [-1, -1]]]),
    weight=torch.ones(2, 2),
)
LABELS = (OUTSIDE, START, END, OUTSIDE, START, INSIDE, END)
CERTAIN = 50.0
EVEN = {  # what each part costs where all of its classes are equally likely
    "call": [[math.log(5), math.log(5)], [math.log(5), 0.0]],
    "end": [[math.log(2), math.log(2)], [math.log(2), math.log(2)]],
    "object": [[0.0, math.log(3)], [0.0, 0.0]],
    "offset": [[0.0, math.log(2)], [0.0, 0.0]],
    "labels": [[0.3 * 4 * math.log(4), 0.0], [0.3 * 3 * math.log(4), 0.0]],
}


def certain(wanted: Tensor, classes: int) -> Tensor:
    """Logits of classes, and of the last one where nothing is to be predicted."""
    return CERTAIN * F.one_hot(wanted % classes, classes).float()


def as_the_expert() -> Prediction:
    """Certain of what is right, and of anything where nothing is to be predicted."""
    passed = certain(torch.tensor(LABELS), 4)
    return Prediction(
        call=certain(TARGET.call, 5),
        end=CERTAIN * (2 * TARGET.end - 1),
        object=certain(TARGET.object, 3),
        offset=certain(TARGET.offset, 2),
        labels=torch.stack([passed, certain(torch.full((7,), START), 4)], 1),
    )


def even(*parts: str) -> Prediction:
    """As the expert, but with all classes of some parts equally likely."""
    prediction = as_the_expert()
    return replace(prediction, **{part: torch.zeros_like(getattr(prediction, part)) for part in parts})


def missed(prediction: Prediction, target: Targets = TARGET, scoped: bool = True) -> list[list[bool]]:
    """Which decisions are wrong, the same whichever way scopes are decoded."""
    together, apart = (wrong(prediction, target, WINDOW, scoped, joint) for joint in (True, False))
    assert torch.equal(together, apart)
    result: list[list[bool]] = together.tolist()
    return result


def test_to_decide_as_the_expert_costs_nothing_and_is_right() -> None:
    torch.testing.assert_close(losses(as_the_expert(), TARGET, WINDOW, scoped=True), torch.zeros(2, 2))
    assert missed(as_the_expert()) == [[False, False], [False, False]]


@pytest.mark.parametrize("part", EVEN)
def test_each_part_alone_costs_what_the_expert_did_of_it(part: str) -> None:
    found = losses(even(part), TARGET, WINDOW, scoped=True)
    torch.testing.assert_close(found, torch.tensor(EVEN[part]))


@pytest.mark.parametrize(
    ("part", "logits", "cost"),
    [
        ("call", [0.0, math.log(4), 0.0, 0.0, 0.0], math.log(2)),
        ("end", math.log(3), math.log(4)),
        ("object", [0.0, 0.0, math.log(6)], math.log(8 / 6)),
        ("offset", [math.log(3), 0.0], math.log(4)),
    ],
)
def test_it_costs_the_logarithm_of_the_expert_choices_probability(
    part: str, logits: list[float] | float, cost: float
) -> None:
    prediction = as_the_expert()
    row = 1 if part in ("object", "offset") else 0
    getattr(prediction, part)[0, row] = torch.tensor(logits)
    expected = torch.zeros(2, 2)
    expected[0, row] = cost
    torch.testing.assert_close(losses(prediction, TARGET, WINDOW, scoped=True), expected)


def test_parts_add_up_and_a_frames_label_counts_less() -> None:
    assert LABEL_WEIGHT == 0.3
    total = torch.stack([torch.tensor(cost) for cost in EVEN.values()]).sum(0)
    torch.testing.assert_close(losses(even(*EVEN), TARGET, WINDOW, scoped=True), total)
    without = total - torch.tensor(EVEN["labels"])
    torch.testing.assert_close(losses(even(*EVEN), TARGET, WINDOW, scoped=False), without)


@pytest.mark.parametrize("padded", [(0, 0), (0, 1), (1, 0)])
def test_padding_costs_nothing_and_changes_nothing_else(padded: tuple[int, int]) -> None:
    weight = torch.ones(2, 2)
    weight[padded] = 0.0
    all_of_it = losses(even(*EVEN), TARGET, WINDOW, scoped=True)
    found = losses(even(*EVEN), replace(TARGET, weight=weight), WINDOW, scoped=True)
    assert found[padded] == 0.0
    torch.testing.assert_close(found, all_of_it * weight)
    assert (all_of_it > 0).all()


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("call", [[True, True], [True, False]]),
        ("end", [[True, True], [True, True]]),
        ("object", [[False, True], [False, False]]),
        ("offset", [[False, True], [False, False]]),
    ],
)
def test_any_part_that_the_expert_did_otherwise_makes_a_decision_wrong(
    part: str, expected: list[list[bool]]
) -> None:
    prediction = as_the_expert()
    assert missed(replace(prediction, **{part: -getattr(prediction, part)})) == expected


def test_a_scope_that_is_not_the_experts_makes_a_decision_wrong() -> None:
    prediction = as_the_expert()
    prediction.labels[:4, 0] = certain(torch.tensor([START, INSIDE, END, OUTSIDE]), 4)
    assert missed(prediction) == [[True, False], [False, False]]
    assert missed(prediction, scoped=False) == [[False, False], [False, False]]
    prediction.labels[4:, 0] = certain(torch.tensor([START, END, INSIDE]), 4)
    assert missed(prediction) == [[True, False], [True, False]]


def test_a_frames_label_that_moves_no_end_is_not_wrong_though_it_costs() -> None:
    prediction = as_the_expert()
    prediction.labels[5, 0] = certain(torch.tensor(OUTSIDE), 4)
    assert missed(prediction) == [[False, False], [False, False]]
    cost = losses(prediction, TARGET, WINDOW, scoped=True)
    torch.testing.assert_close(cost, torch.tensor([[0.0, 0.0], [0.3 * CERTAIN, 0.0]]))


def test_a_batch_in_which_no_scope_is_passed_on_is_judged_by_its_other_parts() -> None:
    """A batch of few sequences may have none."""
    target = replace(TARGET, scope=torch.full((2, 2, 2), -1))
    prediction = even("labels")
    assert missed(prediction, target) == [[False, False], [False, False]]
    torch.testing.assert_close(losses(prediction, target, WINDOW, scoped=True), torch.zeros(2, 2))
    assert missed(replace(prediction, end=-prediction.end), target) == [[True, True], [True, True]]


def test_scopes_are_judged_as_they_are_decoded() -> None:
    """The likeliest start, in frame 2, comes after the likeliest end: together frames 0 and 1 win."""
    probability = torch.full((4, 1, 4), 0.01)
    probability[0, 0, START], probability[2, 0, START] = 0.3, 0.4
    probability[1, 0, END], probability[3, 0, END] = 0.9, 0.1
    window = Window.of(torch.tensor([0]), torch.tensor([4]))
    labels = probability.log()
    nothing = torch.tensor([[-1]])
    two = torch.zeros(1, 1, 2)
    prediction = Prediction(call=two, end=-torch.ones(1, 1), object=two, offset=two, labels=labels)
    for scope, joint in (([0, 2], True), ([2, 4], False)):
        scopes = torch.tensor([[scope]])
        target = Targets(nothing, torch.zeros(1, 1), nothing, nothing, scopes, torch.ones(1, 1))
        assert not wrong(prediction, target, window, scoped=True, joint=joint)
        assert wrong(prediction, target, window, scoped=True, joint=not joint)
