"""A hyperlapse: frames chosen for an even camera speed, their path smoothed in the output's time.

The frames are chosen first (`pace`), then the path is solved over them as if they were a clip of their own: its motion
is that from chosen frame to chosen frame, its clock the output's. So `smoothness` counts seconds that viewers see.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..corners import (
    corners_from_homography,
    frame_corners,
    homography_from_corners,
    similarity_basis,
    similarity_from,
    similarity_part,
)
from ..errors import SidecarError, UsageError
from ..params import Parameters
from ..types import CameraMotion, FloatArray, RotationMotion, WarpTrack
from . import path, view
from .pace import Indices, chosen_frames, shots_of
from .shot import undo_within_budget

LEAST_DEPTH = 0.3  # of a corner against the middle: a chain of steps that bends more is no longer a picture

Motion = TypeVar("Motion", CameraMotion, RotationMotion)


def check(parameters: Parameters) -> None:
    """Refuse what a hyperlapse cannot do.

    Raises:
        UsageError: borders are to be filled from neighbours, which lie too far away.
    """
    if parameters.hyperlapse > 1 and parameters.border == "fill":
        raise UsageError("--border fill takes picture from neighbouring frames and does not go with --hyperlapse; "
                         "choose crop, black or mirror")  # fmt: skip


def smooth(motion: CameraMotion | RotationMotion, parameters: Parameters) -> WarpTrack:
    """Return the warps of the frames that are shown, and when.

    Raises:
        SidecarError: the motion was measured before vstab knew speeds.
        UsageError: see `check`.
    """
    check(parameters)
    if motion.speed is None:
        raise SidecarError("the sidecar was made by a vstab that did not measure the camera's speed, which a "
                           "hyperlapse needs; run `vstab analyze` again")  # fmt: skip
    chosen = chosen_frames(motion, parameters)
    shown_at = even_pts(motion.pts, len(chosen))
    if isinstance(motion, RotationMotion):
        warps = view.smooth(replace(_rows(motion, chosen, shown_at), local=motion.local[chosen]), parameters)
    else:
        between, skew = _between(motion, chosen, shown_at, parameters)
        warps = path.smooth(between, parameters, skew)
    return replace(warps, pts=motion.pts[chosen], out_pts=shown_at)


def even_pts(pts: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return (count,) ticks from the clip's first on, as far apart as the clip's frames are on average."""
    interval = float(pts[-1] - pts[0]) / (len(pts) - 1) if len(pts) > 1 else 1.0
    return np.asarray(pts[0] + np.floor(np.arange(count) * interval + 0.5).astype(np.int64))


def _rows(motion: Motion, chosen: Indices, shown_at: npt.NDArray[np.int64]) -> Motion:
    """Return what both kinds of motion have of the chosen frames, at the times of the output."""
    gap = np.append(0, chosen[:-1] + 1)  # from the frame after the last chosen one
    confidence = np.minimum.reduceat(motion.confidence[: chosen[-1] + 1], gap)
    values = {"pts": shown_at, "confidence": confidence, "cut": motion.cut[chosen], "speed": None}
    if isinstance(motion, RotationMotion):
        values |= {"world_from_cam": motion.world_from_cam[chosen], "key_frame": motion.key_frame[chosen]}
    return replace(motion, **values)


def _between(
    motion: CameraMotion, chosen: Indices, shown_at: npt.NDArray[np.int64], parameters: Parameters
) -> tuple[CameraMotion, FloatArray | None]:
    """Return the motion from chosen frame to chosen frame, and the rolling shutter's mesh of each (or None).

    The shutter's skew comes from the speed in the moment a frame was taken, so it is undone before frames are dropped.
    """
    corners, skew = motion.corners, None
    if parameters.rolling_shutter == "on" and motion.readout_ratio:
        parts = [undo_within_budget(corners[shot], motion, parameters) for shot in shots_of(motion.cut)]
        corners = np.concatenate([part[0] for part in parts])
        skew = np.concatenate([part[1] for part in parts])[chosen]
    first = motion.cut[chosen]
    composed = corners_from_homography(_composed(corners, chosen, motion.aspect), motion.aspect)
    composed[first] = 0.0
    mesh = np.add.reduceat(motion.mesh[: chosen[-1] + 1], np.append(0, chosen[:-1] + 1), axis=0)
    mesh[first] = 0.0
    between = replace(_rows(motion, chosen, shown_at), corners=composed, mesh=mesh, readout_ratio=0.0)
    return between, skew


def _composed(corners: FloatArray, chosen: Indices, aspect: float) -> FloatArray:
    """Return cur_from_prev (G, 3, 3) of chosen frames: all steps between them, one after the other.

    Perspective adds up, its noise too; where it would fold the picture, the chain is one of similarities.
    """
    steps = homography_from_corners(corners, aspect)
    rigid = similarity_from(corners.reshape(-1, 8) @ similarity_part(aspect).T @ similarity_basis(aspect), aspect)
    result = np.tile(np.eye(3), (len(chosen), 1, 1))
    for row, (before, frame) in enumerate(zip(chosen[:-1], chosen[1:], strict=True), 1):
        gap = slice(before + 1, frame + 1)
        chain = _product(steps[gap])
        depth = frame_corners(aspect) @ chain[2, :2] + chain[2, 2]
        result[row] = chain if depth.min() > LEAST_DEPTH * chain[2, 2] > 0 else _product(rigid[gap])
    return result


def _product(steps: FloatArray) -> FloatArray:
    chain: FloatArray = np.eye(3)
    for step in steps:
        chain = step @ chain
    return chain
