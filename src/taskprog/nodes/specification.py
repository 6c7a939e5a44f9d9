"""From a goal's ``TaskSpecification`` message to a ``Demonstration``: quick checks first, reading later."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from sawyer_ntp.msg import TaskSpecification
from sensor_msgs.msg import CameraInfo

from taskprog.machine import Demonstration
from taskprog.nodes.convert import from_transform
from taskprog.perception.camera import CameraModel
from taskprog.perception.eyes import Detector
from taskprog.perception.goods_video import read_goods_frames
from taskprog.perception.task_video import (
    MAX_BYTES,
    MAX_FRAMES,
    NotAVideo,
    TaskVideoError,
    WrongSize,
    read_frames,
    read_task_video,
)
from taskprog.perception.video_file import decode
from taskprog.resources import share_dir
from taskprog.tasks.family import Family
from taskprog.tasks.table_top import CAMERA_SIZE

SpecificationError = TaskVideoError
ORDER_FULFILMENT = "order_fulfilment"
NTP, NPI = PLANNERS = ("ntp", "npi")  # of goals: with a video, with a task in words
READ = ("block_stacking", ORDER_FULFILMENT)  # families whose videos can be read


def check_specification(message: TaskSpecification) -> str | None:
    """Why a goal cannot even be tried, or None: what can be seen without decoding a frame."""
    size = len(message.video)
    if size and message.frames:
        return "specification has both a video and frames; send one of them"
    if not size and not message.frames:
        return "specification is empty; send a video's bytes or frames"
    if size > MAX_BYTES:
        return f"video has {size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read"
    if len(message.frames) > MAX_FRAMES:
        return f"{len(message.frames)} frames, at most {MAX_FRAMES} are read"
    if message.frames and not message.frame_rate > 0.0:
        return f"frame_rate is {message.frame_rate}; frames need a rate above 0 per second"
    if size and not _looks_like_video(bytes(message.video[:16])):
        return "video is neither an mp4 nor an avi file"
    return _check_camera(message)


def _looks_like_video(head: bytes) -> bool:
    # ISO media files name their brand after four bytes of length; AVI is a RIFF file.
    return head[4:8] in (b"ftyp", b"moov", b"mdat") or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def _check_camera(message: TaskSpecification) -> str | None:
    info = message.camera_info
    if info.width == 0:
        return None
    if info.k[0] <= 0 or info.k[4] <= 0 or info.height == 0:
        return "camera_info needs its size and focal lengths, or width 0 for the stack's own camera"
    if any(info.d):
        return "camera_info has lens distortion; send undistorted images and leave d empty"
    return None


def camera_of(message: TaskSpecification) -> CameraModel:
    """The camera that filmed: the message's own, or the stack's.

    Raises:
        TaskVideoError: its pose is no rigid transform.
    """
    info: CameraInfo = message.camera_info
    if info.width == 0:
        return CameraModel.table_top(*CAMERA_SIZE)
    try:
        pose = from_transform(message.camera_pose)
        return CameraModel(info.width, info.height, info.k[0], info.k[4], info.k[2], info.k[5], pose)
    except ValueError as error:
        raise WrongSize(f"camera of the specification: {error}") from error


def read_specification(message: TaskSpecification, family: Family) -> Demonstration:
    """Decode and read the video of a task of a family, one of ``READ``.

    Raises:
        TaskVideoError: it is not a video, or not one of a task; the message says why.
    """
    camera = camera_of(message)
    if family.name == ORDER_FULFILMENT:
        detector = goods_detector(camera)
        boxes = [name for name in family.names if name in family.receptacles]
        things = [name for name in family.names if name not in family.receptacles]
        return read_goods_frames(_frames(message), detector, things, boxes)
    if len(message.video):
        return read_task_video(bytes(message.video), camera)
    times, images = zip(*_frames(message), strict=True)
    return read_frames(images, times, camera)


def check_eyes(family: Family) -> None:
    """See that videos of a family can be read at all, before anybody sends one.

    Raises:
        OSError, ValueError: what is needed is missing or broken.
    """
    if family.name == ORDER_FULFILMENT:
        goods_detector(CameraModel.table_top(*CAMERA_SIZE))


def goods_detector(camera: CameraModel) -> Detector:
    """The detector of goods and containers in a camera's images.

    Raises:
        OSError, ValueError: its weights are missing or broken.
    """
    # Torch takes seconds to import, and cubes need none of it.
    from taskprog.vision.detector import ObjectDetector

    detector: Detector = ObjectDetector.load(share_dir() / "models/detectors/goods", camera)
    return detector


def _frames(message: TaskSpecification) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    if len(message.video):
        yield from decode(bytes(message.video))
        return
    for number, frame in enumerate(message.frames):
        image = cv2.imdecode(np.frombuffer(bytes(frame.data), np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise NotAVideo(f"frame {number} of {len(message.frames)} is not a jpeg or png image")
        yield number / message.frame_rate, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
