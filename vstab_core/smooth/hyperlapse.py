"""A hyperlapse: frames chosen for an even camera speed, their path smoothed in the output's time.

1. a plain time-lapse, every n-th frame, is stabilized: how does its picture still move? Pans stay, shake goes;
2. with what the camera's travel adds (`motion.speed`), frames are chosen between which it moves evenly (`pace`);
3. the path of the chosen frames is solved as if they were a clip of their own, on the output's clock, so that
   `smoothness` counts seconds that viewers see.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..corners import apply, homography_from_corners, inverse, motion_over_picture
from ..errors import SidecarError, UsageError
from ..params import Parameters
from ..types import FloatArray, RotationMotion, WarpTrack
from . import path, view
from .pace import Indices, Motion, chosen_frames, even_frames, shots_of, variation
from .thinned import thinned, thinned_rotation

MEAN_SINE = np.pi / 4  # how far the points of a sphere move on average when it turns by 1 rad


def check(parameters: Parameters) -> None:
    """Refuse what a hyperlapse cannot do.

    Raises:
        UsageError: borders are to be filled from neighbours, which lie too far away.
    """
    if parameters.hyperlapse > 1 and parameters.border == "fill":
        raise UsageError("--border fill takes picture from neighbouring frames and does not go with --hyperlapse; "
                         "choose crop, black or mirror")  # fmt: skip


def smooth(motion: Motion, parameters: Parameters) -> WarpTrack:
    """Return the warps of the frames that are shown, and when.

    Raises:
        SidecarError: the motion was measured before vstab knew speeds.
        UsageError: see `check`.
    """
    check(parameters)
    if motion.speed is None:
        raise SidecarError("the sidecar was made by a vstab that did not measure the camera's speed, which a "
                           "hyperlapse needs; run `vstab analyze` again")  # fmt: skip
    even = even_frames(motion, parameters.hyperlapse)
    glide = _per_frame(_glide(motion, even, _solved(motion, even, parameters), parameters), motion, even)
    chosen = chosen_frames(motion, np.hypot(_speed(motion), glide), parameters.hyperlapse)
    return _solved(motion, chosen, parameters)


def figures(motion: Motion, warps: WarpTrack, parameters: Parameters) -> dict[str, float | int]:
    """Return what a hyperlapse tells: how unevenly its picture moves, and that of a plain time-lapse.

    `speed_variation` is the standard deviation over the mean of the stabilized picture's motion from frame to frame.
    """
    even = even_frames(motion, parameters.hyperlapse)
    before = moved_between(motion, even, _solved(motion, even, parameters), parameters)
    after = moved_between(motion, np.searchsorted(motion.pts, warps.pts), warps, parameters)
    return {
        "source_frames": len(motion),
        "speed_variation_before": variation(before),
        "speed_variation": variation(after),
    }


def moved_between(motion: Motion, chosen: Indices, warps: WarpTrack, parameters: Parameters) -> FloatArray:
    """Return how far the stabilized picture moves from each shown frame to the next one of its shot, (n,)."""
    travel = np.diff(np.cumsum(_speed(motion))[chosen])
    same_shot = ~motion.cut[chosen][1:]
    return np.asarray(np.hypot(travel, _glide(motion, chosen, warps, parameters)[1:])[same_shot])


def even_pts(pts: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return (count,) ticks from the clip's first on, as far apart as the clip's frames are on average."""
    interval = float(pts[-1] - pts[0]) / (len(pts) - 1) if len(pts) > 1 else 1.0
    return np.asarray(pts[0] + np.floor(np.arange(count) * interval + 0.5).astype(np.int64))


def _solved(motion: Motion, chosen: Indices, parameters: Parameters) -> WarpTrack:
    """Return the warps of these frames, shown evenly."""
    shown_at = even_pts(motion.pts, len(chosen))
    if isinstance(motion, RotationMotion):
        warps = view.smooth(thinned_rotation(motion, chosen, shown_at), parameters)
    else:
        between, skew = thinned(motion, chosen, shown_at, parameters)
        warps = path.smooth(between, parameters, skew)
    return replace(warps, pts=motion.pts[chosen], out_pts=shown_at)


def _speed(motion: Motion) -> FloatArray:
    """Return (F,): how far travel moves the tracks from the frame before, where bridged as in the frames around it."""
    assert motion.speed is not None
    travel = motion.speed.astype(np.float64)
    for shot in shots_of(motion.cut):
        measured = np.flatnonzero((motion.confidence[shot] > 0) & ~motion.cut[shot])
        if len(measured):
            travel[shot] = np.interp(np.arange(shot.stop - shot.start), measured, travel[shot][measured])
    return travel


def _per_frame(glide: FloatArray, motion: Motion, chosen: Indices) -> FloatArray:
    """Return (F,): the motion between chosen frames, spread over the frames between; a shot's end goes on as before."""
    gap = np.diff(chosen, append=len(motion))
    rate = np.append(glide[1:], 0.0) / gap
    ends = np.flatnonzero(np.append(motion.cut[chosen][1:], True))
    rate[ends] = rate[np.maximum(ends - 1, 0)]
    return np.append(0.0, np.repeat(rate, gap)[:-1])


def _glide(motion: Motion, chosen: Indices, warps: WarpTrack, parameters: Parameters) -> FloatArray:
    """Return (G,): how far the stabilized picture of a still and distant world moves from shown frame to shown frame.

    Radians or half widths, the mean over the picture; 0 on the first frame of a shot.
    """
    if isinstance(motion, RotationMotion):
        world_from_view = rotation.matrix(motion.world_from_cam[chosen]) @ warps.src_from_dst
        turn = world_from_view[1:] @ np.swapaxes(world_from_view[:-1], 1, 2)
        moved = MEAN_SINE * rotation.angle_rad(rotation.from_matrix(turn))
    else:
        between, _ = thinned(motion, chosen, warps.pts, parameters)
        steps = homography_from_corners(between.corners, motion.aspect)
        points, _ = motion_over_picture(motion.aspect)
        stab_from_stab = inverse(warps.src_from_dst[1:]) @ steps[1:] @ warps.src_from_dst[:-1]
        moved = np.linalg.norm(apply(stab_from_stab, points) - points, axis=2).mean(axis=1)
    moved[motion.cut[chosen][1:]] = 0.0
    return np.append(0.0, moved)
