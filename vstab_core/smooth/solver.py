"""The convex problem behind a camera path: the smoothest correction that stays inside linear bounds.

    minimise  1/2 sum_t (anchor |c_t|^2 + sum_n weight_n |D_n (p + c)|^2) + price m
    subject to   G c_t <= m + room_t   for every t,   m <= budget

p is the measured path, c the correction, m the margin that it may use, D_n the n-th divided difference over time (so a
variable frame rate is smoothed in seconds, not in frames). A primal-dual interior-point method (Mehrotra's
predictor-corrector; Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 16.4); its matrix is block-banded,
three frames wide. It is solved in native code (`native/include/vstab/path_solver.h`); its twin in NumPy is
`tests/path_reference.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import _native
from ..types import FloatArray

ORDERS = 3  # first, second and third differences: speed, acceleration, jerk


@dataclass(frozen=True)
class Smoothness:
    """How much each property of the path weighs against `anchor`, the wish to leave the picture where it was."""

    anchor: float
    speed: float
    acceleration: float
    jerk: float


@dataclass(frozen=True)
class Bounds:
    """Which corrections are allowed, and what the picture they cost is worth.

    Attributes:
        sides: G, (R, K), the same for all frames.
        room: (F, R), what each bound has on top of the margin; may be a little negative.
        budget: the largest margin; less than 1e-7 counts as 1e-7, so that there is an inside.
        price: of the margin, in units of the smoothness; less than 1e-6 counts as 1e-6.
    """

    sides: FloatArray
    room: FloatArray
    budget: float
    price: float


class PathProblem:
    """The problem for one shot.

    Args:
        time: (F,) strictly increasing, in units of the usual frame interval.
        channels: K, numbers a frame; `bounded` takes up to 4.
        smoothness: the weights.
        past: how many of the frames, the first ones, are already shown: their path is given and not corrected.
    """

    def __init__(self, time: FloatArray, channels: int, smoothness: Smoothness, past: int = 0) -> None:
        self.channels = channels
        self._anchor = smoothness.anchor
        self._bands = roughness_bands(time, (smoothness.speed, smoothness.acceleration, smoothness.jerk))
        self._past = past

    def free(self, path: FloatArray, past: FloatArray | None = None) -> FloatArray:
        """Return the best correction (F, K) of `path` (F, K) without bounds."""
        return _native.solve_free_path(self._bands, path, self._shown(path, past), self._anchor)

    def bounded(self, path: FloatArray, bounds: Bounds, past: FloatArray | None = None) -> FloatArray:
        """Return the best correction (F, K) inside the bounds; the margin it uses is chosen with it.

        Args:
            path: (F, K).
            bounds: their `sides` must have K columns, their `room` F rows.
            past: (past, K), the path of the frames already shown; None is zero.

        Raises:
            RuntimeError: weights or times so far apart that double precision cannot solve the problem.
        """
        shown = self._shown(path, past)
        return _native.solve_path(
            self._bands, path, shown, self._anchor, bounds.sides, bounds.room, bounds.budget, bounds.price
        )

    def _shown(self, path: FloatArray, past: FloatArray | None) -> FloatArray:
        return np.zeros((self._past, path.shape[1])) if past is None else past


def roughness_bands(time: FloatArray, weights: tuple[float, float, float]) -> FloatArray:
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
