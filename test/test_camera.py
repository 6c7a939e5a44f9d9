"""The camera model against PyBullet's renderer, and against itself."""

import numpy as np
import pybullet
import pytest

from taskprog.perception.camera import CameraModel, look_at
from taskprog.tasks import table_top

POINTS = np.array([[0.6, 0.0, -0.1], [0.45, 0.34, -0.08], [0.75, -0.3, 0.2], [0.5, 0.1, 0.0]])


@pytest.mark.parametrize("size", [(640, 480), (320, 240)])
def test_points_come_back_from_pixels_and_depths(size: tuple[int, int]) -> None:
    camera = CameraModel.table_top(*size)
    pixels, depth = camera.project(POINTS)
    np.testing.assert_allclose(camera.points(pixels[:, 0], pixels[:, 1], depth), POINTS, atol=1e-12)
    for pixel, point in zip(pixels, POINTS, strict=True):
        np.testing.assert_allclose(camera.at_height(pixel[None], point[2])[0], point, atol=1e-12)


def test_backproject_takes_the_masked_pixels_only() -> None:
    camera = CameraModel.table_top(64, 48)
    depth = np.full((48, 64), 1.25, np.float32)
    mask = np.zeros((48, 64), bool)
    mask[10, 20] = mask[30, 40] = True
    pixels, back = camera.project(camera.backproject(depth, mask))
    np.testing.assert_allclose(pixels, [[20, 10], [40, 30]], atol=1e-9)
    np.testing.assert_allclose(back, 1.25, atol=1e-9)


def test_optical_frame_follows_rep_103() -> None:
    camera = CameraModel.table_top(640, 480)
    left, right, high = camera.project([[0.6, 0.2, 0.0], [0.6, -0.2, 0.0], [0.6, 0.0, 0.3]])[0]
    # The camera faces the robot, so the robot's left (+y) is on the image's right.
    assert left[0] > right[0]
    assert high[1] < left[1]
    assert np.linalg.det(camera.pose[:3, :3]) == pytest.approx(1.0)


def test_points_behind_the_camera_have_no_positive_depth() -> None:
    assert CameraModel.table_top(640, 480).project([[3.0, 0.0, 2.0]])[1][0] < 0
    upwards = np.array([[320.0, -5000.0]])
    assert np.isnan(CameraModel.table_top(640, 480).at_height(upwards, -0.1)).all()


@pytest.mark.parametrize("size", [(640, 480), (320, 240)])
def test_agrees_with_pybullets_renderer(size: tuple[int, int]) -> None:
    """Small boxes are seen where the model says they are, to a quarter of a pixel on average."""
    client = pybullet.connect(pybullet.DIRECT)
    try:
        for point in POINTS:
            shape = pybullet.createVisualShape(
                pybullet.GEOM_SPHERE, radius=0.02, rgbaColor=[1, 0, 0, 1], physicsClientId=client
            )
            pybullet.createMultiBody(0, -1, shape, list(point), physicsClientId=client)
        view = pybullet.computeViewMatrix(table_top.CAMERA_EYE, table_top.CAMERA_TARGET, [0, 0, 1])
        projection = pybullet.computeProjectionMatrixFOV(table_top.CAMERA_FOV, size[0] / size[1], 0.1, 3.0)
        *_, segments = pybullet.getCameraImage(
            *size, view, projection, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client
        )
    finally:
        pybullet.disconnect(client)
    seen = np.asarray(segments).reshape(size[1], size[0])
    centres = np.array([np.argwhere(seen == body).mean(axis=0)[::-1] for body in range(len(POINTS))])
    expected, _ = CameraModel.table_top(*size).project(POINTS)
    assert np.abs((centres - expected).mean(axis=0)).max() < 0.25


def test_nonsense_is_refused() -> None:
    camera = CameraModel.table_top(640, 480)
    with pytest.raises(ValueError, match="size"):
        CameraModel.table_top(0, 480)
    with pytest.raises(ValueError, match="rotation"):
        CameraModel(640, 480, camera.fx, camera.fy, 320, 239, camera.pose * 2)
    with pytest.raises(ValueError, match="straight"):
        look_at((0, 0, 1), (0, 0, 0))
