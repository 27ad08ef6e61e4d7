"""Which frames a hyperlapse shows: those between which the stabilized picture moves by equal amounts.

After Kopf (2016): the apparent speed of each frame, cleaned by a temporal median and a low-pass, is evened out by
showing frames at uneven times. Where the camera stood still, time is skipped; where it was fast, less than elsewhere.

Every shot becomes as many times shorter as the user asks, by itself: speeds of different scenes do not compare, and a
cut stays where an editor expects it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..corners import motion_over_picture
from ..params import Parameters
from ..types import CameraMotion, FloatArray, RotationMotion, WarpTrack
from .weights import usual_interval_s

Indices = npt.NDArray[np.int64]

MEDIAN_S = 0.5  # longer than a flash or a passer-by, shorter than a stop
LOW_PASS_S = 0.25  # standard deviation: a step's bob (2 Hz) goes, a stop stays
SHAKE_S = 0.5  # the same for the turning of the view, of which shake (1 Hz: 1 % is left) is taken away later
SLOWEST = 0.1  # of the shot's usual speed: a pause passes ten times as fast as the way, and not at once
# Below this a frame stands still, and what is measured is noise: 0.01 degrees, 0.06 px of the proxy.
STILL_RAD, STILL = 2e-4, 2e-4
MEAN_SINE = np.pi / 4  # over the sphere: how far its points move when it turns by 1 rad


def chosen_frames(motion: CameraMotion | RotationMotion, parameters: Parameters) -> Indices:
    """Return the frames that are shown, (G,) strictly increasing; the first of every shot is among them."""
    speed = apparent_speed(motion, parameters)
    interval_s = mean_interval_s(motion)
    still = STILL_RAD if isinstance(motion, RotationMotion) else STILL
    chosen = []
    for shot in shots_of(motion.cut):
        time_s = motion.time_s[shot]
        end_s = motion.time_s[shot.stop] if shot.stop < len(motion) else time_s[-1] + interval_s
        lasts_s = np.diff(time_s, append=end_s)
        wanted = round((end_s - time_s[0]) / (parameters.hyperlapse * interval_s))
        wanted = min(max(wanted, 1), len(time_s))
        even = np.maximum(_cleaned(speed[shot], interval_s), still)
        usual = (even**2).sum() / even.sum()  # mean over the way, not over time, in which pauses would count
        onward = np.append(even[1:], even[-1])  # motion from each frame to the next one
        moved = np.maximum(onward, SLOWEST * usual) * lasts_s
        chosen.append(shot.start + _spread(moved, wanted))
    return np.concatenate(chosen)


def apparent_speed(motion: CameraMotion | RotationMotion, parameters: Parameters) -> FloatArray:
    """Return how fast the stabilized picture moves, (F,), radians or normalised lengths a mean frame interval.

    What travel leaves (`motion.speed`) and what the view turns or glides, once its shake is gone: a pan that the path
    keeps is seen as well as a walk. On a shot's first frame as on its second.
    """
    assert motion.speed is not None  # `hyperlapse.smooth` has asked
    interval_s = mean_interval_s(motion)
    speed = np.zeros(len(motion))
    for shot in shots_of(motion.cut):
        frames = shot.stop - shot.start
        if frames < 2:
            continue
        measured = motion.confidence[shot] > 0
        measured[0] = False
        travel = motion.speed[shot].astype(np.float64)
        if measured.any():
            at = np.arange(frames)
            travel = np.interp(at, at[measured], travel[measured])
        rate = interval_s / np.diff(motion.time_s[shot])
        speed[shot][1:] = rate * np.hypot(travel[1:], _glide(motion, shot, parameters))
        speed[shot][0] = speed[shot][1]
    return speed


def _glide(motion: CameraMotion | RotationMotion, shot: slice, parameters: Parameters) -> FloatArray:
    """Return (n - 1,): how far the view moves from frame to frame without its shake, over the whole picture."""
    sigma = SHAKE_S / usual_interval_s(motion)
    if isinstance(motion, CameraMotion):
        steps = motion.corners[shot][1:].reshape(-1, 8)
        _, moved = motion_over_picture(motion.aspect)
        over_picture = (_low_passed(steps, sigma) @ moved.T).reshape(len(steps), -1, 2)
        return np.asarray(np.linalg.norm(over_picture, axis=2).mean(axis=1))
    if parameters.view == "lock" or parameters.lock == "on":
        return np.zeros(shot.stop - shot.start - 1)
    path = motion.world_from_cam[shot]
    turns = rotation.logarithm(rotation.product(path[1:], rotation.inverse(path[:-1])))
    return np.asarray(MEAN_SINE * np.linalg.norm(_low_passed(turns, sigma), axis=1))


def speeds_between(motion: CameraMotion | RotationMotion, parameters: Parameters, chosen: Indices) -> FloatArray:
    """Return how far the stabilized picture moves between shown frames of the same shot, (n,)."""
    way = np.cumsum(apparent_speed(motion, parameters))
    shot = np.cumsum(motion.cut)[chosen]
    return np.asarray(np.diff(way[chosen])[np.diff(shot) == 0])


def figures(motion: CameraMotion | RotationMotion, warps: WarpTrack, parameters: Parameters) -> dict[str, float | int]:
    """Return what a hyperlapse tells: how unevenly its picture moves, against every n-th frame of the clip.

    `speed_variation` is the standard deviation over the mean of the picture's motion from frame to frame.
    """
    chosen = np.searchsorted(motion.pts, warps.pts)
    evenly = np.unique(np.linspace(0, len(motion) - 1, len(chosen)).round().astype(np.int64))
    return {
        "source_frames": len(motion),
        "speed_variation_before": variation(speeds_between(motion, parameters, evenly)),
        "speed_variation": variation(speeds_between(motion, parameters, chosen)),
    }


def variation(values: FloatArray) -> float:
    """Return the standard deviation over the mean; 0 of nothing."""
    mean = float(values.mean()) if len(values) else 0.0
    return float(values.std()) / mean if mean > 0 else 0.0


def mean_interval_s(motion: CameraMotion | RotationMotion) -> float:
    """Return the mean time between frames, in seconds: what the output's frames are apart."""
    return float(motion.time_s[-1] - motion.time_s[0]) / (len(motion) - 1) if len(motion) > 1 else 1.0


