"""What NTP is trained on: recordings, and batches of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ntp_example import FAMILY, PLAIN, SHORT, SMALL, demonstration, model_of

from taskprog.machine import flattened
from taskprog.planners.ntp.batches import Group, TraceSet
from taskprog.planners.ntp.config import Returns
from taskprog.planners.ntp.dataset import DataConfig, Recording, record_all, thinned
from taskprog.planners.ntp.presets import MODELS, NTP, RELATIONAL, TASKS, configuration
from taskprog.planners.ntp.train import make_recordings, unseen_tasks
from taskprog.tasks.block_stacking import LIBRARY, demonstrated_steps
from taskprog.tasks.conditions import Disturbances
from taskprog.tasks.families import FAMILIES


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return make_recordings(SHORT)


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


@pytest.mark.parametrize("family", FAMILIES)
def test_no_baseline_trains_on_fewer_decisions_than_ntp(family: str) -> None:
    """Decisions of a gradient step, without padding, times the preset's steps."""

    def decisions(model: str) -> float:
        tasks = min(40, TASKS[family])
        config = configuration(family, model, tasks, 0)
        config = replace(config, data=replace(config.data, trials=40 // tasks))
        traces = TraceSet(make_recordings(config), config.model.recurrent, config.model.scoped)
        rng, weights = np.random.default_rng(0), np.ones(len(traces.programs))
        drawn = [traces.draw(rng, config.videos, config.decisions, weights)[1] for _ in range(40)]
        return config.steps * float(np.mean([sum(float(g.target.weight.sum()) for g in d) for d in drawn]))

    baselines = [model for model in MODELS if model not in (RELATIONAL, NTP)]
    assert min(decisions(model) for model in baselines) >= decisions(NTP)


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


def test_the_root_has_a_share_of_each_video_and_without_scopes_decisions_share_it(
    recordings: list[Recording],
) -> None:
    (group,) = drawn(recordings)
    assert group.state.program.shape == (48, 1)
    roots = (group.state.program == 0).view(8, 6)
    assert (roots.sum(1) == roots[0].sum()).all()
    assert 1 <= roots[0].sum() <= 5
    (only,) = drawn(recordings, scoped=False)
    assert (only.target.scope == -1).all()
    assert only.state.program.shape == (8, 6)
    assert len(only.window.length) == 8


def test_sequences_hold_all_decisions_of_a_call_in_order(recordings: list[Recording]) -> None:
    for group in drawn(recordings, recurrent=True):
        assert (group.state.program == group.state.program[:, :1]).all()
        lengths = group.target.weight.sum(1).long()
        ends = group.target.end[torch.arange(len(lengths)), lengths - 1]
        assert (ends == 1).all()
        assert (group.target.end * group.target.weight).sum() == len(lengths)


@pytest.mark.parametrize("recurrent", [True, False])
def test_batches_of_whole_sequences_are_of_like_length_and_every_video_has_its_turn(recurrent: bool) -> None:
    config = replace(SHORT, tasks=16, data=DataConfig(trials=8), model=replace(SMALL, scoped=False))
    recordings = make_recordings(config)
    traces = TraceSet(recordings, recurrent, False)
    rng, weights = np.random.default_rng(0), np.zeros(len(traces.programs))
    weights[0] = 1.0
    firsts, sizes, cells, times = [], [], 0, 1000
    for _ in range(times):
        frames, (group,) = traces.draw(rng, 8, 1, weights)
        firsts.append(frames.positions[group.window.index[group.window.start]])
        sizes.append(group.target.weight.sum(1) if recurrent else group.window.length)
        cells += len(sizes[-1]) * int(sizes[-1].max())
    starts = torch.from_numpy(np.stack([r.frames[0] for r in recordings])).flatten(1)
    counts = (torch.cat(firsts).flatten(1)[:, None] == starts).all(-1).sum(0)
    assert counts.sum() == 8 * times
    assert counts.min() > 0
    lengths = [(r.program == 0).sum() if recurrent else len(r.frames) for r in recordings]
    by_length = counts[torch.from_numpy(np.argsort(lengths))]
    for extreme in (by_length[:16], by_length[-16:]):
        assert extreme.sum() / counts.sum() == pytest.approx(16 / len(recordings), abs=0.035)
    size = torch.cat(sizes)
    assert size.max() > 2 * size.min()
    assert size.sum() > 0.8 * cells, "a part of the batches is padding"


def test_relabelling_renames_objects_alike_everywhere(recordings: list[Recording]) -> None:
    """An equivariant model, which cannot tell names, loses nothing and gains nothing."""
    model, results = model_of(SMALL), []
    for names in (False, True):
        traces = TraceSet(recordings, False, True)
        frames, groups = traces.draw(np.random.default_rng(2), 4, 6, np.ones(4))
        if names:
            order = torch.randperm(8)
            frames = replace(frames, positions=frames.positions[:, order], held=frames.held[:, order])
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
        held = group.window.sums(
            group.window.of_frames(frames.held)
        )  # (B, N) the cube that is carried in each scope
        picks = (group.state.program == list(LIBRARY).index("pick")) & (group.target.object >= 0)
        for b, k in picks.nonzero().tolist():
            assert held[b].argmax() == group.target.object[b, k]
