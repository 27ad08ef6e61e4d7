"""Which frame of the stabilized clip shows the same moment as which frame of the original."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .clip import Clip, Picture


@dataclass
class Pairs:
    """Frames of two clips, matched by time. Iterate once; the counts are final afterwards.

    The clocks are taken as they are. Only where they begin at different times although the clips are equally long
    (a container that was written anew often begins at 0), or do not overlap, both count from their first frames.

    Attributes:
        on_damage: called with a message for each damaged stretch.
        frames: decoded from the original and from the stabilized.
        paired: how many were matched.
        from_start: whether the clocks were set to their first frames.
    """

    original: Clip
    stabilized: Clip
    on_damage: Callable[[str], None] | None = None
    frames: tuple[int, int] = (0, 0)
    paired: int = 0

    def __post_init__(self) -> None:
        tick_s = 0.5 / max(self.original.fps, self.stabilized.fps, 1e-6)
        apart_s = abs(self.original.start_s - self.stabilized.start_s)
        lengths_s = [clip.frames_hint / max(clip.fps, 1e-6) for clip in (self.original, self.stabilized)]
        alike = abs(lengths_s[0] - lengths_s[1]) < 3 * tick_s
        overlap_s = min(self.original.start_s + lengths_s[0], self.stabilized.start_s + lengths_s[1]) - max(
            self.original.start_s, self.stabilized.start_s
        )
        self.from_start = apart_s > tick_s and (alike or overlap_s <= 0)
        self._tolerance_s = 1.001 * tick_s

    def __iter__(self) -> Iterator[tuple[Picture, Picture]]:
        """Give (original, stabilized) of each moment that both show."""
        shift_s = self.original.start_s - self.stabilized.start_s if self.from_start else 0.0
        streams = self.original.pictures(self.on_damage), self.stabilized.pictures(self.on_damage)
        ours, theirs = next(streams[0], None), next(streams[1], None)
        counts = [int(ours is not None), int(theirs is not None)]

        def step(which: int) -> Picture | None:
            following = next(streams[which], None)
            counts[which] += following is not None
            return following

        while ours is not None and theirs is not None:
            ahead_s = theirs.time_s + shift_s - ours.time_s
            if abs(ahead_s) <= self._tolerance_s:
                self.paired += 1
                yield ours, theirs
                ours, theirs = step(0), step(1)
            elif ahead_s > 0:
                ours = step(0)
            else:
                theirs = step(1)
        while ours is not None:
            ours = step(0)
        while theirs is not None:
            theirs = step(1)
        self.frames = counts[0], counts[1]

    def differences(self) -> list[str]:
        """Say what differs between the two clips."""
        told = []
        if self.frames[0] != self.frames[1] or self.paired != self.frames[0]:
            told.append(
                f"the original has {self.frames[0]} frames at {self.original.fps:.6g} fps, the stabilized "
                f"{self.frames[1]} at {self.stabilized.fps:.6g}; compared are the {self.paired} of the same moment"
            )
        if self.from_start:
            told.append(
                f"the original begins at {self.original.start_s:.3f} s, the stabilized at "
                f"{self.stabilized.start_s:.3f} s; both are counted from their first frames"
            )
        sizes = [(clip.width, clip.height) for clip in (self.original, self.stabilized)]
        if sizes[0] != sizes[1]:
            told.append(
                f"the original is {sizes[0][0]}x{sizes[0][1]}, the stabilized {sizes[1][0]}x{sizes[1][1]}; lengths are "
                "given in pixels of the original, as if both were shown at the same width"
            )
        return told
