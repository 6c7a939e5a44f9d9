"""Neural Task Programming: features, scopes, decisions, checkpoints, training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from taskprog.machine import (
    Ask,
    Decision,
    Demonstration,
    Frame,
    Observation,
    PlannerError,
    Scope,
    flattened,
)
from taskprog.planners.checkpoint import CONFIG, WEIGHTS
from taskprog.planners.ntp.batches import Group, TraceSet
from taskprog.planners.ntp.checkpoint import library_of, new_model, save_policy
from taskprog.planners.ntp.config import ModelConfig, Returns, Sight
from taskprog.planners.ntp.dataset import DataConfig, Recording, record_all, thinned
from taskprog.planners.ntp.features import Frames, relations
from taskprog.planners.ntp.model import NTPModel
from taskprog.planners.ntp.planner import CheckpointError, NTPPlanner
from taskprog.planners.ntp.presets import ABLATIONS, MODELS, NTP, RELATIONAL, configuration, relabelled
from taskprog.planners.ntp.scoping import END, INSIDE, OUTSIDE, START, decode_scopes, scope_labels
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings, unseen_tasks
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import (
    LIBRARY,
    BlockStacking,
    StackingTask,
    demonstrated_steps,
    random_layout,
)
from taskprog.tasks.conditions import Conditions, Disturbances, VideoConditions
from taskprog.tasks.evaluation import Summary, evaluate
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE

FAMILY = BlockStacking()
SMALL = ModelConfig(relation_bits=4, relation_hidden=8, channels=8, embedding=8, hidden=16)
PLAIN = DataConfig(slips=0.0)
SHORT = TrainConfig(tasks=12, steps=12, videos=4, decisions=4, warmup=4, data=PLAIN, model=SMALL)


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return make_recordings(SHORT)


def demonstration(text: str = "1>0 2>1 5>4", seed: int = 0) -> Demonstration:
    return FAMILY.demonstrate(StackingTask.parse(text), np.random.default_rng(seed), VideoConditions())


def observation(names: tuple[str, ...] = CUBE_NAMES, seed: int = 9) -> Observation:
    positions = random_layout(seed).positions.astype(np.float32)[: len(names)]
    gripper = np.array([0.5, 0.0, 0.2], np.float32)
    return Observation(0.0, names, positions, np.zeros(len(names), np.float32), gripper, False, False)


def model_of(config: ModelConfig) -> NTPModel:
    return new_model(config, library_of(FAMILY, config), len(FAMILY.offsets)).eval()


def untrained(seed: int = 0, config: ModelConfig = SMALL) -> NTPPlanner:
    torch.manual_seed(seed)
    return NTPPlanner(model_of(config), FAMILY, library_of(FAMILY, config))


# Features


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


def test_scope_labels_and_decoding_are_inverse() -> None:
    labels = scope_labels(torch.tensor([[[2, 6]]]), 8)
    assert labels[0, 0].tolist() == [OUTSIDE, OUTSIDE, START, INSIDE, INSIDE, END, OUTSIDE, OUTSIDE]
    logits = torch.nn.functional.one_hot(labels, 4).float() * 10
    for joint in (True, False):
        for length in (6, 7, 8):
            assert decode_scopes(logits, torch.tensor([length]), joint).tolist() == [[[2, 6]]]


@pytest.mark.parametrize("joint", [True, False])
def test_a_decoded_scope_never_leaves_its_callers_nor_ends_before_it_starts(joint: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    for length in (9, 12, 2):
        labels = torch.randn(300, 1, 12, 4, generator=generator) * 5
        first, stop = decode_scopes(labels, torch.full((300,), length), joint)[:, 0].T
        assert (first >= 0).all()
        assert (stop > first).all()
        assert (stop <= length).all()
    one = decode_scopes(torch.randn(1, 1, 12, 4, generator=generator), torch.tensor([1]), joint)
    assert one.tolist() == [[[0, 1]]]


def test_start_and_end_are_decoded_together() -> None:
    """The likeliest end lies before the likeliest start: the likelier pair of both wins."""
    probability = torch.full((2, 1, 6, 4), 0.01)
    probability[0, 0, 0, START], probability[0, 0, 4, START] = 0.3, 0.4
    probability[0, 0, 3, END], probability[0, 0, 5, END] = 0.9, 0.1
    probability[1, 0, 0, START], probability[1, 0, 2, START] = 0.05, 0.9
    probability[1, 0, 1, END], probability[1, 0, 4, END] = 0.5, 0.4
    labels, length = probability.log(), torch.tensor([6, 6])
    assert decode_scopes(labels, length)[:, 0].tolist() == [[0, 4], [2, 5]]
    assert decode_scopes(labels, length, joint=False)[:, 0].tolist() == [[4, 6], [2, 5]]


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


VARIANTS = {
    "relational": SMALL,
    "vector": replace(SMALL, sight=Sight.VECTOR, encoder_dilations=(1,), joint=False),
    "recurrent": replace(SMALL, sight=Sight.VECTOR, recurrent=True),
    "no scope": replace(SMALL, scoped=False),
    "flat": replace(SMALL, flat=True, scoped=False, recurrent=True),
}


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


def test_decisions_of_a_window_are_made_as_one_by_one(recordings: list[Recording]) -> None:
    model = model_of(SMALL)
    frames, groups = TraceSet(recordings, False, True).draw(np.random.default_rng(0), 3, 12, np.ones(4))
    whole = groups[0]
    assert whole.state.program.shape[1] > 1
    video = model.encode(frames)
    together = model(video, whole.window, whole.state)
    for k in range(whole.state.program.shape[1]):
        part = type(whole.state)(*(v[:, k : k + 1] for v in vars(whole.state).values()))
        single = model(video, whole.window, part)
        torch.testing.assert_close(together.call[:, k], single.call[:, 0])
        torch.testing.assert_close(together.labels[:, k], single.labels[:, 0])
        torch.testing.assert_close(together.object[:, k], single.object[:, 0])


# Data


def test_a_task_of_the_test_half_is_never_recorded() -> None:
    task = FAMILY.tasks(0, 1, "test")[0]
    with pytest.raises(ValueError, match="belongs to the test half: it must never be trained on"):
        record_all(FAMILY, [*FAMILY.tasks(0, 2, "train"), task], 0, DataConfig())


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_recordings_repeat_with_their_seed(family: str, flat: bool) -> None:
    config = replace(SHORT, family=family, tasks=4, data=DataConfig(), model=replace(SMALL, flat=flat))
    first, again, other = (make_recordings(c) for c in (config, config, replace(config, seed=1)))
    assert len(first) == len(again)
    for a, b in zip(first, again, strict=True):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(value, getattr(b, name), err_msg=name)
    assert not np.array_equal(first[0].positions, other[0].positions)


def test_no_baseline_trains_on_fewer_decisions_than_ntp() -> None:
    """Decisions of a gradient step, without padding, times the preset's steps."""

    def decisions(model: str) -> float:
        config = configuration("block_stacking", model, 20, 0)
        config = replace(config, data=replace(config.data, trials=1))
        traces = TraceSet(make_recordings(config), config.model.recurrent, config.model.scoped)
        rng, weights = np.random.default_rng(0), np.ones(len(traces.programs))
        drawn = [traces.draw(rng, config.videos, config.decisions, weights)[1] for _ in range(20)]
        return config.steps * float(np.mean([sum(float(g.target.weight.sum()) for g in d) for d in drawn]))

    baselines = [model for model in MODELS if model not in (RELATIONAL, NTP)]
    assert min(decisions(model) for model in baselines) >= 0.99 * decisions(NTP)


