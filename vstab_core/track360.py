"""Follow corners over a 360 clip, as unit rays in camera coordinates, from cube face to cube face (Kopf 2016, 3.1).

A ray belongs to the face that it goes through; in the next frame it may be found on that face's rim, and belongs to the
neighbour from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from . import cube
from .types import FloatArray

Luma = npt.NDArray[np.uint8]

SPACING_DEG = 2.0  # a new corner keeps this far from live tracks
MAX_TRACKS = 600
QUALITY = 0.004  # of the strongest corner's smaller eigenvalue
WINDOW_PX = 15
LEVELS = 3  # pyramid levels above the first: movements up to about 40 px, 14 degrees a frame
MAX_ROUND_TRIP_PX = 0.7
_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 0.02)
_PX_PER_DEG = cube.INNER_PX / 90
_HALF = np.float32(0.5)  # OpenCV counts from pixel centres


@dataclass
class Rays:
    """Live tracks in one frame.

    Attributes:
        number: (N,) int64, which track; a track keeps its number as long as it lives.
        ray: (N, 3) float64 unit rays in camera coordinates.
    """

    number: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ray: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))

    def __len__(self) -> int:
        return len(self.number)


def open_atlas(luma: Luma) -> Luma:
    """Return what is tracked on: the cube faces of an equirectangular luma picture."""
    return cube.faces_of(luma)


def open_field(field: Luma) -> Luma:
    """Return where the atlas can be tracked: 255 well inside a field of view (H, W) that is 255, 0 elsewhere."""
    size = WINDOW_PX + 2  # a window and its gradients must not see the edge, which moves with the camera
    return cv2.erode(cube.faces_of(field) // 255 * 255, np.ones((size, size), np.uint8)).astype(np.uint8)


def refilled(atlas: Luma, live: Rays, next_number: int, field: Luma | None = None) -> Rays:
    """Return the live tracks and new ones, numbered from `next_number`, at corners that keep clear of them.

    Only corners in the `field` are taken, which is from `open_field`; None: all.
    """
    wanted = MAX_TRACKS - len(live)
    if wanted <= 0:
        return live
    mask = cube.inner_mask() if field is None else cube.inner_mask() & field
    radius_px = round(SPACING_DEG * _PX_PER_DEG)
    for x, y in cube.px_of(live.ray):
        cv2.circle(mask, (int(x), int(y)), radius_px, 0, -1)
    found: Any = cv2.goodFeaturesToTrack(atlas, wanted, QUALITY, radius_px, mask=mask, blockSize=3)
    if found is None:
        return live
    points = found.reshape(-1, 2) + _HALF
    face = (points // cube.FACE_PX).astype(np.intp)
    rays = cube.rays_of(points, face[:, 1] * cube.COLUMNS + face[:, 0])
    if len(live):  # the circles above end at their face's edge, and a face has more pixels a degree in its corners
        rays = rays[(rays @ live.ray.T).max(axis=1) < np.cos(np.radians(SPACING_DEG))]
    numbers = next_number + np.arange(len(rays), dtype=np.int64)
    return Rays(np.concatenate([live.number, numbers]), np.concatenate([live.ray, rays]))


def followed(before: Luma, now: Luma, tracks: Rays, field: Luma | None = None) -> Rays:
    """Return the tracks that Lucas-Kanade finds again in the next atlas, and from there back to where they were.

    Those that have left the `field` (from `open_field`) are given up.
    """
    if not len(tracks):
        return Rays()
    face = cube.face_of(tracks.ray)
    start = cube.px_of(tracks.ray) - _HALF
    there, ok = _lucas_kanade(before, now, start, None, LEVELS)
    # The way back starts from the answer it should give: the lowest levels are enough.
    back, ok_back = _lucas_kanade(now, before, there, start, 1)
    good = ok & ok_back & (np.abs(back - start).max(axis=1) < MAX_ROUND_TRIP_PX)
    low = np.stack([face % cube.COLUMNS, face // cube.COLUMNS], axis=1) * cube.FACE_PX
    good &= ((there >= low) & (there <= low + cube.FACE_PX - 1)).all(axis=1)
    if field is not None:
        x, y = np.clip(there.astype(int), 0, [field.shape[1] - 1, field.shape[0] - 1]).T
        good &= field[y, x] > 0
    return Rays(tracks.number[good], cube.rays_of(there[good] + _HALF, face[good]))


def _lucas_kanade(
    first: Luma, second: Luma, points: npt.NDArray[np.float32], guess: npt.NDArray[np.float32] | None, levels: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    options = {"winSize": (WINDOW_PX, WINDOW_PX), "maxLevel": levels, "criteria": _CRITERIA}
    target: Any = None
    if guess is not None:
        target, options["flags"] = guess.copy(), cv2.OPTFLOW_USE_INITIAL_FLOW
    found, ok, _ = cv2.calcOpticalFlowPyrLK(first, second, points, target, **options)  # type: ignore[call-overload]
    return np.asarray(found, np.float32), ok.ravel() > 0
