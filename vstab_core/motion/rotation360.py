"""Luma of a 360 clip in, the camera's rotation out: the hybrid 3D-2D method of Kopf (SIGGRAPH Asia 2016).

Between key frames, some seconds apart, the relative rotation is measured in 3D (five-point, translation thrown away),
which does not drift with the parallax of a walk. The frames between are turned such that the tracks become smooth on
the sphere, with the key frames held; six local rotations on top take up what one rotation cannot.

A frame in which hardly a track lives on is held back until the next frames tell what it was: a flash or a blur (they
track from the last good one), or a shot cut (they track from it, and the picture has changed).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..track360 import Luma, Rays, followed, open_atlas, open_field, refilled
from ..types import FloatArray
from .shot360 import MIN_SEGMENT, MIN_TRACKS, RotationSteps, ShotSolver
from .similar import same_picture

__all__ = ["RotationEstimator", "RotationSteps"]

KEY_INTERVAL_S = 3.0  # Kopf 2016, 3.1
OCTANT_KEPT = 0.5  # share of an octant's tracks that must live since the key frame: Kopf 2016, 3.1
OCTANT_TRACKS = 8  # an octant with fewer at the key frame has no say: sky, floor
MIN_SURVIVORS = 0.15  # of the tracks, from one frame to the next; across a cut 1 to 5 % agree by accident
MAX_HELD = 10  # frames, a third of a second: a bridge over more is a guess


@dataclass
class _Frame:
    """What is kept of a frame while its segment is open."""

    tracks: Rays
    confidence: float


class RotationEstimator:
    """Push luma pictures one by one; each call returns the steps that are decided by now, in order.

    Segments are solved in a thread beside the tracking, so that which call returns them is a matter of chance.

    Args:
        hybrid: key frames in 3D and the frames between in 2D; False: each frame against the one before, nothing else.
        deformed: whether the local rotations are looked for; they take a fifth of the time.
        field: (H, W) uint8, 255 where the sphere has a picture and 0 elsewhere; None: everywhere.

    """

    def __init__(self, *, hybrid: bool = True, deformed: bool = True, field: Luma | None = None) -> None:
        self._field = None if field is None else open_field(field)
        self._solver = ShotSolver(hybrid, deformed, self._field)
        self._atlas: Luma | None = None  # of the last good frame
        self._picture: Luma | None = None
        self._live = Rays()
        self._next_number = 0
        self._held: list[tuple[Luma, Luma, float]] = []  # atlas, picture, time
        self._frames: list[_Frame] = []  # of the open segment; the first is its key frame
        self._key_s = 0.0

    @property
    def up(self) -> list[FloatArray]:
        """Of each shot, the direction up in its world, (3,) unit; complete after `flush`."""
        return self._solver.up

    def push(self, luma: Luma, time_s: float, atlas: Luma | None = None) -> list[RotationSteps]:
        """Take the next frame, (H, W) uint8 luma of the whole sphere, and its `open_atlas` if it is there already."""
        atlas = open_atlas(luma) if atlas is None else atlas
        if self._atlas is None:
            self._begin(atlas, luma, time_s)
        else:
            self._follow(self._atlas, atlas, luma, time_s)
        return self._solver.ready()

    def _follow(self, last: Luma, atlas: Luma, luma: Luma, time_s: float) -> None:
        before = len(self._live)
        live = followed(last, atlas, self._live, self._field)
        if _enough(live, before):
            self._bridge()
            self._append(atlas, luma, live, len(live) / before, time_s)
            return
        changed = self._held and self._picture is not None and not same_picture(self._picture, self._held[-1][1])
        if changed and self._try_from_held(atlas, luma, time_s):
            return
        self._held.append((atlas, luma, time_s))
        if len(self._held) > MAX_HELD:
            self._give_up()

    def flush(self) -> list[RotationSteps]:
        """Return the steps of the frames that are left at the end of the clip."""
        self._bridge()
        self._close()
        return self._solver.rest()

    def _begin(self, atlas: Luma, luma: Luma, time_s: float) -> None:
        self._atlas, self._picture, self._held = atlas, luma, []
        self._live = self._refilled(atlas, Rays())
        self._frames, self._key_s = [_Frame(self._live, 1.0)], time_s
        self._solver.begin_shot(atlas, time_s)

    def _refilled(self, atlas: Luma, live: Rays) -> Rays:
        result = refilled(atlas, live, self._next_number, self._field)
        self._next_number += len(result) - len(live)
        return result

    def _append(self, atlas: Luma, luma: Luma, live: Rays, confidence: float, time_s: float) -> None:
        self._atlas, self._picture, self._live, self._held = atlas, luma, live, []
        self._frames.append(_Frame(live, confidence))
        if self._needs_key(time_s):
            self._next_segment(atlas, live, confidence, time_s)

    def _next_segment(self, atlas: Luma, live: Rays, confidence: float, time_s: float) -> None:
        """Solve the open segment; its last frame becomes the first of the next and is given with that one."""
        self._end_segment(self._frames[:-1], (atlas, time_s))
        self._live = self._refilled(atlas, live)
        self._frames, self._key_s = [_Frame(self._live, confidence)], time_s

    def _end_segment(self, given: list[_Frame], following: tuple[Luma, float] | None) -> None:
        tracks = [frame.tracks for frame in self._frames]
        self._solver.end_segment(tracks, [frame.confidence for frame in given], following)

    def _needs_key(self, time_s: float) -> bool:
        frames = self._frames
        if len(frames) <= MIN_SEGMENT:
            return False
        if time_s - self._key_s >= KEY_INTERVAL_S:
            return True
        key = frames[0].tracks
        octant = (key.ray > 0) @ np.array([1, 2, 4])
        lives = np.isin(key.number, frames[-1].tracks.number)
        had, kept = np.bincount(octant, minlength=8), np.bincount(octant, lives, minlength=8)
        return bool(((had >= OCTANT_TRACKS) & (kept < OCTANT_KEPT * had)).any())

    def _bridge(self) -> None:
        """Take the held frames for weak ones: the solver finds rotations for them without a track."""
        self._frames += [_Frame(Rays(), 0.0) for _ in self._held]
        self._held = []

    def _close(self) -> None:
        """Solve the rest of a shot: no key frame at its end holds it."""
        if self._frames:
            self._end_segment(self._frames, None)

    def _try_from_held(self, atlas: Luma, luma: Luma, time_s: float) -> bool:
        """Begin a new shot at the last held frame, if this one tracks from it."""
        held_atlas, held_luma, held_s = self._held[-1]
        start = refilled(held_atlas, Rays(), 0, self._field)
        if not _enough(followed(held_atlas, atlas, start, self._field), len(start)):
            return False
        self._held.pop()
        self._bridge()
        self._close()
        self._begin(held_atlas, held_luma, held_s)
        before = len(self._live)
        live = followed(held_atlas, atlas, self._live, self._field)
        self._append(atlas, luma, live, len(live) / before, time_s)
        return True

    def _give_up(self) -> None:
        """Go on from the last held frame after too many of them: how the camera turned meanwhile is not known."""
        self._atlas, self._picture, time_s = self._held[-1]
        self._bridge()
        self._next_segment(self._atlas, Rays(), 0.0, time_s)


def _enough(live: Rays, before: int) -> bool:
    return len(live) >= MIN_TRACKS and len(live) >= MIN_SURVIVORS * before
