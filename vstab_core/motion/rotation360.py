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
import numpy.typing as npt

from .. import rotation
from ..track360 import Luma, Rays, followed, open_atlas, open_field, refilled
from ..types import FloatArray
from .segment360 import Segment, SegmentSolution, chained, relative, solve
from .similar import same_picture
from .speed import speed_of
from .vertical import CAMERA_UP, Edges, straight_edges, up_of

KEY_INTERVAL_S = 3.0  # Kopf 2016, 3.1
OCTANT_KEPT = 0.5  # share of an octant's tracks that must live since the key frame: Kopf 2016, 3.1
OCTANT_TRACKS = 8  # an octant with fewer at the key frame has no say: sky, floor
MIN_SEGMENT = 4  # frames: under a whip pan every frame would become a key frame
MIN_SURVIVORS = 0.15  # of the tracks, from one frame to the next; across a cut 1 to 5 % agree by accident
MIN_TRACKS = 20
MAX_HELD = 10  # frames, a third of a second: a bridge over more is a guess
EDGES_INTERVAL_S = 1.0  # between pictures whose edges are asked where up is: 25 ms each
GOOD_SHARE = 0.5  # of inliers between key frames; with fewer the segment is split: Kopf 2016, 3.2


@dataclass(frozen=True)
class RotationSteps:
    """Rows of `RotationMotion`, of consecutive frames."""

    world_from_cam: FloatArray
    local: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    cut: npt.NDArray[np.bool_]
    key_frame: npt.NDArray[np.bool_]
    travel: npt.NDArray[np.float32]
    speed: npt.NDArray[np.float32]


@dataclass
class _Frame:
    """What is kept of a frame while its segment is open."""

    tracks: Rays
    confidence: float