def test_recorded_scopes_lie_inside_their_callers(recordings: list[Recording]) -> None:
    for recording in recordings:
        calls = recording.subscope[:, 0] >= 0
        assert (recording.subscope[calls, 0] >= recording.scope[calls, 0]).all()
        assert (recording.subscope[calls, 1] <= recording.scope[calls, 1]).all()
        assert (recording.subscope[calls, 1] - recording.subscope[calls, 0] >= 2).all()


def test_thinned_demonstrations_still_show_the_same() -> None:
    video = demonstration()
    thin = thinned(video, 0.9, np.random.default_rng(0))
    assert len(thin) < len(video)
    assert demonstrated_steps(thin) == demonstrated_steps(video)
    assert all((thin.held == cube).sum() >= 2 for cube in (1, 2, 5))


def test_unseen_tasks_are_not_trained_on_and_not_of_the_test_half() -> None:
    unseen = unseen_tasks(SHORT, 20)
    trained = {task.goal for task in FAMILY.tasks(SHORT.seed, SHORT.tasks, "train")}
    assert len(unseen) == 20
    assert {task.half for task in unseen} == {"train"}
    assert not {task.goal for task in unseen} & trained


def test_after_a_slip_the_expert_shows_how_to_go_on() -> None:
    """Programs that ended too early leave states from which the expert still reaches the goal."""
    tasks = FAMILY.tasks(0, 20, "train")
    config = replace(PLAIN, trials=1, disturbed=1.0, disturbances=Disturbances())
    plain, slipped = (record_all(FAMILY, tasks, 0, replace(config, slips=share)) for share in (0.0, 0.2))
    root = list(LIBRARY).index("block_stacking")
    holding = [(r.flags[r.program == root, 1] > 0).any() for r in slipped]
    assert sum(holding) > 10
    assert not any((r.flags[r.program == root, 1] > 0).any() for r in plain)
    assert all(r.call[-1] == -1 and r.program[-1] == root for r in slipped)
    for r in slipped:
        inner = r.subscope[:, 0] >= 0
        assert (r.subscope[inner, 0] >= r.scope[inner, 0]).all()
        assert (r.subscope[inner, 1] <= r.scope[inner, 1]).all()


