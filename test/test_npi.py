"""Neural Programmer-Interpreters: program table, traces, networks, decisions on the stack, training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from taskprog.machine import (
    NO_SCOPE,
    Ask,
    Decision,
    Frame,
    Machine,
    PlannerError,
    RunCode,
    TaskSpecification,
    run_many,
)
from taskprog.planners.checkpoint import CONFIG, CheckpointError
from taskprog.planners.npi.batches import ActivationSet, Decisions
from taskprog.planners.npi.checkpoint import load_policy, new_model
from taskprog.planners.npi.config import NPIConfig
from taskprog.planners.npi.dataset import NONE, Practice, Recordings, activations, record_all
from taskprog.planners.npi.environments import table_of
from taskprog.planners.npi.extension import begin_as_likeliest
from taskprog.planners.npi.objective import losses
from taskprog.planners.npi.planner import NPIPlanner
from taskprog.planners.npi.presets import configuration, maximum
from taskprog.planners.npi.train import TrainConfig, Trainer, make_recordings
from taskprog.planners.recording import Recorder
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import BlockStacking, StackingTask
from taskprog.tasks.conditions import VideoConditions
from taskprog.tasks.scratch_pad.addition import Addition
from taskprog.tasks.scratch_pad.evaluation import WRONG, Summary, evaluate
from taskprog.tasks.scratch_pad.pad import Symbols
from taskprog.tasks.scratch_pad.sorting import Sorting

SMALL = NPIConfig(hidden=24, state=12, program=8, key=6, fused=16, encoder=16)
BOTH = ("addition", "sorting")
CONFIG_BOTH = TrainConfig(
    BOTH,
    (Practice(0, (1, 2, 3), 4), Practice(0, (3,), 4, "RSHIFT"), Practice(1, (1, 2, 4), 4)),
    steps=12,
    decisions=100,
    warmup=4,
    model=SMALL,
)


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return make_recordings(CONFIG_BOTH)


@pytest.fixture(scope="module")
def trainer(recordings: Recordings) -> Trainer:
    trainer = Trainer(CONFIG_BOTH, recordings)
    trainer.run()
    return trainer


class Guided:
    """Asks an NPI, keeps what it says, and does what the expert says with the NPI's memory on the stack."""

    def __init__(self, npi: NPIPlanner):
        self._npi = npi
        self._expert = Addition().expert()
        self.said: dict[int, list[Decision]] = {}

    def begin(self, specification: TaskSpecification) -> None:
        self._npi.begin(specification)

    def decide(self, frame: Frame, observation: Symbols) -> Decision:
        activation, count, memory = frame.state or (len(self.said), None, None)
        said = self._npi.decide(replace(frame, state=memory), observation)
        self.said.setdefault(activation, []).append(said)
        done = self._expert.decide(replace(frame, state=count), observation)
        kept = said.state if not said.end else torch.zeros(4, SMALL.hidden)
        return replace(done, state=(activation, done.state, kept))


def test_programs_have_rows_by_environment_and_act_is_shared() -> None:
    table = table_of(BOTH)
    assert {"addition.LSHIFT", "sorting.LSHIFT", "ACT"} <= set(table.rows)
    assert len(table.rows) == len(set(table.rows)) == len(Addition().library) + len(Sorting().library) - 1
    add1 = table.callees[table.row(Addition(), Addition().library["ADD1"])]
    assert [*np.array([*table.rows, "none"])[add1]] == ["addition.CARRY", "ACT", "none"]
    assert [table.words[i] for i in table.words_of(("PTR", "OUT", "LEFT"))] == ["PTR", "OUT", "LEFT"]


# Reed & de Freitas, table 2. ACT is one program, LSHIFT and RSHIFT are one for each environment. RESET of the
# table calls LSHIFT alone; in the paper's trace (section 6.2) it moves the counting pointer by ACT.
TABLE_2 = {
    "addition.ADD": {"addition.ADD1", "addition.LSHIFT"},
    "addition.ADD1": {"ACT", "addition.CARRY"},
    "addition.CARRY": {"ACT"},
    "addition.LSHIFT": {"ACT"},
    "addition.RSHIFT": {"ACT"},
    "ACT": set(),
    "sorting.BUBBLESORT": {"sorting.BUBBLE", "sorting.RESET"},
    "sorting.BUBBLE": {"ACT", "sorting.BSTEP"},
    "sorting.RESET": {"sorting.LSHIFT", "ACT"},
    "sorting.BSTEP": {"sorting.COMPSWAP", "sorting.RSHIFT"},
    "sorting.COMPSWAP": {"ACT"},
    "sorting.LSHIFT": {"ACT"},
    "sorting.RSHIFT": {"ACT"},
    "poses.GOTO": {"poses.HGOTO", "poses.VGOTO"},
    "poses.HGOTO": {"poses.LGOTO", "poses.RGOTO"},
    "poses.LGOTO": {"ACT"},
    "poses.RGOTO": {"ACT"},
    "poses.VGOTO": {"poses.UGOTO", "poses.DGOTO"},
    "poses.UGOTO": {"ACT"},
    "poses.DGOTO": {"ACT"},
}
ADDED_LATER = {"sorting.RJMP": {"sorting.RSHIFT"}, "sorting.MAX": {"sorting.BUBBLESORT", "sorting.RJMP"}}


