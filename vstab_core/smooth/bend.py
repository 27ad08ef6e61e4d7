"""What of a live correction is no similarity: perspective, stretch and shear of a shaking camera, and local motion.

It is held where it was shown last and decays from there, so that the fast part is taken off and no bend lasts. A filter
that sees further, as the path has, is no help here: where the bend meets its limit, it would go on as it did and swing.
"""

from __future__ import annotations

import numpy as np

from ..types import FloatArray


class LiveBend:
    """The bend of each frame in turn, put after the similarity: displacements of some points.

    Args:
        horizon: frames in which a bend decays to 1 / e.
        numbers: x and y of the points: 8 of the frame's corners, 50 of a mesh.
        limit: of each, normalised.

    Attributes:
        now: (numbers,) of the frame given out last.
    """

    def __init__(self, horizon: float, numbers: int, limit: float) -> None:
        self._kept = float(np.exp(-1 / horizon)) if horizon > 0 else 0.0
        self._limit = limit
        self.now = np.zeros(numbers)

    def begin_shot(self) -> None:
        """Forget what was before."""
        self.now = np.zeros_like(self.now)

    def next(self, moved: FloatArray) -> FloatArray:
        """Return the bends (n, numbers) of a frame, which is `now`, and of those ahead.

        Args:
            moved: (n, numbers), how the points of each frame move from the one before, beside what is taken off else.
        """
        bends, bend = [], self.now
        for step in moved:
            bend = self._kept * (bend - step)
            most = float(np.abs(bend).max())
            bends.append(bend := bend * self._limit / most if most > self._limit else bend)
        self.now = bends[0]
        return np.array(bends)
