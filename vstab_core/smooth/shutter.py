"""Rolling shutter: a sensor read row by row shows each row at its own time.

With rho the read-out time over the frame interval and tau in [-1/2, 1/2] a row's place in the frame, the row was seen
rho * tau frames late. For a camera path P with speed V (corner displacement a frame):

    picture seen      p + rho tau V_t(p)                        the skew, undone by a mesh of two rows
    motion measured   u_t + rho tau (V_t - V_(t-1))             what tracking reports instead of u_t

so the second line both reveals rho (`motion.rolling_shutter`) and must be taken out of the path before smoothing.
"""

from __future__ import annotations

import numpy as np

from ..types import FloatArray

ROW_TIME = np.array([-0.5, -0.5, 0.5, 0.5])[:, None]  # tau of the corners: top left, top right, bottom right, bottom left


def speed(corners: FloatArray) -> FloatArray:
    """Return the corners' speed at each frame's own time, (F, 4, 2): the mean of the motions before and after it."""
    after = np.concatenate([corners[1:], corners[-1:]])
    before = np.concatenate([corners[1:2], corners[1:]])  # frame 0 has no motion before it
    return 0.5 * (before + after)


def undo_rolling_shutter(corners: FloatArray, aspect: float, readout_ratio: float) -> tuple[FloatArray, FloatArray]:
    """Return what a global shutter would have seen.

    Args:
        corners: (F, 4, 2) measured motion of one shot.
        aspect: unused by the model (the rows' times do not depend on it); kept out of the arithmetic on purpose.
        readout_ratio: rho.

    Returns:
        corners without the skew's share, and the mesh (F, 2, 2, 2) that leads from the unskewed position to the seen one.
    """
    velocity = speed(corners)
    change = np.diff(velocity, axis=0, prepend=velocity[:1])
    clean = corners - readout_ratio * ROW_TIME * change
    skew = readout_ratio * ROW_TIME * speed(clean)
    mesh = skew[:, [0, 1, 3, 2]].reshape(-1, 2, 2, 2)  # rows from the top: (top left, top right), (bottom left, right)
    return clean, mesh