def test_programs_and_what_they_call_are_the_paper_s() -> None:
    def listed(*names: str) -> dict[str, set[str]]:
        table = table_of(names)
        rows = np.array(table.rows)
        return {name: set(rows[table.callees[k, :-1]].tolist()) for k, name in enumerate(table.rows)}

    assert listed("addition", "sorting", "poses") == TABLE_2
    assert len(TABLE_2) == 20
    assert listed("addition", "sorting", "poses", "maximum") == TABLE_2 | ADDED_LATER


def test_recordings_repeat_and_hold_each_activation_once(recordings: Recordings) -> None:
    again = make_recordings(CONFIG_BOTH)
    assert list(again.activations.items()) == list(recordings.activations.items())
    assert sum(len(a) * n for a, n in recordings.activations.items()) == recordings.decisions
    other = make_recordings(replace(CONFIG_BOTH, seed=1))
    assert set(other.activations) != set(recordings.activations)
    rows = {table_of(BOTH).rows[activation.program] for activation in recordings.activations}
    assert "addition.RSHIFT" in rows
    assert "ACT" not in rows, "ACT calls nothing, and decides nothing"


def test_every_activation_ends_with_its_last_decision(recordings: Recordings) -> None:
    none = len(table_of(BOTH).rows)
    for activation in recordings.activations:
        assert activation.ends == (False,) * (len(activation) - 1) + (True,)
        assert none not in activation.calls[:-1]
        for call, words in zip(activation.calls, activation.words, strict=True):
            assert (words == (NONE,) * 3) == (table_of(BOTH).rows[call : call + 1] != ("ACT",))


def test_padding_counts_for_nothing(recordings: Recordings, trainer: Trainer) -> None:
    activations = [a for a in recordings.activations if trainer.table.rows[a.program] == "sorting.RESET"]
    (batch,) = ActivationSet(trainer.table, activations).draw(np.random.default_rng(0), 10**6, np.ones(1))
    whole = losses(trainer.model(batch.environment, batch.program, batch.args, batch.values), batch).detach()
    assert (batch.weight == 0).any()
    assert (whole[batch.weight == 0] == 0).all()
    for row, activation in enumerate(activations):
        (alone,) = ActivationSet(trainer.table, [activation]).draw(np.random.default_rng(0), 1, np.ones(1))
        prediction = trainer.model(alone.environment, alone.program, alone.args, alone.values)
        mean = float(losses(prediction, alone).detach().sum() / alone.weight.max())
        assert mean == pytest.approx(float(whole[row].sum() / batch.weight.max()), rel=1e-4)


def test_activations_are_decided_together_as_each_batch_alone(
    recordings: Recordings, trainer: Trainer
) -> None:
    drawn = ActivationSet(trainer.table, list(recordings.activations))
    batches = drawn.draw(np.random.default_rng(0), 200, np.ones(len(drawn.programs)))
    assert len({batch.environment for batch in batches}) == 2
    assert len({batch.values.shape[1] for batch in batches}) > 3
    wanted, together = Decisions.of(batches), trainer.model.together([batch.asked for batch in batches])
    alone = [trainer.model(b.environment, b.program, b.args, b.values) for b in batches]
    kept = [batch.weight > 0 for batch in batches]
    for name in ("end", "call", "words"):
        parts = [getattr(p, name)[mask] for p, mask in zip(alone, kept, strict=True)]
        torch.testing.assert_close(getattr(together, name), torch.cat(parts))
    each = torch.cat([losses(p, batch)[mask] for p, batch, mask in zip(alone, batches, kept, strict=True)])
    torch.testing.assert_close(losses(together, wanted), each)
    assert len(torch.unique(wanted.activation)) == sum(len(batch.rows) for batch in batches)