def record_some(returns: Returns, flat: bool = False) -> list[Recording]:
    tasks = FAMILY.tasks(0, 6, "train")
    return record_all(FAMILY, tasks, 0, replace(PLAIN, trials=1), flat, returns)


def test_when_programs_return() -> None:
    """Each call of a program ends once, in its last decision, with or without a call as is asked for."""
    mixed, letter, apart = (record_some(r) for r in (Returns.MIXED, Returns.WITH_CALL, Returns.SEPARATE))
    root = list(LIBRARY).index("block_stacking")
    for recordings, alone in ((mixed, {root}), (letter, set()), (apart, {0, 1, 2, 3})):
        for r in recordings:
            for call in set(r.activation.tolist()):
                steps = np.flatnonzero(r.activation == call)
                assert r.end[steps].tolist() == [0.0] * (len(steps) - 1) + [1.0]
                assert (r.call[steps[-1]] == -1) == (r.program[steps[0]] in alone)
    for a, b in zip(mixed, apart, strict=True):
        calls = (r.call[r.call >= 0].tolist() for r in (a, b))
        assert next(calls) == next(calls)  # stops come in between, calls stay in order


def test_flat_recordings_hold_the_same_primitives_and_no_programs() -> None:
    library, deep = list(flattened(LIBRARY)), list(LIBRARY)
    still = (0.0, 0.0)
    tasks = FAMILY.tasks(0, 6, "train")
    config = DataConfig(trials=1, disturbed=0.0, detector=still, action=still)
    pairs = zip(
        record_all(FAMILY, tasks, 0, config, flat=True), record_all(FAMILY, tasks, 0, config), strict=True
    )
    for flat, hierarchical in pairs:
        primitives = [deep[c] for c in hierarchical.call if c >= 0 and LIBRARY[deep[c]].callees == ()]
        assert [library[c] for c in flat.call if c >= 0] == primitives
        assert set(flat.activation) == {0}


