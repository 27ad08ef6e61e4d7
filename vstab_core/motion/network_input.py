"""How a luma proxy becomes the input of a network, and a network's homography one of the picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..models.motion import UNIT_PX
from ..types import FloatArray

MULTIPLE = 16  # of a side: the coarsest cell


def reduced(image: npt.NDArray[np.uint8], long_side_px: int) -> npt.NDArray[np.uint8]:
    """Return a luma proxy (H, W) at the size that a network wants, its sides multiples of the cells."""
    scale = long_side_px / max(image.shape)
    height, width = (max(4, round(side * scale / MULTIPLE)) * MULTIPLE for side in image.shape)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def to_picture(height: int, width: int, aspect: float) -> FloatArray:
    """Return (3, 3): from a network's normalised coordinates to those of the picture.

    The input, (height, width) px, is a little taller or lower than the picture: its sides are multiples of the cells.
    """
    return np.diag([2 * UNIT_PX / width, 2 * aspect * UNIT_PX / height, 1])