def test_a_batch_has_every_program_and_about_the_size_asked_for(recordings: Recordings) -> None:
    drawn = ActivationSet(table_of(BOTH), list(recordings.activations))
    rng = np.random.default_rng(0)
    weights = np.ones(len(drawn.programs))
    batches = drawn.draw(rng, 100, weights)
    assert [int(batch.program[0]) for batch in batches] == drawn.programs
    weights[2] = 50.0
    batches = drawn.draw(rng, 100, weights)
    sizes = [float(batch.weight.sum()) for batch in batches]
    assert max(range(len(sizes)), key=sizes.__getitem__) == 2


def test_a_program_of_few_activations_has_its_share_too(recordings: Recordings) -> None:
    """CARRY sees eight different things at most, which count as much as all columns of another program."""
    drawn = ActivationSet(table_of(BOTH), list(recordings.activations))
    batches = drawn.draw(np.random.default_rng(0), 2000, np.ones(len(drawn.programs)))
    names = [table_of(BOTH).rows[int(batch.program[0])] for batch in batches]
    assert len(batches[names.index("addition.CARRY")].program) == 8
    sizes = np.array([float(batch.weight.sum()) for batch in batches])
    assert sizes.max() / sizes.min() < 1.2


def test_what_was_missed_of_late_is_drawn_more_often(recordings: Recordings) -> None:
    table = table_of(BOTH)
    program = table.rows.index("addition.ADD1")
    chosen = [a for a in recordings.activations if a.program == program]
    several, rng = ActivationSet(table, chosen), np.random.default_rng(0)

    def drawn(row: int) -> int:
        """In how many of 100 batches of a few it is."""
        batches = [several.draw(rng, 4, np.ones(1))[0] for _ in range(100)]
        return sum(row in batch.rows.tolist() for batch in batches)

    assert drawn(7) < 30
    (everything,) = several.draw(rng, 10**6, np.ones(1))
    missed = torch.arange(len(chosen)) == 7
    for _ in range(6):
        several.judged([everything], missed)
    assert drawn(7) > 3 * drawn(8)


def test_arguments_that_a_call_lacks_are_not_learnt() -> None:
    """The root of block stacking has twelve arguments, ``pick`` one."""
    config = configuration("block_stacking_by_call", 0)
    config = replace(config, practices=(replace(config.practices[0], problems=3),))
    table, lengths = table_of(config.environments), set()
    for activation in make_recordings(config).activations:
        for call, words in zip(activation.calls, activation.words, strict=True):
            meant = [word for word in words if word != NONE]
            assert words == (*meant, *(NONE,) * (table.arguments - len(meant)))
            if call < len(table.rows):
                lengths.add((table.rows[call].rpartition(".")[2], len(meant)))
    assert lengths == {
        ("pick_and_place", 2),
        ("pick", 1),
        ("place", 1),
        ("move_to", 2),
        ("close_gripper", 0),
        ("open_gripper", 0),
    }


def test_memory_is_nothing_at_a_call_and_the_callers_again_after_it() -> None:
    """Decisions one by one on the stack are those of the networks for each activation on its own."""
    table, addition = table_of(("addition",)), Addition()
    torch.manual_seed(1)
    model = new_model(SMALL, table)
    with torch.no_grad():
        model.get_parameter("end.bias").fill_(
            -100.0
        )  # never ends by itself, so that all decisions can be compared
        model.get_parameter("core.lstm.weight_hh_l0").mul_(20.0)  # what it remembers counts
    guided = Guided(NPIPlanner(model, table, addition))
    recorder = Recorder(addition.expert())
    for planner in (guided, recorder):
        problem = addition.of("96", "125")
        assert Machine(addition.library, problem.pad, planner, problem.budget).run(problem.call).steps == 30
    asked = 0
    for number, activation in enumerate(activations(table, 0, recorder.kept)):
        with torch.no_grad():
            prediction = model(
                "addition",
                torch.tensor([activation.program]),
                torch.tensor([activation.args]),
                torch.tensor([activation.values]),
            )
        rows = prediction.call[0, :, :-1].argmax(-1).tolist()
        words = prediction.words[0].argmax(-1).tolist()
        for said, row, word in zip(guided.said[number], rows, words, strict=True):
            assert said.call is not None
            assert table.row(addition, said.call.op) == row
            assert not said.call.args or [*table.words_of(said.call.args)] == word
            asked += 1
    assert asked == 30