def drawn(recordings: list[Recording], **how: bool) -> list[Group]:
    rng = np.random.default_rng(0)
    traces = TraceSet(recordings, how.get("recurrent", False), how.get("scoped", True))
    return traces.draw(rng, 8, 6, np.ones(len(traces.programs)), how.get("relabelled", False))[1]


def test_whole_videos_are_shared_by_the_roots_decisions(recordings: list[Recording]) -> None:
    whole, parts = drawn(recordings)
    assert (whole.state.program == 0).all()
    assert len(whole.window.length) == 8
    assert (parts.state.program > 0).all()
    assert parts.state.program.shape[1] == 1
    (only,) = drawn(recordings, scoped=False)
    assert (only.target.scope == -1).all()
    assert only.state.program.shape == (8, 6)


def test_sequences_hold_all_decisions_of_a_call_in_order(recordings: list[Recording]) -> None:
    for group in drawn(recordings, recurrent=True):
        assert (group.state.program == group.state.program[:, :1]).all()
        lengths = group.target.weight.sum(1).long()
        ends = group.target.end[torch.arange(len(lengths)), lengths - 1]
        assert (ends == 1).all()
        assert (group.target.end * group.target.weight).sum() == len(lengths)


def test_relabelling_renames_objects_alike_everywhere(recordings: list[Recording]) -> None:
    """An equivariant model, which cannot tell names, loses nothing and gains nothing."""
    model, results = model_of(SMALL), []
    for names in (False, True):
        traces = TraceSet(recordings, False, True)
        frames, groups = traces.draw(np.random.default_rng(2), 4, 6, np.ones(4))
        if names:
            order = torch.randperm(8)
            frames = Frames(frames.positions[:, order], frames.held[:, order], frames.hand)
            for group in groups:
                group.state.positions = group.state.positions[:, :, order]
                place = order.argsort()[group.target.object.clamp(min=0)]
                group.target.object = torch.where(group.target.object >= 0, place, group.target.object)
        found = [model(model.encode(frames), g.window, g.state).object for g in groups]
        wanted = [g.target.object for g in groups]
        results.append(
            torch.cat([f[w >= 0].gather(1, w[w >= 0, None]) for f, w in zip(found, wanted, strict=True)])
        )
    torch.testing.assert_close(*results)
    rng = np.random.default_rng(0)
    frames, groups = TraceSet(recordings, False, True).draw(rng, 4, 6, np.ones(4), relabelled=True)
    for group in groups:
        held = group.window.of_frames(frames.held).sum(1)  # (B, N) the cube that is carried in each scope
        picks = (group.state.program == list(LIBRARY).index("pick")) & (group.target.object >= 0)
        for b, k in picks.nonzero().tolist():
            assert held[b].argmax() == group.target.object[b, k]


# Training


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def test_training_repeats_with_its_seed_and_goes_on_after_an_interruption(
    recordings: list[Recording], tmp_path: Path
) -> None:
    whole = Trainer(SHORT, recordings)
    whole.run()

    def interrupt(progress: object) -> None:
        if first.step == 5:
            raise KeyboardInterrupt

    first = Trainer(SHORT, recordings)
    with pytest.raises(KeyboardInterrupt):
        first.run(interrupt)
    first.save_state(tmp_path)
    second = Trainer(SHORT, recordings)
    assert second.load_state(tmp_path)
    assert second.step == 5
    second.run()
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(second)[name], value, rtol=0, atol=0)
    assert second.errors == whole.errors


def test_an_interrupted_training_is_not_continued_with_another_configuration(
    recordings: list[Recording], tmp_path: Path
) -> None:
    Trainer(SHORT, recordings).save_state(tmp_path)
    with pytest.raises(ValueError, match="another configuration"):
        Trainer(replace(SHORT, rate=1e-4), recordings).load_state(tmp_path)
    assert not Trainer(SHORT, recordings).load_state(tmp_path / "elsewhere")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_trains(model: str) -> None:
    config = configuration("block_stacking", model, 4, 0)
    config = replace(config, steps=2, videos=3, data=DataConfig(trials=1))
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    assert math.isfinite(trainer.loss)
    assert [point.step for point in trainer.history] == [1, 2]


