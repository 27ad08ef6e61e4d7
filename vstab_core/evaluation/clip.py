"""The pictures of a clip as they are judged: upright luma with their times, one in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ..decode import luma_of, probe, read_frames
from ..sequence.clip import AS_THEY_ARE
from ..types import VideoInfo

Luma = npt.NDArray[np.uint8]  # (H, W), codes as in the file, 8 bits

PROXY_WIDTH_PX = 640  # motion and registration are measured at this width; larger pictures are reduced to it by area
_WHOLE = 1 << 30


@dataclass(frozen=True)
class Picture:
    """One frame of a clip.

    Attributes:
        time_s: its time in the clip's own clock.
        luma: (H, W) uint8.
        black: the luma code of black.
    """

    time_s: float
    luma: Luma
    black: int = 16


@dataclass(frozen=True)
class Clip:
    """A clip to be judged, from a file or from pictures in memory.

    Attributes:
        source: the file, or the pictures.
        width, height: size in pixels.
        fps: average frames a second.
        frames_hint: how many frames the container promises, or 0.
        start_s: time of the first frame.
    """

    source: Path | Sequence[Picture]
    width: int
    height: int
    fps: float
    frames_hint: int
    start_s: float

    @classmethod
    def open(cls, source: Path | str | Clip) -> Clip:
        """Read what a file is; a `Clip` is passed on.

        Raises:
            InputError: the file cannot be read.
        """
        if isinstance(source, Clip):
            return source
        info: VideoInfo = probe(Path(source), AS_THEY_ARE)
        with_first = read_frames(info.path, on_damage=lambda _: None, ahead=0, reading=AS_THEY_ARE)
        start_s = next(with_first).time_s
        with_first.close()  # type: ignore[attr-defined]
        return cls(info.path, info.width, info.height, float(info.frame_rate), info.frames, start_s)

    @classmethod
    def of_pictures(cls, pictures: Sequence[Luma], fps: float = 30.0, start_s: float = 0.0) -> Clip:
        """Make a clip of luma arrays, evenly spaced in time."""
        frames = [Picture(start_s + index / fps, picture) for index, picture in enumerate(pictures)]
        height, width = pictures[0].shape if len(pictures) else (0, 0)
        return cls(frames, width, height, fps, len(frames), start_s)

    @property
    def name(self) -> str:
        """The file, for messages."""
        return f"'{self.source}'" if isinstance(self.source, Path) else "the pictures"

    def pictures(self, on_damage: Callable[[str], None] | None = None) -> Iterator[Picture]:
        """Give each frame in turn."""
        if not isinstance(self.source, Path):
            yield from self.source
            return
        for frame in read_frames(self.source, on_damage=on_damage, reading=AS_THEY_ARE):
            # AVCOL_RANGE_JPEG: full range. RGB is full range without saying so.
            full = int(getattr(frame.source, "color_range", 0) or 0) == 2 or "yuv" not in frame.pixel_format
            yield Picture(frame.time_s, luma_of(frame, _WHOLE), 0 if full else 16)


def proxy_size(luma: Luma) -> tuple[int, int]:
    """Return (width, height) of the reduced picture."""
    height, width = luma.shape
    if width <= PROXY_WIDTH_PX:
        return width, height
    return PROXY_WIDTH_PX, max(1, round(height * PROXY_WIDTH_PX / width))


def to_proxy(luma: Luma, size: tuple[int, int]) -> Luma:
    """Bring a picture to `size` (width, height), by area where it shrinks."""
    if (luma.shape[1], luma.shape[0]) == size:
        return luma
    smaller = size[0] <= luma.shape[1]
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR).astype(np.uint8)