def test_runs_side_by_side_are_decided_as_alone(trainer: Trainer) -> None:
    planner = trainer.planner(Sorting())
    problems = [Sorting().problem(np.random.default_rng(seed), 5) for seed in range(4)]
    machines = [Machine(Sorting().library, p.pad, budget=replace(p.budget, steps=30)) for p in problems]
    together = run_many(machines, [p.call for p in problems], planner)
    for seed, result in enumerate(together):
        problem = Sorting().problem(np.random.default_rng(seed), 5)
        budget = replace(problem.budget, steps=30)
        alone = Machine(Sorting().library, problem.pad, planner, budget).run(problem.call)
        assert alone == result
        assert problem.pad.text() == problems[seed].pad.text()


def test_a_program_that_does_not_end_calls_something(trainer: Trainer) -> None:
    planner = trainer.planner(Addition())
    rng = np.random.default_rng(0)
    for name in ("ADD", "ADD1", "CARRY", "LSHIFT"):
        frames = [Frame(Addition().library[name], (0, 0)) for _ in range(30)]  # type: ignore[arg-type]
        asks = [Ask(frame, Symbols(0.0, tuple(rng.integers(0, 11, 4).tolist()))) for frame in frames]
        for decision in planner.decide_many(asks):
            assert isinstance(decision, Decision)
            assert decision.call is not None or decision.end
            assert decision.call is None or decision.call.op.name in Addition().library[name].callees
            assert (decision.state is None) == decision.end


def test_an_npi_follows_calls_only(trainer: Trainer) -> None:
    video = BlockStacking().demonstrate(
        StackingTask.parse("1>0"), np.random.default_rng(0), VideoConditions()
    )
    with pytest.raises(PlannerError, match="given a call with arguments"):
        trainer.planner(Addition()).begin(video)


def test_training_goes_on_as_if_it_had_not_been_interrupted(
    recordings: Recordings, trainer: Trainer, tmp_path: Path
) -> None:
    class Stop(Exception):
        pass

    def stop(progress: object) -> None:
        if first.step == 5:
            first.save_state(tmp_path)
            raise Stop

    first = Trainer(CONFIG_BOTH, recordings)
    with pytest.raises(Stop):
        first.run(stop)
    second = Trainer(CONFIG_BOTH, recordings)
    assert second.load_state(tmp_path)
    second.run()
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
    with pytest.raises(ValueError, match="another configuration"):
        Trainer(replace(CONFIG_BOTH, rate=1e-3), recordings).load_state(tmp_path)


def test_a_saved_policy_decides_the_same(trainer: Trainer, tmp_path: Path) -> None:
    trainer.save(tmp_path)
    loaded = NPIPlanner.load(tmp_path, Sorting())
    frame = Frame(Sorting().library["BSTEP"], NO_SCOPE)
    for values in ((3, 9, 1, 0, 1), (9, 3, 2, 2, 0)):
        ours, theirs = (p.decide(frame, Symbols(0.0, values)) for p in (trainer.planner(Sorting()), loaded))
        assert (ours.call, ours.end) == (theirs.call, theirs.end)


def test_policies_of_other_programs_are_refused(trainer: Trainer, tmp_path: Path) -> None:
    trainer.save(tmp_path)
    with pytest.raises(CheckpointError, match=r"knows the programs of addition, sorting, not addition_rec"):
        NPIPlanner.load(tmp_path, Addition(recursive=True))
    config = json.loads((tmp_path / CONFIG).read_text())
    config["table"]["environments"]["addition"]["library"]["ADD"] = ["ADD1"]
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="trained for the program table"):
        NPIPlanner.load(tmp_path, Addition())
    config["table"]["environments"]["division"] = {}
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="the policy is for division; known are addition"):
        NPIPlanner.load(tmp_path, Addition())
    config["format"] = "taskprog-ntp/2"
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="format is 'taskprog-ntp/2', expected 'taskprog-npi/1'"):
        NPIPlanner.load(tmp_path, Addition())
    with pytest.raises(CheckpointError, match="no such folder"):
        NPIPlanner.load(tmp_path / "nowhere", Addition())


