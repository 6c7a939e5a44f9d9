"""Single decisions without torch are those made with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from taskprog.machine import (
    Ask,
    Budget,
    Decision,
    Demonstration,
    Frame,
    Machine,
    Observation,
    OpKind,
    PlannerError,
    Scope,
    TaskSpecification,
)
from taskprog.planners.ntp.checkpoint import library_of, new_model
from taskprog.planners.ntp.config import ModelConfig, Returns, Sight
from taskprog.planners.ntp.features import State, Window, frames_of
from taskprog.planners.ntp.model import NTPModel, Prediction
from taskprog.planners.ntp.planner import NTPPlanner
from taskprog.planners.ntp.quick import Answer, QuickModel, Scene
from taskprog.planners.ntp.quick_layers import decode_scope
from taskprog.planners.ntp.scoping import decode_scopes
from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import BlockStacking
from taskprog.tasks.conditions import Disturbances, VideoConditions, WorldNoise
from taskprog.tasks.expert import Expert
from taskprog.tasks.families import FAMILIES
from taskprog.tasks.family import Family

CONFIG = ModelConfig(relation_bits=4, relation_hidden=8, channels=8, specification=6, embedding=8, hidden=16)
VARIANTS = {
    "plain": CONFIG,
    "shipped sizes": ModelConfig(),
    "not compared": replace(CONFIG, compared=False),
    "summed": replace(CONFIG, saturated=False),
    "apart": replace(CONFIG, joint=False),
    "encoder": replace(CONFIG, encoder_dilations=(1, 4)),
    "no scope": replace(CONFIG, scoped=False),
    "flat": replace(CONFIG, flat=True, scoped=False),
}
VIDEO = 40  # frames


def perturbed(seed: int, config: ModelConfig, family: Family) -> NTPModel:
    """An untrained model, but with weights as large as training makes them: untrained ones decide nearly
    the same whatever they see."""
    torch.manual_seed(seed)
    model = new_model(config, library_of(family, config), len(family.offsets)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            inputs = parameter[0].numel() if parameter.dim() > 1 else 10
            parameter += torch.randn_like(parameter) / inputs**0.5  # type: ignore[misc]
            if name == "sight.object_relation.2.bias":
                parameter += 3.0  # type: ignore[misc]
    return model


def crowd(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Positions so close that many objects are related."""
    return rng.normal([0.6, 0.0, 0.1], [0.06, 0.06, 0.04], (*shape, 3)).astype(np.float32)


