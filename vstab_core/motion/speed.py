"""How fast the camera travels, as far as the picture tells: what is left of the tracks' motion without its turning.

A camera that only turns moves all tracks together; one that travels moves near things more than far ones. Kopf (2016)
calls the robust mean of what is left the velocity of a frame, and re-times a hyperlapse by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import rotation
from ..track360 import Rays
from ..types import FloatArray

MIN_TRACKS = 8
# Frames before and after, between which a speed is measured: the tracks' noise (0.03 degrees) then counts a fifth, and
# a pause differs from a slow walk.
BEFORE, AFTER = 3, 2


def robust_mean(values: FloatArray) -> float:
    """Return the mean of the middle half: the quarter of passers-by and mismatches above has no say, nor that below."""
    ordered = np.sort(values)
    quarter = len(ordered) // 4
    return float(ordered[quarter : len(ordered) - quarter].mean())


def speed_of(tracks: Sequence[Rays], world_from_cam: FloatArray) -> FloatArray:
    """Return the speed of each frame of a segment of a 360 clip, (n,), radians a frame.

    Args:
        tracks: of each frame, in camera coordinates; empty where a frame could not be followed.
        world_from_cam: (n, 4), the solution.

    Known limit: more than half of the sphere of sky, far mountains or the camera's own mount reads too slow, evenly so.
    """
    frames = len(tracks)
    world = [rays.ray @ turn.T for rays, turn in zip(tracks, rotation.matrix(world_from_cam), strict=True)]
    speed = np.full(frames, np.nan)
    for frame in range(1, frames):
        first, last = max(0, frame - BEFORE), min(frames - 1, frame + AFTER)
        _, i, j = np.intersect1d(tracks[first].number, tracks[last].number, assume_unique=True, return_indices=True)
        if len(i) >= MIN_TRACKS:
            chord = np.linalg.norm(world[last][j] - world[first][i], axis=1)
            speed[frame] = robust_mean(2 * np.arcsin(np.minimum(0.5 * chord, 1.0))) / (last - first)
    known = np.flatnonzero(np.isfinite(speed))
    if len(known) == 0:
        return np.zeros(frames)
    filled = np.interp(np.arange(frames), known, speed[known])
    filled[0] = 0.0
    return np.asarray(filled)
