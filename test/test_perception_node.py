"""The perception node: images in, objects out."""

from __future__ import annotations

from queue import Queue

import numpy as np
import pytest
from cube_scene import scattered

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("sawyer_ntp", reason="needs the built interfaces")

from perception_rig import Rig, SceneImages, scene_images
from rclpy.parameter import Parameter
from ros_world import TIMEOUT, RosWorld, wait_until
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from taskprog.nodes.call import call_service
from taskprog.nodes.convert import to_stamp
from taskprog.nodes.images import colour_of, depth_of
from taskprog.nodes.perception import PerceptionNode
from taskprog.nodes.qos import LATCHED, NEWEST
from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim.world import World

__all__ = ["scene_images"]  # a fixture


def kind_of(name: str) -> str:
    return name.rsplit("_", 1)[0]


def test_objects_carry_the_images_stamp_and_frame_base(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rig.send(*image(0), seconds=7)
    message = rig.next()
    assert (message.header.stamp.sec, message.header.frame_id) == (7, "base")
    assert {o.name for o in message.objects} == set(CUBE_NAMES)
    places = scattered(0)[0]
    for found in message.objects:
        p = found.pose.position
        assert np.linalg.norm([p.x, p.y, p.z] - places[CUBE_NAMES.index(found.name)]) < 0.004
        assert found.visible


def test_goods_and_containers_are_found_too(ros: RosWorld) -> None:
    with World("order_fulfilment", seed=3, objects=8, camera_size=(640, 480)) as world:
        world.step(240)
        image, truth, camera = world.camera.render(), world.poses(), CameraModel.table_top(640, 480)
    rig = Rig(ros, detector="goods")
    rig.calibrate(camera)
    rig.send(image.rgb, image.depth, seconds=7)
    found = {o.name: o.pose.position for o in rig.next().objects}
    assert sorted(map(kind_of, found)) == sorted(map(kind_of, truth.names))
    for name, place in zip(truth.names, truth.positions, strict=True):
        alike = [p for other, p in found.items() if kind_of(other) == kind_of(name)]
        away = min(np.linalg.norm([p.x, p.y, p.z] - place) for p in alike)
        assert away < 0.015, name


def test_a_cube_out_of_sight_is_remembered(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rig.send(*image(0), seconds=1)
    rig.next()
    rig.send(*image(1), seconds=2)
    message = rig.next()
    assert {o.name: o.visible for o in message.objects} == {n: n != CUBE_NAMES[7] for n in CUBE_NAMES}


def test_a_table_laid_anew_is_looked_at_afresh(ros: RosWorld, scene_images: SceneImages) -> None:
    """What was hidden is forgotten, and images from before do not bring it back."""
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    rig.send(*image(0), seconds=1)
    assert len(rig.next().objects) == 8
    client = rig.node.create_client(Trigger, "perception/forget")
    assert call_service(client, Trigger.Request(), TIMEOUT).success
    rig.send(*image(0), seconds=2)  # taken before, on its way until now
    rig.wait_complaint("from before")
    later = rig.now()
    rig.send(*image(1), seconds=later)
    message = rig.next()
    assert message.header.stamp == to_stamp(later)
    assert {o.name for o in message.objects} == set(CUBE_NAMES[:7])


def test_debug_image_comes_when_somebody_looks(ros: RosWorld, scene_images: SceneImages) -> None:
    camera, image = scene_images
    rig = Rig(ros)
    rig.calibrate(camera)
    pictures: Queue[Image] = Queue()
    rig.node.create_subscription(Image, "perception/debug_image", pictures.put, NEWEST)
    wait_until(lambda: rig.perception.count_subscribers("perception/debug_image") > 0)
    rig.send(*image(0), seconds=3)
    picture = colour_of(pictures.get(timeout=TIMEOUT))
    assert picture.shape == (240, 320, 3)
    assert (picture != image(0)[0]).any()


def test_the_cameras_frame_is_put_into_tf_on_request(ros: RosWorld) -> None:
    listener = ros.node("listener")
    heard: Queue[TFMessage] = Queue()
    listener.create_subscription(TFMessage, "tf_static", heard.put, LATCHED)
    pose = [1.5, 0.1, 0.8, 0.0, 1.0, 0.0, 0.0]
    rig = Rig(ros, camera_frame="camera_color_optical_frame", camera_pose=pose)
    (found,) = heard.get(timeout=TIMEOUT).transforms
    assert (found.header.frame_id, found.child_frame_id) == ("base", "camera_color_optical_frame")
    place, turn = found.transform.translation, found.transform.rotation
    assert (place.x, place.y, place.z, abs(turn.y)) == pytest.approx((1.5, 0.1, 0.8, 1.0))
    assert rig.node.count_publishers("tf_static") == 1


def test_an_unknown_detector_is_an_error_at_start(ros: RosWorld) -> None:
    with pytest.raises(ValueError, match="cubes"):
        PerceptionNode(context=ros.context, parameter_overrides=[Parameter("detector", value="yolo")])


def test_a_pose_that_is_none_is_an_error_at_start(ros: RosWorld) -> None:
    pose = Parameter("camera_pose", value=[0.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="camera_pose"):
        PerceptionNode(context=ros.context, parameter_overrides=[pose])


def test_rows_with_padding_and_other_encodings() -> None:
    rgb = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    padded = np.zeros((2, 16), np.uint8)
    padded[:, :9] = rgb[..., ::-1].reshape(2, 9)
    message = Image(height=2, width=3, encoding="bgr8", step=16)
    message.data.frombytes(padded.tobytes())
    np.testing.assert_array_equal(colour_of(message), rgb)
    message = Image(height=1, width=2, encoding="16UC1", step=4)
    message.data.frombytes(np.array([1000, 2500], "<u2").tobytes())
    np.testing.assert_allclose(depth_of(message), [[1.0, 2.5]])
    with pytest.raises(ValueError, match="bytes"):
        depth_of(Image(height=5, width=2, encoding="16UC1", step=4))
    with pytest.raises(ValueError, match="rgb8"):
        colour_of(Image(height=5, width=2, encoding="mono8", step=2))
