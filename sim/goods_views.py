"""Labelled images of random goods for the detector's training and its scores: light, camera and room vary."""

from __future__ import annotations

import math
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel, look_at
from taskprog.tasks.goods import CONTAINER_SIZE
from taskprog.tasks.table_top import CAMERA_EYE, CAMERA_FOV, CAMERA_SIZE, CAMERA_TARGET
from taskprog.vision.labels import CLASSES, FIRST_CONTAINER, LabelledView, Thing
from taskprog_sim.backdrops import backdrop, usual_backdrop
from taskprog_sim.bullet import pybullet
from taskprog_sim.drawing import (
    FAR,
    LIGHT_AMBIENT,
    LIGHT_DIFFUSE,
    LIGHT_DIRECTION,
    LIGHT_SPECULAR,
    NEAR,
    projection_matrix,
    view_matrix,
)
from taskprog_sim.outline import hull_points, lying
from taskprog_sim.random_goods import RandomGoods

Floats = NDArray[np.float64]

EYE_JITTER, TARGET_JITTER = 0.05, 0.04  # metres, standard deviation along each axis
FOV_JITTER = 3.0  # degrees
USUAL_LIGHT = 0.25  # share of images in the simulator's own light
HULL_FILL = 0.85  # of the hull of its corners in the image, a good covers about so much
MARGIN = 3  # pixels between the outlines of things that are drawn together to see them whole


@dataclass(frozen=True)
class Light:
    """How a scene is lit; see ``pybullet.getCameraImage``."""

    direction: tuple[float, float, float]
    ambient: float
    diffuse: float
    specular: float
    shadow: bool


SIMULATOR_LIGHT = Light(LIGHT_DIRECTION, LIGHT_AMBIENT, LIGHT_DIFFUSE, LIGHT_SPECULAR, False)


