"""One segment of a 360 clip, from key frame to key frame: how the camera turned in each of its frames.

The key frame at the end is measured in 3D against the one at the start; the frames between are found in 2D, by making
the tracks smooth on the sphere: Kopf 2016, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..track360 import Rays
from ..types import FloatArray
from .foreign360 import of_the_world, selected
from .relative_rotation import relative_rotation
from .rotation_path import SphereTracks, solve_rotation_path

MIN_COMMON = 12  # tracks that live from key frame to key frame; five would do without outliers
LOSSES_RAD = (0.01, 0.003)  # Kopf's to begin with; then less, so that what is far counts and what is near does not
LOCAL_LOSS_RAD = 0.0015  # 0.09 degrees, three times a track's noise: what moves by itself must not bend the picture
ANCHOR_FRAMES = 10  # from one frame measured in 3D to the next, where the camera moves
ANCHOR_SHARE = 0.5  # of inliers at such a frame
PARALLAX_RAD = 0.0175  # 1 degree, of the median track between key frames: more than a rolling shutter's skew


@dataclass(frozen=True)
class Relative:
    """The rotation between two key frames.

    Attributes:
        later_from_earlier: quaternion of camera coordinates.
        share: of the common tracks that agree.
        travel: (3,) unit, where the camera moved to, in coordinates of the earlier one; None if it only turned.
        parallax_rad: what the median of them is off by without a movement of the camera.
    """

    later_from_earlier: FloatArray
    share: float
    travel: FloatArray | None
    parallax_rad: float


@dataclass(frozen=True)
class Segment:
    """What is known of a segment.

    Attributes:
        tracks: of each frame; empty where a frame could not be followed.
        start: world_from_cam of the first frame.
        end: the last frame against the first, or None where it is not known.
    """

    tracks: Sequence[Rays]
    start: FloatArray
    end: Relative | None


@dataclass(frozen=True)
class SegmentSolution:
    """What was found for the frames of a segment; as in `RotationMotion`."""

    world_from_cam: FloatArray
    local: npt.NDArray[np.float32]
    key_frame: npt.NDArray[np.bool_]
    travel: npt.NDArray[np.float32]

    def joined(self, following: SegmentSolution) -> SegmentSolution:
        """Return this segment and the one that begins at its last frame."""
        return SegmentSolution(
            np.concatenate([self.world_from_cam[:-1], following.world_from_cam]),
            np.concatenate([self.local[:-1], following.local]),
            np.concatenate([self.key_frame[:-1], following.key_frame]),
            np.concatenate([self.travel[:-1], following.travel]),
        )


def relative(earlier: Rays, later: Rays) -> Relative | None:
    """Measure the rotation between two frames from the tracks that live in both; None with too few of them."""
    _, i, j = np.intersect1d(earlier.number, later.number, assume_unique=True, return_indices=True)
    if len(i) < MIN_COMMON:
        return None
    before, after = earlier.ray[i], later.ray[j]
    found = relative_rotation(before, after)
    if found.model == "none":
        return None
    travel = None if found.direction is None else -found.direction @ found.cur_from_ref
    parallax_rad = float(np.median(np.linalg.norm(before @ found.cur_from_ref.T - after, axis=1)))
    return Relative(rotation.from_matrix(found.cur_from_ref), found.inlier_ratio, travel, parallax_rad)


def solve(segment: Segment, *, deformed: bool = True) -> SegmentSolution:
    """Find the rotations of all frames of a segment; the local ones too unless told otherwise."""
    frames = len(segment.tracks)
    guess = first_guess(segment)
    fixed = np.zeros(frames, bool)
    fixed[0] = True
    fixed[-1] = segment.end is not None or frames == 1
    travel = np.zeros((frames, 3), np.float32)
    if segment.end is not None and segment.end.travel is not None:
        travel[:] = rotation.matrix(segment.start) @ segment.end.travel
    tracks = everything = _flat(segment.tracks)
    if frames == 1 or len(tracks.frame) == 0:
        return SegmentSolution(guess, np.zeros((frames, 6, 3), np.float32), fixed, travel)
    known = fixed | _anchored(segment, guess)
    path = guess
    for loss_rad in LOSSES_RAD:
        path = solve_rotation_path(path, known, tracks, loss_rad=loss_rad).stab_from_src
        tracks = selected(everything, of_the_world(everything, path))
    if not deformed:
        return SegmentSolution(path, np.zeros((frames, 6, 3), np.float32), fixed, travel)
    found = solve_rotation_path(
        path, np.ones(frames, bool), tracks, pure=fixed, deformation=1.0, loss_rad=LOCAL_LOSS_RAD
    )
    return SegmentSolution(path, found.local_rad.astype(np.float32), fixed, travel)


def _anchored(segment: Segment, guess: FloatArray) -> npt.NDArray[np.bool_]:
    """Set frames of `guess` to what they are measured at in 3D, and return which.

    Where the camera moves, smooth tracks are not all there is to it: things near and far pull the path different ways,
    and between key frames three seconds apart it drifts by tenths of a degree.
    """
    anchored = np.zeros(len(guess), bool)
    if segment.end is None or segment.end.parallax_rad < PARALLAX_RAD:
        return anchored
    parts = len(guess) // ANCHOR_FRAMES
    for frame in np.linspace(0, len(guess) - 1, parts + 1).round().astype(int)[1:-1]:
        found = relative(segment.tracks[0], segment.tracks[frame])
        if found is not None and found.share >= ANCHOR_SHARE:
            guess[frame] = rotation.product(segment.start, rotation.inverse(found.later_from_earlier))
            anchored[frame] = True
    return anchored


def chained(tracks: Sequence[Rays], start: FloatArray) -> SegmentSolution:
    """Find the rotations from each frame to the next alone: nothing in 3D, no key frame, nothing optimised.

    The parallax of a moving camera is taken for turning, and adds up.
    """
    frames = len(tracks)
    path = first_guess(Segment(tracks, start, None))
    nothing = np.zeros((frames, 6, 3), np.float32)
    return SegmentSolution(path, nothing, np.zeros(frames, bool), np.zeros((frames, 3), np.float32))


def first_guess(segment: Segment) -> FloatArray:
    """Chain the rotations from frame to frame, and bend the chain evenly to where the key frame at the end is.

    Kopf starts from an even turn between the key frames. Shake of some degrees is then far outside the loss's reach
    (half a degree), and the solver needs many more steps.
    """
    chain = [segment.start]
    for earlier, later in zip(segment.tracks[:-1], segment.tracks[1:], strict=True):
        step = _turn(earlier, later)  # later_from_earlier
        chain.append(chain[-1] if step is None else rotation.product(chain[-1], rotation.inverse(step)))
    path = np.array(chain)
    if segment.end is None:
        return path
    end = rotation.product(segment.start, rotation.inverse(segment.end.later_from_earlier))
    missing = rotation.logarithm(rotation.product(end, rotation.inverse(path[-1])))
    share = np.linspace(0, 1, len(path))[:, None]
    return rotation.product(rotation.exponential(share * missing), path)


def _turn(earlier: Rays, later: Rays) -> FloatArray | None:
    """Fit later_from_earlier robustly to the tracks that live in both frames."""
    _, i, j = np.intersect1d(earlier.number, later.number, assume_unique=True, return_indices=True)
    if len(i) < MIN_COMMON:
        return None
    return rotation.from_matrix(rotation.robust_turn_between(earlier.ray[i], later.ray[j]))


def _flat(tracks: Sequence[Rays]) -> SphereTracks:
    """Return the observations track by track.

    A track that a bridged frame interrupts counts as two.
    """
    number = np.concatenate([rays.number for rays in tracks])
    frame = np.concatenate([np.full(len(rays), index) for index, rays in enumerate(tracks)])
    ray = np.concatenate([rays.ray for rays in tracks])
    order = np.lexsort((frame, number))
    number, frame, ray = number[order], frame[order], ray[order]
    new = np.ones(len(number), bool)
    new[1:] = (number[1:] != number[:-1]) | (frame[1:] != frame[:-1] + 1)
    run = np.cumsum(new) - 1
    lengths = np.bincount(run) if len(run) else np.zeros(0, int)
    useful = lengths[run] > 1  # one sight of a thing says nothing
    starts = np.concatenate([[0], np.cumsum(lengths[lengths > 1])])
    return SphereTracks(starts.astype(np.int64), frame[useful].astype(np.int64), ray[useful])
