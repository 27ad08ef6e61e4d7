"""Choose the encoder, its pixel format and its settings: those of the source unless the user says otherwise.

The default is the source's own codec family at a quality where a generation is not seen, so that the result drops
into the edit where the source was. A container that cannot hold that codec gets the nearest one that it can.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import av
from av.codec import Codec
from av.video.format import VideoFormat

from .errors import OutputError, UsageError
from .formats import ALL_FORMATS, bit_depth, has_alpha, nearest_format
from .types import EncodeOptions

# Muxers by file ending. Others exist in FFmpeg; these hold video that editors exchange.
CONTAINERS: Mapping[str, str] = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi", ".mxf": "mxf",
    ".ts": "mpegts", ".mts": "mpegts", ".m2ts": "mpegts", ".nut": "nut", ".3gp": "3gp", ".flv": "flv",
}  # fmt: skip
CONSTANT_RATE = {"avi", "mxf"}  # no timestamps in the file: a frame's time is its number

_FAMILY: Mapping[str, str] = {
    "h264": "libx264", "hevc": "libx265", "prores": "prores_ks", "dnxhd": "dnxhd", "av1": "libsvtav1",
    "vp9": "libvpx-vp9", "vp8": "libvpx-vp9", "ffv1": "ffv1", "mjpeg": "mjpeg", "v210": "v210", "cfhd": "cfhd",
    "utvideo": "utvideo", "ffvhuff": "ffvhuff", "huffyuv": "ffvhuff", "qtrle": "qtrle", "png": "png",
    "rawvideo": "ffv1", "magicyuv": "ffv1",
}  # fmt: skip
# Reordered frames come back in the wrong order (no times in the file) or not at all (HEVC in NUT, beside sound).
_IN_ORDER = {*CONSTANT_RATE, "nut"}
# FFmpeg says of these muxers only what they take by default ...
_HELD_TOO: Mapping[str, set[str]] = {
    "mxf": {"dnxhd", "prores_ks"},
    "mpegts": {"libx264", "libx265", "h264_nvenc", "hevc_nvenc"},
}
# ... and of mov too much: its header is then refused.
_REFUSED: Mapping[str, set[str]] = {"mov": {"libvpx-vp9", "libsvtav1", "libaom-av1", "av1_nvenc"}}
_FALLBACKS = ("libx264", "libx265", "prores_ks", "libvpx-vp9", "ffv1", "dnxhd", "mpeg2video", "flv")

# Quality: x264 17 / x265 18 / SVT 20 / VP9 18 are transparent in a generation on grainy footage and stay well below
# camera bit rates; presets are the encoders' own defaults or the fastest that costs under 5 % of bits.
_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "libx264": {"crf": "17", "preset": "medium"},
    "libx264rgb": {"crf": "17", "preset": "medium"},
    "libx265": {"crf": "18", "preset": "medium"},
    "libsvtav1": {"crf": "20", "preset": "6"},
    "libvpx-vp9": {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "libvpx": {"crf": "8", "b": "20M", "deadline": "good", "cpu-used": "4"},
    "ffv1": {"level": "3", "g": "1", "slicecrc": "1"},
    "prores_ks": {"vendor": "apl0"},
    "cfhd": {"quality": "film2"},
    "h264_nvenc": {"rc": "vbr", "cq": "19", "preset": "p5"},
    "hevc_nvenc": {"rc": "vbr", "cq": "20", "preset": "p5"},
    "av1_nvenc": {"rc": "vbr", "cq": "24", "preset": "p5"},
}
# These refuse pictures whose chroma would be cut in half; the others code them as they are (measured).
_WHOLE_CHROMA = {"libx264", "libx265", "ffvhuff", "huffyuv", "utvideo", "v210", "h264_nvenc", "hevc_nvenc", "av1_nvenc"}
_LEAST_SIDE = {"libsvtav1": 16}  # smaller ones end the process
_QSCALE: Mapping[str, int] = {"mjpeg": 2, "mpeg4": 2, "mpeg2video": 2, "flv": 2}  # 2: the finest that is not wasteful

_PRORES = {
    "Proxy": "proxy", "LT": "lt", "Standard": "standard", "HQ": "hq", "4444": "4444", "XQ": "4444xq",
}  # fmt: skip
_DNXHR = {"DNXHR LB": "dnxhr_lb", "DNXHR SQ": "dnxhr_sq", "DNXHR HQ": "dnxhr_hq", "DNXHR HQX": "dnxhr_hqx",
          "DNXHR 444": "dnxhr_444"}  # fmt: skip


@dataclass(frozen=True)
class SourceCodec:
    """What of the source decides how the result is encoded."""

    codec: str
    profile: str | None
    pixel_format: str
    bit_rate: int | None = None


@dataclass
class EncoderPlan:
    """An encoder and how it is set.

    Attributes:
        name: FFmpeg's encoder name.
        pix_fmt: what it is fed.
        options: codec options by name.
        qscale: fixed quantiser of encoders without a quality of their own, or None.
        bit_rate: bits a second, or None.
        notes: what the user should know, a sentence each.
    """

    name: str
    pix_fmt: str
    options: dict[str, str]
    qscale: int | None = None
    bit_rate: int | None = None
    notes: list[str] = field(default_factory=list)


def container_of(suffix: str) -> str:
    """Return FFmpeg's muxer for a file ending.

    Raises:
        UsageError: no video container has this ending.
    """
    try:
        return CONTAINERS[suffix.lower()]
    except KeyError:
        what = f"ending '{suffix}'" if suffix else "file without an ending"
        raise UsageError(f"{what} is no video container; choose one of: {' '.join(sorted(CONTAINERS))}") from None


def plan_encoder(source: SourceCodec, container: str, supported: set[str], options: EncodeOptions) -> EncoderPlan:
    """Decide encoder, pixel format and settings.

    Args:
        source: codec of the clip.
        container: muxer name.
        supported: names of the codecs and encoders that the container takes.
        options: the user's wishes.

    Raises:
        UsageError: unknown encoder or pixel format, or a setting the encoder lacks.
        OutputError: the container cannot hold the encoder's video.
    """
    notes: list[str] = []
    supported = (supported | _HELD_TOO.get(container, set())) - _REFUSED.get(container, set())
    name = options.codec or _default_encoder(source, container, supported, notes)
    codec = _find_encoder(name)
    if name not in supported:
        raise OutputError(
            f"a {container} file cannot hold video from encoder '{name}'; use another file ending or codec"
        )
    choices = [pixel_format.name for pixel_format in codec.video_formats or ()]
    pix_fmt = _pixel_format(source, name, choices, options.pix_fmt, notes)
    settings = dict(_SETTINGS.get(name, {}))
    plan = EncoderPlan(name, pix_fmt, settings, _QSCALE.get(name), None, notes)
    if name in ("prores_ks", "prores", "prores_aw"):
        settings["profile"] = _prores_profile(source, pix_fmt)
    if name == "dnxhd":
        _set_dnxhd(source, plan)
    if name == "libsvtav1" or name == "libx265":
        plan.options.update(_quiet(name))
    if container in _IN_ORDER and name in ("libx264", "libx265"):
        plan.options["bf"] = "0"
    _apply_user(plan, codec, options)
    return plan


def coded_size(plan: EncoderPlan, height: int, width: int) -> tuple[int, int]:
    """Return (height, width) that the encoder is given: padded at the bottom and right where it refuses odd sizes.

    Raises:
        UsageError: the picture is too small for the encoder.
    """
    least = _LEAST_SIDE.get(plan.name, 1)
    if min(height, width) < least:
        raise UsageError(f"encoder '{plan.name}' refuses {width}x{height}: it takes {least}x{least} and larger")
    if plan.name not in _WHOLE_CHROMA:
        return height, width
    cell = VideoFormat(plan.pix_fmt, 64, 64)
    step_x, step_y = (1, 1) if cell.is_rgb else (64 // cell.chroma_width(), 64 // cell.chroma_height())
    return -(-height // step_y) * step_y, -(-width // step_x) * step_x


def _default_encoder(source: SourceCodec, container: str, supported: set[str], notes: list[str]) -> str:
    wanted = _FAMILY.get(source.codec)
    if wanted is None:
        wanted = "libx265" if bit_depth(source.pixel_format) > 10 else "libx264"
        notes.append(f"there is no encoder of its own for {source.codec}; encoding with {wanted}")
    if wanted in supported:
        return wanted
    deep = bit_depth(source.pixel_format) > 8
    for name in ("libx265", "libsvtav1", *_FALLBACKS) if deep else _FALLBACKS:
        if name in supported:
            notes.append(f"a {container} file cannot hold {source.codec}; encoding with {name}")
            return name
    raise OutputError(f"no encoder for a {container} file; use another file ending")


def _find_encoder(name: str) -> Codec:
    try:
        codec = Codec(name, "w")
    except (av.FFmpegError, ValueError):
        codec = None
    if codec is None or codec.type != "video" or codec.name != name:
        names = _video_encoders()
        near = difflib.get_close_matches(name, names, 5, 0.4)
        common = [known for known in _SETTINGS if known in names]
        hint = f"close: {', '.join(near)}; " if near else ""
        raise UsageError(f"unknown encoder '{name}'; {hint}often used: {', '.join(common)}")
    return codec


def _video_encoders() -> list[str]:
    names = []
    for name in sorted(av.codecs_available):
        try:
            codec = Codec(name, "w")
        except (av.FFmpegError, ValueError):
            continue
        if codec.type == "video" and codec.name == name:
            names.append(name)
    return names


def _pixel_format(
    source: SourceCodec, encoder: str, choices: Sequence[str], wanted: str | None, notes: list[str]
) -> str:
    if wanted is not None:
        if wanted not in ALL_FORMATS:
            near = difflib.get_close_matches(wanted, choices or ALL_FORMATS, 4, 0.4)
            raise UsageError(f"unknown pixel format '{wanted}'; close: {', '.join(near) or 'none'}")
        if choices and wanted not in choices:
            raise UsageError(f"encoder '{encoder}' cannot take '{wanted}'; choose one of: {', '.join(choices)}")
        return wanted
    found = nearest_format(source.pixel_format, choices) if choices else source.pixel_format
    if found is None:
        raise UsageError(f"encoder '{encoder}' takes no software pixel format; choose another")
    if has_alpha(source.pixel_format) and not has_alpha(found):
        notes.append(f"encoder {encoder} has no alpha channel: transparency is lost (prores_ks or ffv1 would keep it)")
    if bit_depth(found) < min(bit_depth(source.pixel_format), 16) and not source.pixel_format.startswith("p"):
        notes.append(
            f"encoder {encoder} takes {bit_depth(found)} bits of the source's {bit_depth(source.pixel_format)}"
        )
    return found


def _prores_profile(source: SourceCodec, pix_fmt: str) -> str:
    profile = _PRORES.get(source.profile or "") if source.codec == "prores" else None
    if "444" in pix_fmt:
        return profile if profile in ("4444", "4444xq") else "4444"
    return profile if profile in ("proxy", "lt", "standard", "hq") else "hq"


def _set_dnxhd(source: SourceCodec, plan: EncoderPlan) -> None:
    """DNxHR by profile; classic DNxHD has a fixed set of bit rates for each size, so the source's own is used."""
    profile = _DNXHR.get((source.profile or "").upper()) if source.codec == "dnxhd" else None
    if source.codec == "dnxhd" and profile is None and source.bit_rate:
        plan.bit_rate = source.bit_rate
        return
    if "444" in plan.pix_fmt or "gbr" in plan.pix_fmt:
        profile = "dnxhr_444"
    elif bit_depth(plan.pix_fmt) > 8:
        profile = "dnxhr_hqx"
    elif profile in (None, "dnxhr_hqx", "dnxhr_444"):
        profile = "dnxhr_hq"
    plan.options["profile"] = profile


