"""What happens to a camera's image on its way: exposure, colour cast, blur, noise, compression, mirroring."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def spoiled(rgb: Picture, rng: np.random.Generator) -> Picture:
    """An (H, W, 3) image as a worse camera, in another light, would have taken it."""
    image = rgb
    if rng.uniform() < 0.4:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.2, 0.9)), np.uint8)
    values = image.astype(np.float32) / 255
    if rng.uniform() < 0.8:
        values *= rng.uniform(0.65, 1.35) * rng.uniform(0.92, 1.08, 3).astype(np.float32)
        values = np.clip(values, 0, 1) ** np.float32(rng.uniform(0.75, 1.35))
        grey = values.mean(axis=2, keepdims=True)
        values = grey + (values - grey) * np.float32(rng.uniform(0.7, 1.2))
    if rng.uniform() < 0.6:
        noise = rng.standard_normal(values.shape, np.float32)
        values += noise * np.float32(rng.uniform(0.0, 0.04))
    image = np.asarray(np.clip(values, 0, 1) * 255 + 0.5, np.uint8)
    if rng.uniform() < 0.3:  # videos and network streams
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image
