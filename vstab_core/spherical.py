"""Tell a 360 clip from an ordinary one.

Known limit: the content decides, from one picture; the metadata of the file are not read yet.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ASPECT_SLACK = 0.01
SEAM_RATIO = 3.0  # step across the seam, in steps between neighbouring columns; ordinary pictures have 10 and more


def is_two_to_one(width: int, height: int) -> bool:
    """Return whether a picture has the shape of a whole equirectangular sphere."""
    return abs(width - 2 * height) <= ASPECT_SLACK * width


def looks_round(luma: npt.NDArray[np.uint8]) -> bool:
    """Return whether the left and the right edge of a 2:1 picture (H, W) continue each other."""
    columns = luma.astype(np.float32)
    neighbours = np.abs(np.diff(columns, axis=1)).mean()
    return bool(np.abs(columns[:, 0] - columns[:, -1]).mean() < SEAM_RATIO * neighbours + 1)
