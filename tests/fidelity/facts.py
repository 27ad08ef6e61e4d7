"""All that a media file says beside its pixels, in a form that two files can be compared in."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.stream import Disposition

from vstab_core.colour import read_look
from vstab_core.formats import delivered_format, plane_views
from vstab_core.media import open_media, orientation_of

# Of the encoding, not of the clip: every muxer and encoder writes its own.
_ENCODING = {
    "encoder", "major_brand", "minor_version", "compatible_brands", "duration", "vendor_id", "bps",
    "number_of_frames", "number_of_bytes", "application_platform", "company_name", "product_name", "product_version",
    "product_uid", "generation_uid", "modification_date", "material_package_umid", "file_package_umid", "uid",
    "toolkit_version", "operational_pattern_ul", "material_package_name", "file_package_name", "data_type",
}  # fmt: skip
_HANDLERS = {
    "VideoHandler",
    "SoundHandler",
    "SubtitleHandler",
    "TimeCodeHandler",
    "",
}  # where nobody gave one


@dataclass
class Stream:
    """A stream beside the picture: what it says, and its packets as (seconds, seconds long, bytes)."""

    kind: str
    codec: str
    metadata: dict[str, str]
    disposition: int
    packets: list[tuple[Fraction, Fraction, bytes]] = field(default_factory=list)


@dataclass
class Facts:
    """Of a file; times in seconds, exact."""

    metadata: dict[str, str]
    chapters: list[tuple[Fraction, Fraction, str]]
    streams: list[Stream]
    video_codec: str
    video_metadata: dict[str, str]
    video_disposition: int
    pixel_format: str
    size: tuple[int, int]
    pixel_aspect: Fraction
    colour: tuple[int, int, int, int]
    chroma_place: str | None
    mastering: bytes | None
    light_level: tuple[int, int] | None
    times: list[Fraction]
    pictures: list[tuple[np.ndarray, ...]]
    turned: bool

    @property
    def timecode(self) -> str | None:
        """As players show it, wherever the container keeps it."""
        places = [self.metadata, self.video_metadata, *(stream.metadata for stream in self.streams)]
        return next((place["timecode"] for place in places if "timecode" in place), None)


def facts_of(path: Path) -> Facts:
    """Read everything; pictures upright."""
    look = read_look(path)
    with open_media(path) as container:  # without FFmpeg's made-up times
        video = next(stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
        others = {stream.index: _stream(stream) for stream in container.streams if stream is not video}
        times, pictures = [], []
        size, turned = (0, 0), False
        for packet in container.demux():
            if packet.stream.index in others:
                if packet.size and packet.pts is not None:
                    base = packet.time_base
                    others[packet.stream.index].packets.append(
                        (packet.pts * base, (packet.duration or 0) * base, bytes(packet))
                    )
                continue
            for frame in packet.decode():
                base = Fraction(frame.time_base or video.time_base)
                times.append(base * (frame.pts if frame.pts is not None else frame.dts or 0))
                name = delivered_format(frame.format.name)
                planes = plane_views(frame.reformat(format=name) if frame.format.name.endswith("be") else frame)
                turn = orientation_of(frame)
                turned = turned or bool(turn)
                pictures.append(tuple(np.array(plane) for plane in turn.turn_planes(planes, name)))
                size = turn.turn_size(frame.width, frame.height)
                aspect = turn.turn_aspect(video.sample_aspect_ratio or Fraction(1))
        return Facts(
            _said(container.metadata),
            [(item["start"] * item["time_base"], item["end"] * item["time_base"], item["metadata"].get("title", ""))
             for item in container.chapters()],
            # a timecode track's packet is its own, and so are the titles' of chapters
            [stream for stream in others.values() if not _is_of_muxer(stream, bool(container.chapters()))],
            video.codec_context.codec.canonical_name,
            _said(video.metadata),
            int(video.disposition),
            delivered_format(video.codec_context.pix_fmt),
            size,
            aspect,
            (look.color_primaries, look.color_trc, look.colorspace, look.color_range),
            look.chroma_place,
            look.mastering,
            look.light_level,
            times,
            pictures,
            turned,
        )  # fmt: skip


def _stream(stream: Any) -> Stream:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else stream.name or ""
    return Stream(stream.type, codec, _said(stream.metadata), int(stream.disposition))


def _said(metadata: dict[str, str]) -> dict[str, str]:
    kept = {key.lower(): value for key, value in metadata.items() if key.lower().split("-")[0] not in _ENCODING}
    if kept.get("handler_name") in _HANDLERS:
        kept.pop("handler_name")
    if kept.get("language") == "und":
        kept.pop("language")
    return kept


def _is_of_muxer(stream: Stream, chapters: bool) -> bool:
    return stream.kind == "data" and ("timecode" in stream.metadata or chapters)


def nearest(one: list[tuple[np.ndarray, ...]], other: list[tuple[np.ndarray, ...]]) -> float:
    """Return the largest RMS difference of any frame's plane, as a share of full scale."""
    worst = 0.0
    for first, second in zip(one, other, strict=True):
        for plane, again in zip(first, second, strict=True):
            top = np.iinfo(plane.dtype).max if plane.dtype == np.uint8 else (1 << int(plane.max()).bit_length()) - 1
            worst = max(worst, float(np.sqrt(np.mean((plane.astype(float) - again) ** 2))) / max(top, 1))
    return worst
