"""What of a live correction is no similarity: the perspective, stretch and shear that a shaking camera makes.

It is held where it was shown last and decays from there, so that the fast part is taken off and no bend lasts. A filter
that sees further, as the path has, is no help here: where the bend meets its limit, it would go on as it did and swing.
"""

from __future__ import annotations

import numpy as np

from ..types import FloatArray
from .shot import MAX_BEND


class LiveBend:
    """The bend of each frame in turn: corner displacements (8,), normalised, put after the similarity.

    Args:
        horizon: frames in which a bend decays to 1 / e.
    """

    def __init__(self, horizon: float) -> None:
        self._kept = float(np.exp(-1 / horizon)) if horizon > 0 else 0.0
        self.now = np.zeros(8)

    def begin_shot(self) -> None:
        """Forget what was before."""
        self.now = np.zeros(8)

    def next(self, moved: FloatArray) -> FloatArray:
        """Return the bends (n, 8) of a frame, which is `now`, and of those ahead.

        Args:
            moved: (n, 8), how each frame's corners move from the one before, beside a similarity.
        """
        bends, bend = [], self.now
        for step in moved:
            bend = self._kept * (bend - step)
            bend = bend * min(1.0, MAX_BEND / max(MAX_BEND, float(np.abs(bend).max())))
            bends.append(bend)
        self.now = bends[0]
        return np.array(bends)
