"""How the source's code values are to be seen: colour tags, chroma position, HDR data; and their way to the encoder."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext

from .encoders import EncoderPlan
from .media import open_media, read_first, side_data, video_stream

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceLook:
    """Colour of a clip, as its first decoded picture says.

    Attributes:
        color_range, colorspace, color_primaries, color_trc: FFmpeg's (H.273's) numbers.
        mastering: AVMasteringDisplayMetadata as bytes, or None.
        light_level: (MaxCLL, MaxFALL) in cd/m2, or None.
        bit_rate: of the video stream, or None.
        side_data: names of the data that came with the first picture.
    """

    color_range: int
    colorspace: int
    color_primaries: int
    color_trc: int
    mastering: bytes | None
    light_level: tuple[int, int] | None
    bit_rate: int | None
    side_data: frozenset[str]


def read_look(path: Path) -> SourceLook:
    """Decode one picture of a clip and return how it is to be seen."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        picture = read_first(container, stream, path)
        data = side_data(picture)
        light = data.get("CONTENT_LIGHT_LEVEL")
        context = stream.codec_context
        full = picture.format.name.startswith("yuvj")
        return SourceLook(
            2 if full else int(picture.color_range or context.color_range),
            int(picture.colorspace),
            int(picture.color_primaries),
            int(picture.color_trc),
            data.get("MASTERING_DISPLAY_METADATA"),
            struct.unpack_from("=2I", light) if light else None,
            context.bit_rate,
            frozenset(data),
        )


def set_colour(context: VideoCodecContext, plan: EncoderPlan, look: SourceLook) -> None:
    """Tag an encoder that is not open yet with the source's colour."""
    context.color_range = look.color_range
    context.color_primaries = look.color_primaries
    context.color_trc = look.color_trc
    to_rgb = av.video.format.VideoFormat(plan.pix_fmt).is_rgb
    context.colorspace = 0 if to_rgb else look.colorspace
