"""The part of the 360 analysis that runs behind the tracking, in a thread of its own: segments solved, up found.

Tracking needs nothing of what is found here, so neither waits for the other. Jobs are done in the order they are given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..track360 import Luma, Rays
from ..types import FloatArray
from .segment360 import Segment, SegmentSolution, chained, relative, solve
from .speed import speed_of
from .vertical import CAMERA_UP, Edges, straight_edges, up_of

EDGES_INTERVAL_S = 1.0  # between pictures whose edges are asked where up is: 25 ms each
GOOD_SHARE = 0.5  # of inliers between key frames; with fewer the segment is split: Kopf 2016, 3.2
MIN_SEGMENT = 4  # frames: under a whip pan every frame would become a key frame
MIN_TRACKS = 20


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


class ShotSolver:
    """Segments and key frames in, rotations out, some time later.

    Args:
        hybrid, deformed, field: as of `RotationEstimator`; `field` is from `open_field`.

    Attributes:
        up: of each shot that has ended, the direction up in its world, (3,) unit; complete after `rest`.
    """

    def __init__(self, hybrid: bool, deformed: bool, field: Luma | None) -> None:
        self.up: list[FloatArray] = []
        self._hybrid, self._deformed, self._field = hybrid, deformed, field
        self._edges: list[Edges] = []  # of this shot, in its world
        self._held_up: list[FloatArray] = []  # the camera's own up at the same times
        self._edges_s = -np.inf
        self._key_rotation = rotation.IDENTITY
        self._key_speed = 0.0  # of the next segment's first frame
        self._fresh = True  # the next segment is the first of its shot
        self._thread = ThreadPoolExecutor(1, "solve")
        self._jobs: deque[Future[RotationSteps | None]] = deque()

    def begin_shot(self, atlas: Luma, time_s: float) -> None:
        """Begin a world at this frame."""
        self._tell(lambda: self._begin_shot(atlas, time_s))

    def end_segment(
        self, tracks: list[Rays], confidence: list[float], following: tuple[Luma, float] | None = None
    ) -> None:
        """Solve a segment.

        Args:
            tracks: of its frames.
            confidence: of those frames whose rows are wanted: all but the last, where that begins the next segment.
            following: atlas and time of that frame; None: the shot has ended.
        """
        self._tell(lambda: self._end_segment(tracks, confidence, following))

    def ready(self) -> list[RotationSteps]:
        """Return what has been decided since the last call."""
        found = []
        while self._jobs and self._jobs[0].done():
            found.append(self._jobs.popleft().result())
        return [steps for steps in found if steps is not None]

    def rest(self) -> list[RotationSteps]:
        """Wait for what is still to be done, and return it; nothing can be told afterwards."""
        found = [job.result() for job in self._jobs]
        self._jobs.clear()
        self._thread.shutdown()
        return [steps for steps in found if steps is not None]

    def _tell(self, job: Callable[[], RotationSteps | None]) -> None:
        self._jobs.append(self._thread.submit(job))

    # -- in the thread -------------------------------------------------------------------------------------------

    def _begin_shot(self, atlas: Luma, time_s: float) -> None:
        self._key_rotation, self._key_speed, self._fresh = rotation.IDENTITY, 0.0, True
        self._edges_s = -np.inf
        self._look_for_edges(atlas, time_s)

    def _end_segment(
        self, tracks: list[Rays], confidence: list[float], following: tuple[Luma, float] | None
    ) -> RotationSteps:
        if self._hybrid:
            solution = solve_split(tracks, self._key_rotation, self._deformed)
        else:
            solution = chained(tracks, self._key_rotation)
        count = len(confidence)
        cut = np.zeros(count, bool)
        cut[0] = self._fresh
        speed = speed_of(tracks, solution.world_from_cam)
        speed[0], self._key_speed = self._key_speed, float(speed[-1])
        if following is None:
            self._end_shot()
        else:
            self._key_rotation, self._fresh = solution.world_from_cam[-1], False
            self._look_for_edges(*following)
        return RotationSteps(
            solution.world_from_cam[:count],
            solution.local[:count],
            np.array(confidence, np.float32),
            cut,
            solution.key_frame[:count],
            solution.travel[:count],
            speed[:count].astype(np.float32),
        )

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


def solve_split(tracks: list[Rays], start: FloatArray, deformed: bool = True) -> SegmentSolution:
    """Solve a segment; where too few tracks agree on its key rotation, in halves (Kopf 2016, 3.2)."""
    found = relative(tracks[0], tracks[-1])
    if (found is None or found.share < GOOD_SHARE) and len(tracks) > 2 * MIN_SEGMENT:
        middle = len(tracks) // 2
        if len(tracks[middle]) >= MIN_TRACKS:
            first = solve_split(tracks[: middle + 1], start, deformed)
            second = solve_split(tracks[middle:], first.world_from_cam[-1], deformed)
            return first.joined(second)
    return solve(Segment(tracks, start, found), deformed=deformed)
