"""Tell feature tracks of things that do not belong to the world at rest: the camera's own car, rider or logo, people.

A robust loss does not tell them by itself. While the camera turns by less than the loss's reach (half a degree a frame)
a track that stands still in the view is as good a match as one that stands still in the world, and a third of them pull
the path by a quarter of its shake.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..types import FloatArray
from .rotation_path import SphereTracks

VIEW_SHARE = 0.5  # of its steps in the world that a track makes in the view, below which it is fixed there
FAR_STEPS = 4.0  # times the median track's steps: it goes its own way
LEAST_STEP_RAD = 0.0026  # 0.15 degrees a frame: nobody is foreign below
LEAST_KEPT = 0.3  # of the tracks: where fewer are left, nothing is known of the world


def of_the_world(tracks: SphereTracks, stab_from_src: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which tracks a path takes for the world's, (T,).

    Args:
        tracks: of a segment.
        stab_from_src: (n, 4), the path, from a first solution; it may be off by a part of the shake.
    """
    turns = rotation.matrix(stab_from_src)
    shown = np.einsum("nij,nj->ni", turns[tracks.frame], tracks.ray)
    in_world, in_view = _step_rad(tracks, shown), _step_rad(tracks, tracks.ray)
    fixed = in_view < VIEW_SHARE * in_world
    usual = np.median(in_world[~fixed]) if not fixed.all() else 0.0
    kept = ~fixed & (in_world < max(FAR_STEPS * usual, LEAST_STEP_RAD))
    return kept if kept.mean() >= LEAST_KEPT else np.ones(len(kept), bool)


def selected(tracks: SphereTracks, kept: npt.NDArray[np.bool_]) -> SphereTracks:
    """Return some of the tracks, (T,) bool."""
    lengths = np.diff(tracks.start)
    seen = np.repeat(kept, lengths)
    start = np.concatenate([[0], np.cumsum(lengths[kept])])
    return SphereTracks(start.astype(np.int64), tracks.frame[seen], tracks.ray[seen])


def _step_rad(tracks: SphereTracks, ray: FloatArray) -> FloatArray:
    """Return the RMS step from frame to frame of each track, (T,); tracks have two rays or more."""
    squared = np.zeros(len(ray))
    squared[:-1] = ((ray[1:] - ray[:-1]) ** 2).sum(axis=1)
    squared[tracks.start[1:] - 1] = 0.0  # the step from a track's last ray to the next track's first
    steps = np.diff(tracks.start) - 1
    return np.asarray(np.sqrt(np.add.reduceat(squared, tracks.start[:-1]) / steps))
