"""The convex problem behind a camera path: the smoothest correction that stays inside linear bounds.

    minimise  1/2 sum_t  anchor |c_t|^2 + sum_n weight_n |D_n (p + c)|^2     subject to   G c_t <= h_t   for every t

p is the measured path, c the correction, D_n the n-th divided difference over time (so a variable frame rate is
smoothed in seconds, not in frames). A primal-dual interior-point method (Mehrotra's predictor-corrector; Nocedal and
Wright, Numerical Optimization, 2nd ed., algorithm 16.4); its matrix is block-banded, three frames wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from ..types import FloatArray

ORDERS = 3  # first, second and third differences: speed, acceleration, jerk
MAX_ITERATIONS = 40
GAP = 1e-5  # complementarity, against the bounds' own size: 1e-5 of the picture's width is 0.02 px at 1920


@dataclass(frozen=True)
class Smoothness:
    """How much each property of the path weighs against `anchor`, the wish to leave the picture where it was."""

    anchor: float
    speed: float
    acceleration: float
    jerk: float


class PathProblem:
    """The problem for one shot.

    Args:
        time: (F,) strictly increasing, in units of the usual frame interval.
        channels: K, numbers a frame.
        smoothness: the weights.
    """

    def __init__(self, time: FloatArray, channels: int, smoothness: Smoothness) -> None:
        self._frames, self._channels = len(time), channels
        self._anchor = smoothness.anchor
        weights = (smoothness.speed, smoothness.acceleration, smoothness.jerk)
        self._roughness = _roughness_bands(time, weights)

    def free(self, path: FloatArray) -> FloatArray:
        """Return the best correction (F, K) of `path` (F, K) without bounds."""
        bands = self._roughness.copy()
        bands[0] += self._anchor
        return np.asarray(cho_solve_banded((cholesky_banded(bands, lower=True), True), -self._apply(path)))

    def bounded(self, path: FloatArray, g: FloatArray, h: FloatArray) -> FloatArray:
        """Return the best correction (F, K) with g @ c_t <= h_t.

        Args:
            path: (F, K).
            g: (R, K), the same for all frames.
            h: (F, R), positive: no correction at all must be allowed.
        """
        free = self.free(path)
        if (free @ g.T <= h).all():
            return free
        return self._interior_point(self._apply(path), g, h)

    def _interior_point(self, linear: FloatArray, g: FloatArray, h: FloatArray) -> FloatArray:
        scale = float(h.mean())
        unit = self._anchor + float(self._roughness[0].mean())  # a stationary, well-scaled start for the duals
        c = np.zeros((self._frames, self._channels))
        slack, dual = h.copy(), np.full_like(h, unit * scale)
        dual_scale = unit * scale
        for _ in range(MAX_ITERATIONS):
            r_dual = self._apply(c) + self._anchor * c + linear + dual @ g
            r_primal = c @ g.T + slack - h
            gap = float((slack * dual).mean())
            small = GAP * scale
            if gap < small * dual_scale * GAP and np.abs(r_primal).max() < small and (
                np.abs(r_dual).max() < GAP * max(dual_scale, float(np.abs(linear).max()))
            ):
                break
            ratio = dual / slack
            factor = (self._barrier_matrix(ratio, g), True)

            def step(target: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
                # target: what slack * dual should become, minus what it is.
                inner = (target + dual * r_primal) / slack  # noqa: B023 - used inside this iteration only
                dc = cho_solve_banded(factor, (-r_dual - inner @ g).ravel()).reshape(c.shape)  # noqa: B023
                ds = -r_primal - dc @ g.T  # noqa: B023
                return dc, ds, (target - dual * ds) / slack  # noqa: B023

            _, ds, dz = step(-slack * dual)
            reach = min(_reach(slack, ds), _reach(dual, dz))
            after = float(((slack + reach * ds) * (dual + reach * dz)).mean())
            centre = (after / gap) ** 3 * gap
            dc, ds, dz = step(centre - slack * dual - ds * dz)
            reach = 0.995 * min(_reach(slack, ds), _reach(dual, dz))
            c += min(1.0, reach) * dc
            slack += min(1.0, reach) * ds
            dual += min(1.0, reach) * dz
        return c

    def _apply(self, x: FloatArray) -> FloatArray:
        """Multiply (F, K) by the roughness matrix."""
        result = self._roughness[0][:, None] * x
        for n in range(1, ORDERS + 1):
            band = self._roughness[n][:-n, None]
            result[n:] += band * x[:-n]
            result[:-n] += band * x[n:]
        return result

    def _barrier_matrix(self, ratio: FloatArray, g: FloatArray) -> FloatArray:
        """Return the Cholesky factor of roughness + anchor + sum_r ratio_r g_r g_r^T, channels interleaved."""
        k = self._channels
        bands = np.zeros((ORDERS * k + 1, self._frames, k))
        for n in range(ORDERS + 1):
            bands[n * k] = self._roughness[n][:, None]
        bands[0] += self._anchor
        outer = (g[:, :, None] * g[:, None, :]).reshape(len(g), k * k)
        blocks = (ratio @ outer).reshape(-1, k, k)
        for col in range(k):
            for row in range(col, k):
                bands[row - col, :, col] += blocks[:, row, col]
        return np.asarray(
            cholesky_banded(bands.reshape(len(bands), -1), lower=True, overwrite_ab=True, check_finite=False)
        )


def _reach(value: FloatArray, step: FloatArray) -> float:
    """Return the longest step, at most 1, that keeps the values positive."""
    shrink = -step / value
    worst = float(shrink.max())
    return 1.0 if worst <= 1.0 else 1.0 / worst


def _roughness_bands(time: FloatArray, weights: tuple[float, float, float]) -> FloatArray:
    """Return sum_n weight_n D_n^T D_n in lower banded form, (4, F)."""
    frames = len(time)
    bands = np.zeros((ORDERS + 1, frames))
    stencil = np.ones((frames, 1))  # row i: the n-th divided difference starting at frame i
    for order in range(1, ORDERS + 1):
        if frames <= order:
            break
        rows = frames - order
        # n-th divided difference, times n!, so that on a regular clock it is the plain n-th difference
        span = (time[order:] - time[:-order])[:, None] / order
        longer = np.zeros((rows, order + 1))
        longer[:, 1:] += stencil[1 : rows + 1]
        longer[:, :-1] -= stencil[:rows]
        stencil = longer / span
        for offset in range(order + 1):
            for first in range(order + 1 - offset):
                bands[offset, first : first + rows] += (
                    weights[order - 1] * stencil[:, first] * stencil[:, first + offset]
                )
    return bands
