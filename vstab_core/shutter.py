"""Rolling shutter: a sensor read row by row shows each row at its own time.

With rho the read-out time over the frame interval and tau in [-1/2, 1/2] a row's place in the frame, the row was seen
rho * tau frames late. For a camera path P with speed V (corner displacement a frame):

    picture seen      p + rho tau V_t(p)                        the skew, undone by the mesh
    motion measured   u_t + rho tau (V_t - V_(t-1))             what tracking reports instead of u_t

so the second line both reveals rho (`motion.rolling_shutter`) and must be taken out of the path before smoothing.
"""

from __future__ import annotations

import numpy as np

from .corners import motion_over_picture
from .types import MESH_CELLS, FloatArray


def speed(corners: FloatArray) -> FloatArray:
    """Return the corners' speed at each frame's own time, (F, 4, 2): the mean of the motions before and after it."""
    after = np.concatenate([corners[1:], corners[-1:]])
    before = np.concatenate([corners[1:2], corners[1:]])  # frame 0 has no motion before it
    return np.asarray(0.5 * (before + after))


def undo_rolling_shutter(corners: FloatArray, aspect: float, readout_ratio: float) -> tuple[FloatArray, FloatArray]:
    """Return what a global shutter would have seen.

    Args:
        corners: (F, 4, 2) measured motion of one shot.
        aspect: display height / display width.
        readout_ratio: rho.

    Returns:
        corners without the skew's share, and the mesh (F, 5, 5, 2) that leads from the unskewed position to the seen
        one. It has several rows because a turn's skew grows with the square of the row.
    """
    velocity = speed(corners)
    change = np.diff(velocity, axis=0, prepend=velocity[:1]).reshape(-1, 8)
    points, moved = motion_over_picture(aspect)
    # What the estimator, which fits a homography to the whole picture, makes of tau (V_t - V_(t-1)).
    seen = np.linalg.lstsq(moved, _row_time_times(points, aspect), rcond=None)[0]
    clean = corners - readout_ratio * (change @ seen.T).reshape(-1, 4, 2)
    even = np.linspace(-1.0, 1.0, MESH_CELLS + 1)
    x, y = np.meshgrid(even, even * aspect)
    vertices = np.stack([x.ravel(), y.ravel()], axis=1)
    skew = readout_ratio * speed(clean).reshape(-1, 8) @ _row_time_times(vertices, aspect).T
    return clean, skew.reshape(-1, MESH_CELLS + 1, MESH_CELLS + 1, 2)


def _row_time_times(points: FloatArray, aspect: float) -> FloatArray:
    """Return (2N, 8): tau V at the points, for V given at the corners and bilinear between them."""
    right, down = (1 + points[:, 0]) / 2, (1 + points[:, 1] / aspect) / 2
    share = np.stack([(1 - right) * (1 - down), right * (1 - down), right * down, (1 - right) * down], axis=1)
    both = share[:, None, :, None] * np.eye(2)[None, :, None, :] * (down - 0.5)[:, None, None, None]
    return both.reshape(2 * len(points), 8)
