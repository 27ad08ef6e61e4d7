"""How the camera turned between two key frames of a 360 clip, from matched rays.

`docs/rotation360.md` states the two models and the choice. The work is done in native code
(`native/include/vstab/relative_rotation.h`); slow twins are in `tests/relative_reference.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .. import _native
from ..types import FloatArray

THRESHOLD_RAD = 0.0087  # 0.5 degrees: more than three times the noise of a tracked corner


@dataclass(frozen=True)
class RelativeRotation:
    """What `relative_rotation` found.

    Attributes:
        model: "rotation": the camera only turned; "epipolar": it moved too; "none": the rays say nothing.
        cur_from_ref: (3, 3), the identity with the model "none".
        direction: (3,), unit: X_cur = cur_from_ref X_ref + depth * direction; None but for "epipolar".
        inliers: (n,), which matches fit the model.
        inlier_ratio: their share.
        noise_rad: of a ray along an axis, as the inliers show it; 0 with the model "none".
    """

    model: Literal["rotation", "epipolar", "none"]
    cur_from_ref: FloatArray
    direction: FloatArray | None
    inliers: npt.NDArray[np.bool_]
    inlier_ratio: float
    noise_rad: float


def relative_rotation(
    ref_rays: FloatArray,
    cur_rays: FloatArray,
    *,
    threshold_rad: float = THRESHOLD_RAD,
    max_iterations: int = 500,
    seed: int = 0,
) -> RelativeRotation:
    """Find the rotation between two views, robustly; the same seed gives the same result.

    Args:
        ref_rays: (n, 3), unit, in the earlier frame's camera; anywhere on the sphere. n is 5 or more.
        cur_rays: (n, 3), the same content in the later frame's.
        threshold_rad: a match further off than this is foreign.
        max_iterations: of RANSAC, for each model.
        seed: of the samples.

    Raises:
        ValueError: if there are fewer than 5 matches, or shapes or lengths do not fit.
    """
    found = _native.relative_rotation(
        ref_rays, cur_rays, threshold_rad=threshold_rad, max_iterations=max_iterations, seed=seed
    )
    return RelativeRotation(**found)
