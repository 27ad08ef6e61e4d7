"""How like its neighbour each frame is: ITF, and the error that is left when dense optical flow has been followed."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .clip import Luma
from .moment import Moment
from .types import Reading

Flow = npt.NDArray[Any]  # (H, W, 2) float32, pixels

PAIRS = 120  # of neighbours looked at, spread over the clip: flow is the dear part
PEAK_DB = 100.0  # PSNR of two equal pictures, which has no value
AGREE_PX = 1.0  # flow there and back must return this close, else the point was covered
BLOCK = 12  # pairs in a row, so that neighbours share what they need


class Temporal:
    """Compares neighbouring frames of either clip, in the part of the original that the stabilized shows."""

    def __init__(self, frames: int) -> None:
        """`frames` is how many are expected, or 0."""
        self._skip = max(1, (frames or PAIRS) // PAIRS)
        self._before: tuple[Luma, Luma] | None = None
        self._psnr: tuple[list[float], list[float]] = ([], [])
        self._error: tuple[list[float], list[float]] = ([], [])
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def add(self, moment: Moment) -> None:
        """Compare a moment with the one before it, if they are of one shot and their turn has come."""
        now = _common(moment)
        before, self._before = self._before, now
        if now is None or before is None or moment.steps is None or (moment.index // BLOCK) % self._skip:
            return
        for which in (0, 1):
            first, second = before[which], now[which]
            if first.shape != second.shape:  # the common part may differ by a pixel
                rows, columns = np.minimum(first.shape, second.shape)
                first, second = first[:rows, :columns], second[:rows, :columns]
            self._psnr[which].append(psnr_db(first, second))
            error = self._warp_error(np.ascontiguousarray(first), np.ascontiguousarray(second))
            if error is not None:
                self._error[which].append(error)

    def _warp_error(self, first: Luma, second: Luma) -> float | None:
        forward = self._flow.calc(first, second, np.zeros((*first.shape, 2), np.float32))
        backward = self._flow.calc(second, first, np.zeros((*first.shape, 2), np.float32))
        return warp_error(first, second, forward, backward)

    def readings(self) -> dict[str, Reading]:
        """Return ITF and the warp error of both clips."""
        found = {}
        for key, series in (("itf_db", self._psnr), ("warp_error", self._error)):
            if not series[0] or not series[1]:
                found[key] = Reading(None, None, "no two neighbouring frames could be compared")
            else:
                found[key] = Reading(float(np.mean(series[0])), float(np.mean(series[1])))
        return found


def psnr_db(first: Luma, second: Luma) -> float:
    """Return the peak signal-to-noise ratio of two luma pictures, dB; PEAK_DB at most."""
    error = float(np.mean((first.astype(np.float32) - second) ** 2))
    return PEAK_DB if error == 0 else min(PEAK_DB, 10 * float(np.log10(255**2 / error)))


def warp_error(first: Luma, second: Luma, forward: Flow, backward: Flow) -> float | None:
    """Return the mean squared difference, thousandths of white squared, of a frame and its follower brought back.

    Args:
        first, second: (H, W) uint8.
        forward: (H, W, 2) pixels, from the first to the second; `backward` the other way.

    Returns:
        None where the flows agree nowhere.
    """
    height, width = first.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at_x, at_y = x + forward[..., 0], y + forward[..., 1]
    back = cv2.remap(backward, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(1e6, 1e6))
    apart = forward + back
    seen = (np.abs(apart[..., 0]) < AGREE_PX) & (np.abs(apart[..., 1]) < AGREE_PX)  # max over 2 is ten times slower
    seen &= (at_x >= 0) & (at_x <= width - 1)
    seen &= (at_y >= 0) & (at_y <= height - 1)
    if not seen.any():
        return None
    brought = cv2.remap(second.astype(np.float32), at_x, at_y, cv2.INTER_LINEAR)
    return 1000 * float(np.mean((brought[seen] - first[seen]) ** 2)) / 255**2


def _common(moment: Moment) -> tuple[Luma, Luma] | None:
    """Return the original's part that the stabilized frame shows, upright, and the stabilized frame."""
    if moment.fit is None or not moment.fit.sound:
        return None
    original, stabilized = moment.small.luma, moment.small_stabilized.luma
    # A part of fixed size in the middle: one that followed the frame's outline would stabilize the original.
    scale = float(np.sqrt(abs(np.linalg.det(moment.fit.matrix[:2, :2] / moment.fit.matrix[2, 2]))))
    height, width = (max(16, min(side, round(side / scale / 4) * 4)) for side in original.shape)
    top, left = (original.shape[0] - height) // 2, (original.shape[1] - width) // 2
    return original[top : top + height, left : left + width], stabilized
