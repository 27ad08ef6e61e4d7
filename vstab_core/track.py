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

_CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01)


@dataclass
class View:
    """A luma proxy and the corners that are followed from it."""

    image: Luma
    points: Points  # (N, 2), OpenCV's pixel indices: centres at integers
    background: npt.NDArray[np.float32]  # (N,)


def open_view(image: Luma) -> View:
    """Return a view of a luma proxy, (H, W) uint8, that holds no corners yet."""
    return View(image, np.empty((0, 2), np.float32), np.empty(0, np.float32))


def refill(view: View) -> None:
    """Give every cell without a live track its strongest corner, if it has one; thin out crowded cells.

    Of the tracks in a cell the one that has moved longest with the background stays.
    """
    height, width = view.image.shape
    rows, cols = max(1, height // CELL_PX), max(1, width // CELL_PX)
    if min(height, width) < 8:
        return
    row = np.clip((view.points[:, 1] * rows / height).astype(int), 0, rows - 1)
    col = np.clip((view.points[:, 0] * cols / width).astype(int), 0, cols - 1)
    cell = row * cols + col
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
        empty = np.empty((0, 2), np.float32)
        return Tracks(empty, empty, np.empty(0, np.float32)), np.zeros(0, bool)
    if coarse:
        step = np.float32(2.0)
        images: list[Luma] = [cv2.equalizeHist(_half(view.image)) for view in (ref, cur)]  # type: ignore[misc]
    else:
        step = np.float32(1.0)
        images = [ref.image, cur.image]
    half = np.float32(0.5)  # OpenCV's centres are at integers, ours at halves; resizing is a scale in ours
    points = (ref.points + half) / step - half
    there, back, seen = _there_and_back(images[0], images[1], points)
    height, width = images[1].shape
    round_trip = np.abs(back - points).max(axis=1)
    inside = (there[:, 0] >= 0) & (there[:, 1] >= 0) & (there[:, 0] <= width - 1) & (there[:, 1] <= height - 1)
    good = seen & (round_trip <= MAX_ROUND_TRIP_PX) & inside
    return Tracks(ref.points[good] + half, (there[good] + half) * step, ref.background[good]), good


def _there_and_back(ref: Luma, cur: Luma, points: Points) -> tuple[Points, Points, npt.NDArray[np.bool_]]:
    size = (WINDOW_PX, WINDOW_PX)
    no_guess: Any = None  # OpenCV's type stubs leave out that it may be
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        ref, cur, points, no_guess, winSize=size, maxLevel=PYRAMID_LEVELS, criteria=_CRITERIA
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
    return np.asarray(there, np.float32), np.asarray(back, np.float32), (seen[:, 0] == 1) & (seen_back[:, 0] == 1)


def _half(image: Luma) -> Luma:
    height, width = image.shape
    return cv2.resize(image[: height // 2 * 2, : width // 2 * 2], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


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
