"""Draws shapes with OpenCV, over a camera's picture or from any other view, without a GPU or rviz.

Everything is split into small flat pieces, drawn from the farthest to the nearest. Pictures are (H, W, 3)
uint8 in OpenCV's order blue, green, red.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from taskprog.perception.camera import CameraModel, look_at
from taskprog.tasks.table_top import TABLE_HEIGHT
from taskprog.view.shapes import Colour, Shape, ShapeKind, cube_corners
from taskprog.view.step import Point

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]

_NEAR = 0.05  # metres: what is closer to the camera is not drawn
_PIECE = 0.05  # metres: lines are cut so long, so that their parts sort by depth
_FACES = ((0, 2, 6, 4), (1, 3, 7, 5), (0, 1, 5, 4), (2, 3, 7, 6), (0, 1, 3, 2), (4, 5, 7, 6))
_LIGHT = np.array([0.35, -0.5, 0.79])
_SUBPIXEL = 4  # bits of fraction in OpenCV's coordinates
_FONT = cv2.FontFace("sans")
_WEIGHT = 450  # 400 is regular, 600 semibold


@dataclass(frozen=True)
class _Piece:
    depth: float
    draw: Callable[[Picture], None]


def orbit(
    target: Point, distance: float, azimuth: float, elevation: float, size: tuple[int, int]
) -> CameraModel:
    """A camera that looks at ``target`` from ``distance`` metres.

    Args:
        azimuth: degrees about z; at 0 the camera is on the side of positive x.
        elevation: degrees above the horizon.
        size: width and height, pixels.
    """
    width, height = size
    a, e = radians(azimuth), radians(elevation)
    direction = np.array([cos(e) * cos(a), cos(e) * sin(a), sin(e)])
    eye = np.asarray(target) + distance * direction
    focal = 1.2 * height
    return CameraModel(width, height, focal, focal, width / 2, height / 2, look_at(eye, target))


def draw_shapes(picture: Picture, camera: CameraModel, shapes: Iterable[Shape]) -> None:
    """Draw into ``picture``, which ``camera`` took. What lies behind the camera is left out.

    Raises:
        ValueError: the picture has another size than the camera's.
    """
    if picture.shape != (camera.height, camera.width, 3):
        raise ValueError(
            f"the picture must be {(camera.height, camera.width, 3)} as the camera's, got {picture.shape}"
        )
    pieces = [piece for shape in shapes for piece in _pieces(shape, camera)]
    for piece in sorted(pieces, key=lambda p: -p.depth):
        piece.draw(picture)


def empty_scene(camera: CameraModel, background: tuple[int, int, int] = (58, 54, 50)) -> Picture:
    """A picture with nothing but a grid on the table: lines every 0.1 m."""
    picture: Picture = np.full((camera.height, camera.width, 3), background, np.uint8)
    grid = []
    for k in range(11):
        y = -0.5 + 0.1 * k
        grid += [(0.2, y, TABLE_HEIGHT), (1.0, y, TABLE_HEIGHT)]
        if k < 9:
            x = 0.2 + 0.1 * k
            grid += [(x, -0.5, TABLE_HEIGHT), (x, 0.5, TABLE_HEIGHT)]
    lines = Shape(ShapeKind.SEGMENTS, "grid", 0, (0.5, 0.5, 0.5, 1.0), tuple(grid), 0.002)
    draw_shapes(picture, camera, [lines])
    return picture


def _pieces(shape: Shape, camera: CameraModel) -> Iterable[_Piece]:
    points = np.array(shape.points)
    match shape.kind:
        case ShapeKind.CUBE:
            return _cube(shape, camera)
        case ShapeKind.SPHERE:
            return _sphere(shape, camera)
        case ShapeKind.TEXT:
            return _text(shape, camera)
        case ShapeKind.PATH:
            return _lines(pairwise(points), shape, camera)
        case ShapeKind.SEGMENTS:
            return _lines(zip(points[::2], points[1::2], strict=True), shape, camera)
        case ShapeKind.ARROW:
            return _arrow(shape, camera)


def _cube(shape: Shape, camera: CameraModel) -> Iterable[_Piece]:
    centre = np.array(shape.points[0])
    corners = np.array(cube_corners(shape.points[0], shape.size, shape.yaw))
    pixels, depths = camera.project(corners)
    if depths.min() < _NEAR:
        return
    for face in map(list, _FACES):
        middle = corners[face].mean(axis=0)
        normal = (middle - centre) / (shape.size / 2)
        if normal @ (camera.origin - middle) <= 0:
            continue
        shade = 0.62 + 0.38 * max(0.0, float(normal @ _LIGHT))
        yield _Piece(
            float(np.linalg.norm(middle - camera.origin)),
            _polygon(pixels[face], _shaded(shape.colour, shade)),
        )


def _sphere(shape: Shape, camera: CameraModel) -> Iterable[_Piece]:
    centre = np.array(shape.points)
    (pixel,), (depth,) = camera.project(centre)
    if depth >= _NEAR:
        radius = camera.fy * shape.size / 2 / depth
        yield _Piece(float(np.linalg.norm(centre[0] - camera.origin)), _disc(pixel, radius, shape.colour))


def _text(shape: Shape, camera: CameraModel) -> Iterable[_Piece]:
    centre = np.array(shape.points)
    (pixel,), (depth,) = camera.project(centre)
    if depth >= _NEAR:
        # A font's size is that of a line; a capital is about 0.7 of it.
        size = max(6, round(camera.fy * shape.size / depth / 0.7))
        yield _Piece(
            float(np.linalg.norm(centre[0] - camera.origin)), _label(shape.text, pixel, size, shape.colour)
        )


def _lines(pairs: Iterable[tuple[Floats, Floats]], shape: Shape, camera: CameraModel) -> Iterable[_Piece]:
    for start, end in pairs:
        count = max(1, round(float(np.linalg.norm(end - start)) / _PIECE))
        points = start + np.linspace(0, 1, count + 1)[:, None] * (end - start)
        pixels, depths = camera.project(points)
        for k in range(count):
            if depths[k : k + 2].min() < _NEAR:
                continue
            middle = (points[k] + points[k + 1]) / 2
            width = max(1, round(camera.fy * shape.size / float(depths[k : k + 2].mean())))
            yield _Piece(
                float(np.linalg.norm(middle - camera.origin)),
                _stroke(pixels[k : k + 2], width, shape.colour),
            )


def _arrow(shape: Shape, camera: CameraModel) -> Iterable[_Piece]:
    """A line with a flat head that faces the camera."""
    tail, tip = np.array(shape.points[0]), np.array(shape.points[1])
    length = float(np.linalg.norm(tip - tail))
    if length == 0.0:
        return
    along = (tip - tail) / length
    head = min(length, 3.5 * shape.size)
    across = np.cross(along, camera.origin - tip)
    across *= 1.25 * shape.size / max(float(np.linalg.norm(across)), 1e-9)
    neck = tip - head * along
    yield from _lines([(tail, neck)], shape, camera)
    pixels, depths = camera.project([tip, neck + across, neck - across])
    if depths.min() >= _NEAR:
        yield _Piece(float(np.linalg.norm(tip - camera.origin)), _polygon(pixels, shape.colour))


def _shaded(colour: Colour, shade: float) -> Colour:
    return (colour[0] * shade, colour[1] * shade, colour[2] * shade, colour[3])


def _bgr(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (round(255 * c) for c in colour[:3])
    return b, g, r


def _fixed(pixels: Floats) -> NDArray[np.int32]:
    return np.round(pixels * (1 << _SUBPIXEL)).astype(np.int32)


def _polygon(pixels: Floats, colour: Colour) -> Callable[[Picture], None]:
    def paint(layer: Picture, origin: Floats) -> None:
        cv2.fillConvexPoly(layer, _fixed(pixels - origin), _bgr(colour), cv2.LINE_AA, _SUBPIXEL)

    return _blended(paint, colour[3], pixels.min(axis=0) - 2, pixels.max(axis=0) + 2)


def _disc(pixel: Floats, radius: float, colour: Colour) -> Callable[[Picture], None]:
    def paint(layer: Picture, origin: Floats) -> None:
        u, v = (int(x) for x in _fixed(pixel - origin))
        size = round(radius * (1 << _SUBPIXEL))
        cv2.circle(layer, (u, v), size, _bgr(colour), cv2.FILLED, cv2.LINE_AA, _SUBPIXEL)

    return _blended(paint, colour[3], pixel - radius - 2, pixel + radius + 2)


def _stroke(pixels: Floats, width: int, colour: Colour) -> Callable[[Picture], None]:
    def paint(layer: Picture, origin: Floats) -> None:
        cv2.polylines(layer, [_fixed(pixels - origin)], False, _bgr(colour), width, cv2.LINE_AA, _SUBPIXEL)

    return _blended(paint, colour[3], pixels.min(axis=0) - width, pixels.max(axis=0) + width)


def _label(text: str, pixel: Floats, size: int, colour: Colour) -> Callable[[Picture], None]:
    def paint(picture: Picture) -> None:
        x, y, width, height = cv2.getTextSize((0, 0), text, (0, 0), _FONT, size, _WEIGHT)
        at = round(pixel[0] - x - width / 2), round(pixel[1] - y - height / 2)
        put_text(picture, text, at, size, colour)

    return paint


def _blended(
    paint: Callable[[Picture, Floats], None], opacity: float, low: Floats, high: Floats
) -> Callable[[Picture], None]:
    """``paint``, mixed into the picture by ``opacity``; it touches only pixels from ``low`` to ``high``."""

    def mix(picture: Picture) -> None:
        if opacity >= 1.0:
            paint(picture, np.zeros(2))
            return
        height, width = picture.shape[:2]
        u0, v0 = np.clip(np.floor(low), 0, (width, height)).astype(int)
        u1, v1 = np.clip(np.ceil(high), 0, (width, height)).astype(int)
        if u0 >= u1 or v0 >= v1:
            return
        part = picture[v0:v1, u0:u1]
        layer = part.copy()
        paint(layer, np.array([u0, v0], np.float64))
        picture[v0:v1, u0:u1] = cv2.addWeighted(layer, opacity, part, 1.0 - opacity, 0.0)

    return mix


def put_text(picture: Picture, text: str, at: tuple[int, int], size: int, colour: Colour) -> None:
    """Write ``text`` ``size`` pixels high with a dark rim; its baseline begins ``at`` (u, v)."""
    u, v = at
    for du, dv in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(picture, text, (u + du, v + dv), (20, 20, 20), _FONT, size, _WEIGHT)
    cv2.putText(picture, text, at, _bgr(colour), _FONT, size, _WEIGHT)
