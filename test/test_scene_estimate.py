"""What is held is where the tool is; what was let go stays there until the camera sees it again."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.control.scene_estimate import ObjectEstimate, SceneEstimate

TABLE = 0.0


def seen(name: str, x: float, *, visible: bool = True, stamp: float = 0.0) -> ObjectEstimate:
    return ObjectEstimate(name, np.array([x, 0.0, TABLE]), 0.0, visible, stamp, 0.045)


def where(scene: SceneEstimate, name: str, tool: tuple[float, float, float] = (9.0, 9.0, 9.0)) -> list[float]:
    found = {o.name: o for o in scene.objects(np.array(tool))}
    return [round(float(v), 6) for v in found[name].position]


def test_camera_alone_is_believed() -> None:
    scene = SceneEstimate()
    scene.see([seen("red", 0.5), seen("blue", 0.7)])
    assert where(scene, "red") == [0.5, 0.0, 0.0]
    assert where(scene, "blue") == [0.7, 0.0, 0.0]


def test_held_object_moves_with_the_tool_and_keeps_its_offset() -> None:
    scene = SceneEstimate()
    scene.see([seen("red", 0.5), seen("blue", 0.7)])
    assert scene.grasp(np.array([0.505, 0.0, 0.0])) == "red"
    # Hidden in the hand, the camera still remembers it on the table.
    scene.see([seen("red", 0.5, visible=False), seen("blue", 0.7)])
    assert where(scene, "red", (0.7, 0.1, 0.2)) == [0.695, 0.1, 0.2]


def test_grasp_in_empty_space_holds_nothing() -> None:
    scene = SceneEstimate()
    scene.see([seen("red", 0.5)])
    assert scene.grasp(np.array([0.6, 0.0, 0.0])) is None
    assert scene.held is None


@pytest.mark.parametrize(("visible", "stamp"), [(False, 11.0), (True, 9.0)])
def test_released_object_stays_until_a_later_image_shows_it(visible: bool, stamp: float) -> None:
    scene = SceneEstimate()
    scene.see([seen("red", 0.5)])
    scene.grasp(np.array([0.5, 0.0, 0.0]))
    scene.release(np.array([0.7, 0.0, 0.1]), 0.3, 10.0)
    scene.see([seen("red", 0.5, visible=visible, stamp=stamp)])
    assert where(scene, "red") == [0.7, 0.0, 0.1]
    scene.see([seen("red", 0.71, stamp=12.0)])
    assert where(scene, "red") == [0.71, 0.0, 0.0]
