"""The simulated camera sees what its model says, to the millimetre."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from taskprog.resources import share_dir
from taskprog.tasks.block_stacking import Layout
from taskprog.tasks.table_top import CUBE_SIZE, CUBES, TABLE_HEIGHT
from taskprog_sim.bullet import Bullet
from taskprog_sim.camera import Image
from taskprog_sim.disturbances import disturb
from taskprog_sim.drawing import Window, draw
from taskprog_sim.sawyer import Sawyer
from taskprog_sim.scene_description import stacking_scene
from taskprog_sim.world import World

SIZES = ((640, 480), (320, 240))


def spread() -> Layout:
    """Eight cubes all over the table, all turned differently."""
    x, y = np.meshgrid([0.48, 0.72], [-0.3, -0.1, 0.1, 0.3])
    z = np.full(8, TABLE_HEIGHT + CUBE_SIZE / 2)
    return Layout(np.stack([x.ravel(), y.ravel(), z], axis=1), np.linspace(0.0, 1.4, 8))


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def seen(request: pytest.FixtureRequest) -> Iterator[tuple[World, Image]]:
    with World(camera_size=request.param) as world:
        world.start(stacking_scene(spread()))
        world.step(60)
        yield world, world.camera.render()


def pixels_of(image: Image, colour: tuple[float, float, float]) -> NDArray[np.bool_]:
    """(H, W), where the picture shows this paint, brighter or darker."""
    direction = image.rgb / np.maximum(np.linalg.norm(image.rgb, axis=-1, keepdims=True), 1.0)
    paint = np.array(colour) / np.linalg.norm(colour)
    return np.asarray(direction @ paint > 0.999)


def distance_to_cube(
    points: NDArray[np.float64], centre: NDArray[np.float64], quaternion: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) metres between points and the surface of a cube."""
    local = np.abs(Rotation.from_quat(quaternion).inv().apply(points - centre)) - CUBE_SIZE / 2
    outside = np.linalg.norm(np.maximum(local, 0.0), axis=1)
    return np.asarray(np.abs(outside + np.minimum(local.max(axis=1), 0.0)))


def test_points_that_it_sees_lie_on_the_cubes_within_a_millimetre(seen: tuple[World, Image]) -> None:
    world, image = seen
    poses = world.poses()
    for index, cube in enumerate(CUBES):
        mask = pixels_of(image, cube.rgb)
        assert mask.sum() > 60, f"{cube.name} is not to be seen"
        points = world.camera.model.backproject(image.depth, mask)
        distance = distance_to_cube(points, poses.positions[index], poses.quaternions[index])
        assert np.percentile(distance, 95) < 1e-3, cube.name


def test_silhouettes_are_where_the_model_projects_them(seen: tuple[World, Image]) -> None:
    """Depths agree along a ray that is wrong by a pixel, silhouettes do not."""
    world, image = seen
    poses = world.poses()
    corners = CUBE_SIZE / 2 * np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 3)
    for index, cube in enumerate(CUBES):
        v, u = np.nonzero(pixels_of(image, cube.rgb))
        turned = Rotation.from_quat(poses.quaternions[index]).apply(corners) + poses.positions[index]
        pixels, _ = world.camera.model.project(turned)
        # A pixel is drawn if its centre is inside: half a pixel is lost on either side on average.
        middle = np.array([(u.min() + u.max()) / 2, (v.min() + v.max()) / 2])
        expected = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
        assert np.abs(middle - expected).max() < 0.75, cube.name


def test_table_is_seen_at_its_height_between_the_cubes(seen: tuple[World, Image]) -> None:
    world, image = seen
    points = world.camera.model.backproject(image.depth, np.ones(image.depth.shape, np.bool_))
    near = (np.abs(points[:, 0] - 0.60) < 0.05) & (np.abs(points[:, 1]) < 0.5) & (points[:, 2] > -0.2)
    assert near.sum() > 100
    assert np.abs(points[near, 2] - TABLE_HEIGHT).max() < 1e-3


def test_the_robot_hides_what_is_behind_it_and_furniture_has_no_strong_colour(
    seen: tuple[World, Image],
) -> None:
    world, image = seen
    tool, _ = world.camera.model.project([[0.45, 0.16, 0.15]])
    u, v = tool[0].astype(int)
    assert image.depth[v, u] < world.camera.model.project([[0.35, 0.16, 0.15]])[1][0]
    cubes = np.zeros(image.depth.shape, np.bool_)
    for cube in CUBES:
        cubes |= pixels_of(image, cube.rgb)
    # Saturation of everything else, as in HSV.
    high, low = image.rgb.max(-1).astype(float), image.rgb.min(-1).astype(float)
    saturation = (high - low) / np.maximum(high, 1.0)
    assert np.percentile(saturation[~cubes], 99.5) < 0.43


