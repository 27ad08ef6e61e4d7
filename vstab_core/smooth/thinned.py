"""The motion of some of a clip's frames only, from each of them to the next: what a hyperlapse is solved on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

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
from ..params import Parameters
from ..types import CameraMotion, FloatArray, RotationMotion
from .pace import Indices, shots_of
from .shot import undo_within_budget

ROWS_360 = ("world_from_cam", "local", "key_frame", "up", "travel")
LEAST_DEPTH = 0.3  # of a corner against the middle: a chain of steps that bends more is no longer a picture


def thinned_rotation(motion: RotationMotion, chosen: Indices, pts: npt.NDArray[np.int64]) -> RotationMotion:
    """Return a 360 motion of the chosen frames, shown at `pts`."""
    rows: dict[str, Any] = {name: getattr(motion, name)[chosen] for name in ROWS_360}
    return replace(motion, **_both(motion, chosen, pts), **rows)


def thinned(
    motion: CameraMotion, chosen: Indices, pts: npt.NDArray[np.int64], parameters: Parameters
) -> tuple[CameraMotion, FloatArray | None]:
    """Return the motion from chosen frame to chosen frame, and the rolling shutter's mesh of each (or None).

    The shutter's skew comes from the speed in the moment a frame was taken, so it is undone before frames are dropped.
    """
    corners, skew = motion.corners, None
    if parameters.rolling_shutter == "on" and motion.readout_ratio:
        corners, skew = corners.copy(), np.zeros(motion.mesh.shape)
        for shot in shots_of(motion.cut):
            if shot.stop - shot.start > 1:
                corners[shot], skew[shot] = undo_within_budget(corners[shot], motion, parameters)
        skew = skew[chosen]
    first = motion.cut[chosen]
    composed = corners_from_homography(_composed(corners, chosen, motion.aspect), motion.aspect)
    mesh = np.add.reduceat(motion.mesh[: chosen[-1] + 1], _gap_starts(chosen), axis=0)
    composed[first], mesh[first] = 0.0, 0.0
    return replace(motion, **_both(motion, chosen, pts), corners=composed, mesh=mesh, readout_ratio=0.0), skew


def _both(motion: CameraMotion | RotationMotion, chosen: Indices, pts: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return what both kinds of motion have."""
    confidence = np.minimum.reduceat(motion.confidence[: chosen[-1] + 1], _gap_starts(chosen))
    return {"pts": pts, "confidence": confidence, "cut": motion.cut[chosen], "speed": None}


def _gap_starts(chosen: Indices) -> Indices:
    """Return the first frame after the chosen one before, (G,); what happens from there on leads to the chosen one."""
    return np.append(0, chosen[:-1] + 1)


def _composed(corners: FloatArray, chosen: Indices, aspect: float) -> FloatArray:
    """Return cur_from_prev (G, 3, 3) of chosen frames: all steps between them, one after the other.

    Perspective adds up, its noise too; where it would fold the picture, the chain is one of similarities.
    """
    steps = homography_from_corners(corners, aspect)
    rigid = similarity_from(corners.reshape(-1, 8) @ similarity_part(aspect).T @ similarity_basis(aspect), aspect)
    result = np.tile(np.eye(3), (len(chosen), 1, 1))
    for row, (before, frame) in enumerate(pairwise(chosen), 1):
        gap = slice(before + 1, frame + 1)
        chain = _product(steps[gap])
        depth = frame_corners(aspect) @ chain[2, :2] + chain[2, 2]
        folded = chain[2, 2] <= 0 or depth.min() < LEAST_DEPTH * chain[2, 2]
        result[row] = _product(rigid[gap]) if folded else chain
    return result


def _product(steps: FloatArray) -> FloatArray:
    chain: FloatArray = np.eye(3)
    for step in steps:
        chain = step @ chain
    return chain