def video_of(rng: np.random.Generator, objects: int) -> Demonstration:
    held = np.repeat(rng.integers(-1, objects, VIDEO // 4), 4)
    names = tuple(f"object {i}" for i in range(objects))
    return Demonstration(names, crowd(rng, VIDEO, objects), held, np.arange(VIDEO, dtype=np.float64))


def by_torch(
    model: NTPModel, video: Demonstration, receptacle: np.ndarray, program: int, scope: Scope, scene: Scene
) -> Prediction:
    present = scene.present if scene.present is not None else np.ones(len(video.names), np.float32)
    state = State(
        torch.tensor(scene.positions)[None, None],
        torch.tensor(present)[None, None],
        torch.tensor(receptacle)[None, None],
        torch.tensor(scene.tool)[None, None],
        torch.tensor(scene.flags).float()[None, None],
        torch.tensor([[program]]),
    )
    window = Window.of(torch.tensor([scope.start]), torch.tensor([scope.stop - scope.start]))
    with torch.no_grad():
        prediction: Prediction = model(model.encode(frames_of([video])), window, state)
    return prediction


def assert_same(answer: Answer, labels: np.ndarray | None, prediction: Prediction) -> None:
    def close(quick: np.ndarray | float, slow: torch.Tensor) -> None:
        np.testing.assert_allclose(quick, slow.numpy(), rtol=1e-5, atol=1e-4)

    close(answer.call, prediction.call[0, 0])
    close(answer.end, prediction.end[0, 0])
    close(answer.object, prediction.object[0, 0])
    close(answer.offset, prediction.offset[0, 0])
    if labels is not None:
        close(labels, prediction.labels[:, 0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("objects", [8, 12])
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())
def test_logits_are_torchs(config: ModelConfig, family: Family, objects: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, video = perturbed(seed, config, family), video_of(rng, objects)
    receptacle = (np.arange(objects) % 3 == 0).astype(np.float32)
    with torch.no_grad():
        quick = QuickModel(model, model.encode(frames_of([video])), receptacle)  # type: ignore[arg-type]
    absent = (rng.random(objects) < 0.7).astype(np.float32)
    ops = list(library_of(family, config).values())
    for program in (i for i, op in enumerate(ops) if op.kind is OpKind.PROGRAM):
        interpreted = bool(model.interprets[program])
        for scope in (Scope(7, 8), Scope(VIDEO - 2, VIDEO), Scope(10, 14), Scope(0, VIDEO)):
            for present in (None, absent) if family.vanishing else (None,):
                flags = (bool(rng.integers(2)), bool(rng.integers(2)))
                scene = Scene(crowd(rng, objects), present, crowd(rng), flags)
                answer = quick.predict(program, scope, scene)
                labels = quick.labels(program, answer) if interpreted else None
                prediction = by_torch(model, video, receptacle, program, scope, scene)
                assert_same(answer, labels, prediction)


@pytest.mark.parametrize("joint", [True, False])
def test_scopes_are_decoded_as_torch_does(joint: bool) -> None:
    """Also where frames are alike, so that a start or an end is no likelier than another."""
    rng = np.random.default_rng(0)
    for length in (1, 2, 3, 4, 9, 40):
        for _ in range(100):
            labels = 4.0 * rng.normal(size=(length, 4)).astype(np.float32)
            labels = labels[np.sort(rng.integers(0, length, length))]
            window = Window.of(torch.zeros(1, dtype=torch.long), torch.tensor([length]))
            expected = decode_scopes(torch.tensor(labels).unsqueeze(1), window, joint)
            assert [*decode_scope(labels, joint)] == expected[0, 0].tolist()


class Both:
    """Runs an expert's episodes and has each decision made by a policy as well, without and with torch."""

    def __init__(self, expert: Expert, policy: NTPPlanner):
        self._expert, self._policy = expert, policy
        self.asked: list[tuple[Decision, Decision | PlannerError]] = []

    def begin(self, specification: TaskSpecification) -> None:
        self._expert.begin(specification)
        self._policy.begin(specification)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        quick = self._policy.decide(frame, observation)
        self.asked.append((quick, self._policy.decide_many([Ask(frame, observation)])[0]))
        return self._expert.decide(frame, observation)


@pytest.mark.parametrize("returns", Returns)
@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_every_decision_of_an_episode_is_torchs(family: Family, returns: Returns) -> None:
    """Also with mishaps, and, where they vanish, with ever fewer objects."""
    mishaps = Disturbances(failed_grasp=0.1, drop=0.1, misplace=0.1)
    asked = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        (task,) = family.tasks(seed, 1, "train")
        video = family.demonstrate(task, rng, VideoConditions())
        world = family.world(task, rng, WorldNoise(), mishaps)
        model = perturbed(seed, replace(CONFIG, returns=returns), family)
        both = Both(family.expert(task), NTPPlanner(model, family, family.library))
        Machine(family.library, world, both, family.budget).run(video)
        asked += both.asked
    assert len(asked) > 40
    assert all(quick == slow for quick, slow in asked)
    assert len({str(quick) for quick, _ in asked}) > 3


class Torch:
    """A policy whose decisions are all made with torch."""

    def __init__(self, policy: NTPPlanner):
        self._policy = policy
        self.begin = policy.begin

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        (decision,) = self._policy.decide_many([Ask(frame, observation)])
        assert isinstance(decision, Decision)
        return decision


def decisions_of(planner: NTPPlanner | Torch, family: Family, seed: int) -> Iterator[Decision]:
    rng = np.random.default_rng(seed)
    (task,) = family.tasks(seed, 1, "train")
    video = family.demonstrate(task, rng, VideoConditions())
    world = family.world(task, rng, WorldNoise(), Disturbances(failed_grasp=0.1, drop=0.1))
    planner.begin(video)
    steps = Machine(family.library, world, budget=Budget(steps=120)).steps(video)
    ask = next(steps)
    while True:
        decision = planner.decide(ask.frame, ask.observation)
        yield decision
        try:
            ask = steps.send(decision)
        except StopIteration:
            return


def test_the_shipped_policy_does_whole_episodes_as_with_torch() -> None:
    family = BlockStacking()
    policy = NTPPlanner.load(share_dir() / "models/policies/block_stacking", family)
    for seed in range(3):
        quick = list(decisions_of(policy, family, seed))
        assert quick == list(decisions_of(Torch(policy), family, seed))
        assert len(quick) > 5


def test_objects_may_come_in_any_order() -> None:
    family = FAMILIES["block_stacking"]
    rng = np.random.default_rng(0)
    (task,) = family.tasks(0, 1, "train")
    video = family.demonstrate(task, rng, VideoConditions())
    seen = family.world(task, rng, WorldNoise(), Disturbances()).observe()
    planner = NTPPlanner(perturbed(1, CONFIG, family), family, family.library)
    planner.begin(video)
    order = rng.permutation(len(seen.names))
    shuffled = replace(seen, names=tuple(seen.names[i] for i in order), positions=seen.positions[order])
    for name in ("block_stacking", "pick_and_place", "pick", "place"):
        frame = Frame(family.library[name], Scope(1, len(video) - 2))
        assert planner.decide(frame, shuffled) == planner.decide(frame, seen)


def test_a_run_keeps_the_weights_it_began_with_and_the_next_takes_the_new_ones() -> None:
    family = FAMILIES["block_stacking"]
    model = perturbed(0, CONFIG, family)
    planner = NTPPlanner(model, family, family.library)
    fresh = list(decisions_of(NTPPlanner(perturbed(5, CONFIG, family), family, family.library), family, 0))
    before = decisions_of(planner, family, 0)
    kept = list(decisions_of(NTPPlanner(perturbed(0, CONFIG, family), family, family.library), family, 0))
    began = [next(before)]
    model.load_state_dict(perturbed(5, CONFIG, family).state_dict())
    assert began + list(before) == kept
    assert list(decisions_of(planner, family, 0)) == fresh
    assert kept != fresh


@pytest.mark.parametrize(
    "config",
    [
        replace(CONFIG, sight=Sight.VECTOR),
        replace(CONFIG, recurrent=True),
        replace(CONFIG, reading=True),
    ],
    ids=["vector", "recurrent", "reading"],
)
def test_other_models_are_refused(config: ModelConfig) -> None:
    model = new_model(config, library_of(BlockStacking(), config), 2).eval()
    with torch.no_grad():
        video = model.encode(frames_of([video_of(np.random.default_rng(0), 8)]))
    with pytest.raises(ValueError, match="reactive core"):
        QuickModel(model, video, np.zeros(8, np.float32))


def test_a_model_in_training_is_refused() -> None:
    """It doubts relations at random."""
    model = perturbed(0, CONFIG, BlockStacking())
    with torch.no_grad():
        video = model.encode(frames_of([video_of(np.random.default_rng(0), 8)]))
    with pytest.raises(ValueError, match="in evaluation"):
        QuickModel(model.train(), video, np.zeros(8, np.float32))