class RotationEstimator:
    """Push luma pictures one by one; each call returns the steps that are decided by now, in order.

    Args:
        hybrid: key frames in 3D and the frames between in 2D; False: each frame against the one before, nothing else.
        field: (H, W) uint8, 255 where the sphere has a picture and 0 elsewhere; None: everywhere.

    Attributes:
        up: of each shot that has ended, the direction up in its world, (3,) unit.
    """

    def __init__(self, *, hybrid: bool = True, field: Luma | None = None) -> None:
        self._field = None if field is None else open_field(field)
        self.up: list[FloatArray] = []
        self._hybrid = hybrid
        self._edges: list[Edges] = []  # of this shot, in its world
        self._held_up: list[FloatArray] = []  # the camera's own up at the same times
        self._edges_s = -np.inf
        self._atlas: Luma | None = None  # of the last good frame
        self._picture: Luma | None = None
        self._live = Rays()
        self._next_number = 0
        self._held: list[tuple[Luma, Luma, float]] = []  # atlas, picture, time
        self._frames: list[_Frame] = []  # of the open segment; the first is its key frame
        self._key_s = 0.0
        self._key_rotation = rotation.IDENTITY
        self._key_speed = 0.0  # of the open segment's first frame
        self._fresh = True  # the open segment is the first of its shot

    def push(self, luma: Luma, time_s: float) -> list[RotationSteps]:
        """Take the next frame, (H, W) uint8 luma of the whole sphere."""
        atlas = open_atlas(luma)
        if self._atlas is None:
            self._begin(atlas, luma, time_s)
            return []
        before = len(self._live)
        live = followed(self._atlas, atlas, self._live, self._field)
        if _enough(live, before):
            self._bridge()
            return self._append(atlas, luma, live, len(live) / before, time_s)
        if self._held and self._picture is not None and not same_picture(self._picture, self._held[-1][1]):
            steps = self._try_from_held(atlas, luma, time_s)
            if steps is not None:
                return steps
        self._held.append((atlas, luma, time_s))
        if len(self._held) <= MAX_HELD:
            return []
        return self._give_up()

    def flush(self) -> list[RotationSteps]:
        """Return the steps of the frames that are left at the end of the clip."""
        self._bridge()
        return self._close()

    def _begin(self, atlas: Luma, luma: Luma, time_s: float) -> None:
        self._atlas, self._picture, self._held = atlas, luma, []
        self._live = self._refilled(atlas, Rays())
        self._frames, self._key_s = [_Frame(self._live, 1.0)], time_s
        self._key_rotation, self._key_speed, self._fresh = rotation.IDENTITY, 0.0, True
        self._edges_s = -np.inf
        self._look_for_edges(atlas, time_s)

    def _look_for_edges(self, atlas: Luma, time_s: float) -> None:
        """Remember the straight edges of the key frame that now begins a segment."""
        if time_s - self._edges_s < EDGES_INTERVAL_S:
            return
        world_from_cam = rotation.matrix(self._key_rotation)
        self._edges.append(straight_edges(atlas, self._field).turned(world_from_cam))
        self._held_up.append(world_from_cam @ CAMERA_UP)
        self._edges_s = time_s

    def _end_shot(self) -> None:
        """Decide where up was; without vertical edges it is where the camera held it on average."""
        held = np.sum(self._held_up, axis=0)
        size = np.linalg.norm(held)
        held = held / size if size > 1e-6 else self._held_up[0]
        edges = Edges(np.concatenate([e.normal for e in self._edges]), np.concatenate([e.length for e in self._edges]))
        up = up_of(edges, held)
        self.up.append(held if up is None else up)
        self._edges, self._held_up = [], []

    def _refilled(self, atlas: Luma, live: Rays) -> Rays:
        result = refilled(atlas, live, self._next_number, self._field)
        self._next_number += len(result) - len(live)
        return result

    def _append(self, atlas: Luma, luma: Luma, live: Rays, confidence: float, time_s: float) -> list[RotationSteps]:
        self._atlas, self._picture, self._live, self._held = atlas, luma, live, []
        self._frames.append(_Frame(live, confidence))
        return self._next_segment(atlas, live, confidence, time_s) if self._needs_key(time_s) else []

    def _next_segment(self, atlas: Luma, live: Rays, confidence: float, time_s: float) -> list[RotationSteps]:
        """Solve the open segment; its last frame becomes the first of the next and is given with that one."""
        solution = self._solve([frame.tracks for frame in self._frames])
        steps = self._steps(solution, len(self._frames) - 1)
        self._key_rotation = solution.world_from_cam[-1]
        self._look_for_edges(atlas, time_s)
        self._live = self._refilled(atlas, live)
        self._frames, self._key_s, self._fresh = [_Frame(self._live, confidence)], time_s, False
        return steps

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

    def _steps(self, solution: SegmentSolution, count: int) -> list[RotationSteps]:
        cut = np.zeros(count, bool)
        cut[0] = self._fresh
        confidence = np.array([frame.confidence for frame in self._frames[:count]], np.float32)
        speed = speed_of([frame.tracks for frame in self._frames], solution.world_from_cam)
        speed[0], self._key_speed = self._key_speed, float(speed[-1])
        return [
            RotationSteps(
                solution.world_from_cam[:count],
                solution.local[:count],
                confidence,
                cut,
                solution.key_frame[:count],
                solution.travel[:count],
                speed[:count].astype(np.float32),
            )
        ]

    def _solve(self, tracks: list[Rays]) -> SegmentSolution:
        return _solve_split(tracks, self._key_rotation) if self._hybrid else chained(tracks, self._key_rotation)

    def _bridge(self) -> None:
        """Take the held frames for weak ones: the solver finds rotations for them without a track."""
        self._frames += [_Frame(Rays(), 0.0) for _ in self._held]
        self._held = []

    def _close(self) -> list[RotationSteps]:
        """Solve the rest of a shot: no key frame at its end holds it."""
        frames = self._frames
        if not frames:
            return []
        self._end_shot()
        return self._steps(self._solve([frame.tracks for frame in frames]), len(frames))

    def _try_from_held(self, atlas: Luma, luma: Luma, time_s: float) -> list[RotationSteps] | None:
        """Begin a new shot at the last held frame, if this one tracks from it."""
        held_atlas, held_luma, held_s = self._held[-1]
        start = refilled(held_atlas, Rays(), 0, self._field)
        if not _enough(followed(held_atlas, atlas, start, self._field), len(start)):
            return None
        self._held.pop()
        self._bridge()
        steps = self._close()
        self._begin(held_atlas, held_luma, held_s)
        before = len(self._live)
        live = followed(held_atlas, atlas, self._live, self._field)
        return steps + self._append(atlas, luma, live, len(live) / before, time_s)

    def _give_up(self) -> list[RotationSteps]:
        """Go on from the last held frame after too many of them: how the camera turned meanwhile is not known."""
        self._atlas, self._picture, time_s = self._held[-1]
        self._bridge()
        return self._next_segment(self._atlas, Rays(), 0.0, time_s)


def _enough(live: Rays, before: int) -> bool:
    return len(live) >= MIN_TRACKS and len(live) >= MIN_SURVIVORS * before


def _solve_split(tracks: list[Rays], start: FloatArray) -> SegmentSolution:
    """Solve a segment; where too few tracks agree on its key rotation, in halves (Kopf 2016, 3.2)."""
    found = relative(tracks[0], tracks[-1])
    if (found is None or found.share < GOOD_SHARE) and len(tracks) > 2 * MIN_SEGMENT:
        middle = len(tracks) // 2
        if len(tracks[middle]) >= MIN_TRACKS:
            first = _solve_split(tracks[: middle + 1], start)
            second = _solve_split(tracks[middle:], first.world_from_cam[-1])
            return first.joined(second)
    return solve(Segment(tracks, start, found))
