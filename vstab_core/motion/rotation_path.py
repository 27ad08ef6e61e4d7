"""The inner frames of a 360 clip: rotations, and small local ones, that make feature tracks on the sphere smooth.

`docs/rotation360.md` states the energy. It is solved in native code (`native/include/vstab/rotation_path.h`); the slow
twin is `tests/rotation_reference.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _native
from ..types import FloatArray

LOSS_RAD = 0.01  # 0.57 degrees: Kopf 2016, 3.3
VERTICES = 6  # of the local rotations: +x, -x, +y, -y, +z, -z of the source camera


@dataclass(frozen=True)
class SphereTracks:
    """Feature tracks on the sphere, one after the other.

    Attributes:
        start: (T + 1,), track i has the observations start[i] to start[i + 1] - 1.
        frame: (N,), of the segment, from 0; consecutive within a track.
        ray: (N, 3), unit, in source camera coordinates.
    """

    start: npt.NDArray[np.integer]
    frame: npt.NDArray[np.integer]
    ray: FloatArray


@dataclass(frozen=True)
class RotationPath:
    """What `solve_rotation_path` found.

    Attributes:
        stab_from_src: (n, 4), unit quaternions w x y z.
        local_rad: (n, 6, 3), local rotation vectors in source camera coordinates, zero in pure frames. The source ray p
            is shown at stab_from_src exp(omega) p, omega the sum of |p_k| / (|p_x| + |p_y| + |p_z|) local_k over the
            three vertices of p's octant.
        cost_before, cost_rotation, cost_after: the tracks' energy as given, with the rotations, with the local ones.
        regularizer_scale: how much stronger than usual the local rotations were held, as tracks left out of the
            solution advised; 0: they advised against any, `local_rad` is zero.
        iterations: of both stages together.
    """

    stab_from_src: FloatArray
    local_rad: FloatArray
    cost_before: float
    cost_rotation: float
    cost_after: float
    regularizer_scale: float
    iterations: int


def solve_rotation_path(
    stab_from_src: FloatArray,
    fixed: npt.NDArray[np.bool_],
    tracks: SphereTracks,
    *,
    pure: npt.NDArray[np.bool_] | None = None,
    deformation: float = 0.0,
    loss_rad: float = LOSS_RAD,
    max_local_rad: float = 0.0873,
    max_iterations: int = 10,
) -> RotationPath:
    """Smooth the tracks of one segment; its key frames stay.

    Args:
        stab_from_src: (n, 4), where to start: unit quaternions w x y z.
        fixed: (n,), frames whose rotation is known. None at one end, or at all, is allowed.
        tracks: their observations.
        pure: (n,), frames without local rotations; None: those that are fixed.
        deformation: 0 to 1, the share of the local rotations that is used; 0: they are not computed.
        loss_rad: how far a track may be off before its pull weakens.
        max_local_rad: the longest local rotation; a frame that exceeds it is scaled down as a whole.
        max_iterations: of each of the two stages.

    Raises:
        ValueError: if shapes, indices or lengths do not fit.
    """
    found = _native.solve_rotation_path(
        stab_from_src,
        fixed,
        tracks.start,
        tracks.frame,
        tracks.ray,
        pure=pure,
        deformation=deformation,
        loss_rad=loss_rad,
        max_local_rad=max_local_rad,
        max_iterations=max_iterations,
    )
    return RotationPath(
        stab_from_src=found["quats"],
        local_rad=found["local"],
        cost_before=found["cost_before"],
        cost_rotation=found["cost_rotation"],
        cost_after=found["cost_after"],
        regularizer_scale=found["regularizer_scale"],
        iterations=found["iterations"],
    )
