"""The perception node: images in, objects out."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, Queue

import numpy as np
import pytest
from cube_scene import CubeScene, scattered
from numpy.typing import NDArray

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("sawyer_ntp", reason="needs the built interfaces")

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_world import TIMEOUT, RosWorld, wait_until
from rosgraph_msgs.msg import Clock
from sawyer_ntp.msg import DetectedObjects
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from taskprog.nodes.call import call_service
from taskprog.nodes.convert import to_stamp
from taskprog.nodes.heartbeat import HeartbeatMonitor
from taskprog.nodes.images import colour_message, colour_of, depth_of
from taskprog.nodes.perception import PerceptionNode
from taskprog.nodes.qos import CAMERA, LATCHED, NEWEST
from taskprog.perception.camera import CameraModel
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim.world import World

Pictures = tuple[NDArray[np.uint8], NDArray[np.float32]]
SceneImages = tuple[CameraModel, Callable[[int], Pictures]]


def info_of(camera: CameraModel) -> CameraInfo:
    info = CameraInfo(width=camera.width, height=camera.height)
    info.k = np.array([camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1.0])
    return info


def depth_message(depth: NDArray[np.float32], stamp: Time) -> Image:
    height, width = depth.shape
    message = Image(header=Header(stamp=stamp), height=height, width=width, encoding="32FC1", step=4 * width)
    message.data.frombytes(depth.tobytes())
    return message


def kind_of(name: str) -> str:
    return name.rsplit("_", 1)[0]


class Rig:
    """A camera's publishers and a listener around a perception node."""

    def __init__(self, ros: RosWorld, **parameters: object) -> None:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.perception = PerceptionNode(context=ros.context, parameter_overrides=overrides)
        ros.add(self.perception)
        node = ros.node("camera")
        self.node: Node = node
        self.info = node.create_publisher(CameraInfo, "camera/color/camera_info", CAMERA)
        self.colour = node.create_publisher(Image, "camera/color/image_raw", CAMERA)
        self.depth = node.create_publisher(Image, "camera/depth/image_raw", CAMERA)
        self.clock = node.create_publisher(Clock, "/clock", NEWEST)
        self.objects: Queue[DetectedObjects] = Queue()
        node.create_subscription(DetectedObjects, "objects", self.objects.put, NEWEST)
        self._monitor = HeartbeatMonitor(node, ("perception",))
        wait_until(self._connected, "discovery")

    def _connected(self) -> bool:
        publishers = (self.info, self.colour, self.depth)
        return (
            all(publisher.get_subscription_count() for publisher in publishers)
            and self.node.count_publishers("objects") > 0
            and self.perception.count_subscribers("objects") > 0
        )

    def send(self, rgb: NDArray[np.uint8], depth: NDArray[np.float32], seconds: float) -> None:
        self.colour.publish(colour_message(rgb, to_stamp(seconds), "camera"))
        self.depth.publish(depth_message(depth, to_stamp(seconds)))

    def calibrate(self, camera: CameraModel) -> None:
        """Send camera_info until the node has taken it."""

        def taken() -> bool:
            self.info.publish(info_of(camera))
            return self.perception.camera is not None and self.perception.camera.width == camera.width

        wait_until(taken, "camera_info")

    def now(self) -> float:
        """Seconds on the wall's clock."""
        return float(self.node.get_clock().now().nanoseconds * 1e-9)

    def set_clock(self, seconds: int) -> None:
        """Set simulated time, and wait until the node has heard of it."""

        def taken() -> bool:
            self.clock.publish(Clock(clock=Time(sec=seconds)))
            return int(self.perception.get_clock().now().nanoseconds * 1e-9) == seconds

        wait_until(taken, "the clock")

    def complaint(self) -> str:
        """The complaint of the node's last heartbeat."""
        return self._monitor.complaint("perception")

    def wait_complaint(self, text: str) -> None:
        """Until the node's heartbeat has a complaint with ``text``; with an empty one, until it has none."""

        def heard() -> bool:
            return text in self.complaint() if text else self.complaint() == ""

        wait_until(heard, f"the complaint {text!r}")

    def next(self) -> DetectedObjects:
        return self.objects.get(timeout=TIMEOUT)


@pytest.fixture(scope="module")
def scene_images() -> SceneImages:
    with CubeScene(320, 240) as scene:
        images = []
        for hidden in (0, 1):
            places, yaws = scattered(0)
            scene.place(places[: 8 - hidden], yaws[: 8 - hidden])
            images.append(scene.render())
        return scene.camera, lambda hidden: images[hidden]


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
