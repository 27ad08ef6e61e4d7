"""One homography from point tracks: MAGSAC for the start, then robust least squares that leans on a similarity.

The lean is a prior on the four parameters a similarity lacks. With many tracks spread over the picture the data
outweigh it a thousandfold; with few, or all in one corner, the fit falls back to a similarity without a switch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..types import FloatArray

MIN_POINTS = 8
INLIER_PX = 2.0  # of the proxy; MAGSAC marginalises the noise scale below it
START_PX = 0.7  # for the similarity: at 2 px a slow walker and the background pass for one movement
SCALE_PX = 0.7  # residual at which a track's weight is a quarter: parallax pulls less than the background holds
SHARP_PX = 0.42  # the same for the last iterations, where the tracks are as exact as that
PRIOR_SIGMA = 0.001  # of stretch, shear and perspective (normalised) in a frame: a third of a pixel at the corners,
PRIOR_OF_MOTION = 0.2  # and this share of the motion, of which a rolling shutter and a turning camera make some
NOISE_FLOOR_PX = 0.05  # LK's own error on sharp texture
ITERATIONS = 6


@dataclass(frozen=True)
class Fit:
    """A homography and how well the tracks agree with it.

    Attributes:
        cur_from_ref: (3, 3) normalised.
        residual_px: (N,) distance of each track from it, in proxy pixels.
        weight: (N,) in 0..1, how far each track took part.
    """

    cur_from_ref: FloatArray
    residual_px: FloatArray
    weight: FloatArray


def fit_homography(
    ref: FloatArray,
    cur: FloatArray,
    background: npt.NDArray[np.float32],
    px: float,
    guesses: Sequence[FloatArray] = (),
) -> Fit | None:
    """Fit the motion of the background.

    Args:
        ref, cur: (N, 2) normalised positions of the same points in both frames.
        background: (N,) 0..1, how consistently a track has belonged to the background.
        px: size of a proxy pixel in normalised units.
        guesses: (3, 3) each, to start from besides what the tracks vote for.

    Returns:
        the fit, or None with too few tracks or none that agree.
    """
    if len(ref) < MIN_POINTS:
        return None
    fits = [refined(start, ref, cur, background, px) for start in (*_starts(ref, cur, background, px), *guesses)]
    # Judged sharply: a bent plane that half fits two movements has as many tracks within two pixels as the background
    # alone, but they do not fit as well.
    return max(fits, key=lambda fit: float((background**2 * soft(fit.residual_px, SHARP_PX)).sum()), default=None)


def refined(start: FloatArray, ref: FloatArray, cur: FloatArray, background: npt.NDArray[np.float32], px: float) -> Fit:
    """Fit the movement that `start` is nearly, (3, 3); the other arguments are those of `fit_homography`."""
    scale = SCALE_PX * px
    h = start
    residual = _residual(h, ref, cur)
    # Noise of the tracks as the free start sees it: taken from the fit itself, a wrong prior would confirm itself.
    noise = max(NOISE_FLOOR_PX * px, 1.5 * _weighted_median(residual, background * soft(residual, 3 * scale)))
    prior_sigma = PRIOR_SIGMA + PRIOR_OF_MOTION * float(np.median(np.linalg.norm(cur - ref, axis=1)))
    for iteration in range(ITERATIONS):
        width = scale if iteration < ITERATIONS // 2 else min(scale, max(SHARP_PX * px, 2 * noise))
        weight = background * soft(residual, width)
        h = _gauss_newton_step(h, ref, cur, weight / noise**2, prior_sigma)
        residual = _residual(h, ref, cur)
    return Fit(h, residual / px, soft(residual, scale))


def _starts(ref: FloatArray, cur: FloatArray, background: npt.NDArray[np.float32], px: float) -> list[FloatArray]:
    """Return what most tracks agree on, as a plane and as a similarity, and what the long-standing background does.

    A foreground that fills most of the picture wins the first votes, and loses the weighted one. The similarity is
    there because a free plane bends to catch part of a foreground: 6 px at the corners with a third of the picture.
    """
    starts = [_magsac(ref, cur, px), similarity(ref, cur, px)]
    old = background > 0.6
    if MIN_POINTS <= old.sum() < len(old):
        starts.append(_magsac(ref[old], cur[old], px))
    return [start for start in starts if start is not None]


def _magsac(ref: FloatArray, cur: FloatArray, px: float) -> FloatArray | None:
    # MAGSAC's internal tables want a threshold of pixel size, so it works in pixels.
    source, target = ref / px, cur / px
    found: Any = cv2.findHomography(source, target, cv2.USAC_MAGSAC, INLIER_PX, maxIters=300, confidence=0.995)
    h, mask = found  # both None where there is no answer, which OpenCV's type stubs leave out
    if h is None or mask.sum() < MIN_POINTS or not np.isfinite(h).all():
        return None
    return _from_px(h, px)


def similarity(ref: FloatArray, cur: FloatArray, px: float) -> FloatArray | None:
    """Return the similarity, (3, 3) normalised, that most tracks (N, 2) agree on."""
    found: Any = cv2.estimateAffinePartial2D(ref / px, cur / px, ransacReprojThreshold=START_PX)[0]
    return None if found is None else _from_px(np.vstack([found, [0, 0, 1]]), px)


def _from_px(h: FloatArray, px: float) -> FloatArray:
    to_px = np.diag([1 / px, 1 / px, 1.0])
    normalised = np.linalg.inv(to_px) @ h @ to_px
    return np.asarray(normalised / normalised[2, 2])


def soft(residual: FloatArray, scale: float) -> FloatArray:
    """Geman-McClure weight: 1 at 0, 1/4 at `scale`, quickly nothing beyond."""
    return np.asarray(1.0 / (1.0 + (residual / scale) ** 2) ** 2)


def _residual(h: FloatArray, ref: FloatArray, cur: FloatArray) -> FloatArray:
    moved = ref @ h[:2, :2].T + h[:2, 2]
    return np.asarray(np.linalg.norm(moved / (ref @ h[2, :2] + h[2, 2])[:, None] - cur, axis=1))


def _weighted_median(values: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(total, total[-1] / 2)]]) if total[-1] > 0 else float(np.median(values))


def _gauss_newton_step(
    h: FloatArray, ref: FloatArray, cur: FloatArray, weight: FloatArray, prior_sigma: float
) -> FloatArray:
    """One weighted step on the eight entries, with the prior that pulls them to a similarity."""
    x, y = ref[:, 0], ref[:, 1]
    depth = h[2, 0] * x + h[2, 1] * y + 1.0
    u = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) / depth
    v = (h[1, 0] * x + h[1, 1] * y + h[1, 2]) / depth
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows_u = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=1) / depth[:, None]
    rows_v = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=1) / depth[:, None]
    normal = (rows_u * weight[:, None]).T @ rows_u + (rows_v * weight[:, None]).T @ rows_v
    gradient = rows_u.T @ (weight * (cur[:, 0] - u)) + rows_v.T @ (weight * (cur[:, 1] - v))
    entries = h.ravel()[:8]
    prior = _PRIOR / prior_sigma**2
    normal += prior + 1e-9 * np.trace(normal) * np.eye(8)
    gradient -= prior @ entries
    return np.append(entries + np.linalg.solve(normal, gradient), 1.0).reshape(3, 3)


def _similarity_prior() -> FloatArray:
    stretch = np.array([1, 0, 0, 0, -1, 0, 0, 0]) / 2
    shear = np.array([0, 1, 0, 1, 0, 0, 0, 0]) / 2
    perspective_x = np.eye(8)[6]
    perspective_y = np.eye(8)[7]
    return np.asarray(sum(np.outer(d, d) for d in (stretch, shear, perspective_x, perspective_y)))


_PRIOR = _similarity_prior()
