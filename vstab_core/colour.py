"""How the source's code values are to be seen: colour tags, chroma position, HDR data; and their way to the encoder."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

from .encoders import EncoderPlan
from .media import chroma_place, open_media, orientation_of, read_first, side_data, video_stream

logger = logging.getLogger(__name__)

UNSPECIFIED = 2  # of primaries, transfer and matrix (H.273)
FULL_RANGE = 2  # of FFmpeg's color_range: 0 unspecified, 1 limited
HDR_IN_CONTAINER = ("mp4", "mov")

# What PyAV has no way to attach to a frame that is to be encoded.
_UNCARRIED = {
    "A53_CC": "closed captions",
    "DOVI_METADATA": "Dolby Vision data",
    "DOVI_RPU_BUFFER": "Dolby Vision data",
    "DYNAMIC_HDR_PLUS": "HDR10+ data",
    "DYNAMIC_HDR_VIVID": "HDR Vivid data",
    "ICC_PROFILE": "the ICC profile",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment",
}


@dataclass(frozen=True)
class SourceLook:
    """Colour of a clip, as its first decoded picture says, or its container where the picture does not.

    Attributes:
        color_range, colorspace, color_primaries, color_trc: FFmpeg's (H.273's) numbers.
        chroma_place: FFmpeg's name of where chroma samples lie, or None.
        mastering: AVMasteringDisplayMetadata as bytes, or None.
        light_level: (MaxCLL, MaxFALL) in cd/m2, or None.
        bit_rate: of the video stream, or None.
        side_data: names of the data that came with the first picture.
    """

    color_range: int
    colorspace: int
    color_primaries: int
    color_trc: int
    chroma_place: str | None
    mastering: bytes | None
    light_level: tuple[int, int] | None
    bit_rate: int | None
    side_data: frozenset[str]


def read_look(path: Path) -> SourceLook:
    """Decode one picture of a clip and return how it is to be seen."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        place = chroma_place(container, stream.index)
        of_container = context.colorspace, context.color_primaries, context.color_trc
        picture = read_first(container, stream, path)  # the decoder now overwrites what the container said
        data = side_data(picture)
        light = data.get("CONTENT_LIGHT_LEVEL")
        full = picture.format.name.startswith("yuvj")
        return SourceLook(
            FULL_RANGE if full else int(picture.color_range or context.color_range),
            _known(picture.colorspace, of_container[0]),
            _known(picture.color_primaries, of_container[1]),
            _known(picture.color_trc, of_container[2]),
            None if orientation_of(picture) else place,  # a turned picture would need the place turned; left untagged
            data.get("MASTERING_DISPLAY_METADATA"),
            struct.unpack_from("=2I", light) if light else None,
            context.bit_rate,
            frozenset(data),
        )


def uncarried(look: SourceLook) -> list[str]:
    """Return what in the source's video stream the output will lack, in words."""
    return sorted({words for name, words in _UNCARRIED.items() if name in look.side_data})


def set_colour(context: VideoCodecContext, plan: EncoderPlan, look: SourceLook, container: str) -> None:
    """Tag an encoder that is not open yet with the source's colour.

    HDR data goes where the encoder writes it into its bit stream. With the others mp4 and mov say it (`movie_tags`);
    elsewhere there is a warning.
    """
    context.color_range = look.color_range
    context.color_primaries = look.color_primaries
    context.color_trc = look.color_trc
    context.colorspace = _matrix_for(plan.pix_fmt, look)
    if look.chroma_place is not None and look.chroma_place != "left":
        context.options = {**context.options, "chroma_sample_location": look.chroma_place}
    if look.mastering is None and look.light_level is None:
        return
    key, values = hdr_parameters(plan.name, look)
    if not key:
        if container in HDR_IN_CONTAINER:
            return
        logger.warning("encoder %s cannot carry HDR mastering display and light level data; they are lost", plan.name)
        return
    before = context.options.get(key)
    context.options = {**context.options, key: f"{before}:{values}" if before else values}


def tag_picture(picture: av.VideoFrame, look: SourceLook) -> None:
    """Tag a picture: some encoders (ProRes) and every conversion read the tags there."""
    picture.color_range = look.color_range
    picture.color_primaries = look.color_primaries
    picture.color_trc = look.color_trc
    picture.colorspace = _matrix_for(picture.format.name, look)


def hdr_parameters(encoder: str, look: SourceLook) -> tuple[str, str]:
    """Return the encoder's option and value for mastering display and light level; empty where it has none."""
    if encoder in ("libx265", "libx264"):
        key, display, light = (
            ("x265-params", "master-display", "max-cll")
            if encoder == "libx265"
            else ("x264-params", "mastering-display", "cll")
        )
        parts = [f"{display}={_display(look.mastering, Fraction(50000), Fraction(10000))}"] if look.mastering else []
        parts += [f"{light}={look.light_level[0]},{look.light_level[1]}"] if look.light_level else []
        return key, ":".join(parts)
    if encoder == "libsvtav1":
        parts = [f"mastering-display={_display(look.mastering, None, None)}"] if look.mastering else []
        parts += [f"content-light={look.light_level[0]},{look.light_level[1]}"] if look.light_level else []
        return "svtav1-params", ":".join(parts)
    return "", ""


def _display(mastering: bytes, chroma_unit: Fraction | None, luma_unit: Fraction | None) -> str:
    """Format AVMasteringDisplayMetadata (red, green, blue, white as (x, y); least and greatest luminance) as text.

    Args:
        mastering: ten rationals of two int32 each.
        chroma_unit: steps per unit of chromaticity; None writes decimals.
        luma_unit: steps per cd/m2; None writes decimals.
    """
    numbers = struct.unpack_from("=20i", mastering)
    values = [Fraction(n, d) if d else Fraction(0) for n, d in zip(numbers[::2], numbers[1::2], strict=True)]

    def text(value: Fraction, unit: Fraction | None) -> str:
        return f"{float(value):.6g}" if unit is None else str(round(value * unit))

    def pair(index: int) -> str:
        return f"({text(values[index], chroma_unit)},{text(values[index + 1], chroma_unit)})"

    return f"G{pair(2)}B{pair(4)}R{pair(0)}WP{pair(6)}L({text(values[9], luma_unit)},{text(values[8], luma_unit)})"


def _matrix_for(pixel_format: str, look: SourceLook) -> int:
    """Return the matrix tag: identity for RGB, and no identity for YUV made from RGB."""
    if VideoFormat(pixel_format).is_rgb:
        return 0
    return look.colorspace if look.colorspace != 0 else 1


def _known(of_picture: int, of_container: int) -> int:
    return int(of_picture if int(of_picture) != UNSPECIFIED else of_container)
