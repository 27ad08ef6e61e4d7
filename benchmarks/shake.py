"""How much a clip shakes, from its frame-to-frame similarities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from benchmarks.tracking import Matrix, apply

Series = npt.NDArray[np.float64]

CUT_OFF_HZ = 1.0  # slower than this is taken for intended movement
MIN_SHOT_S = 1.5  # a shorter shot says nothing about 1 Hz
STABILITY_BINS = 5  # the lowest without DC: Liu et al. 2013, "2nd to 6th"


@dataclass(frozen=True)
class Path:
    """The movement of the picture in one shot.

    Attributes:
        step: (n, 4) float64, per frame: dx, dy of the frame centre in pixels, rotation in degrees, log of the scale.
        corner_step: (n, 4, 2) float64, movement of what was at the four corners, pixels.
        bridged: steps that could not be measured and were interpolated.
    """

    step: Series
    corner_step: Series
    bridged: int


def path_of(motions: list[Matrix | None], size: tuple[int, int]) -> Path:
    """Build the path of one shot from its now_from_before matrices; None is interpolated.

    Steps are summed, not multiplied: multiplied, a walk forward grows the picture, and the figures, without bound.
    """
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    centre = np.array([[width / 2, height / 2]])
    step = np.full((len(motions), 4), np.nan)
    corner_step = np.full((len(motions), 4, 2), np.nan)
    for i, matrix in enumerate(motions):
        if matrix is None:
            continue
        step[i, :2] = (apply(matrix, centre) - centre)[0]
        step[i, 2] = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
        step[i, 3] = 0.5 * np.log(abs(np.linalg.det(matrix[:2, :2])))
        corner_step[i] = apply(matrix, corners) - corners
    bridged = int(np.isnan(step[:, 0]).sum())
    flat = np.c_[step, corner_step.reshape(len(motions), 8)]
    for column in flat.T:
        gap = np.isnan(column)
        if gap.all():
            column[:] = 0.0
        elif gap.any():
            column[gap] = np.interp(np.flatnonzero(gap), np.flatnonzero(~gap), column[~gap])
    return Path(flat[:, :4], flat[:, 4:].reshape(-1, 4, 2), bridged)


def above_cut_off(position: Series, fps: float) -> Series:
    """Return what of a path is faster than CUT_OFF_HZ, (n, k).

    The line through the first and the last position is taken off and the rest continued oddly (turned about its end),
    so that it is periodic without a step or a kink: a sharp cut of the spectrum then leaks nothing of a pan into the
    result. Detrending alone left up to ten times the true figure on panned clips; a Butterworth filter halves what
    lies near 1 Hz.
    """
    count = len(position)
    along = np.linspace(0.0, 1.0, count)[:, None]
    rest = position - position[0] - along * (position[-1] - position[0])
    spectrum = np.fft.rfft(np.concatenate([rest, -rest[-2:0:-1]]), axis=0)
    spectrum[np.fft.rfftfreq(2 * count - 2, 1 / fps) < CUT_OFF_HZ] = 0
    return np.fft.irfft(spectrum, 2 * count - 2, axis=0)[:count]


def stability(position: Series, corrected: bool) -> float:
    """Return the share of a path's spectrum in its lowest bins: the literature's stability score of one signal.

    Args:
        position: (n,) path.
        corrected: take off the line through it and apply a Hann window first; without it the ends of a path that is
            not periodic leak over the whole spectrum, and a shaky pan scores as high as a steady one.
    """
    if corrected:
        position = signal.detrend(position) * np.hanning(len(position))
    energy = np.abs(np.fft.fft(position)) ** 2
    energy = energy[1 : len(position) // 2]
    total = energy.sum()
    return float(energy[:STABILITY_BINS].sum() / total) if total > 1e-12 else 1.0


def shake_of(paths: list[Path], fps: float, size: tuple[int, int], scale: float) -> dict[str, float]:
    """Summarise the shots of a clip.

    Args:
        paths: one a shot.
        fps: frames a second.
        size: (width, height) the paths were measured at.
        scale: pixels of the clip for one pixel of `size`.

    Returns:
        jitter_percent: RMS above 1 Hz of the path of the frame centre, percent of the picture diagonal.
        jitter_px: the same in pixels of the clip.
        jitter_rotation_deg, jitter_zoom_percent: the same of rotation and of scale.
        acceleration_px: RMS second difference of the four corners, pixels of the clip.
        stability, stability_corrected: S and Sc of the longest shot, worst of x, y and rotation.
    """
    fast, second = [], []
    for path in paths:
        if len(path.step) < MIN_SHOT_S * fps:
            continue
        fast.append(above_cut_off(np.cumsum(path.step, axis=0), fps))
        second.append(np.diff(path.corner_step, axis=0).reshape(-1, 2))
    if not fast:
        return {}
    moved = np.concatenate(fast)
    diagonal = float(np.hypot(*size))
    jitter_px = float(np.sqrt(np.mean(np.sum(moved[:, :2] ** 2, axis=1))))
    longest = np.cumsum(max(paths, key=lambda p: len(p.step)).step, axis=0)
    return {
        "jitter_percent": 100 * jitter_px / diagonal,
        "jitter_px": jitter_px * scale,
        "jitter_rotation_deg": float(np.sqrt(np.mean(moved[:, 2] ** 2))),
        "jitter_zoom_percent": 100 * float(np.sqrt(np.mean(moved[:, 3] ** 2))),
        "acceleration_px": scale * float(np.sqrt(np.mean(np.sum(np.concatenate(second) ** 2, axis=1)))),
        "stability": min(stability(longest[:, k], corrected=False) for k in range(3)),
        "stability_corrected": min(stability(longest[:, k], corrected=True) for k in range(3)),
    }
