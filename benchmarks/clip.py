"""Luma pictures of a clip, from a file or from arrays, as the measure wants them: the code values, nothing scaled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # (H, W), luma codes

PROXY_WIDTH = 640  # shake and registration are measured at this width; larger pictures are reduced to it by area


@dataclass(frozen=True)
class Clip:
    """A clip to be judged.

    Attributes:
        source: the file, or the luma pictures themselves, (H, W) uint8.
        fps: frames a second.
        black_code: luma of black: 16, or 0 for full-range video.
        frames_hint: how many frames the container promises, or 0.
    """

    source: Path | Sequence[Picture]
    fps: float = 30.0
    black_code: int = 16
    frames_hint: int = 0

    @classmethod
    def open(cls, source: Path | str | Clip) -> Clip:
        """Read frame rate and range of a file; a `Clip` is passed on as it is."""
        if isinstance(source, Clip):
            return source
        with av.open(str(source)) as container:
            stream = container.streams.video[0]
            pixel_format = stream.codec_context.format.name if stream.codec_context.format else ""
            full = pixel_format.startswith("yuvj") or int(stream.codec_context.color_range or 0) == 2
            fps = float(stream.average_rate or stream.guessed_rate or 30)
            return cls(Path(source), fps, 0 if full else 16, stream.frames)

    def __iter__(self) -> Iterator[Picture]:
        """Give the luma of each frame in turn; one frame is in memory at a time."""
        if not isinstance(self.source, Path):
            yield from self.source
            return
        with av.open(str(self.source)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                yield luma(frame)


def luma(frame: av.VideoFrame) -> Picture:
    """Copy out the luma plane of a decoded frame, reduced to 8 bits without touching its range."""
    planar = frame.format.name.startswith(("yuv", "nv12", "gray")) and frame.format.name != "yuyv422"
    if not planar or frame.format.components[0].bits != 8:
        frame = frame.reformat(format="yuvj420p" if int(frame.color_range or 0) == 2 else "yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return np.ascontiguousarray(rows[: frame.height, : frame.width])


def proxy_size(picture: Picture) -> tuple[int, int]:
    """Return (width, height) of the reduced picture that registration and shake are measured on."""
    height, width = picture.shape
    if width <= PROXY_WIDTH:
        return width, height
    return PROXY_WIDTH, round(height * PROXY_WIDTH / width)


def to_proxy(picture: Picture, size: tuple[int, int]) -> Picture:
    """Reduce a picture to `size` by area averaging; smaller or equal ones stay as they are."""
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def count_frames(path: Path) -> int:
    """Count the frames that decode."""
    return sum(1 for _ in Clip.open(path))
