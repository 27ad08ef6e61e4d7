"""Tell feature tracks of things that do not belong to the world at rest: the camera's own car, rider or logo, people.

A robust loss does not tell them by itself. While the camera turns by less than the loss's reach (half a degree a frame)
a track that stands still in the view is as good a match as one that stands still in the world, and a third of them pull
the path by a quarter of its shake. And what walks along with the camera is nearer, moves faster and is no less smooth
than what stands there: the local rotations would follow it.

On the stabilized sphere, things at rest run along great circles from where a moving camera goes to where it came from.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..types import FloatArray
from .rotation_path import SphereTracks

VIEW_SHARE = 0.5  # of its steps in the world that a track makes in the view, below which it is fixed there
FAR_STEPS = 8.0  # times the median track's steps: it goes its own way; the ground at a walker's feet makes 5
ACROSS_SHARE = 0.4  # of its steps that go across the way of things at rest: so does what moves by itself
AGAINST_SHARE = -0.4  # of its steps that go along it; less than nothing: it runs against it
LEAST_STEP_RAD = 0.0026  # 0.15 degrees a frame: nobody is foreign below
_WIDTHS_RAD = np.radians([1.0, 0.4, 0.2, 0.1])  # of the weights in the fit of the camera's way, narrowed step by step
EVERY = 3  # step is looked at: enough to know a track by
_POOLED = np.ones(5)  # frames that share a direction of movement; a head's bob turns it by some degrees a frame
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
    if fixed.all():
        return fixed
    across, along = _by_the_way(tracks, shown, ~fixed)
    strange = (across > ACROSS_SHARE) | (along < AGAINST_SHARE) | (in_world > FAR_STEPS * np.median(in_world[~fixed]))
    kept = ~fixed & ~(strange & (in_world > LEAST_STEP_RAD))
    return kept if kept.mean() >= LEAST_KEPT else np.ones(len(kept), bool)


def selected(tracks: SphereTracks, kept: npt.NDArray[np.bool_]) -> SphereTracks:
    """Return some of the tracks, (T,) bool."""
    lengths = np.diff(tracks.start)
    seen = np.repeat(kept, lengths)
    start = np.concatenate([[0], np.cumsum(lengths[kept])])
    return SphereTracks(start.astype(np.int64), tracks.frame[seen], tracks.ray[seen])


def _by_the_way(
    tracks: SphereTracks, shown: FloatArray, candidate: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return how much of each track's steps goes across (0 to 1) and along (-1 to 1) the flow of things at rest.

    Args:
        tracks: of a segment.
        shown: (N, 3), their rays on the stabilized sphere.
        candidate: (T,), the tracks that say which way the camera moves.
    """
    last = np.zeros(len(shown), bool)
    last[tracks.start[1:] - 1] = True
    now = np.flatnonzero(~last)[::EVERY]
    owner = np.repeat(np.arange(len(candidate)), np.diff(tracks.start))[now]
    frame, step = tracks.frame[now], shown[now + 1] - shown[now]
    normal = np.cross(shown[now], shown[now + 1])  # of the great circle it runs on; as long as the step
    length = np.linalg.norm(step, axis=1)
    products = (normal[:, :, None] * normal[:, None, :]).reshape(-1, 9)
    frames = int(frame.max()) + 1
    weight = candidate[owner] / (length + np.radians(0.05)) ** 2  # at first all steps count alike, but for the noise
    for width in _WIDTHS_RAD:
        sums = [np.convolve(np.bincount(frame, weight * column, frames), _POOLED, "same") for column in products.T]
        way = np.linalg.eigh(np.stack(sums, axis=1).reshape(-1, 3, 3))[1][:, :, 0]  # at right angles to the normals
        off = np.abs((normal * way[frame]).sum(axis=1))
        weight = candidate[owner] / (1 + (off / width) ** 2) ** 2
    forth = -(step * way[frame]).sum(axis=1)
    sign = np.sign(np.convolve(np.bincount(frame, weight * forth, frames), _POOLED, "same"))
    squared = np.bincount(owner, length**2, len(candidate)) + 1e-30
    across = np.sqrt(np.bincount(owner, off**2, len(candidate)) / squared)
    along = np.bincount(owner, length * forth * sign[frame], len(candidate)) / squared
    return across, np.asarray(along)


def _step_rad(tracks: SphereTracks, ray: FloatArray) -> FloatArray:
    """Return the RMS step from frame to frame of each track, (T,); tracks have two rays or more."""
    squared = np.zeros(len(ray))
    squared[:-1] = ((ray[1:] - ray[:-1]) ** 2).sum(axis=1)
    squared[tracks.start[1:] - 1] = 0.0  # the step from a track's last ray to the next track's first
    steps = np.diff(tracks.start) - 1
    return np.asarray(np.sqrt(np.add.reduceat(squared, tracks.start[:-1]) / steps))
