"""RotationMotion in, WarpTrack out: where a stabilized 360 view looks.

With `lock` the view keeps the direction of the first frame: every frame is turned back by all the camera turned. With
`steady` the low-passed turn of the camera is given back (Kopf 2016, 4.1): what lies below the cut-off that `smoothness`
sets stays, as for ordinary clips. Nothing is cut away at the borders, for a sphere has none.
"""

from __future__ import annotations

import numpy as np

from .. import rotation
from ..params import Parameters
from ..types import FloatArray, RotationMotion, WarpTrack
from .solver import PathProblem
from .weights import smoothness_weights, usual_interval_s

STEADY_RAD = 5e-4  # largest correction, 0.03 degrees (0.15 px at 1920), of a shot that is left untouched


def smooth(motion: RotationMotion, parameters: Parameters) -> WarpTrack:
    """Return the warp of every frame.

    Args:
        motion: what `analyze` measured.
        parameters: of which view, smoothness, strength and deformation matter here.
    """
    frames = len(motion)
    stab_from_src = np.tile(rotation.IDENTITY, (frames, 1))
    local = np.zeros_like(motion.local)
    share = parameters.strength
    starts = np.flatnonzero(motion.cut)
    for first, last in zip(starts, [*starts[1:], frames], strict=True):
        shot = slice(int(first), int(last))
        world_from_view = _view(motion, shot, parameters)
        turn = rotation.product(rotation.inverse(world_from_view), motion.world_from_cam[shot])
        if max(rotation.angle_rad(turn).max(), np.abs(motion.local[shot]).max()) < STEADY_RAD:
            continue
        stab_from_src[shot] = rotation.exponential(share * rotation.logarithm(turn))
        local[shot] = share * parameters.deformation * motion.local[shot]
    src_from_dst = rotation.matrix(rotation.inverse(stab_from_src))
    return WarpTrack(
        motion.width,
        motion.height,
        motion.aspect,
        motion.pts,
        motion.time_base,
        src_from_dst,
        None,
        np.zeros(frames),
        projection="equirect",
        local=local if local.any() else None,
    )


def _view(motion: RotationMotion, shot: slice, parameters: Parameters) -> FloatArray:
    """Return world_from_view, (n, 4): where the stabilized camera looks."""
    path = rotation.continued(motion.world_from_cam[shot])
    if parameters.view == "lock" or parameters.lock == "on":
        return np.tile(path[:1], (len(path), 1))
    if parameters.smoothness == 0 or len(path) < 3:
        return path
    interval_s = usual_interval_s(motion)
    problem = PathProblem(motion.time_s[shot] / interval_s, 4, smoothness_weights(parameters, interval_s))
    # The components are smoothed and brought back to length 1: within the half second that a view is averaged over, a
    # camera turns far less than the 90 degrees from which on that would be wrong.
    return rotation.normalised(path + problem.free(path))
