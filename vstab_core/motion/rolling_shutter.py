"""How long the sensor takes to read a frame, from how the measured motion bends with acceleration.

See `shutter` for the model: row tau of a frame moves by u + rho tau (V_t - V_(t-1)). So the part of the motion
that grows with the row - shear in x, stretch in y - is rho times the acceleration, whatever the scene. A shared clock
across hundreds of frames makes rho well determined where the camera shakes, and where it does not there is nothing to
correct.
"""

from __future__ import annotations

import numpy as np

from ..shutter import speed
from ..types import FloatArray

MIN_FRAMES = 30
MIN_RATIO, MAX_RATIO = 0.1, 1.1  # below: not worth a resampling; above: a sensor cannot read longer than a frame
MIN_SIGNIFICANCE = 6.0  # standard errors
MIN_EXPLAINED = 0.15  # of the bending's variance


def readout_ratio(corners: FloatArray, cut: np.ndarray, confidence: np.ndarray, aspect: float) -> float:
    """Return the read-out time over the frame interval, or 0.0 where the clip shows no rolling shutter.

    Args:
        corners: (F, 4, 2) measured motion, as in `CameraMotion`.
        cut: (F,) bool, first frames of shots.
        confidence: (F,) 0..1.
        aspect: display height / display width.
    """
    bend, acceleration = [], []
    starts = np.flatnonzero(cut)
    for first, last in zip(starts, [*starts[1:], len(cut)], strict=True):
        if last - first < 8:
            continue
        shot = corners[first:last]
        velocity = speed(shot).mean(axis=1)  # (f, 2), of the frame centre
        change = np.diff(velocity, axis=0, prepend=velocity[:1])
        use = (
            (confidence[first:last] > 0.3)
            & (np.arange(last - first) >= 2)
            & (np.arange(last - first) < last - first - 2)
        )
        bend.append(_row_growth(shot, aspect)[use])
        acceleration.append(change[use])
    if not bend:
        return 0.0
    y, x = np.concatenate(bend).ravel(), np.concatenate(acceleration).ravel()
    if len(y) < 2 * MIN_FRAMES:
        return 0.0
    ratio, error, explained = _robust_slope(x, y)
    if explained < MIN_EXPLAINED or abs(ratio) < MIN_SIGNIFICANCE * error or not MIN_RATIO <= ratio <= MAX_RATIO:
        return 0.0
    return ratio


def _row_growth(corners: FloatArray, aspect: float) -> FloatArray:
    """Return (F, 2): how much more the bottom row moves than the top row, beyond what rotation and zoom explain."""
    top, bottom = corners[:, :2].mean(axis=1), corners[:, 2:].mean(axis=1)
    left, right = corners[:, [0, 3]].mean(axis=1), corners[:, 1:3].mean(axis=1)
    down, across = bottom - top, (right - left) * aspect
    # Rotation: down = (-w, 0), across = (0, w); zoom: down = (0, s), across = (s, 0).
    return np.stack([down[:, 0] + across[:, 1], down[:, 1] - across[:, 0]], axis=1)


def _robust_slope(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Return slope through the origin, its standard error and the share of variance explained (Cauchy weights)."""
    slope, weight = 0.0, np.ones_like(y)
    for _ in range(10):
        slope = float((weight * x * y).sum() / max(1e-30, (weight * x * x).sum()))
        left = y - slope * x
        spread = 1.4826 * float(np.median(np.abs(left))) + 1e-12
        weight = 1.0 / (1.0 + (left / (2 * spread)) ** 2)
    error = spread / np.sqrt(max(1e-30, float((weight * x * x).sum())))
    explained = 1.0 - float((weight * left**2).sum() / max(1e-30, (weight * y * y).sum()))
    return slope, float(error), explained
