"""Which images the perception node uses, and what it says of those that it does not."""

from __future__ import annotations

from queue import Empty

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("sawyer_ntp", reason="needs the built interfaces")

from builtin_interfaces.msg import Time
from perception_rig import Rig, SceneImages, depth_message, info_of, scene_images
from ros_world import RosWorld, wait_until

from taskprog.nodes.convert import to_stamp
from taskprog.nodes.images import colour_message
from taskprog.nodes.perception import PerceptionNode
from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import CUBE_NAMES

__all__ = ["scene_images"]  # a fixture


def test_an_image_older_than_the_last_one_is_not_used(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rig.send(*image(0), seconds=5)
    assert len(rig.next().objects) == 8
    rig.send(*image(1), seconds=4)
    rig.send(*image(1), seconds=6)
    message = rig.next()
    assert message.header.stamp.sec == 6, "nothing was made of the old image"
    assert len(message.objects) == 8, "nothing was forgotten"


def test_a_clock_that_goes_back_begins_anew(ros: RosWorld, scene_images: SceneImages) -> None:
    """A simulator that was started again: what its table looked like before is no longer true."""
    camera, image = scene_images
    rig = Rig(ros, use_sim_time=True)
    rig.calibrate(camera)
    rig.set_clock(50)
    rig.send(*image(0), seconds=50)
    assert len(rig.next().objects) == 8
    rig.set_clock(2)
    rig.send(*image(1), seconds=2)
    message = rig.next()
    assert message.header.stamp.sec == 2
    assert {o.name for o in message.objects} == set(CUBE_NAMES[:7])


def test_an_image_from_the_future_is_not_used(ros: RosWorld, scene_images: SceneImages) -> None:
    """It would make all that come after it old."""
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rig.send(*image(1), seconds=rig.now() + 1000.0)
    rig.wait_complaint("s ahead of this node's clock")
    now = rig.now()
    rig.send(*image(0), seconds=now)
    message = rig.next()
    assert message.header.stamp == to_stamp(now)
    assert len(message.objects) == 8
    rig.wait_complaint("")


def test_simulated_time_may_lag_a_little_behind_the_images(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros, use_sim_time=True)
    rig.calibrate(camera)
    rig.set_clock(50)
    for _ in range(2):  # the second time as where time stands still
        rig.send(*image(0), seconds=50.4)
        assert rig.next().header.stamp == to_stamp(50.4)


def test_the_clock_may_come_after_an_image_from_its_future(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros, use_sim_time=True)
    rig.calibrate(camera)
    rig.send(*image(0), seconds=1000)
    assert rig.next().header.stamp.sec == 1000, "nothing is known of the time"
    rig.set_clock(5)
    rig.send(*image(1), seconds=5)
    message = rig.next()
    assert message.header.stamp.sec == 5
    assert len(message.objects) == 7, "what the other image showed is forgotten"


@pytest.mark.parametrize(
    ("width", "depth_rows", "blind", "reason"),
    [
        (320, 240, True, "0% of the depth image's pixels have a depth"),
        (320, 200, False, "differ in size"),
        (160, 240, False, "an image must be"),
    ],
    ids=["no depth", "depth of another size", "camera_info of another size"],
)
def test_why_images_are_not_used_is_told_until_good_ones_come(
    ros: RosWorld, scene_images: SceneImages, width: int, depth_rows: int, blind: bool, reason: str
) -> None:
    camera, image = scene_images
    rgb, depth = image(0)
    rig = Rig(ros)
    rig.calibrate(CameraModel.table_top(width, width * 3 // 4))
    rig.send(rgb, np.full_like(depth, np.nan) if blind else depth[:depth_rows], seconds=1)
    rig.wait_complaint(reason)
    rig.calibrate(camera)
    rig.send(rgb, depth, seconds=2)
    assert rig.next().header.stamp.sec == 2
    rig.wait_complaint("")


def test_what_is_wrong_with_camera_info_is_not_hidden_by_the_images(
    ros: RosWorld, scene_images: SceneImages
) -> None:
    camera, image = scene_images
    rgb, depth = image(0)
    perception = PerceptionNode(context=ros.context)  # not spun: the test says what comes
    info = info_of(camera)
    info.d = [0.1] * 5
    perception._on_info(info)
    perception._on_colour(colour_message(rgb, Time(sec=1), "camera"))
    perception._on_depth(depth_message(depth, Time(sec=1)))
    assert "lens distortion" in perception._heartbeat.complaint
    perception.destroy_node()


def test_images_without_camera_info_are_named(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.send(*image(0), seconds=1)
    rig.wait_complaint("no camera_info")
    rig.calibrate(camera)
    rig.send(*image(0), seconds=2)
    assert rig.next().header.stamp.sec == 2
    rig.wait_complaint("")


@pytest.mark.parametrize(
    ("colours", "depths", "reason"),
    [
        (0.0, 0.02, "different stamps: the nearest differ by 0.02 s"),
        (0.0, None, "colour images come, but no depth images"),
        (None, 0.0, "depth images come, but no colour images"),
    ],
    ids=["stamps that differ", "no depth", "no colour"],
)
def test_why_no_images_belong_together_is_told_until_a_pair_comes(
    ros: RosWorld, scene_images: SceneImages, colours: float | None, depths: float | None, reason: str
) -> None:
    """``colours`` and ``depths``: seconds that are added to their images' stamps; None: there are none."""
    camera, image = scene_images
    rgb, depth = image(0)
    rig = Rig(ros)
    rig.calibrate(camera)
    seconds = 1.0

    def told() -> bool:
        nonlocal seconds
        seconds += 0.1
        if colours is not None:
            rig.colour.publish(colour_message(rgb, to_stamp(seconds + colours), "camera"))
        if depths is not None:
            rig.depth.publish(depth_message(depth, to_stamp(seconds + depths)))
        return reason in rig.complaint()

    wait_until(told, "the complaint")
    rig.send(rgb, depth, seconds=seconds + 1.0)
    assert rig.next().header.stamp == to_stamp(seconds + 1.0)
    rig.wait_complaint("")


def test_a_start_and_lost_images_are_nothing_to_complain_of(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rgb, depth = image(0)
    perception = PerceptionNode(context=ros.context)  # not spun: the test says what comes
    perception._on_info(info_of(camera))
    for tick in range(100):
        if tick >= 3 and tick % 10:  # depth starts later, and every tenth image is lost
            perception._on_depth(depth_message(depth, to_stamp(0.1 * tick)))
        if tick % 10 != 5:
            perception._on_colour(colour_message(rgb, to_stamp(0.1 * tick), "camera"))
        assert perception._heartbeat.complaint == ""
    perception.destroy_node()


def test_only_images_of_one_moment_belong_together(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rgb, depth = image(0)
    for seconds in range(1, 8):
        rig.colour.publish(colour_message(rgb, Time(sec=seconds), "camera"))
    rig.depth.publish(depth_message(depth, Time(sec=20)))
    rig.send(rgb, depth, seconds=30)
    assert rig.next().header.stamp.sec == 30
    with pytest.raises(Empty):
        rig.objects.get_nowait()


def test_a_broken_image_is_survived(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rgb, depth = image(0)
    rig.send(rgb[:100], depth[:100], seconds=1)
    rig.send(rgb, depth, seconds=2)
    assert rig.next().header.stamp.sec == 2