def test_every_difference_from_the_paper_changes_one_thing() -> None:
    base = configuration("order_fulfilment", RELATIONAL, 4, 0)
    for name, ablation in ABLATIONS.items():
        changed = ablation.change(base)
        assert changed != base, name
        assert changed.steps == base.steps
        fields = [
            field
            for before, after in ((base.model, changed.model), (base.data, changed.data))
            for field, value in vars(after).items()
            if value != getattr(before, field)
        ]
        assert len(fields) == 1, (name, fields)
    assert relabelled(base).data.relabelled


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_training_learns_to_do_unseen_tasks() -> None:
    """With a thousand steps nearly all are done; an untrained policy does none."""
    config = TrainConfig(tasks=200, steps=700)
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    summary = Summary.of(evaluate(FAMILY, unseen_tasks(config, 40), trainer.planner(), Conditions()))
    assert summary.rate >= 0.6, summary


# Checkpoints


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    folder = tmp_path / "policy"
    save_policy(folder, model_of(SMALL), FAMILY, {})
    return folder


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_a_saved_policy_decides_the_same(config: ModelConfig, tmp_path: Path) -> None:
    fresh = untrained(5, config)
    save_policy(tmp_path, fresh._model, FAMILY, {})
    video, seen = demonstration(), observation()
    loaded = NTPPlanner.load(tmp_path, FAMILY)
    assert loaded.library == fresh.library
    for program in (op.name for op in fresh.library.values() if op.callees):
        asks = [Ask(Frame(fresh.library[program], video.whole), seen)]
        for planner in (fresh, loaded):
            planner.begin(video)
        (one,), (other,) = fresh.decide_many(asks), loaded.decide_many(asks)
        assert isinstance(one, Decision)
        assert isinstance(other, Decision)
        assert replace(one, state=None) == replace(other, state=None)


def truncate(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:500])


def change(**fields: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / CONFIG
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return edit


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / WEIGHTS).unlink(), "model.safetensors: no such file"),
        (lambda folder: (folder / CONFIG).unlink(), "config.json: no such file"),
        (truncate, "model.safetensors: damaged or not safetensors"),
        (lambda folder: (folder / CONFIG).write_text("{"), "config.json: not a policy's configuration"),
        (change(format="other/2"), "format is 'other/2', expected 'taskprog-ntp/2'"),
        (change(model={"channels": "many"}), "not a policy's configuration"),
        (
            change(model={**SMALL.__dict__, "hidden": 24}),
            r"tensor core.first.bias has shape \(16,\).*asks for \(24,\)",
        ),
        (change(root="sorting"), "trained for the library sorting"),
    ],
)
def test_a_damaged_policy_is_refused_by_name(
    policy: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(policy)
    with pytest.raises(CheckpointError, match=reason):
        NTPPlanner.load(policy, FAMILY)


def test_a_policy_for_another_family_or_at_no_such_place_is_refused(policy: Path) -> None:
    @dataclass(frozen=True)
    class Other(BlockStacking):
        release: ClassVar[float] = 0.1

    with pytest.raises(CheckpointError, match="trained for the library block_stacking"):
        NTPPlanner.load(policy, Other())
    vector = policy.with_name("vector")
    save_policy(vector, model_of(VARIANTS["vector"]), FAMILY, {})
    with pytest.raises(CheckpointError, match="sees a vector of 8 objects, the family has 10"):
        NTPPlanner.load(vector, BlockStacking(cubes=10))
    NTPPlanner.load(policy, BlockStacking(cubes=10))
    with pytest.raises(CheckpointError, match="no such folder"):
        NTPPlanner.load(policy / "missing", FAMILY)
