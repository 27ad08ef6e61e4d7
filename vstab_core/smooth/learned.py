"""The path of streaming with a short look-ahead, chosen by the path network."""

from __future__ import annotations

import numpy as np

from ..models.path_kernel import AHEAD, HORIZONS, Average, Eye, PathNetwork
from ..types import FloatArray

SMALLEST_UNIT = 1e-9  # of a budget of nothing


class LearnedPath:
    """Corrections of a similarity (or of its first K numbers), a frame at a time.

    Args:
        sides: (R, K), see `crop.sides_of`.
        budget: what no side may exceed, as a share of the picture.
        horizon: frames that the path is smoothed over.
        network: None loads the installed weights.
    """

    def __init__(self, sides: FloatArray, budget: float, horizon: float, network: PathNetwork | None = None) -> None:
        self.numbers = sides.shape[1]
        self._network = network or PathNetwork()
        self._unit = np.maximum(budget / np.abs(sides).max(axis=0), SMALLEST_UNIT)
        self._sides = sides * self._unit / max(budget, SMALLEST_UNIT)
        # Below what it was trained for the correction fades, so that a horizon of nothing leaves the clip as it is.
        self._fade = min(1.0, horizon / HORIZONS[0]) if budget > 0 else 0.0
        self._horizon = np.array(horizon)
        self.begin_shot()

    def begin_shot(self) -> None:
        """Forget what was before."""
        self._place = np.zeros(self.numbers)
        self._eye = Eye((self.numbers,), self._sides)
        self._average = Average((self.numbers,))

    def next(self, moved: FloatArray) -> FloatArray:
        """Return the corrections (n, K) that are wished of a frame and those ahead, as coefficients, inside the budget.

        Args:
            moved: (n, K), how far the camera has moved since the frame before: at this frame, and at those ahead.
        """
        ahead = self._place + moved[: AHEAD + 1] / self._unit
        seen = self._eye.step(ahead, self._horizon)
        steps = np.diff(np.concatenate([self._place[None], ahead]), axis=0)
        own = self._average.own(steps[0], seen.scale, self._sides)
        weight = self._network.weights(np.concatenate([seen.features, own], axis=-1))
        wished = [self._inside(self._average.next(weight, seen.offset, seen.pace, steps[0]))]
        self._average.show(wished[0], steps[0])
        later = self._average.copy()
        for frame in range(1, len(ahead)):
            offset = self._eye.bank.value(ahead, frame) - ahead[frame][:, None]
            wished.append(self._inside(later.next(weight, offset, seen.pace, steps[frame])))
            later.show(wished[-1], steps[frame])
        self._place = ahead[0]
        return np.asarray(self._fade * np.array(wished) * self._unit)

    def _inside(self, correction: FloatArray) -> FloatArray:
        return correction / max(1.0, float((self._sides @ correction).max()))
