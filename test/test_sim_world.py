"""The simulated world: layouts, repeatability, contacts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from taskprog.control.robot import GRIPPER_OPEN_WIDTH, NEUTRAL
from taskprog.tasks.block_stacking import Layout, random_layout
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(camera_size=(160, 120)) as world:
        yield world


def test_starts_with_the_layout_of_the_seed_on_the_table(world: World) -> None:
    world.reset("block_stacking", seed=3)
    world.step(120)
    layout = random_layout(3)
    assert np.allclose(world.poses().positions[:, :2], layout.positions[:, :2], atol=1e-3)
    assert np.allclose(world.poses().positions[:, 2], TABLE_HEIGHT + CUBE_SIZE / 2, atol=1e-3)


def test_arm_holds_its_neutral_pose_against_gravity(world: World) -> None:
    world.reset("block_stacking", seed=0)
    world.step(240)
    joints = world.sawyer.read()
    assert np.allclose(joints.arm_positions, NEUTRAL, atol=1e-3)
    assert joints.gripper_width == pytest.approx(GRIPPER_OPEN_WIDTH, abs=1e-4)


def shake(world: World, seed: int) -> bytes:
    """Sweep the arm through the cubes, and return all that moved, bit for bit."""
    world.reset("block_stacking", seed)
    for step in range(240):
        target = NEUTRAL + np.array([0.0, 0.5, 0.0, -0.4, 0.0, 0.3, 0.0]) * step / 240
        target[0] = 0.6 * np.sin(step / 40)
        world.sawyer.command_arm(target.tolist(), [0.0] * 7)
        world.step()
    poses = world.poses()
    readings = world.sawyer.read()
    return b"".join(a.tobytes() for a in (poses.positions, poses.quaternions, readings.positions))


def test_same_seed_and_commands_give_the_same_world_bit_for_bit(world: World) -> None:
    first = shake(world, seed=5)
    assert first != shake(world, seed=6)
    assert first == shake(world, seed=5)
    with World(camera_size=(160, 120)) as another:
        assert first == shake(another, seed=5)


def test_time_goes_on_with_steps_and_never_back(world: World) -> None:
    before = world.time
    world.step(120)
    assert world.time == pytest.approx(before + 0.5)
    assert world.camera.render().stamp == world.time
    stepped = world.time
    world.reset("block_stacking", seed=0)
    assert world.time > stepped


def test_a_layout_may_be_given_and_touching_cubes_are_seen_to_touch(world: World) -> None:
    start = random_layout(0)
    positions = start.positions.copy()
    positions[1] = positions[0] + (0.0, 0.0, CUBE_SIZE)
    yaws = start.yaws.copy()
    yaws[1] = yaws[0]
    world.start(stacking_scene(Layout(positions, yaws)))
    world.step(60)
    assert world.touching(1, 0)
    assert not world.touching(2, 0)
    assert not world.held(1)


def test_a_window_without_a_display_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(RuntimeError, match="no display"):
        World(gui=True, camera_size=(64, 48))


def test_an_unknown_scene_is_refused_and_the_world_stays(world: World) -> None:
    world.reset("block_stacking", seed=4)
    before = world.poses().positions
    with pytest.raises(ValueError, match=r"unknown scene 'kitchen'; known: block_stacking"):
        world.reset("kitchen", seed=0)
    assert (world.poses().positions == before).all()
    with pytest.raises(ValueError, match="unknown scene"):
        World("kitchen")
