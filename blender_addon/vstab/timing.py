"""Which frame of the clip stands under a frame of the timeline. Nothing here knows Blender.

Blender shows the clip's frame number `index` for the time index / fps after the clip's first frame, so a clip with an
uneven rate is matched by time.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

# A container rounds times to a tick, at worst 1/1000 s: a tenth of a frame at 100 frames a second.
EARLY_RATIO = 0.1


@dataclass(frozen=True)
class Timing:
    """How a strip plays its clip.

    Attributes:
        start: the timeline frame of the clip's frame 0.
        first, last: the timeline frames of the clip's first and last picture, trims left aside.
        step: clip frames a timeline frame: 1, or clip rate / scene rate where Blender adjusts the rate.
        skipped: clip frames that are cut off before `start` is counted (Blender's animation offset).
        reversed: whether the clip plays backwards.
        every: only every so many-th frame is shown (strobe).
        frames: how many frames the clip has, by Blender's count.
    """

    start: float
    first: int
    last: int
    step: float
    skipped: int
    reversed: bool
    every: float
    frames: int

    def index_at(self, timeline_frame: int) -> int:
        """Return the number of the clip's frame that is shown, 0 and up."""
        index = (timeline_frame - self.start) * self.step
        if self.reversed:
            index = self.frames - 1 - index
        if self.every > 1:
            index -= index % self.every
        return min(max(round(index) + self.skipped, 0), self.frames - 1)


def plays_adjusted(content: float, frames: int, clip_fps: float, scene_fps: float) -> bool:
    """Whether a strip plays a clip at the clip's own rate in a scene of another; Blender has no flag that says so.

    Args:
        content: length of the whole clip on the timeline, in timeline frames.
        frames: number of frames of the clip.
    """
    adjusted = frames * scene_fps / clip_fps
    return abs(content - adjusted) < abs(content - frames)


def rows_at(times_s: Sequence[float], clip_fps: float, indices: Sequence[int]) -> list[int]:
    """Return for each frame number of Blender the row of the table of frames that it shows.

    Args:
        times_s: when each frame is shown, rising.
        clip_fps: the rate by which Blender counts.
    """
    last = len(times_s) - 1
    rows = []
    for index in indices:
        time_s = times_s[0] + (index + EARLY_RATIO) / clip_fps
        rows.append(min(max(bisect.bisect_right(times_s, time_s) - 1, 0), last))
    return rows
