"""The original, resampled to where the stabilized frame shows it, at full size."""

from __future__ import annotations

import cv2
import numpy as np

from .clip import Luma
from .moment import Moment
from .registration import Fit, Matrix, in_opencv


def stabilized_from_original(moment: Moment, fit: Fit) -> Matrix:
    """Return the fit between the full-size pictures, pixel centres at halves."""
    small, small_stabilized = moment.small.luma.shape, moment.small_stabilized.luma.shape
    full, full_stabilized = moment.original.luma.shape, moment.stabilized.luma.shape
    reduce = np.diag([small[1] / full[1], small[0] / full[0], 1.0])
    enlarge = np.diag([full_stabilized[1] / small_stabilized[1], full_stabilized[0] / small_stabilized[0], 1.0])
    return np.asarray(enlarge @ fit.matrix @ reduce)


def warp_original(
    picture: Luma, matrix: Matrix, shape: tuple[int, int], interpolation: int, border: int, value: int = 0
) -> Luma:
    """Resample a full-size picture to the stabilized frame's shape (height, width)."""
    size = (shape[1], shape[0])
    warped = cv2.warpPerspective(
        picture, in_opencv(matrix), size, flags=interpolation, borderMode=border, borderValue=value
    )
    return warped.astype(np.uint8)
