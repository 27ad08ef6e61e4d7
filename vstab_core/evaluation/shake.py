"""How much a clip shakes, from its frame-to-frame similarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .registration import Matrix, apply

Columns = npt.NDArray[np.float64]  # (n, k)

CUT_OFF_HZ = 1.0  # slower than this is taken for intended movement
MIN_SHOT_S = 1.5  # a shorter shot says nothing about 1 Hz


@dataclass(frozen=True)
class Path:
    """The movement of the picture in one shot.

    Attributes:
        step: (n, 4) float64, per frame: dx, dy of the frame centre in pixels, rotation in degrees, log of the scale.
        corner_step: (n, 4, 2) float64, movement of what was at the four corners, pixels.
        bridged: steps that could not be measured and were interpolated.
    """

    step: Columns
    corner_step: Columns
    bridged: int


def path_of(motions: Sequence[Matrix | None], size: tuple[int, int]) -> Path:
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


def above(position: Columns, fps: float, cut_off_hz: float = CUT_OFF_HZ) -> Columns:
    """Return what of a path is faster than a frequency, (n, k).

    The line through the first and the last position is taken off and the rest continued oddly (turned about its end),
    so that it is periodic without a step or a kink: a sharp cut of the spectrum then leaks nothing of a pan into the
    result. Detrending alone left up to ten times the true figure on panned clips; a Butterworth filter halves what
    lies near 1 Hz.
    """
    count = len(position)
    along = np.linspace(0.0, 1.0, count)[:, None]
    rest = position - position[0] - along * (position[-1] - position[0])
    spectrum = np.fft.rfft(np.concatenate([rest, -rest[-2:0:-1]]), axis=0)
    spectrum[np.fft.rfftfreq(2 * count - 2, 1 / fps) < cut_off_hz] = 0
    return np.asarray(np.fft.irfft(spectrum, 2 * count - 2, axis=0)[:count])


@dataclass(frozen=True)
class Shake:
    """How much the shots of a clip shake; figures are NaN where no shot is long enough.

    Attributes:
        jitter_px: RMS above 1 Hz of the path of the frame centre, pixels of the reduced picture.
        rotation_deg, zoom_percent: the same of rotation and of scale.
        acceleration_px, jerk_px: RMS second and third differences of the four corners, reduced pixels.
    """

    jitter_px: float
    rotation_deg: float
    zoom_percent: float
    acceleration_px: float
    jerk_px: float


def shake_of(paths: Sequence[Path], fps: float) -> Shake:
    """Summarise the shots of a clip, one path each."""
    fast = [above(np.cumsum(path.step, axis=0), fps) for path in paths if len(path.step) >= MIN_SHOT_S * fps]
    moved = np.concatenate(fast) if fast else np.full((1, 4), np.nan)
    return Shake(
        jitter_px=_rms(moved[:, :2]),
        rotation_deg=_rms(moved[:, 2:3]),
        zoom_percent=100 * _rms(moved[:, 3:4]),
        acceleration_px=_corner_rms(paths, 1),
        jerk_px=_corner_rms(paths, 2),
    )


def _corner_rms(paths: Sequence[Path], order: int) -> float:
    """RMS of the steps' differences of an order: of the path's, one order more."""
    found = [np.diff(path.corner_step, order, axis=0).reshape(-1, 2) for path in paths if len(path.step) > order]
    return _rms(np.concatenate(found)) if found else float("nan")


def _rms(vectors: Columns) -> float:
    """Root of the mean squared length of (n, k) vectors."""
    return float(np.sqrt(np.mean(np.sum(vectors**2, axis=1))))
