"""What a steady picture saves: bytes of both clips at equal encoder settings, as Kopf (2016, section 6) reports it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from ..decode import probe, read_frames
from ..formats import plane_views
from ..result import ProgressFn, tell
from ..types import Frame

SETTINGS: dict[str, dict[str, str]] = {
    "QP 24": {"qp": "24"},  # the same quantizer in every frame: what the picture itself costs
    "CRF 23": {"crf": "23"},  # x264's default: what people get
}
PRESET = "medium"


@dataclass(frozen=True)
class BitrateRow:
    """Sizes of the coded pictures, without container and sound.

    Attributes:
        setting: of x264.
        frames: coded of either clip.
        original_bytes, stabilized_bytes: of all pictures together.
    """

    setting: str
    frames: int
    original_bytes: int
    stabilized_bytes: int


def bitrate(original: Path, stabilized: Path, on_progress: ProgressFn | None = None) -> list[BitrateRow]:
    """Encode both clips with x264 at equal settings: the same size, format and number of frames.

    Raises:
        InputError: a clip cannot be read.
    """
    info = probe(original)
    size = info.width // 2 * 2, info.height // 2 * 2  # 4:2:0 has even sides
    frames = min(_count(original), _count(stabilized))
    rows = []
    for setting, options in SETTINGS.items():
        sizes = [
            _encoded_bytes(path, size, frames, info.frame_rate, options, setting, on_progress)
            for path in (original, stabilized)
        ]
        rows.append(BitrateRow(setting, frames, *sizes))
    return rows


def _count(path: Path) -> int:
    return sum(1 for _ in read_frames(path, on_damage=_ignore))


def _ignore(message: str) -> None:
    """The evaluation has told of the damage."""


def _upright(frame: Frame) -> av.VideoFrame:
    """Return the frame as it is shown; the decoder's own may still lie on its side."""
    height, width = frame.planes[0].shape[:2]
    picture = av.VideoFrame(width, height, frame.pixel_format)
    for target, values in zip(plane_views(picture), frame.planes, strict=True):
        target[...] = values
    return picture


def _encoded_bytes(
    path: Path,
    size: tuple[int, int],
    frames: int,
    rate: Fraction,
    options: dict[str, str],
    setting: str,
    on_progress: ProgressFn | None,
) -> int:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.framerate, context.time_base = rate, 1 / rate
    context.options = {"preset": PRESET, **options}
    total = 0
    for index, frame in enumerate(read_frames(path, on_damage=_ignore)):
        if index == frames:
            break
        picture = _upright(frame).reformat(*size, format="yuv420p", interpolation="BICUBIC")
        picture.pts, picture.time_base = index, context.time_base
        total += sum(packet.size for packet in context.encode(picture))
        tell(on_progress, f"encode {setting}", index + 1, frames)
    return total + sum(packet.size for packet in context.encode(None))