def test_what_rested_and_was_moved_is_seen_where_it_is_now() -> None:
    """Things at rest are drawn once, which must not show."""
    with World(camera_size=(320, 240)) as world:
        layout = spread()
        for place in ((0.60, 0.02), (0.66, -0.05), (0.60, 0.02)):
            world.start(stacking_scene(layout))
            for _ in range(3):
                world.step(60)
                world.camera.render()
            layout.positions[3, :2] = place
            moved = stacking_scene(layout)
            world.place(3, moved.things[3])
            world.step(24)
            seen = [world.camera.render()]
            for _ in range(3):
                world.step(24)
                seen.append(world.camera.render())
            world.start(moved)
            world.step(200)
            fresh = world.camera.render()
            for image in seen:
                different = np.abs(image.rgb.astype(int) - fresh.rgb).max(axis=-1) > 30
                assert different.sum() < 20
                assert np.percentile(np.abs(image.depth - fresh.depth), 99.5) < 2e-3


def test_what_rested_is_still_seen_when_something_is_added() -> None:
    with World("order_fulfilment", 2, objects=4, camera_size=(320, 240)) as world:
        for _ in range(3):
            world.step(60)
            before = world.camera.render()
        for _ in disturb(world, "add_object", "lego"):
            world.step()
        for _ in range(3):
            world.step(60)
            after = world.camera.render()
            changed = np.abs(after.rgb.astype(int) - before.rgb).max(axis=-1) > 30
            assert 20 < changed.sum() < 300  # pixels; a container has thousands


@pytest.mark.parametrize(
    "bounds", [(-100, 10, -84, 30), (400, 10, 420, 30), (10, -60, 30, -40), (10, 300, 30, 320)]
)
def test_what_is_out_of_sight_has_no_pixels(bounds: tuple[int, int, int, int]) -> None:
    """What has fallen from the table rests there, and takes nothing else out of the picture."""
    picture, seen = np.zeros((240, 320)), Window(100, 100, 120, 130)
    window = Window(0, 0, 320, 240).cut(*bounds)
    assert picture[window.slices].size == window.area == 0
    assert not window.overlaps(seen)
    assert window.with_(seen) == seen.with_(window) == seen


def test_an_arm_in_any_pose_is_drawn_whole() -> None:
    """Only the part of a picture in which something moves is drawn."""
    rng = np.random.default_rng(3)
    with World(camera_size=(320, 240)) as world:
        limits = world.sawyer.limits
        for _ in range(6):
            share = rng.uniform(0.25, 0.75, 7)
            world.sawyer.command_arm(
                (limits.lower + share * (limits.upper - limits.lower)).tolist(), [0.0] * 7
            )
            world.step(120)
            image = world.camera.render()
            _, depth = draw(world.camera.model, world._bullet.client)
            assert not (depth < image.depth - 1e-3).any()


def test_the_robot_is_seen_with_its_base_also_after_a_start() -> None:
    """The base never moves, and is drawn once."""
    with World(camera_size=(320, 240)) as world:
        alone = Bullet()
        alone.clear()
        Sawyer(alone, share_dir() / "models" / "sawyer" / "sawyer.urdf")
        rgb, depth = draw(world.camera.model, alone.client)
        alone.close()
        for _ in range(2):
            image = world.camera.render()
            assert not (depth < image.depth - 1e-3).any()
            front = np.abs(image.depth - depth) < 1e-3
            assert front.sum() > 7000
            assert np.abs(image.rgb[front].astype(int) - rgb[front]).max() <= 2
            world.start(stacking_scene(spread()))


def test_a_picture_changes_while_only_the_fingers_move() -> None:
    with World(camera_size=(320, 240)) as world:
        world.step(60)
        world.camera.render()
        first = world.camera.render()
        world.step(24)
        same = world.camera.render()
        assert same.stamp > first.stamp
        assert (same.rgb == first.rgb).all()
        world.sawyer.command_gripper(0.03, 10.0)
        world.step(24)
        moved = world.camera.render()
        assert (moved.rgb != first.rgb).any()
        with pytest.raises(ValueError, match="read-only"):
            moved.rgb[0] = 0
