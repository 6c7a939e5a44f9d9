"""Random car-like shapes and their pictures: our own substitute for the CAD cars of Reed & de Freitas.

A shape stands at the origin, x forward, y to its left, z up, in lengths of its own. It is flat-shaded and
painted from the farthest face to the nearest. Pictures are (SIZE, SIZE, 3) uint8, RGB.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Colour = tuple[float, float, float]

SIZE = 48  # pixels
SCALE = 17.0  # pixels a unit at the shape's middle
DISTANCE = 6.0  # of the camera, units: near enough for perspective
MIDDLE = 0.35  # height that the camera looks at, units
SUBPIXEL = 4  # bits
NOISE = 3.0  # of each colour value, standard deviation
AMBIENT = 0.45  # share of light that comes from everywhere
GLASS, TYRE, WHITE_LIGHT, RED_LIGHT = (0.25, 0.35, 0.5), (0.1, 0.1, 0.1), (1.0, 1.0, 0.6), (0.9, 0.05, 0.05)
# Corners of a box, as signs, and its faces by corner, each turning left as seen from outside.
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


@dataclass(frozen=True)
class Part:
    """A box along the axes: its middle, its half edges, its colour (0 to 1)."""

    middle: tuple[float, float, float]
    half: tuple[float, float, float]
    colour: Colour


@dataclass(frozen=True)
class Shape:
    """Parts, the colour behind them, and where light comes from, a unit vector."""

    parts: tuple[Part, ...]
    backdrop: Colour
    light: tuple[float, float, float]


def random_shape(rng: np.random.Generator) -> Shape:
    """Body, cabin, wheels and lights of random proportions and colours."""
    length, width, height = rng.uniform(0.75, 1.05), rng.uniform(0.36, 0.5), rng.uniform(0.14, 0.22)
    clear, wheel = rng.uniform(0.1, 0.16), rng.uniform(0.14, 0.2)
    cabin, roof = length * rng.uniform(0.4, 0.6), rng.uniform(0.12, 0.2)
    back = -length * rng.uniform(0.1, 0.35)
    paint: Colour = colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.0))
    floor = clear + 2 * height
    parts = [
        Part((0.0, 0.0, clear + height), (length, width, height), paint),
        Part((back, 0.0, floor + roof), (cabin, width * 0.88, roof), GLASS),
        Part((back, 0.0, floor + 2 * roof + 0.02), (cabin * 0.96, width * 0.86, 0.02), paint),
    ]
    for x in (-0.6, 0.6):
        for y in (-1.0, 1.0):
            parts.append(Part((x * length, y * width, wheel), (wheel, 0.06, wheel), TYRE))
    for x, colour in ((1.0, WHITE_LIGHT), (-1.0, RED_LIGHT)):
        for y in (-0.62, 0.62):
            parts.append(Part((x * length, y * width, clear + 1.2 * height), (0.02, 0.1, 0.07), colour))
    around, above = rng.uniform(-math.pi, math.pi), rng.uniform(0.5, 1.3)
    light = (math.cos(above) * math.cos(around), math.cos(above) * math.sin(around), math.sin(above))
    backdrop = rng.uniform(0.55, 1.0) * np.array([1.0, 1.0, 1.0]) * rng.uniform(0.9, 1.0, 3)
    return Shape(tuple(parts), (float(backdrop[0]), float(backdrop[1]), float(backdrop[2])), light)


def render(shape: Shape, azimuth: float, elevation: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The shape as a camera sees it whose direction from the shape is (azimuth, elevation), radians.

    At azimuth 0 it looks at the shape's front, at 90 degrees at its left side. ``rng`` makes pixel noise.
    """
    towards = np.array(
        [
            math.cos(elevation) * math.cos(azimuth),
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
        ]
    )
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    up = np.cross(towards, right)
    image = np.full((SIZE, SIZE, 3), np.array(shape.backdrop) * 255.0)
    for corners, colour in _faces(shape, towards):
        away = corners - np.array([0.0, 0.0, MIDDLE])
        depth = DISTANCE - away @ towards
        x, y = away @ right / depth, away @ up / depth
        flat = SIZE / 2 + SCALE * DISTANCE * np.stack([x, -y], 1)
        points = np.rint(flat * 2**SUBPIXEL).astype(np.int32)
        cv2.fillConvexPoly(image, points, [255.0 * value for value in colour], cv2.LINE_AA, SUBPIXEL)
    image += rng.normal(0.0, NOISE, image.shape)
    picture: NDArray[np.uint8] = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return picture


def _faces(shape: Shape, towards: Floats) -> Sequence[tuple[Floats, Colour]]:
    """Corners (4, 3) and colours of the faces that look towards the camera, the farthest part first."""
    camera = DISTANCE * towards + np.array([0.0, 0.0, MIDDLE])
    light = np.array(shape.light)
    shown: list[tuple[float, Floats, Colour]] = []
    for part in shape.parts:
        corners = np.array(part.middle) + CORNERS * np.array(part.half)
        for face in FACES:
            at = corners[list(face)]
            middle = at.mean(0)
            normal = middle - np.array(part.middle)
            normal = normal / np.linalg.norm(normal)
            if normal @ (camera - middle) <= 0.0:
                continue
            bright = AMBIENT + (1.0 - AMBIENT) * max(0.0, float(normal @ light))
            r, g, b = part.colour
            shown.append((float(np.linalg.norm(camera - middle)), at, (r * bright, g * bright, b * bright)))
    return [(at, colour) for _, at, colour in sorted(shown, key=lambda entry: -entry[0])]