def _quiet(name: str) -> dict[str, str]:
    """x265 writes its settings to stderr on its own; progress and errors are ours to report."""
    return {"x265-params": "log-level=error"} if name == "libx265" else {}


def _apply_user(plan: EncoderPlan, codec: Codec, options: EncodeOptions) -> None:
    known = _option_names(plan.name)
    if options.crf is not None:
        key = "crf" if "crf" in known else "cq" if "cq" in known else None
        if key is not None:
            plan.options[key] = f"{options.crf:g}"
        elif plan.qscale is not None:
            plan.qscale = max(1, round(options.crf))
        else:
            raise UsageError(f"encoder '{plan.name}' has no constant quality; leave crf away or choose another codec")
    if options.preset is not None:
        if "preset" not in known:
            raise UsageError(f"encoder '{plan.name}' has no presets; leave preset away or choose another codec")
        plan.options["preset"] = str(options.preset)
    for key, value in options.extra:
        if key not in known:
            near = difflib.get_close_matches(key, known, 4, 0.5)
            raise UsageError(f"encoder '{plan.name}' has no option '{key}'; close: {', '.join(near) or 'none'}")
        merged = key in plan.options and re.fullmatch(r"\w+-params", key)
        plan.options[key] = f"{plan.options[key]}:{value}" if merged else str(value)
        if key in ("b", "qp", "q", "qscale", "global_quality", "qmin"):
            plan.qscale = None
            if options.crf is None:  # the user's own rate control; x264 would let crf win
                plan.options.pop("crf", None)


def _option_names(encoder: str) -> set[str]:
    options = av.CodecContext.create(encoder, "w").supported_options
    return {option.name for option in (*options.generic, *options.private)}
