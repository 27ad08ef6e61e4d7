"""Which frames a hyperlapse shows: those between which the stabilized picture moves by equal amounts.

After Kopf (2016): the apparent speed of each frame, cleaned by a temporal median and a low-pass, is evened out by
showing frames at uneven times. Where the camera stood still, time is skipped; where it was fast, less than elsewhere.

Every shot becomes as many times shorter as the user asks, by itself: speeds of different scenes do not compare, and a
cut stays where an editor expects it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..types import CameraMotion, FloatArray, RotationMotion

Indices = npt.NDArray[np.int64]
Motion = CameraMotion | RotationMotion

MEDIAN_S = 0.5  # longer than a flash or a passer-by, shorter than a stop
LOW_PASS_S = 0.15  # standard deviation: a step's bob (2 Hz) goes, a stop stays
SLOWEST = 0.1  # of the shot's usual speed: a pause passes ten times as fast as the way, and not at once
REACH = 3  # frames by which one may be shown early or late for the sake of an even speed
STILL = 2e-4  # radians or half widths a frame: 0.01 degrees, 0.06 px of the proxy; less is noise of what stands still


def chosen_frames(motion: Motion, moved: FloatArray, factor: float) -> Indices:
    """Return the frames that are shown, (G,) strictly increasing; the first of every shot is among them.

    Args:
        motion: for its times and cuts.
        moved: (F,) how far the stabilized picture moves from the frame before to each; not used on a shot's first.
        factor: how many times faster the output plays.
    """
    chosen = []
    interval_s = mean_interval_s(motion)
    for shot in shots_of(motion.cut):
        lasts = _lasts(motion, shot)
        onward = moved[shot][1:] / lasts[:-1]  # speed from each frame to the next one; the last one goes on as before
        speed = np.append(onward, onward[-1] if len(onward) else 1.0)
        speed = np.maximum(_cleaned(speed, interval_s), STILL)
        usual = (speed**2).sum() / speed.sum()  # mean over the way, not over time, in which pauses would count
        way = np.maximum(speed, SLOWEST * usual) * lasts
        chosen.append(shot.start + _spread(way, _wanted(lasts, factor)))
    return np.concatenate(chosen)


def even_frames(motion: Motion, factor: float) -> Indices:
    """Return the frames of a plain time-lapse, as many of each shot as `chosen_frames` gives."""
    every = [(shot, _lasts(motion, shot)) for shot in shots_of(motion.cut)]
    return np.concatenate([shot.start + _spread(lasts, _wanted(lasts, factor)) for shot, lasts in every])


def variation(values: FloatArray) -> float:
    """Return the standard deviation over the mean; 0 of nothing."""
    mean = float(values.mean()) if len(values) else 0.0
    return float(values.std()) / mean if mean > 0 else 0.0


def mean_interval_s(motion: Motion) -> float:
    """Return the mean time between frames, in seconds: how far the output's frames are apart."""
    return float(motion.time_s[-1] - motion.time_s[0]) / (len(motion) - 1) if len(motion) > 1 else 1.0


def shots_of(cut: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Yield the frames of each shot."""
    starts = [*np.flatnonzero(cut).tolist(), len(cut)]
    for first, last in pairwise(starts):
        yield slice(first, last)


def _lasts(motion: Motion, shot: slice) -> FloatArray:
    """Return how long each frame of a shot is shown, (n,), in mean frame intervals."""
    interval_s = mean_interval_s(motion)
    end_s = motion.time_s[shot.stop] if shot.stop < len(motion) else motion.time_s[-1] + interval_s
    return np.diff(motion.time_s[shot], append=end_s) / interval_s


def _wanted(lasts: FloatArray, factor: float) -> int:
    return min(max(round(float(lasts.sum()) / factor), 1), len(lasts))


def _cleaned(speed: FloatArray, interval_s: float) -> FloatArray:
    half = round(MEDIAN_S / interval_s / 2)
    median = np.median(_windows(speed, half), axis=1)
    sigma = LOW_PASS_S / interval_s
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(_windows(median, reach) @ (kernel / kernel.sum()))


def _windows(values: FloatArray, half: int) -> FloatArray:
    """Return (F, 2 half + 1): each frame's neighbourhood, the ends continued."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, half, mode="edge"), 2 * half + 1)


def _spread(moved: FloatArray, wanted: int) -> Indices:
    """Return `wanted` frames of n, the first among them, between which equal amounts of `moved` lie.

    Args:
        moved: (n,) how far the picture moves from each frame to the next, above 0.
        wanted: 1 to n.

    No frame is shown twice: where more than one output frame a frame would be due, the rest of the shot gets them.
    """
    frames = len(moved)
    low, high = 0.0, 1.0 / moved.min()
    for _ in range(100):  # bisection for output frames per unit of motion, with which the sum below grows
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.minimum(middle * moved, 1.0).sum() < wanted else (low, middle)
    shown = np.append(0.0, np.cumsum(np.minimum(high * moved, 1.0)))
    output = np.arange(wanted)
    nearest = np.floor(np.interp(output, shown, np.arange(frames + 1)) + 0.5).astype(np.int64)
    return _evened(nearest, np.append(0.0, np.cumsum(high * moved)))


def _evened(nearest: Indices, way: FloatArray) -> Indices:
    """Move frames by up to `REACH`, so that the way between neighbours is as near to 1 as whole frames allow.

    The nearest frames keep the time best and the speed not: at a factor of 2, an ideal gap of 2.1 frames becomes a 3
    among many 2, and is seen as a jerk. The sum of (way - 1)^2 is minimised over all such moves (dynamic programming).

    Args:
        nearest: (G,) the frame nearest to where each output frame should be.
        way: (n + 1,) how far the picture has moved at each frame, in output frames.
    """
    last = len(way) - 2
    moves = np.arange(-REACH, REACH + 1)
    frames = np.clip(nearest[:, None] + moves, 0, last)
    frames[0] = 0
    cost = np.zeros(len(moves))
    came_from = np.zeros(frames.shape, np.int64)
    for row in range(1, len(frames)):
        here, before = frames[row], frames[row - 1]
        step = (way[here] - way[before][:, None] - 1.0) ** 2
        total = cost[:, None] + np.where(here > before[:, None], step, np.inf)
        came_from[row] = total.argmin(axis=0)
        cost = total[came_from[row], np.arange(len(moves))]
    best = int(np.argmin(cost + (way[-1] - way[frames[-1]] - 1.0) ** 2))
    result = np.empty_like(nearest)
    for row in range(len(frames) - 1, -1, -1):
        result[row] = frames[row, best]
        best = int(came_from[row, best])
    return result
