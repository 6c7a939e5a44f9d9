"""What is held is where the tool is; what was let go stays there until the camera sees it again."""

from __future__ import annotations

import numpy as np
import pytest

from taskprog.control.scene_estimate import ObjectEstimate, SceneEstimate

TABLE = 0.0


def seen(
    name: str, x: float, y: float = 0.0, *, visible: bool = True, stamp: float = 0.0, label: str = ""
) -> ObjectEstimate:
    return ObjectEstimate(
        name, np.array([x, y, TABLE]), 0.0, visible, stamp, np.full(3, 0.045), label or name
    )


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


def test_of_objects_alike_the_one_that_was_let_go_is_known_by_its_place() -> None:
    scene = SceneEstimate()
    scene.see([seen("duck", 0.5, label="duck_0"), seen("duck", 0.7, label="duck_1")])
    scene.grasp(np.array([0.5, 0.0, 0.0]))
    scene.see([seen("duck", 0.5, visible=False, label="duck_0"), seen("duck", 0.7, label="duck_1")])
    tool = np.array([0.6, 0.3, 0.2])
    assert sorted(o.position[0] for o in scene.objects(tool)) == [0.6, 0.7]
    scene.release(tool, 0.0, 5.0)
    # It rolled a little and has another label now; the one at 0.7 is another object.
    scene.see(
        [seen("duck", 0.7, stamp=6.0, label="duck_1"), seen("duck", 0.62, 0.3, stamp=6.0, label="duck_2")]
    )
    assert sorted(o.position[0] for o in scene.objects(tool)) == [0.62, 0.7]


def test_what_was_let_go_and_is_not_there_is_forgotten_after_a_grasp_of_nothing() -> None:
    scene = SceneEstimate()
    scene.see([seen("duck", 0.5, label="duck_0"), seen("duck", 0.7, label="duck_1")])
    scene.grasp(np.array([0.5, 0.0, 0.0]))
    scene.see([seen("duck", 0.7, label="duck_1"), seen("duck", 0.9, label="duck_2")])
    scene.release(np.array([0.3, 0.3, 0.0]), 0.0, 5.0)
    assert len(scene.objects(np.zeros(3))) == 3
    scene.miss(np.array([0.3, 0.3, 0.0]))
    assert len(scene.objects(np.zeros(3))) == 2
