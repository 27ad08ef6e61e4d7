"""The camera path of a clip, measured from its pixels frame to frame, as the strip shows it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...decode import luma_of, read_frames
from ...types import FloatArray, VideoInfo
from .. import shake
from ..follow import Follower
from ..registration import Matrix


@dataclass(frozen=True)
class Trace:
    """Where the picture's content has moved, summed over the frames.

    Attributes:
        time_s: (F,) float64, in the original's clock.
        position: (F, 2) float64, (x, y) in shares of the picture's width; begins at 0, and again after each cut. Steps
            that could not be measured are interpolated.
        cuts: indices of the frames that begin a new shot.
    """

    time_s: FloatArray
    position: FloatArray
    cuts: list[int]

    def shots(self) -> list[slice]:
        """Return the frames of each shot."""
        edges = [0, *self.cuts, len(self.time_s)]
        return [slice(first, last) for first, last in itertools.pairwise(edges)]

    def between(self, start_s: float, end_s: float) -> Trace:
        """Return the part between two times, counted from its first frame."""
        inside = np.flatnonzero((self.time_s >= start_s - 1e-6) & (self.time_s <= end_s + 1e-6))
        if not len(inside):
            return Trace(self.time_s[:0], self.position[:0], [])
        first, last = int(inside[0]), int(inside[-1]) + 1
        position = self.position[first:last].copy()
        cuts = [cut - first for cut in self.cuts if first < cut < last]
        position[: cuts[0] if cuts else None] -= position[0]
        return Trace(self.time_s[first:last], position, cuts)


def measure(info: VideoInfo, shift_s: float, on_frame: Callable[[], None]) -> Trace:
    """Follow a clip from frame to frame.

    Args:
        info: the clip.
        shift_s: added to its times.
        on_frame: called after each frame.

    Raises:
        InputError: the clip cannot be read.
    """
    follower = Follower()
    times_s: list[float] = []
    shots: list[list[Matrix | None]] = [[]]
    size = (0, 0)
    for frame in read_frames(info.path, on_damage=lambda _: None):  # told when the pictures are read
        before, picture = follower.before, luma_of(frame)
        size = picture.shape[1], picture.shape[0]
        step = follower.push(picture)
        follower.shots[-1].clear()  # the points of a long clip would fill the memory
        if before is not None and step is not None:
            if step.motion is None and follower.is_cut(before, picture):
                shots.append([])
            else:
                shots[-1].append(step.motion)
        times_s.append(frame.time_s + shift_s)
        on_frame()
    parts = []
    for shot in shots:
        steps = shake.path_of(shot, size).step[:, :2] if shot else np.zeros((0, 2))
        parts.append(np.cumsum(np.vstack([np.zeros((1, 2)), steps]), axis=0) / max(size[0], 1))
    cuts = np.cumsum([len(part) for part in parts])[:-1].tolist()
    return Trace(np.array(times_s), np.concatenate(parts), cuts)
