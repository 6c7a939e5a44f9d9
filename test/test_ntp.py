"""Neural Task Programming: features, scopes, decisions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ntp_example import FAMILY, SHORT, SMALL, VARIANTS, demonstration, model_of, observation, untrained

from taskprog.machine import (
    Ask,
    Decision,
    Demonstration,
    Frame,
    Observation,
    PlannerError,
    Scope,
)
from taskprog.planners.ntp.batches import TraceSet
from taskprog.planners.ntp.comparison import Comparison
from taskprog.planners.ntp.config import ModelConfig, Sight
from taskprog.planners.ntp.dataset import Recording
from taskprog.planners.ntp.features import State, Window, relations
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.scoping import END, INSIDE, OUTSIDE, START, decode_scopes, scope_labels
from taskprog.planners.ntp.train import make_recordings
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import LIBRARY, random_layout
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return make_recordings(SHORT)


def test_relations_do_not_change_when_the_table_is_turned_or_shifted() -> None:
    positions = random_layout(0).positions
    positions[3] = positions[2] + [0.005, 0.0, CUBE_SIZE]
    turn = np.array([[math.cos(1.0), -math.sin(1.0), 0], [math.sin(1.0), math.cos(1.0), 0], [0, 0, 1]])
    here = relations(torch.tensor(positions), CUBE_SIZE)
    there = relations(torch.tensor(positions @ turn.T + [0.3, -0.2, 0.1]), CUBE_SIZE)
    torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)
    flat, height = here[2, 3].tolist()
    assert flat == pytest.approx(0.005 / CUBE_SIZE, abs=1e-3)
    assert height == pytest.approx(1.0)
    assert here[3, 2, 1] == pytest.approx(-1.0)


def windows(*lengths: int) -> Window:
    """Of these lengths, anywhere."""
    return Window.of(torch.zeros(len(lengths), dtype=torch.long), torch.tensor(lengths))


def test_scope_labels_and_decoding_are_inverse() -> None:
    for length in (6, 7, 8):
        labels = scope_labels(torch.tensor([2, 6]), torch.arange(length))
        assert labels.tolist() == [OUTSIDE, OUTSIDE, START, INSIDE, INSIDE, END, OUTSIDE, OUTSIDE][:length]
        logits = torch.nn.functional.one_hot(labels, 4).float().unsqueeze(1) * 10
        for joint in (True, False):
            assert decode_scopes(logits, windows(length), joint).tolist() == [[[2, 6]]]


@pytest.mark.parametrize("joint", [True, False])
def test_a_decoded_scope_never_leaves_its_callers_nor_ends_before_it_starts(joint: bool) -> None:
    lengths = (9, 12, 2) * 300
    labels = torch.randn(sum(lengths), 1, 4, generator=torch.Generator().manual_seed(0)) * 5
    first, stop = decode_scopes(labels, windows(*lengths), joint)[:, 0].T
    assert (first >= 0).all()
    assert (stop > first).all()
    assert (stop <= torch.tensor(lengths)).all()
    assert decode_scopes(labels[:1], windows(1), joint).tolist() == [[[0, 1]]]


def test_start_and_end_are_decoded_together() -> None:
    """The likeliest end lies before the likeliest start: the likelier pair of both wins."""
    probability = torch.full((2, 6, 4), 0.01)
    probability[0, 0, START], probability[0, 4, START] = 0.3, 0.4
    probability[0, 3, END], probability[0, 5, END] = 0.9, 0.1
    probability[1, 0, START], probability[1, 2, START] = 0.05, 0.9
    probability[1, 1, END], probability[1, 4, END] = 0.5, 0.4
    labels, both = probability.log().flatten(0, 1).unsqueeze(1), windows(6, 6)
    assert decode_scopes(labels, both)[:, 0].tolist() == [[0, 4], [2, 5]]
    assert decode_scopes(labels, both, joint=False)[:, 0].tolist() == [[4, 6], [2, 5]]


def test_windows_know_their_frames() -> None:
    window = Window.of(torch.tensor([3, 0, 7]), torch.tensor([2, 4, 1]))
    assert window.index.tolist() == [3, 4, 0, 1, 2, 3, 7]
    values = torch.arange(10.0).unsqueeze(1) + 1
    seen = window.of_frames(values)
    assert window.of_ends(values).squeeze(-1).tolist() == [[4, 5], [1, 4], [8, 8]]
    assert window.sums(seen).squeeze(-1).tolist() == [9, 10, 8]
    assert window.largest(-seen).squeeze(-1).tolist() == [-4, -1, -8]
    assert window.padded(seen).squeeze(-1).tolist() == [[4, 5, 5, 5], [1, 2, 3, 4], [8, 8, 8, 8]]
    for away, before, after in (
        (1, [0, 4, 0, 1, 2, 3, 0], [5, 0, 2, 3, 4, 0, 0]),
        (3, [0, 0, 0, 0, 0, 1, 0], [0, 0, 4, 0, 0, 0, 0]),
    ):
        found = window.beside(seen, away)
        assert [side.squeeze(-1).tolist() for side in found] == [before, after]
    part, kept = window.only(torch.tensor([2, 0]))
    assert part.index.tolist() == [7, 3, 4]
    assert window.index[kept].tolist() == part.index.tolist()


def test_frames_are_compared_with_the_decisions_of_their_own_windows() -> None:
    """Of two of three videos, a window of the last between those of the first."""
    window = Window.of(torch.tensor([1, 8, 0, 3]), torch.tensor([3, 2, 5, 1]))
    random = torch.Generator().manual_seed(0)
    shown = torch.randn(11, 2, 6, generator=random)  # (F, G, X)
    asked = torch.randn(4, 3, 2, 6, 2, generator=random)  # (B, K, G, X, M)
    found = Comparison(torch.tensor([5, 2, 4]), window).products(shown, asked)
    wanted = torch.einsum("tgx,tkgxm->tkgm", shown[window.index], asked[window.owner])
    torch.testing.assert_close(found, wanted.flatten(2))


# Decisions


def test_decisions_fit_the_library_and_the_scope() -> None:
    for seed in range(20):
        planner = untrained(seed)
        video = demonstration(seed=seed)
        planner.begin(video)
        for name in ("block_stacking", "pick_and_place", "pick", "place"):
            scope = Scope(1, len(video) - 1)
            decision = planner.decide(Frame(LIBRARY[name], scope), observation())
            if decision.call is not None:
                assert decision.call.op.name in LIBRARY[name].callees
            if decision.scope is not None:
                assert scope.covers(decision.scope)


def choice(planner: NTPPlanner, video: Demonstration, seen: Observation, program: str) -> Decision:
    planner.begin(video)
    return planner.decide(Frame(LIBRARY[program], video.whole), seen)


@pytest.mark.parametrize("program", ["block_stacking", "pick_and_place", "pick", "place"])
def test_renumbered_cubes_give_the_renumbered_decision(program: str) -> None:
    planner, video, seen = untrained(3), demonstration(), observation()
    order = np.random.default_rng(1).permutation(len(CUBE_NAMES))
    place = np.argsort(order)
    renumbered = replace(
        video,
        names=tuple(CUBE_NAMES[i] for i in order),
        positions=video.positions[:, order],
        held=np.where(video.held >= 0, place[video.held], -1),
    )
    assert choice(planner, renumbered, seen, program) == choice(planner, video, seen, program)


def test_the_shipped_policy_goes_on_where_the_scene_is_in_whatever_order_objects_come() -> None:
    planner = NTPPlanner.load(share_dir() / "models/policies/block_stacking", FAMILY)
    video, seen = demonstration("1>0 2>1 5>4"), observation()
    carries = [np.flatnonzero(video.held == cube) for cube in (1, 2, 5)]
    for done, (a, b) in enumerate(((1, 0), (2, 1), (5, 4))):
        for order in (np.arange(8), np.arange(8)[::-1], np.random.default_rng(0).permutation(8)):
            names = tuple(CUBE_NAMES[i] for i in order)
            shuffled = replace(seen, names=names, positions=seen.positions[order])
            decision = choice(planner, video, shuffled, "block_stacking")
            assert decision.call is not None
            assert decision.call.op.name == "pick_and_place"
            assert decision.scope == (carries[done][0] - 1, carries[done][-1] + 2)
        seen.positions[a] = seen.positions[b] + [0.004, -0.003, CUBE_SIZE + 0.002]
    assert choice(planner, video, seen, "block_stacking") == Decision(None, end=True)


def test_other_objects_than_in_the_demonstration_are_named() -> None:
    planner = untrained()
    planner.begin(demonstration())
    with pytest.raises(PlannerError, match="not in the scene: pink; not in the demonstration: mug"):
        planner.decide(Frame(LIBRARY["pick"], Scope(0, 3)), observation((*CUBE_NAMES[:-1], "mug")))
    with pytest.raises(PlannerError, match="not in the scene: blue"):
        planner.decide(Frame(LIBRARY["pick"], Scope(0, 3)), observation(CUBE_NAMES[:5] + CUBE_NAMES[6:]))


def test_deciding_without_a_demonstration_is_an_error() -> None:
    with pytest.raises(PlannerError, match="before it was given a demonstration"):
        untrained().decide(Frame(LIBRARY["pick"], Scope(0, 1)), observation())


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_runs_side_by_side_are_decided_as_each_alone(config: ModelConfig) -> None:
    """Padding, other runs and frames outside the scope change nothing, in any variant."""
    planner = untrained(1, config)
    videos = [demonstration(str(task), seed=i) for i, task in enumerate(FAMILY.tasks(3, 6))]
    assert len({len(video) for video in videos}) > 1
    programs = [op for op in planner.library.values() if op.callees]
    asks = [
        Ask(Frame(op, Scope(k, len(video) - k)), observation(seed=run + k), run)
        for run, video in enumerate(videos)
        for k, op in enumerate(programs)
    ]
    planner.begin_many(videos)
    together = planner.decide_many(asks)
    for ask, decision in zip(asks, together, strict=True):
        planner.begin(videos[ask.run])
        alone = planner.decide(ask.frame, ask.observation)
        assert isinstance(decision, Decision)
        assert replace(decision, state=None) == replace(alone, state=None)
        if config.recurrent:
            torch.testing.assert_close(decision.state, alone.state)


def test_a_recurrent_planner_keeps_its_memory_on_the_stack() -> None:
    planner, video, seen = untrained(0, VARIANTS["recurrent"]), demonstration(), observation()
    planner.begin(video)
    frame = Frame(LIBRARY["pick"], video.whole)
    first = planner.decide(frame, seen)
    second = planner.decide(replace(frame, state=first.state), seen)
    assert not torch.equal(first.state, second.state)
    assert torch.equal(planner.decide(frame, seen).state, first.state)
    reactive = untrained()
    reactive.begin(video)
    assert reactive.decide(frame, seen).state is None


@pytest.mark.parametrize("sight", Sight)
def test_decisions_of_a_window_are_made_as_one_by_one(recordings: list[Recording], sight: Sight) -> None:
    model = model_of(replace(SMALL, sight=sight))
    frames, (alone,) = TraceSet(recordings, False, True).draw(np.random.default_rng(0), 3, 12, np.ones(4))
    roots = alone.state.program[:, 0] == 0
    rows = torch.stack(
        [torch.arange(len(roots))[roots][k::3][:3] for k in range(3)], 1
    )  # of three videos, three
    parts = {name: value[rows, 0] for name, value in vars(alone.state).items()}
    whole, _ = alone.window.only(rows[:, 0])
    video = model.encode(frames)
    together = model(video, whole, State(**parts))
    assert together.labels.abs().sum() > 0
    for k in range(3):
        single = model(video, whole, State(**{name: value[:, k : k + 1] for name, value in parts.items()}))
        torch.testing.assert_close(together.call[:, k], single.call[:, 0])
        torch.testing.assert_close(together.labels[:, k], single.labels[:, 0])
        torch.testing.assert_close(together.object[:, k], single.object[:, 0])
