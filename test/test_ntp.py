"""Neural Task Programming: features, scopes, decisions, checkpoints, training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from taskprog.cli.main import main
from taskprog.machine import (
    Decision,
    Demonstration,
    Frame,
    Library,
    Observation,
    Op,
    OpKind,
    PlannerError,
    Scope,
)
from taskprog.planners.ntp.checkpoint import CONFIG, WEIGHTS, new_model, save_policy
from taskprog.planners.ntp.dataset import DataConfig, Recording, collate, record_all, thinned
from taskprog.planners.ntp.features import Video, relations
from taskprog.planners.ntp.model import END, INSIDE, OUTSIDE, START, ModelConfig, decode_scopes
from taskprog.planners.ntp.objective import scope_labels
from taskprog.planners.ntp.planner import CheckpointError, NTPPlanner
from taskprog.planners.ntp.train import TrainConfig, Trainer, make_recordings, unseen_tasks
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import (
    LIBRARY,
    OFFSETS,
    StackingTask,
    demonstrated_steps,
    generate_tasks,
    random_layout,
    transports,
)
from taskprog.tasks.demonstrator import demonstrate
from taskprog.tasks.evaluation import Conditions, Summary, evaluate
from taskprog.tasks.table_top import CUBE_NAMES, CUBE_SIZE

SMALL = ModelConfig(relation_bits=4, relation_hidden=8, channels=8, embedding=8, hidden=16)
SHORT = TrainConfig(tasks=12, steps=12, videos=4, decisions=4, warmup=4, model=SMALL)


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return make_recordings(SHORT)


def demonstration(text: str = "1>0 2>1 5>4", seed: int = 0) -> Demonstration:
    return demonstrate(StackingTask.parse(text), random_layout(seed), np.random.default_rng(seed))


def observation(names: tuple[str, ...] = CUBE_NAMES, seed: int = 9) -> Observation:
    positions = random_layout(seed).positions.astype(np.float32)[: len(names)]
    gripper = np.array([0.5, 0.0, 0.2], np.float32)
    return Observation(0.0, names, positions, np.zeros(len(names), np.float32), gripper, False, False)


def untrained(seed: int = 0) -> NTPPlanner:
    torch.manual_seed(seed)
    return NTPPlanner(new_model(SMALL, LIBRARY, len(OFFSETS)), LIBRARY, OFFSETS)


# Features


def test_relations_do_not_change_when_the_table_is_turned_or_shifted() -> None:
    positions = random_layout(0).positions
    positions[3] = positions[2] + [0.005, 0.0, CUBE_SIZE]
    turn = np.array([[math.cos(1.0), -math.sin(1.0), 0], [math.sin(1.0), math.cos(1.0), 0], [0, 0, 1]])
    here = relations(torch.tensor(positions))
    there = relations(torch.tensor(positions @ turn.T + [0.3, -0.2, 0.1]))
    torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)
    flat, height = here[2, 3].tolist()
    assert flat == pytest.approx(0.005 / CUBE_SIZE, abs=1e-3)
    assert height == pytest.approx(1.0)
    assert here[3, 2, 1] == pytest.approx(-1.0)


def test_scope_labels_and_decoding_are_inverse() -> None:
    labels = scope_labels(torch.tensor([[[2, 6]]]), 8)
    assert labels[0, 0].tolist() == [OUTSIDE, OUTSIDE, START, INSIDE, INSIDE, END, OUTSIDE, OUTSIDE]
    logits = torch.nn.functional.one_hot(labels, 4).float() * 10
    for scope in ([0, 8], [1, 7], [2, 6]):
        assert decode_scopes(logits, torch.tensor([[scope]])).tolist() == [[[2, 6]]]


def test_a_decoded_scope_never_leaves_its_callers_nor_ends_before_it_starts() -> None:
    generator = torch.Generator().manual_seed(0)
    for start, stop in ((3, 9), (0, 12), (4, 6)):
        scope = torch.tensor([start, stop]).expand(300, 2)
        first, last = decode_scopes(torch.randn(300, 12, 4, generator=generator) * 5, scope).T
        assert (first >= start).all()
        assert (last - first >= 2).all()
        assert (last <= stop).all()
    single = torch.tensor([[3, 4]])
    assert decode_scopes(torch.randn(1, 12, 4, generator=generator), single).tolist() == [[3, 4]]


def test_start_and_end_are_decoded_together() -> None:
    """The likeliest end lies before the likeliest start: the likelier pair of both wins."""
    probability = torch.full((2, 6, 4), 0.01)
    probability[0, 0, START], probability[0, 4, START] = 0.3, 0.4
    probability[0, 3, END], probability[0, 5, END] = 0.9, 0.1
    probability[1, 0, START], probability[1, 2, START] = 0.05, 0.9
    probability[1, 1, END], probability[1, 4, END] = 0.5, 0.4
    assert decode_scopes(probability.log(), torch.tensor([[0, 6], [0, 6]])).tolist() == [[0, 4], [2, 5]]


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
    planner = NTPPlanner.load(share_dir() / "models/policies/block_stacking", LIBRARY)
    video, seen = demonstration("1>0 2>1 5>4"), observation()
    carries = transports(video)
    for done, (a, b) in enumerate(((1, 0), (2, 1), (5, 4))):
        for order in (np.arange(8), np.arange(8)[::-1], np.random.default_rng(0).permutation(8)):
            names = tuple(CUBE_NAMES[i] for i in order)
            shuffled = replace(seen, names=names, positions=seen.positions[order])
            decision = choice(planner, video, shuffled, "block_stacking")
            assert decision.call is not None
            assert decision.call.op.name == "pick_and_place"
            assert decision.scope == (carries[done].start - 1, carries[done].stop + 1)
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


def test_a_batch_decides_as_one_by_one(recordings: list[Recording]) -> None:
    """Padding a short video to the longest of a batch, and frames outside the scope, change nothing."""
    model = new_model(SMALL, LIBRARY, len(OFFSETS))
    chosen = sorted(recordings, key=lambda r: len(r.frames))[:: len(recordings) // 4]
    assert len({len(r.frames) for r in chosen}) > 1
    picked: list[tuple[Recording, NDArray[np.int64]]] = [(r, np.array([0, 5, 9])) for r in chosen]
    video, state, _ = collate(picked)
    batch = model(model.encode(video), state)
    for row, (recording, steps) in enumerate(picked):
        for column, step in enumerate(steps):
            one_video, one_state, _ = collate([(recording, np.array([step]))])
            start, stop = one_state.scope[0, 0].tolist()
            cut = Video(one_video.positions[:, start:stop], one_video.held[:, start:stop])
            one_state.scope = one_state.scope - start
            single = model(model.encode(cut), one_state)
            torch.testing.assert_close(batch.call[row, column], single.call[0, 0])
            torch.testing.assert_close(batch.end[row, column], single.end[0, 0])
            torch.testing.assert_close(batch.object[row, column], single.object[0, 0])
            torch.testing.assert_close(batch.labels[row, column, start:stop], single.labels[0, 0])


# Data


def test_a_task_of_the_test_half_is_never_recorded() -> None:
    task = generate_tasks(seed=0, n=1, half="test")[0]
    with pytest.raises(ValueError, match="belongs to the test half: it must never be trained on"):
        record_all([*generate_tasks(0, 2, "train"), task], 0, DataConfig())


def test_recordings_repeat_with_their_seed(recordings: list[Recording]) -> None:
    again = make_recordings(SHORT)
    other = make_recordings(replace(SHORT, seed=1))
    assert all((a.positions == b.positions).all() for a, b in zip(recordings, again, strict=True))
    assert not np.array_equal(recordings[0].positions, other[0].positions)


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
    assert all(carry.stop - carry.start >= 2 for carry in transports(thin))


def test_unseen_tasks_are_not_trained_on_and_not_of_the_test_half() -> None:
    unseen = unseen_tasks(SHORT, 20)
    trained = {task.towers for task in generate_tasks(SHORT.seed, SHORT.tasks, "train")}
    assert len(unseen) == 20
    assert {task.half for task in unseen} == {"train"}
    assert not {task.towers for task in unseen} & trained


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


def test_the_command_leaves_a_policy_and_its_card(tmp_path: Path) -> None:
    sizes = ["--tasks", "4", "--trials", "1", "--steps", "3", "--check", "2", "--seed", "5"]
    assert main(["train", "--output", str(tmp_path), *sizes]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MODEL_CARD.md", CONFIG, WEIGHTS]
    NTPPlanner.load(tmp_path, LIBRARY)
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "taskprog train --seed 5 --tasks 4 --trials 1 --steps 3" in card
    assert "of 2 tasks of the training half" in card
    assert main(["train", "--output", str(tmp_path), "--steps", "0"]) == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_training_learns_to_do_unseen_tasks() -> None:
    """With 600 steps all 40 are done as well; an untrained policy does none."""
    config = TrainConfig(tasks=200, steps=700)
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    planner = NTPPlanner(trainer.model, LIBRARY, OFFSETS)
    summary = Summary.of(evaluate(unseen_tasks(config, 40), planner, Conditions()))
    assert summary.rate >= 0.75, summary


# Checkpoints


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    folder = tmp_path / "policy"
    save_policy(folder, new_model(SMALL, LIBRARY, len(OFFSETS)), SMALL, LIBRARY, OFFSETS, {})
    return folder


def test_a_saved_policy_decides_the_same(tmp_path: Path) -> None:
    torch.manual_seed(5)
    model = new_model(SMALL, LIBRARY, len(OFFSETS))
    save_policy(tmp_path, model, SMALL, LIBRARY, OFFSETS, {})
    video, seen = demonstration(), observation()
    loaded = NTPPlanner.load(tmp_path, LIBRARY)
    for program in ("block_stacking", "pick_and_place", "pick", "place"):
        fresh = choice(NTPPlanner(model, LIBRARY, OFFSETS), video, seen, program)
        assert choice(loaded, video, seen, program) == fresh


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
        (change(format="other/2"), "format is 'other/2', expected 'taskprog-ntp/1'"),
        (change(model={"channels": "many"}), "not a policy's configuration"),
        (
            change(model={**SMALL.__dict__, "hidden": 24}),
            r"tensor core.0.bias has shape \(16,\).*asks for \(24,\)",
        ),
        (change(root="sorting"), "trained for the library sorting"),
    ],
)
def test_a_damaged_policy_is_refused_by_name(
    policy: Path, damage: Callable[[Path], None], reason: str
) -> None:
    damage(policy)
    with pytest.raises(CheckpointError, match=reason):
        NTPPlanner.load(policy, LIBRARY)


def test_a_policy_for_another_library_or_at_no_such_place_is_refused(policy: Path) -> None:
    other = Library("root", (Op("root", OpKind.PROGRAM, (), ("wave",)), Op("wave", OpKind.PRIMITIVE)))
    with pytest.raises(CheckpointError, match="trained for the library block_stacking"):
        NTPPlanner.load(policy, other)
    with pytest.raises(CheckpointError, match="no such folder"):
        NTPPlanner.load(policy / "missing", LIBRARY)