@pytest.mark.parametrize(("name", "value"), [("hidden", "x"), ("hidden", -3), ("key", 0), ("fused", True)])
def test_damaged_sizes_are_refused(name: str, value: object, trainer: Trainer, tmp_path: Path) -> None:
    trainer.save(tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    config["model"][name] = value
    (tmp_path / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=f"{name} is {value!r}, but should be a whole number"):
        NPIPlanner.load(tmp_path, Addition())


def test_evaluation_counts_wrong_results_and_broken_off_runs(trainer: Trainer) -> None:
    untrained = Summary.of(4, evaluate(Addition(), trainer.planner(Addition()), 4, 12, 5))
    assert (untrained.n, untrained.length) == (12, 4)
    assert untrained.successes + sum(untrained.causes.values()) == 12
    assert untrained.successes == 0
    assert set(untrained.causes) <= {WRONG, *(code.name.lower().replace("_", " ") for code in RunCode)}


@pytest.mark.parametrize("name", ["sorting", "sorting_recursive"])
def test_a_small_core_learns_to_sort(name: str) -> None:
    """Two cells only, which takes seconds; but whole sweeps, and that recursion ends."""
    model = NPIConfig(hidden=48, state=24, program=16, key=12, fused=32, encoder=48)
    practices = (Practice(0, (1, 2), 60),)
    config = TrainConfig((name,), practices, steps=400, decisions=200, rate=1e-2, model=model)
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    (world,) = trainer.table.environments
    assert Summary.of(2, evaluate(world, trainer.planner(world), 2, 40, 7)).rate >= 0.6


@pytest.mark.slow
def test_it_learns_to_add_longer_numbers_than_it_saw() -> None:
    model = NPIConfig(hidden=96, state=32, program=16, key=16, fused=64, encoder=64)
    practices = (Practice(0, (1, 2, 3, 4, 5), 100),)
    config = TrainConfig(("addition",), practices, steps=900, decisions=500, rate=8e-3, model=model)
    trainer = Trainer(config, make_recordings(config))
    trainer.run()
    assert Summary.of(12, evaluate(Addition(), trainer.planner(Addition()), 12, 20, 9)).rate >= 0.7


def test_programs_are_added_while_all_else_stays_as_it_is(recordings: Recordings) -> None:
    trainer = Trainer(CONFIG_BOTH, recordings)
    trainer.run()
    config = replace(maximum(CONFIG_BOTH), steps=30, decisions=60)
    config = replace(
        config, practices=tuple(replace(p, lengths=(1, 2, 4), problems=2) for p in config.practices)
    )
    more = Trainer(config, make_recordings(config), base=(trainer.model, trainer.table))
    before = {name: value.clone() for name, value in more.model.state_dict().items()}
    more.run()
    added = [more.table.rows.index(f"sorting.{name}") for name in ("RJMP", "MAX")]
    for name, value in more.model.state_dict().items():
        changed = (value != before[name]).nonzero()[:, 0].unique().tolist()
        assert set(changed) <= (set(added) if name in ("program_memory", "key_memory") else set()), name
    assert (more.model.program_memory[added] != before["program_memory"][added]).any(1).all()
    assert set(more.errors) == {"sorting.RJMP", "sorting.MAX"}
    for world in (Addition(), Sorting()):  # what it knew before, it does as before
        ours, theirs = (t.planner(world) for t in (trainer, more))
        results = [evaluate(world, planner, 3, 6, 1) for planner in (ours, theirs)]
        assert results[0] == results[1]


def test_a_new_program_begins_as_the_known_one_that_does_the_same() -> None:
    model, table = load_policy(share_dir() / "models/policies/multi")
    recorded = record_all(table, (Practice(table.environments.index(Sorting()), (2, 5), 4),), 0).activations
    new, memory = table.rows.index("sorting.RSHIFT"), model.program_memory
    known = [row for row in range(len(table.rows)) if row != new]
    right = memory[new].clone()
    with torch.no_grad():
        memory[known[-1]], memory[new] = right, 0.0
    begin_as_likeliest(model, ActivationSet(table, [a for a in recorded if a.program == new]).whole, known)
    assert torch.equal(memory[new], right)


def test_only_more_programs_make_an_extension(recordings: Recordings) -> None:
    trainer = Trainer(CONFIG_BOTH, recordings)
    base = (trainer.model, trainer.table)
    config = replace(CONFIG_BOTH, environments=("addition", "maximum"), decay=0.0)
    Trainer(config, make_recordings(config), base=base)
    config = replace(config, environments=("sorting",), practices=(Practice(0, (2,), 2),))
    with pytest.raises(ValueError, match=r"missing are: addition\.ADD"):
        Trainer(config, make_recordings(config), base=base)
    with pytest.raises(ValueError, match="decay should be 0"):
        Trainer(replace(maximum(CONFIG_BOTH), decay=0.1), recordings, base=base)


def test_the_shipped_npi_adds_numbers_ten_times_as_long_as_it_saw() -> None:
    planner = NPIPlanner.load(share_dir() / "models/policies/addition", Addition())
    for length, n in ((20, 20), (200, 2)):
        assert Summary.of(length, evaluate(Addition(), planner, length, n, 7)).rate == 1.0
