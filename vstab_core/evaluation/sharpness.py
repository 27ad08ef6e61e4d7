"""Sharpness of the stabilized clip on matched content: against the original resampled once, well, to the same place."""

from __future__ import annotations

import cv2
import numpy as np

from .moment import Moment
from .types import Reading
from .warped import stabilized_from_original, warp_original

FRAMES = 16  # looked at, spread over the clip
RIM_PX = 9  # of the warped original that is left out: the kernel reaches over its edge there
MIN_SHARE = 0.3  # of the frame that must be compared
FLAT = 1.0  # variance of the Laplacian, codes squared, below which there is no detail to lose


class Sharpness:
    """Compares variances of the Laplacian in about 16 frames."""

    def __init__(self, frames: int) -> None:
        """`frames` is how many are expected, or 0."""
        self._every = max(1, (frames or 10 * FRAMES) // FRAMES)
        self._ratios: list[float] = []
        self._flat = 0

    def add(self, moment: Moment) -> None:
        """Compare a frame, if its turn has come and its fit is sound."""
        if moment.index % self._every != self._every // 2 or moment.fit is None or not moment.fit.sound:
            return
        stabilized, matrix = moment.stabilized.luma, stabilized_from_original(moment, moment.fit)
        warped = warp_original(moment.original.luma, matrix, stabilized.shape, cv2.INTER_LANCZOS4, cv2.BORDER_REPLICATE)
        whole = np.full(moment.original.luma.shape, 255, np.uint8)
        there = warp_original(whole, matrix, stabilized.shape, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
        there[[0, -1]] = there[:, [0, -1]] = 0
        kernel = np.ones((RIM_PX, RIM_PX), np.uint8)
        inside = cv2.erode(there, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        if inside.mean() < MIN_SHARE:
            return
        variances = [float(cv2.Laplacian(p, cv2.CV_32F)[inside].var()) for p in (stabilized, warped)]
        if variances[1] < FLAT:
            self._flat += 1
            return
        self._ratios.append(variances[0] / variances[1])

    def readings(self) -> dict[str, Reading]:
        """Return the median ratio."""
        if not self._ratios:
            why = "there is no detail to compare" if self._flat else "no frame could be matched with its original"
            return {"sharpness_ratio": Reading(None, None, why)}
        return {"sharpness_ratio": Reading(None, float(np.median(self._ratios)))}