def shots_of(cut: npt.NDArray[np.bool_]) -> Iterator[slice]:
    """Yield the frames of each shot."""
    starts = [*np.flatnonzero(cut).tolist(), len(cut)]
    for first, last in zip(starts[:-1], starts[1:], strict=True):
        yield slice(first, last)


def _cleaned(speed: FloatArray, interval_s: float) -> FloatArray:
    half = round(MEDIAN_S / interval_s / 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(speed, half, mode="edge"), 2 * half + 1)
    return _low_passed(np.median(windows, axis=1)[:, None], LOW_PASS_S / interval_s)[:, 0]


def _low_passed(values: FloatArray, sigma_frames: float) -> FloatArray:
    """Convolve (n, K) with a Gaussian over frames, the ends mirrored."""
    reach = int(np.ceil(3 * sigma_frames))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma_frames, 1e-6)) ** 2)
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="symmetric")
    columns = [np.convolve(column, kernel / kernel.sum(), mode="valid") for column in padded.T]
    return np.stack(columns, axis=1)


def _spread(moved: FloatArray, wanted: int) -> Indices:
    """Return `wanted` frames of n, the first among them, between which equal amounts of `moved` lie.

    Args:
        moved: (n,) how far the picture moves from each frame to the next, above 0.
        wanted: 1 to n.

    No frame is shown twice: where more than one output frame a frame would be due, the rest of the shot gets them.
    """
    frames = len(moved)
    low, high = 0.0, frames / moved.min()
    for _ in range(100):  # output frames for a unit of motion: the sum below grows with it
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.minimum(middle * moved, 1.0).sum() < wanted else (low, middle)
    shown = np.append(0.0, np.cumsum(np.minimum(high * moved, 1.0)))
    output = np.arange(wanted)
    nearest = np.floor(np.interp(output, shown, np.arange(frames + 1)) + 0.5).astype(np.int64)
    nearest = np.maximum.accumulate(nearest - output) + output  # against rounding: one after the other,
    return np.minimum(nearest, frames - wanted + output)  # and none beyond the end
