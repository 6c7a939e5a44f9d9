"""Scenes by name and seed, or from a file."""

from __future__ import annotations

from pathlib import Path

from taskprog_sim.order_layout import MIN_OBJECTS, even_counts, order_scene
from taskprog_sim.scene_description import (
    BLOCK_STACKING,
    SCENES,
    SceneDescription,
    random_stacking_scene,
)
from taskprog_sim.scene_file import SUFFIXES, read_scene


def describe(scene: str, seed: int, objects: int = 0, clutter: bool = False) -> SceneDescription:
    """A scene as it starts.

    Args:
        scene: one of ``SCENES``, or a scene file, see ``scene_file``.
        seed: of all that is random.
        objects: that can be taken; 0: the scene's own number.
        clutter: some goods touch; nothing changes for cubes.

    Raises:
        ValueError: there is no such scene, seed or number of objects; says what there is.
    """
    if seed < 0:
        raise ValueError(f"a layout's seed is 0 or more, not {seed}")
    if Path(scene).suffix in SUFFIXES:
        return read_scene(Path(scene), seed, objects, clutter)
    if scene not in SCENES:
        raise ValueError(
            f"unknown scene {scene!r}; known: {', '.join(SCENES)}, or a file ({', '.join(SUFFIXES)})"
        )
    if scene == BLOCK_STACKING:
        return random_stacking_scene(seed, objects)
    return order_scene(seed, even_counts(objects or MIN_OBJECTS, seed), clutter)
