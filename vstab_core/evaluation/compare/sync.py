"""Frames of two clips that show the same moment."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...decode import probe, read_frames
from ...types import Frame, VideoInfo
from ..clip import Clip
from ..pairing import Pairs

Timed = Iterator[tuple[float, Frame]]

TIE_S = 0.001  # Matroska's rounding must not decide which of two frames is nearer
ALIKE = 1.1  # of two frame rates: frames then belong together one to one


@dataclass(frozen=True)
class Moment:
    """A frame of either clip, and when they are shown.

    Attributes:
        original, stabilized: the frames.
        pts: ticks of `Sync.clock`'s time base.
        time_s: the same in seconds, in the original's clock.
    """

    original: Frame
    stabilized: Frame
    pts: int
    time_s: float


@dataclass
class Sync:
    """Two clips on one clock. Iterate for the moments; the counts are final afterwards.

    The clocks are taken as they are, or both from their first frames; `pairing.Pairs` says when. The clip with more
    frames a second leads, the original where the rates are alike: each of its frames is shown with the nearest one of
    the other clip. Where the rates are alike frames go together one to one, and one whose partner was dropped is left
    out, so that the picture stands still in both.

    Attributes:
        original, stabilized: the clips.
        shift_s: what is added to the stabilized clip's times.
        on_damage: called with a message for each damaged stretch of either clip.
        frames: decoded from the original and from the stabilized.
        shown: how many moments there were.
    """

    original: VideoInfo
    stabilized: VideoInfo
    shift_s: float
    starts_s: tuple[float, float]
    on_damage: Callable[[str], None]
    frames: tuple[int, int] = (0, 0)
    shown: int = 0

    @classmethod
    def open(cls, original: Path, stabilized: Path, on_damage: Callable[[str], None]) -> Sync:
        """Read what the clips are.

        Raises:
            InputError: one cannot be read.
        """
        clips = Clip.open(original), Clip.open(stabilized)
        starts_s = clips[0].start_s, clips[1].start_s
        shift_s = starts_s[0] - starts_s[1] if Pairs(*clips).from_start else 0.0
        return cls(probe(original), probe(stabilized), shift_s, starts_s, on_damage)

    @property
    def stabilized_leads(self) -> bool:
        """Whether the frames of the stabilized clip decide when a picture is shown."""
        return self.stabilized.frame_rate > ALIKE * self.original.frame_rate

    @property
    def clock(self) -> VideoInfo:
        """The clip whose time base and frame rate hold for the moments."""
        return self.stabilized if self.stabilized_leads else self.original

    @property
    def expected(self) -> int:
        """How many moments there will be, as far as the containers say; 0 if they do not."""
        return max(self.original.frames, self.stabilized.frames) if self.stabilized_leads else self.original.frames

    def __iter__(self) -> Iterator[Moment]:
        """Give the moments in order."""
        counts = [0, 0]

        def timed(which: int) -> Iterator[tuple[float, Frame]]:
            info, shift_s = ((self.original, 0.0), (self.stabilized, self.shift_s))[which]
            for frame in read_frames(info.path, on_damage=self.on_damage):
                counts[which] += 1
                yield frame.time_s + shift_s, frame

        first, second = (1, 0) if self.stabilized_leads else (0, 1)
        rates = self.original.frame_rate, self.stabilized.frame_rate
        alike = max(rates) <= ALIKE * min(rates)
        leads, others = timed(first), timed(second)
        try:
            for time_s, lead, other in nearest(leads, others, 0.501 / float(min(rates)), one_to_one=alike):
                shift_s = self.shift_s if self.stabilized_leads else 0.0
                pts = lead.pts + round(shift_s / float(self.clock.time_base))
                pair = (other, lead) if self.stabilized_leads else (lead, other)
                self.shown += 1
                yield Moment(*pair, pts, time_s)
            for _ in itertools.chain(leads, others):
                pass  # counted
        finally:
            for frames in (leads, others):
                getattr(frames, "close", lambda: None)()
            self.frames = counts[0], counts[1]

    def differences(self) -> list[str]:
        """Say what of the two clips does not go together."""
        told = []
        if self.frames[0] != self.frames[1] or self.shown != self.frames[0]:
            rates = [float(info.frame_rate) for info in (self.original, self.stabilized)]
            told.append(
                f"the original has {self.frames[0]} frames at {rates[0]:.6g} fps, the stabilized {self.frames[1]} at "
                f"{rates[1]:.6g}; shown are {self.shown} moments that both have"
            )
        if self.shift_s:
            told.append(
                f"the original begins at {self.starts_s[0]:.3f} s, the stabilized at {self.starts_s[1]:.3f} s; both "
                "are counted from their first frames"
            )
        return told


def nearest(leads: Timed, others: Timed, within_s: float, *, one_to_one: bool) -> Iterator[tuple[float, Frame, Frame]]:
    """Give each leading frame with the other clip's nearest, the earlier of two as near.

    Args:
        leads, others: (seconds, frame) in order of time.
        within_s: frames farther apart than this are not given.
        one_to_one: give a pair only where the leading frame is the other's nearest as well.

    Returns:
        (seconds, leading frame, other frame).
    """
    here, ahead = next(others, None), next(others, None)
    before_s: float | None = None
    now = next(leads, None)
    while now is not None and here is not None:
        following = next(leads, None)
        while ahead is not None and abs(ahead[0] - now[0]) < abs(here[0] - now[0]) - TIE_S:
            here, ahead = ahead, next(others, None)
        apart_s = abs(here[0] - now[0])
        rivals_s = [before_s, following[0] if following is not None else None] if one_to_one else []
        beaten = any(rival_s is not None and abs(here[0] - rival_s) < apart_s - TIE_S for rival_s in rivals_s)
        if apart_s <= within_s and not beaten:
            yield now[0], now[1], here[1]
        before_s, now = now[0], following
