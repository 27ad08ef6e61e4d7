"""The slow twin of the path solver, in NumPy and SciPy: the same problem and the same method, written to be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from vstab_core.smooth.solver import ORDERS, Bounds, Smoothness, roughness_bands
from vstab_core.types import FloatArray

MAX_ITERATIONS = 40
GAP = 1e-5  # infeasibility, against the budget
ENERGY_GAP = 1e-7  # of the optimum


class ReferenceProblem:
    """The problem for one shot, as `PathProblem`.

    Args:
        time: (F,) strictly increasing, in units of the usual frame interval.
        channels: K, numbers a frame.
        smoothness: the weights.
        past: how many of the frames, the first ones, are already shown: their path is given and not corrected.
    """

    def __init__(self, time: FloatArray, channels: int, smoothness: Smoothness, past: int = 0) -> None:
        self._frames, self.channels = len(time) - past, channels
        self._anchor = smoothness.anchor
        weights = (smoothness.speed, smoothness.acceleration, smoothness.jerk)
        bands = roughness_bands(time, weights)
        self._past_bands, self._roughness = bands[:, :past], bands[:, past:]

    def free(self, path: FloatArray, past: FloatArray | None = None) -> FloatArray:
        """Return the best correction (F, K) of `path` (F, K) without bounds."""
        linear = self._apply(path) + self._pull_of(path, past)
        return np.asarray(cho_solve_banded((cholesky_banded(self.free_bands(), lower=True), True), -linear))

    def free_bands(self) -> FloatArray:
        bands = self._roughness.copy()
        bands[0] += self._anchor
        return np.asarray(bands)

    def bounded(self, path: FloatArray, bounds: Bounds, past: FloatArray | None = None) -> FloatArray:
        """Return the best correction (F, K) inside the bounds; the margin it uses is chosen with it.

        Args:
            path: (F, K).
            bounds: their `sides` must have K columns, their `room` F rows.
            past: (past, K), the path of the frames already shown.
        """
        return _interior_point(self, self._apply(path) + self._pull_of(path, past), bounds)

    def gradient(self, c: FloatArray) -> FloatArray:
        """Return the quadratic part's gradient at c (F, K), the path's own share left out."""
        return np.asarray(self._apply(c) + self._anchor * c)

    def _apply(self, x: FloatArray) -> FloatArray:
        """Multiply (F, K) by the roughness matrix."""
        result: FloatArray = self._roughness[0][:, None] * x
        for n in range(1, ORDERS + 1):
            band = self._roughness[n][:-n, None]
            result[n:] += band * x[:-n]
            result[:-n] += band * x[n:]
        return result

    def _pull_of(self, path: FloatArray, past: FloatArray | None) -> FloatArray:
        """Return the gradient (F, K) that the frames already shown exert on those to come."""
        pull = np.zeros_like(path)
        if past is not None:
            count = len(past)
            for n in range(1, ORDERS + 1):
                for first in range(max(0, count - n), count):
                    if first + n - count < self._frames:
                        pull[first + n - count] += self._past_bands[n][first] * past[first]
        return pull

    def barrier_factor(self, ratio: FloatArray, g: FloatArray) -> FloatArray:
        """Return the Cholesky factor of roughness + anchor + sum_r ratio_r g_r g_r^T, channels interleaved."""
        k = self.channels
        bands = np.zeros((ORDERS * k + 1, self._frames, k))
        for n in range(ORDERS + 1):
            bands[n * k] = self._roughness[n][:, None]
        bands[0] += self._anchor
        outer = (g[:, :, None] * g[:, None, :]).reshape(len(g), k * k)
        blocks = (ratio @ outer).reshape(-1, k, k)
        for col in range(k):
            for row in range(col, k):
                bands[row - col, :, col] += blocks[:, row, col]
        # Stiff bounds: a little more on the diagonal only shortens the step.
        for extra in (0.0, 1e-14, 1e-12, 1e-10):
            more = bands.copy()
            more[0] += extra * np.maximum(1.0, bands[0])
            try:
                return np.asarray(cholesky_banded(more.reshape(len(bands), -1), lower=True, check_finite=False))
            except np.linalg.LinAlgError:
                continue
        raise np.linalg.LinAlgError("not positive definite")


def _interior_point(problem: ReferenceProblem, linear: FloatArray, bounds: Bounds) -> FloatArray:
    c, margin, point = _start(problem, linear, bounds)
    for _ in range(MAX_ITERATIONS):
        newton = _Newton(problem, bounds, point, c, margin, linear)
        gap = point.gap()
        worth = bounds.budget * max(bounds.price, float(point.dual.sum()))
        if gap * point.size < ENERGY_GAP * worth and newton.infeasibility < GAP * bounds.budget:
            break
        _, _, ahead = newton.step(-point.slack * point.dual, -point.slack_m * point.dual_m)
        after = point.moved(ahead, point.reach(ahead)).gap()
        centre = (after / gap) ** 3 * gap
        dc, dm, move = newton.step(
            centre - point.slack * point.dual - ahead.slack * ahead.dual,
            centre - point.slack_m * point.dual_m - ahead.slack_m * ahead.dual_m,
        )
        reach = min(1.0, 0.995 * point.reach(move))
        c, margin, point = c + reach * dc, margin + reach * dm, point.moved(move, reach)
    return c


def _start(problem: ReferenceProblem, linear: FloatArray, bounds: Bounds) -> tuple[FloatArray, float, _Point]:
    """Return a correction on the way to the free one, its margin, and slacks and duals on the central path."""
    factor = cholesky_banded(problem.free_bands(), lower=True)
    free = np.asarray(cho_solve_banded((factor, True), -linear))
    most = max(0.0, float((free @ bounds.sides.T).max()))
    margin = min(max(0.6 * most, 0.1 * bounds.budget), 0.9 * bounds.budget)
    c = min(1.0, 0.8 * margin / max(most, 1e-300)) * free
    slack = np.maximum(margin + bounds.room - c @ bounds.sides.T, margin / 10)
    denied = max(0.0, 1 - 0.9 * bounds.budget / max(most, 1e-300)) ** 2 / 2 * -float((free * linear).sum())
    centre = max(bounds.price / float((1 / slack).sum()), denied / (slack.size + 1))
    slack_m = bounds.budget - margin
    return c, margin, _Point(slack, centre / slack, slack_m, centre / slack_m)


class _Newton:
    """The linear system of one iteration: the frames' banded matrix, bordered by the margin, which all frames share."""

    def __init__(
        self, problem: ReferenceProblem, bounds: Bounds, point: _Point, c: FloatArray, margin: float, linear: FloatArray
    ) -> None:
        self._g, self._point = bounds.sides, point
        self._r_c = problem.gradient(c) + linear + point.dual @ self._g
        self._r_m = bounds.price - float(point.dual.sum()) + point.dual_m
        self._r_p = c @ self._g.T - margin + point.slack - bounds.room
        self._r_pm = margin + point.slack_m - bounds.budget
        self._ratio, self._ratio_m = point.dual / point.slack, point.dual_m / point.slack_m
        self._factor = (problem.barrier_factor(self._ratio, self._g), True)
        self._pull = self._ratio @ self._g  # (F, K): how the margin pulls at the correction
        self._pulled = self._solve(self._pull)
        self._stiffness = float(self._ratio.sum() + self._ratio_m - (self._pull * self._pulled).sum())

    @property
    def infeasibility(self) -> float:
        return max(float(np.abs(self._r_p).max()), abs(self._r_pm))

    def step(self, target: FloatArray, target_m: float) -> tuple[FloatArray, float, _Point]:
        """Return the changes of c, margin and point; targets: what slack * dual should become, minus what it is."""
        point = self._point
        inner = target / point.slack + self._ratio * self._r_p
        inner_m = target_m / point.slack_m + self._ratio_m * self._r_pm
        dc = self._solve(-self._r_c - inner @ self._g)
        dm = (-self._r_m + float(inner.sum()) - inner_m + float((self._pull * dc).sum())) / self._stiffness
        dc = dc + self._pulled * dm
        ds, ds_m = -self._r_p - dc @ self._g.T + dm, -self._r_pm - dm
        dz = (target - point.dual * ds) / point.slack
        return dc, dm, _Point(ds, dz, ds_m, (target_m - point.dual_m * ds_m) / point.slack_m)

    def _solve(self, right: FloatArray) -> FloatArray:
        solved = cho_solve_banded(self._factor, right.ravel(), check_finite=False)
        return np.asarray(solved).reshape(right.shape)


@dataclass(frozen=True)
class _Point:
    """Slacks and duals of the frames' bounds, (F, R), and of the margin's."""

    slack: FloatArray
    dual: FloatArray
    slack_m: float
    dual_m: float

    @property
    def size(self) -> int:
        return self.slack.size + 1

    def gap(self) -> float:
        """Return the mean complementarity, zero at the optimum."""
        return (float((self.slack * self.dual).sum()) + self.slack_m * self.dual_m) / self.size

    def moved(self, step: _Point, reach: float) -> _Point:
        return _Point(
            self.slack + reach * step.slack,
            self.dual + reach * step.dual,
            self.slack_m + reach * step.slack_m,
            self.dual_m + reach * step.dual_m,
        )

    def reach(self, step: _Point) -> float:
        """Return the longest part of the step, at most all of it, that keeps everything positive."""
        worst = max(
            float((-step.slack / self.slack).max()),
            float((-step.dual / self.dual).max()),
            -step.slack_m / self.slack_m,
            -step.dual_m / self.dual_m,
        )
        return 1.0 if worst <= 1.0 else 1.0 / worst
