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

from . import cube, rotation
from .types import FloatArray

Luma = npt.NDArray[np.uint8]

SPACING_DEG = 2.0  # a new corner keeps this far from live tracks
MAX_TRACKS = 400  # 600 are no more exact, and take 1.2 ms more to follow
MAX_CORNERS = 3000  # candidates for new tracks
CELLS = 8  # along the side of a face: 11 degrees, one or two tracks each
QUALITY = 0.004  # of the strongest corner's smaller eigenvalue
WINDOW_PX = 15
LEVELS = 3  # pyramid levels above the first: movements up to about 40 px, 14 degrees a frame
NEAR_LEVELS = 0  # once the camera's turn is known: 10 px, 3.5 degrees, are left for what is near or moves
PILOTS = 48  # tracks that tell the camera's turn, on atlases of half the size
RETRIED_SHARE = 0.05  # of the tracks lost near the prediction, from which on they are looked for everywhere
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
    found: Any = cv2.goodFeaturesToTrack(atlas, MAX_CORNERS, QUALITY, radius_px, mask=mask, blockSize=3)
    if found is None:
        return live
    points = found.reshape(-1, 2) + _HALF
    face = (points // cube.FACE_PX).astype(np.intp)
    rays = cube.rays_of(points, face[:, 1] * cube.COLUMNS + face[:, 0])
    if len(live):  # the circles above end at their face's edge, and a face has more pixels a degree in its corners
        rays = rays[(rays @ live.ray.T).max(axis=1) < np.cos(np.radians(SPACING_DEG))]
    rays = rays[_spread(rays, live.ray)[:wanted]]
    numbers = next_number + np.arange(len(rays), dtype=np.int64)
    return Rays(np.concatenate([live.number, numbers]), np.concatenate([live.ray, rays]))


def _spread(rays: FloatArray, live: FloatArray) -> npt.NDArray[np.intp]:
    """Return the order, (N,), in which corners are taken, strongest first, such that no part is left out.

    The strongest alone would all be on the horizon, where what is far has the finest texture; the ground and what is
    near would say nothing of how the camera moves. The first of every cell comes first, then the second.
    """
    cells = np.concatenate([_cell_of(live), _cell_of(rays)])
    by_cell = np.argsort(cells, kind="stable")
    first = np.searchsorted(cells[by_cell], cells[by_cell])
    rank = np.empty(len(cells), np.intp)
    rank[by_cell] = np.arange(len(cells)) - first
    return np.argsort(rank[len(live) :], kind="stable")


def _cell_of(rays: FloatArray) -> npt.NDArray[np.intp]:
    """Return the cell of each ray, (N,): each face of the cube has CELLS by CELLS of them."""
    face = cube.face_of(rays)
    inner = np.mod(cube.px_of(rays), cube.FACE_PX) - cube.RIM_PX
    cell = np.clip(inner * CELLS / cube.INNER_PX, 0, CELLS - 1).astype(np.intp)
    return np.asarray((face * CELLS + cell[:, 1]) * CELLS + cell[:, 0])


def followed(before: Luma, now: Luma, tracks: Rays, field: Luma | None = None) -> Rays:
    """Return the tracks that Lucas-Kanade finds again in the next atlas, and from there back to where they were.

    Those that have left the `field` (from `open_field`) are given up.
    """
    if not len(tracks):
        return Rays()
    face = cube.face_of(tracks.ray)
    start = cube.px_on(tracks.ray, face) - _HALF
    guess = _predicted(before, now, tracks.ray, start, face)
    there, good = _there_and_back(before, now, start, face, guess, NEAR_LEVELS)
    lost = np.flatnonzero(~good)
    if guess is not None and len(lost) > RETRIED_SHARE * len(good):  # much moves on its own, or stands near
        there[lost], good[lost] = _there_and_back(before, now, start[lost], face[lost], None, LEVELS)
    if field is not None:
        x, y = np.clip(there.astype(int), 0, [field.shape[1] - 1, field.shape[0] - 1]).T
        good &= field[y, x] > 0
    return Rays(tracks.number[good], cube.rays_of(there[good] + _HALF, face[good]))


def _predicted(
    before: Luma, now: Luma, rays: FloatArray, start: npt.NDArray[np.float32], face: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32] | None:
    """Return where the tracks should be if the camera turned as some of them say; None where they do not agree."""
    some = np.arange(0, len(rays), max(1, len(rays) // PILOTS))
    if len(some) < PILOTS // 2:
        return None
    small = (start[some] - _HALF) * _HALF
    found, good = _there_and_back(_halved(before), _halved(now), small, face[some], None, LEVELS - 1)
    there = found * 2 + _HALF
    if good.sum() < PILOTS // 3:
        return None
    some = some[good]
    turn = rotation.robust_turn_between(rays[some], cube.rays_of(there[good] + _HALF, face[some]))
    return cube.px_on(rays @ turn.T, face) - _HALF


def _halved(atlas: Luma) -> Luma:
    return cv2.resize(atlas, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _there_and_back(
    before: Luma,
    now: Luma,
    start: npt.NDArray[np.float32],
    face: npt.NDArray[np.intp],
    guess: npt.NDArray[np.float32] | None,
    levels: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return where points (N, 2) are found, and which of them on their face, and from there where they were."""
    there, ok = _lucas_kanade(before, now, start, guess, levels)
    # The way back starts from the answer it should give: no pyramid is needed.
    back, ok_back = _lucas_kanade(now, before, there, start, 0)
    good = ok & ok_back & (np.abs(back - start).max(axis=1) < MAX_ROUND_TRIP_PX)
    side = before.shape[1] // cube.COLUMNS  # px of a face: FACE_PX, or half of it
    low = np.stack([face % cube.COLUMNS, face // cube.COLUMNS], axis=1) * side
    return there, good & ((there >= low) & (there <= low + side - 1)).all(axis=1)


def _lucas_kanade(
    first: Luma, second: Luma, points: npt.NDArray[np.float32], guess: npt.NDArray[np.float32] | None, levels: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    options = {"winSize": (WINDOW_PX, WINDOW_PX), "maxLevel": levels, "criteria": _CRITERIA}
    target: Any = None
    if guess is not None:
        target, options["flags"] = guess.copy(), cv2.OPTFLOW_USE_INITIAL_FLOW
    found, ok, _ = cv2.calcOpticalFlowPyrLK(first, second, points, target, **options)  # type: ignore[call-overload]
    return np.asarray(found, np.float32), ok.ravel() > 0
