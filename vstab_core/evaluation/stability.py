"""The stability score: the literature's, and one that tells a shaky pan from a steady one.

The literature (Liu et al. 2013) takes the share of a path's spectral energy in its lowest bins without the constant.
Measured: a perfect pan scores 0.890, the same pan with 20 px of white jitter 0.886, a tripod with sensor noise 0.03:
the ends of a path that is not periodic leak over the whole spectrum, and where nothing moves noise is all there is.
The bins are "cycles per clip", so a sway of 0.5 Hz scores 1 in 10 s and 0 in 20 s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .registration import Matrix
from .types import Series

BINS = 5  # the lowest without the constant: "2nd to 6th" of Liu et al.
WINDOW_S = 10.0
SLOW_HZ = 0.5  # five cycles in a window: the literature's bins for a clip of 10 s
MIN_WINDOW_S = 4.0  # shorter, a Hann window leaves less than two bins below SLOW_HZ
UNSEEN_PERCENT = 0.02  # of the diagonal, RMS: movement that nobody sees, 0.15 px at 640 wide
UNSEEN_DEG = 0.01


def literature(motions: Sequence[Matrix | None]) -> tuple[float, float]:
    """Return the scores (translation, rotation) of the product of frame-to-frame homographies.

    Args:
        motions: now_from_before, in pixels; an unmeasured one repeats the one before it, as the published code does.

    Returns:
        the two shares; NaN where there are too few frames.
    """
    path, last = np.eye(3), np.eye(3)
    distance, angle_deg = [], []
    for motion in motions:
        last = last if motion is None else motion / motion[2, 2]
        path = path @ last
        distance.append(float(np.hypot(path[0, 2], path[1, 2])))
        angle_deg.append(float(np.degrees(np.arctan2(path[1, 0], path[0, 0]))))
    return _share_of_lowest(np.array(distance)), _share_of_lowest(np.array(angle_deg))


def _share_of_lowest(signal: Series) -> float:
    if len(signal) < 2 * BINS + 2 or not np.isfinite(signal).all():
        return float("nan")
    energy = np.abs(np.fft.fft(signal)) ** 2
    energy = energy[1:]
    energy = energy[: len(energy) // 2]
    total = energy.sum()
    return float(energy[:BINS].sum() / total) if total > 0 else float("nan")


def corrected(position: npt.NDArray[np.float64], fps: float, diagonal_px: float) -> float:
    """Return the corrected score of one shot: the share of its movement that is slow.

    Args:
        position: (n, 3) x and y in pixels, rotation in degrees.
        fps: frames a second.
        diagonal_px: of the picture that `position` was measured in.

    Returns:
        mean over windows of the least of the three signals' shares; NaN if the shot is shorter than MIN_WINDOW_S.
    """
    count = len(position)
    if count < MIN_WINDOW_S * fps:
        return float("nan")
    windows = max(1, int(count / (WINDOW_S * fps)))
    unseen = np.array([UNSEEN_PERCENT / 100 * diagonal_px] * 2 + [UNSEEN_DEG])
    scores = [_slow_share(part, fps, unseen).min() for part in np.array_split(position, windows)]
    return float(np.mean(scores))


def _slow_share(part: npt.NDArray[np.float64], fps: float, unseen: Series) -> Series:
    count = len(part)
    time = np.arange(count) - (count - 1) / 2
    slope = time @ part / (time @ time)
    window = np.hanning(count)[:, None]
    rest = (part - part.mean(axis=0) - time[:, None] * slope) * window
    energy = np.abs(np.fft.rfft(rest, axis=0)) ** 2
    frequency = np.fft.rfftfreq(count, 1 / fps)
    # The constant is no movement; what the window spreads of the slowest wave into it is left out of both sums.
    slow = energy[(frequency > 0) & (frequency <= SLOW_HZ * 1.0001)].sum(axis=0)
    fast = energy[frequency > SLOW_HZ * 1.0001].sum(axis=0)
    floor = unseen**2 * count * (window**2).sum() / 2  # energy in rfft's half of a signal of that RMS
    return np.asarray((slow + floor) / (slow + fast + floor))
