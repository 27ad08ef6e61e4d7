"""Follow corners from frame to frame: gridded corners, pyramidal Lucas-Kanade, forward-backward check.

One corner a cell keeps the tracks spread over the picture, so that a textured foreground cannot outvote a plain
background by its number of corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .types import Tracks

Luma = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]

CELL_PX = 40  # 640 x 360 proxy: 144 cells
WINDOW_PX = 21
PYRAMID_LEVELS = 3  # with the 21 px window: motions up to about 80 px a frame
MAX_ROUND_TRIP_PX = 0.6  # forward-backward: occlusions and repeated texture return further away than this
MIN_EIGENVALUE = 4e-5  # of the 3x3 structure tensor of a [0, 1] image: below it a cell has only noise
REFILL_SHARE = 0.8  # look for new corners when fewer than this share of the cells hold a live track,
CROWDED = 1.3  # or when tracks have run together to more than this many a cell
NEW_TRACK_BACKGROUND = 0.5  # nothing is known yet

EVENED_BLUR_PX = 1.0
EVENED_WINDOW_PX = 41  # twice the tracker's: within its window light is then as good as even
EVENED_FLOOR = 0.3  # codes: plain walls are not blown up to noise
EVENED_CONTRAST = 40.0

_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)


@dataclass
class View:
    """A luma proxy and the corners that are followed from it."""

    image: Luma
    points: Points  # (N, 2), OpenCV's pixel indices: centres at integers
    background: npt.NDArray[np.float32]  # (N,)
    features: Any = None  # what the motion network saw in it, where it was asked
    evened: View | None = None  # at half size with light and contrast taken out, see `even`


def open_view(image: Luma) -> View:
    """Return a view of a luma proxy, (H, W) uint8, that holds no corners yet."""
    return View(image, np.empty((0, 2), np.float32), np.empty(0, np.float32))


def refill(view: View) -> None:
    """Give every cell without a live track its strongest corner, if it has one; thin out crowded cells.

    Of the tracks in a cell the one that has moved longest with the background stays.
    """
    height, width = view.image.shape
    rows, cols = _cells(view.image.shape)
    if min(height, width) < 8:
        return
    cell = _cell_of(view.points, view.image.shape)
    best_first = np.argsort(-view.background, kind="stable")
    _, first = np.unique(cell[best_first], return_index=True)
    keep = np.sort(best_first[first])
    if len(keep) >= REFILL_SHARE * rows * cols and len(view.points) < CROWDED * rows * cols:
        return
    view.points, view.background = view.points[keep], view.background[keep]
    taken = np.zeros(rows * cols, bool)
    taken[cell[keep]] = True
    new, new_cell = _strongest_per_cell(view.image, rows, cols)
    new = new[~taken[new_cell]]
    view.points = np.concatenate([view.points, new])
    view.background = np.concatenate([view.background, np.full(len(new), NEW_TRACK_BACKGROUND, np.float32)])


def follow_led(ref: View, cur: View, lead: Points) -> tuple[Tracks, npt.NDArray[np.bool_]]:
    """Track the corners of evened views, as `follow`.

    Args:
        lead: (N, 2) where each corner is expected in `cur`, within about 10 px; pixel indices as `View.points`.
    """
    if not len(ref.points):
        return _no_tracks()
    half = np.float32(0.5)
    there, good = _there_and_back(ref.image, cur.image, ref.points, lead)
    return Tracks((ref.points[good] + half) * 2, (there[good] + half) * 2, ref.background[good]), good


def follow(ref: View, cur: View, *, coarse: bool = False) -> tuple[Tracks, npt.NDArray[np.bool_]]:
    """Track the corners of `ref` into `cur`.

    Args:
        ref, cur: the earlier and the later frame.
        coarse: track at half size with equalised brightness: half as exact, but it survives motion blur and changes
            of exposure.

    Returns:
        the tracks that pass the forward-backward check, in proxy pixels with centres at halves, and (N,) bool: which
        of `ref.points` they are.
    """
    if not len(ref.points):
        return _no_tracks()
    if coarse:
        step = np.float32(2.0)
        images: list[Luma] = [cv2.equalizeHist(_half(view.image)) for view in (ref, cur)]
    else:
        step = np.float32(1.0)
        images = [ref.image, cur.image]
    half = np.float32(0.5)  # OpenCV's centres are at integers, ours at halves; resizing is a scale in ours
    points = (ref.points + half) / step - half
    there, good = _there_and_back(images[0], images[1], points)
    return Tracks(ref.points[good] + half, (there[good] + half) * step, ref.background[good]), good


def _no_tracks() -> tuple[Tracks, npt.NDArray[np.bool_]]:
    empty = np.empty((0, 2), np.float32)
    return Tracks(empty, empty, np.empty(0, np.float32)), np.zeros(0, bool)


def _there_and_back(
    ref: Luma, cur: Luma, points: Points, expected: Points | None = None
) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Return where points (N, 2) went, and whether they came back, inside the picture."""
    size = (WINDOW_PX, WINDOW_PX)
    start: Any = None if expected is None else expected.copy()  # OpenCV's type stubs leave out that it may be None
    levels, flags = (PYRAMID_LEVELS, 0) if expected is None else (1, cv2.OPTFLOW_USE_INITIAL_FLOW)
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        ref, cur, points, start, winSize=size, maxLevel=levels, criteria=_CRITERIA, flags=flags
    )
    # The way back starts from the answer it should give, so two levels are enough and it costs half.
    back, seen_back, _ = cv2.calcOpticalFlowPyrLK(
        cur,
        ref,
        there,
        points.copy(),
        winSize=size,
        maxLevel=1,
        criteria=_CRITERIA,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    height, width = cur.shape
    inside = (there[:, 0] >= 0) & (there[:, 1] >= 0) & (there[:, 0] <= width - 1) & (there[:, 1] <= height - 1)
    returned = np.abs(back - points).max(axis=1) <= MAX_ROUND_TRIP_PX
    return np.asarray(there, np.float32), (seen[:, 0] == 1) & (seen_back[:, 0] == 1) & returned & inside


def even(view: View) -> View:
    """Return a view at half size whose every part has the same brightness and contrast, with corners of its own.

    Dark and plain pictures then have corners, flashes none of their own; what is only noise is left to the
    forward-backward check. Kept in the view.
    """
    if view.evened is None:
        small: Any = cv2.GaussianBlur(_half(view.image.astype(np.float32)), (0, 0), EVENED_BLUR_PX)
        side = (EVENED_WINDOW_PX, EVENED_WINDOW_PX)
        mean = cv2.boxFilter(small, -1, side)
        spread_of = np.sqrt(np.maximum(cv2.boxFilter(small * small, -1, side) - mean * mean, 0))
        codes = 128 + EVENED_CONTRAST * (small - mean) / (spread_of + EVENED_FLOOR)
        view.evened = open_view(np.clip(codes, 0, 255).astype(np.uint8))
        refill(view.evened)
    return view.evened


def spread(points_px: Points, shape: tuple[int, ...]) -> float:
    """Return the share of a picture's cells, (height, width) `shape`, in which points (N, 2) lie."""
    rows, cols = _cells(shape)
    return len(np.unique(_cell_of(points_px, shape))) / (rows * cols)


def _cells(shape: tuple[int, ...]) -> tuple[int, int]:
    return max(1, shape[0] // CELL_PX), max(1, shape[1] // CELL_PX)


def _cell_of(points_px: Points, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Return the number of each point's cell, (N,)."""
    rows, cols = _cells(shape)
    row = np.clip((points_px[:, 1] * rows / shape[0]).astype(int), 0, rows - 1)
    col = np.clip((points_px[:, 0] * cols / shape[1]).astype(int), 0, cols - 1)
    return np.asarray(row * cols + col)


def _half(image: npt.NDArray[Any]) -> Any:
    height, width = image.shape
    return cv2.resize(image[: height // 2 * 2, : width // 2 * 2], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _strongest_per_cell(image: Luma, rows: int, cols: int) -> tuple[Points, npt.NDArray[np.intp]]:
    """Return the strongest corner of each cell that has one, (M, 2) pixel indices, and (M,) the number of its cell."""
    score = cv2.cornerMinEigenVal(image, 3, ksize=3)
    edge = WINDOW_PX // 4  # a window that hangs far over the edge tracks badly
    score[:edge], score[-edge:], score[:, :edge], score[:, -edge:] = 0, 0, 0, 0
    height, width = image.shape[0] // rows, image.shape[1] // cols
    cells = score[: rows * height, : cols * width].reshape(rows, height, cols, width).swapaxes(1, 2)
    flat = cells.reshape(rows * cols, height * width)
    best = flat.argmax(axis=1)
    cell = np.nonzero(np.take_along_axis(flat, best[:, None], axis=1)[:, 0] > MIN_EIGENVALUE)[0]
    at = best[cell]
    x = (cell % cols) * width + at % width
    y = (cell // cols) * height + at // width
    return np.stack([x, y], axis=1).astype(np.float32), cell
