"""Tell another picture from a blurred or flashed one: what a shot cut needs to know besides lost tracks."""

from __future__ import annotations

import cv2
import numpy as np

from ..track import Luma

SAME_PICTURE = 0.6  # correlation of 32 x 18 thumbnails; unrelated shots were below 0.45, fast pans above 0.7


def same_picture(a: Luma, b: Luma) -> bool:
    """Return whether two luma pictures, (H, W) uint8, look alike at 32 x 18 pixels, whatever their brightness."""
    small = [cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float64) for image in (a, b)]
    small = [image - image.mean() for image in small]
    norm = np.sqrt((small[0] ** 2).sum() * (small[1] ** 2).sum())
    if norm < 1e-6:  # both flat: black to black
        return bool(np.abs(small[0]).max() < 2 and np.abs(small[1]).max() < 2)
    return bool((small[0] * small[1]).sum() / norm > SAME_PICTURE)
