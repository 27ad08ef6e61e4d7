"""CameraMotion in, WarpTrack out: solve each shot, and choose the zoom that hides its borders."""

from __future__ import annotations

import numpy as np

from ..corners import inverse
from ..params import Parameters
from ..types import CameraMotion, FloatArray, WarpTrack
from .crop import magnify, retained_share, steady_zoom
from .shot import solve_shot
from .weights import usual_interval_s

DYNAMIC_ZOOM_S = 1.5  # window over which a dynamic zoom moves


def smooth(motion: CameraMotion, parameters: Parameters, skew: FloatArray | None = None) -> WarpTrack:
    """Return the warp of every frame.

    Args:
        motion: what `analyze` measured.
        parameters: of which model, smoothness, strength, lock, max_crop, zoom, border and rolling_shutter matter here.
        skew: see `solve_shot`.
    """
    frames = len(motion)
    src_from_dst = np.tile(np.eye(3), (frames, 1, 1))
    mesh = None
    crop = np.zeros(frames)
    starts = np.flatnonzero(motion.cut)
    for first, last in zip(starts, [*starts[1:], frames], strict=True):
        shot = slice(int(first), int(last))
        solution = solve_shot(motion, shot, parameters, skew)
        if solution is None:
            continue
        src_from_stab = inverse(solution.stab_from_src)
        shown = _shown_share(src_from_stab, solution.mesh, motion, parameters)
        src_from_dst[shot] = src_from_stab @ magnify(shown)
        crop[shot] = 1.0 - shown
        if solution.mesh is not None:
            if mesh is None:
                mesh = np.zeros((frames, *solution.mesh.shape[1:]), np.float32)
            mesh[shot] = solution.mesh
    src_from_dst /= src_from_dst[:, 2:, 2:]
    return WarpTrack(motion.width, motion.height, motion.aspect, motion.pts, motion.time_base, src_from_dst, mesh, crop)


def _shown_share(
    src_from_stab: FloatArray, mesh: FloatArray | None, motion: CameraMotion, parameters: Parameters
) -> FloatArray:
    """Return (F,): the share of the picture's width and height that is shown."""
    frames = len(src_from_stab)
    if parameters.zoom == "none":
        return np.ones(frames)
    allowed = retained_share(src_from_stab, motion.aspect, mesh)
    if parameters.border != "crop":
        allowed = np.maximum(allowed, 1 - parameters.max_crop)
    if parameters.zoom == "static":
        return np.full(frames, allowed.min())
    window = round(DYNAMIC_ZOOM_S / usual_interval_s(motion))
    return steady_zoom(allowed, window)
