"""What happens to a camera's images on their way: exposure, colour cast, blur, noise, compression; depth that
is noisy, has holes or is not there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Heights = NDArray[np.float32]

GREYS = np.arange(256, dtype=np.float32) / 255
# Noise is cut out of this at random places: drawing it anew takes longer than all else.
NOISE = np.random.default_rng(0).standard_normal((700, 900, 3), np.float32)


def spoiled(rgb: Picture, rng: np.random.Generator) -> Picture:
    """An (H, W, 3) image, no larger than ``NOISE``, as a worse camera in another light would take it."""
    image = np.ascontiguousarray(rgb)
    if rng.uniform() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4)), np.uint8)
    if rng.uniform() < 0.8:
        colour = rng.uniform(0.7, 1.2)  # 1: as it is; 0: grey
        mix = colour * np.eye(3) + (1 - colour) / 3
        image = np.asarray(cv2.transform(image, mix), np.uint8)
        gains = rng.uniform(0.65, 1.35) * rng.uniform(0.92, 1.08, 3)
        bent = np.clip(GREYS[:, None] * gains, 0, 1) ** rng.uniform(0.75, 1.35)
        image = np.asarray(cv2.LUT(image, np.asarray(bent * 255 + 0.5, np.uint8)[None]), np.uint8)
    if rng.uniform() < 0.6:
        height, width = image.shape[:2]
        v = int(rng.integers(NOISE.shape[0] - height + 1))
        u = int(rng.integers(NOISE.shape[1] - width + 1))
        noisy = image + NOISE[v : v + height, u : u + width] * np.float32(rng.uniform(0, 10))
        image = np.asarray(np.clip(noisy, 0, 255), np.uint8)
    if rng.uniform() < 0.3:  # videos and network streams
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image


def spoiled_heights(heights: Heights, rng: np.random.Generator) -> Heights:
    """(H, W) heights, metres, as a worse depth camera would see them, or none."""
    if rng.uniform() < 0.3:
        return np.full_like(heights, np.nan)
    height, width = heights.shape
    v = int(rng.integers(NOISE.shape[0] - height + 1))
    u = int(rng.integers(NOISE.shape[1] - width + 1))
    result = heights + NOISE[v : v + height, u : u + width, 0] * np.float32(rng.uniform(0, 0.002))
    if rng.uniform() < 0.4:  # single pixels
        result[NOISE[v : v + height, u : u + width, 1] > rng.uniform(0.5, 3.0)] = np.nan
    if rng.uniform() < 0.4:  # patches
        for _ in range(int(rng.integers(1, 30))):
            v, u = int(rng.integers(height)), int(rng.integers(width))
            high, wide = rng.integers(2, 30, 2).tolist()
            result[v : v + high, u : u + wide] = np.nan
    return np.asarray(result, np.float32)
