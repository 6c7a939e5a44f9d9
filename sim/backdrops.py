"""Random rooms and tables to draw things in front of: paint, wood, cloth and litter of random colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog_sim.drawing import FAR
from taskprog_sim.scene import FLOOR_COLOUR, FLOOR_HEIGHT, TABLE_COLOUR, TABLE_X, TABLE_Y

Picture = NDArray[np.uint8]
Depth = NDArray[np.float32]

TEXTURE = 256  # pixels
PLAIN = 0.5  # share of surfaces without a pattern
USUAL = 0.35  # share of backdrops in the simulator's own colours
LITTER = 8  # flat things on the floor and around, at most


def backdrop(camera: CameraModel, rng: np.random.Generator) -> tuple[Picture, Depth]:
    """A table in a room without anything on it: (H, W, 3) colours and (H, W) depths, metres."""
    usual = rng.uniform() < USUAL
    floor = _plain(camera, _colour(FLOOR_COLOUR) if usual else _anything(rng))
    if not usual and rng.uniform() > PLAIN:
        floor = np.asarray(cv2.resize(texture(rng), (camera.width, camera.height)), np.uint8)
    for _ in range(rng.integers(0, LITTER)):
        _litter(floor, rng)
    table = _plain(camera, _colour(TABLE_COLOUR)) if usual else _table(camera, rng)
    return _together(camera, floor, table)


def usual_backdrop(camera: CameraModel) -> tuple[Picture, Depth]:
    """Table and floor in the simulator's colours; see ``backdrop``."""
    return _together(camera, _plain(camera, _colour(FLOOR_COLOUR)), _plain(camera, _colour(TABLE_COLOUR)))


def texture(rng: np.random.Generator) -> Picture:
    """(TEXTURE, TEXTURE, 3) of random grain, stripes, checks or print."""
    first, second = _anything(rng), _anything(rng)
    kind = rng.integers(4)
    if kind == 0:  # grain: noise that is longer one way than the other
        cells = rng.uniform(size=(int(rng.integers(2, 60)), int(rng.integers(2, 60)))).astype(np.float32)
        weight = cv2.resize(cells, (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC)
    elif kind == 1:  # stripes
        turn = rng.uniform(0, np.pi)
        v, u = np.mgrid[0:TEXTURE, 0:TEXTURE] / rng.uniform(4, 40)
        weight = (0.5 + 0.5 * np.sin(np.cos(turn) * u + np.sin(turn) * v)).astype(np.float32)
    elif kind == 2:  # checks
        side = int(rng.integers(6, 60))
        v, u = np.mgrid[0:TEXTURE, 0:TEXTURE] // side
        weight = ((u + v) % 2).astype(np.float32)
    else:  # noise of several sizes
        weight = np.zeros((TEXTURE, TEXTURE), np.float32)
        for n in (4, 16, 64):
            cells = rng.uniform(size=(n, n)).astype(np.float32)
            weight += cv2.resize(cells, (TEXTURE, TEXTURE)) / 3
    strength = rng.uniform(0.1, 1.0)
    weight = (np.clip(weight, 0, 1) * strength)[..., None]
    return np.asarray(first * (1 - weight) + second * weight, np.uint8)


def _together(camera: CameraModel, floor: Picture, table: Picture) -> tuple[Picture, Depth]:
    depth = _plane(camera, TABLE_HEIGHT)
    rays = camera.points(*_grid(camera), depth.ravel()).reshape(camera.height, camera.width, 3)
    on_table = (rays[..., 0] > TABLE_X[0]) & (rays[..., 0] < TABLE_X[1])
    on_table &= (rays[..., 1] > TABLE_Y[0]) & (rays[..., 1] < TABLE_Y[1])
    picture = np.where(on_table[..., None], table, floor)
    return picture, np.where(on_table, depth, _plane(camera, FLOOR_HEIGHT)).astype(np.float32)


def _plain(camera: CameraModel, colour: NDArray[np.float64]) -> Picture:
    picture = np.empty((camera.height, camera.width, 3), np.uint8)
    picture[:] = colour
    return picture


def _table(camera: CameraModel, rng: np.random.Generator) -> Picture:
    if rng.uniform() < PLAIN:
        return _plain(camera, _anything(rng))
    corners = [(x, y, TABLE_HEIGHT) for x in TABLE_X for y in TABLE_Y]
    pixels, _ = camera.project(corners)
    square = np.array([(0, 0), (TEXTURE, 0), (0, TEXTURE), (TEXTURE, TEXTURE)], np.float32)
    matrix = cv2.getPerspectiveTransform(square, pixels.astype(np.float32))
    return np.asarray(cv2.warpPerspective(texture(rng), matrix, (camera.width, camera.height)), np.uint8)


def _plane(camera: CameraModel, z: float) -> Depth:
    """(H, W) depth of a level plane, ``FAR`` where it is not seen."""
    u, v = _grid(camera)
    origin, directions = camera.ray(np.stack([u, v], axis=1))
    with np.errstate(divide="ignore"):
        depth = (z - origin[2]) / directions[:, 2]
    depth = np.where((depth > 0) & (depth < FAR), depth, FAR)
    return np.asarray(depth.reshape(camera.height, camera.width), np.float32)


def _grid(camera: CameraModel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    return u.ravel(), v.ravel()


def _litter(picture: Picture, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    middle = rng.uniform((0, 0), (width, height))
    corners = middle + rng.normal(0, rng.uniform(5, 80), (int(rng.integers(3, 7)), 2))
    hull = cv2.convexHull(corners.astype(np.int32))
    cv2.fillConvexPoly(picture, hull, [int(c) for c in _anything(rng)])


def _colour(rgb: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.array(rgb) * 255


def _anything(rng: np.random.Generator) -> NDArray[np.float64]:
    """(3,) a colour, mostly a dull one, 0 to 255."""
    tint = rng.normal(0, 1, 3) * rng.choice([4, 25, 80], p=[0.4, 0.4, 0.2])
    return np.asarray(np.clip(rng.uniform(0, 255) + tint, 0, 255))