def labelled_views(
    seed: int, count: int, looks: int, exact: bool, usual: int = 0, jobs: int = 1
) -> Iterator[LabelledView]:
    """Images of random scenes; the same arguments give the same images, whatever ``jobs`` is.

    Args:
        count: of images.
        looks: images of one scene, with other light, camera, colours and poses of the arm.
        exact: know exactly which share of each good is seen, which takes twice as long; else about.
        usual: so many of the looks, the first ones, are with the simulator's own light, camera, room and
            colours. If all are, there is nothing but goods and containers.
        jobs: processes that render.
    """
    scenes = range(-(-count // looks))
    of_scene = partial(_views_of_scene, seed, looks=looks, exact=exact, usual=usual)
    rendered = map(of_scene, scenes) if jobs == 1 else _side_by_side(of_scene, scenes, jobs)
    yield from islice((view for views in rendered for view in views), count)


def random_camera(rng: np.random.Generator) -> CameraModel:
    """A camera near the usual place."""
    size = CAMERA_SIZE
    eye = np.add(CAMERA_EYE, rng.normal(0.0, EYE_JITTER, 3))
    target = np.add(CAMERA_TARGET, rng.normal(0.0, TARGET_JITTER, 3))
    fov = CAMERA_FOV + rng.uniform(-FOV_JITTER, FOV_JITTER)
    focal = size[1] / 2 / math.tan(math.radians(fov) / 2)
    pose = look_at(eye, target)
    roll = rng.normal(0.0, math.radians(1.5))
    turn = np.eye(4)
    turn[:2, :2] = [[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]]
    return CameraModel(size[0], size[1], focal, focal, size[0] / 2, size[1] / 2 - 1, pose @ turn)


def random_light(rng: np.random.Generator) -> Light:
    """The simulator's light, or one from anywhere above, dim or bright, with or without shadows."""
    if rng.uniform() < USUAL_LIGHT:
        return SIMULATOR_LIGHT
    turn, height = rng.uniform(0, 2 * math.pi), rng.uniform(0.4, 2.0)
    ambient = rng.uniform(0.3, 0.75)
    return Light(
        (math.cos(turn), math.sin(turn), height),
        ambient,
        rng.uniform(0.15, 1.1 - ambient),
        rng.uniform(0.0, 0.3),
        bool(rng.uniform() < 0.25),
    )


def _views_of_scene(seed: int, number: int, looks: int, exact: bool, usual: int) -> list[LabelledView]:
    """The images of the scene with that number among those of ``seed``."""
    rng = np.random.default_rng([seed, number])
    scene = RandomGoods()
    try:
        scene.build(rng, others=usual < looks)
        return [_view(scene, rng, exact, look < usual) for look in range(looks)]
    finally:
        scene.close()


def _side_by_side(
    of_scene: Callable[[int], list[LabelledView]], scenes: range, jobs: int
) -> Iterator[list[LabelledView]]:
    """``map(of_scene, scenes)`` in other processes, never far ahead of what is taken: images are large."""
    ignored = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; this process ends the others
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=signal.signal, initargs=ignored) as pool:
        ahead: deque[Future[list[LabelledView]]] = deque()
        try:
            for number in scenes:
                ahead.append(pool.submit(of_scene, number))
                if len(ahead) > 2 * jobs:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _view(scene: RandomGoods, rng: np.random.Generator, exact: bool, usual: bool) -> LabelledView:
    scene.move(rng)
    if usual:
        return _look(scene, *_usual(), exact)
    scene.paint(rng)
    camera, light = random_camera(rng), random_light(rng)
    return _look(scene, camera, light, backdrop(camera, rng), exact)


@cache
def _usual() -> tuple[CameraModel, Light, tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """The simulator's own camera, light and room, which are the same each time."""
    camera = CameraModel.table_top(*CAMERA_SIZE)
    return camera, SIMULATOR_LIGHT, usual_backdrop(camera)


def _look(
    scene: RandomGoods,
    camera: CameraModel,
    light: Light,
    room: tuple[NDArray[np.uint8], NDArray[np.float32]],
    exact: bool,
) -> LabelledView:
    rgb, depth, bodies = _draw(scene, camera, light)
    hidden = (bodies < 0) | (depth >= room[1])
    rgb[hidden], depth[hidden] = room[0][hidden], room[1][hidden]
    bodies[hidden] = -1
    order = [*scene.goods, *scene.containers]
    numbers = np.zeros(int(max(bodies.max(), max(order))) + 2, np.uint8)
    numbers[order] = np.arange(1, len(order) + 1)
    instance = numbers[bodies]
    pixels = np.bincount(instance.ravel(), minlength=len(order) + 1)[1:]
    outlines = [_outline(scene, body, camera) for body in order]
    if exact:
        whole = _whole(scene, camera, outlines)
    else:
        whole = [max(1.0, HULL_FILL * cv2.contourArea(outline)) for outline in outlines]
    things = tuple(
        _thing(scene, body, int(n), min(1.0, n / w) if w > 0 else 0.0)
        for body, n, w in zip(order, pixels, whole, strict=True)
    )
    return LabelledView(camera, rgb, depth, instance, things)


def _draw(
    scene: RandomGoods, camera: CameraModel, light: Light
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
    width, height = camera.width, camera.height
    _, _, rgba, buffer, mask = pybullet.getCameraImage(
        width,
        height,
        view_matrix(camera.pose),
        projection_matrix(camera),
        lightDirection=light.direction,
        lightAmbientCoeff=light.ambient,
        lightDiffuseCoeff=light.diffuse,
        lightSpecularCoeff=light.specular,
        shadow=int(light.shadow),
        renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=scene.bullet.client,
    )
    rgb = np.asarray(rgba, np.uint8).reshape(height, width, 4)[..., :3].copy()
    z = np.asarray(buffer, np.float32).reshape(height, width)
    depth = np.float32(FAR * NEAR) / (np.float32(FAR) - np.float32(FAR - NEAR) * z)
    return rgb, depth, np.array(mask, np.int32).reshape(height, width)


def _outline(scene: RandomGoods, body: int, camera: CameraModel) -> NDArray[np.float32]:
    """The convex hull of a body in the image, pixels."""
    position, turn = scene.pose(body)
    if body in scene.goods:
        points = hull_points(scene.goods[body])
    else:
        points = np.array(np.meshgrid(*[[-side / 2, side / 2] for side in CONTAINER_SIZE])).reshape(3, -1).T
    rotation = np.array(pybullet.getMatrixFromQuaternion(turn.tolist())).reshape(3, 3)
    pixels, _ = camera.project(points @ rotation.T + position)
    return np.asarray(cv2.convexHull(pixels.astype(np.float32)), np.float32)


def _whole(scene: RandomGoods, camera: CameraModel, outlines: list[NDArray[np.float32]]) -> list[float]:
    """Pixels of each thing with nothing before it; what is beyond the image's border counts as well."""
    order = [*scene.goods, *scene.containers]
    poses = {body: scene.pose(body) for body in (*order, *scene.others())}
    boxes = [cv2.boundingRect(outline) for outline in outlines]
    groups: list[list[int]] = []
    for i, (x, y, w, h) in enumerate(boxes):
        for group in groups:
            apart = all(
                x > boxes[j][0] + boxes[j][2] + MARGIN
                or boxes[j][0] > x + w + MARGIN
                or y > boxes[j][1] + boxes[j][3] + MARGIN
                or boxes[j][1] > y + h + MARGIN
                for j in group
            )
            if apart:
                group.append(i)
                break
        else:
            groups.append([i])
    light = Light(LIGHT_DIRECTION, 1.0, 0.0, 0.0, False)
    counts = np.zeros(len(order))
    for group in groups:
        scene.hide(list(poses))
        for i in group:
            _restore(scene, order[i], poses[order[i]])
        _, _, bodies = _draw(scene, camera, light)
        for i in group:
            inside = max(1.0, float(np.count_nonzero(bodies == order[i])))
            counts[i] = inside * _area(outlines[i]) / max(1.0, _area(outlines[i], camera))
    for body, pose in poses.items():
        _restore(scene, body, pose)
    return [float(count) for count in counts]


def _restore(scene: RandomGoods, body: int, pose: tuple[Floats, Floats]) -> None:
    pybullet.resetBasePositionAndOrientation(
        body, pose[0].tolist(), pose[1].tolist(), physicsClientId=scene.bullet.client
    )


def _area(outline: NDArray[np.float32], camera: CameraModel | None = None) -> float:
    """Of a convex outline, or of its part inside the image; pixels."""
    if camera is None:
        return float(cv2.contourArea(outline))
    frame = np.array(
        [(0, 0), (camera.width, 0), (camera.width, camera.height), (0, camera.height)], np.float32
    )
    area, _ = cv2.intersectConvexConvex(outline, frame)
    return float(area)


def _thing(scene: RandomGoods, body: int, pixels: int, seen: float) -> Thing:
    position, turn = scene.pose(body)
    if body in scene.goods:
        category = scene.goods[body]
        yaw, size = lying(category, turn)
        return Thing(CLASSES.index(category), position, yaw, size, seen, pixels)
    yaw = 2 * math.atan2(turn[2], turn[3])
    label = FIRST_CONTAINER + scene.containers[body]
    return Thing(label, position, yaw, np.array(CONTAINER_SIZE), seen, pixels)
