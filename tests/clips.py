"""Small clips for tests, written through PyAV: every frame's picture says which frame it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from vstab_core.formats import bit_depth, plane_shapes, plane_views, sample_type

Planes = tuple[npt.NDArray[Any], ...]


@dataclass(frozen=True)
class ClipSpec:
    """What a test clip is made of; the defaults are a quarter second of plain H.264."""

    size: tuple[int, int] = (48, 64)  # (height, width)
    pixel_format: str = "yuv420p"
    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=dict)
    rate: Fraction = Fraction(25)
    time_base: Fraction = Fraction(1, 90000)
    pts: Sequence[int] | None = None  # ticks of time_base; the rate decides without it
    count: int = 6
    metadata: Mapping[str, str] = field(default_factory=dict)
    video_metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: Sequence[tuple[float, float, str]] = ()  # (start s, end s, title)
    audio: str | None = None  # an encoder's name
    audio_start_s: float = 0.0
    audio_metadata: Mapping[str, str] = field(default_factory=dict)
    subtitles: Sequence[tuple[float, float, str]] = ()  # (start s, end s, text)
    subtitle_codec: str = "mov_text"
    attachment: bytes | None = None
    colour: tuple[int, int, int, int] | None = None  # primaries, transfer, matrix, range
    pixel_aspect: Fraction | None = None
    rotation_deg: float | None = None  # counter-clockwise, as phones write it
    mirrored: bool = False
    container: str | None = None
    container_options: Mapping[str, str] = field(default_factory=dict)


def picture(index: int, size: tuple[int, int], pixel_format: str) -> Planes:
    """Return the planes of frame `index`: a bright corner at the top left, a ramp, and a level that counts frames."""
    height, width = size
    top = (1 << min(bit_depth(pixel_format), 16)) - 1
    planes = []
    for number, shape in enumerate(plane_shapes(pixel_format, width, height)):
        y, x = np.mgrid[: shape[0], : shape[1]]
        values = 0.2 + 0.3 * x / shape[1] + 0.1 * y / shape[0] + 0.02 * (index % 12) + 0.03 * number
        values[: max(1, shape[0] // 4), : max(1, shape[1] // 4)] = 0.85
        if len(shape) == 3:
            values = np.stack([values * (1 - 0.1 * channel) for channel in range(shape[2])], axis=-1)
        dtype = sample_type(pixel_format)
        planes.append(values.astype(dtype) if dtype is np.float32 else np.round(values * top).astype(dtype))
    return tuple(planes)


def write_clip(path: Path, spec: ClipSpec | None = None, pictures: Iterable[Planes] | None = None) -> Path:
    """Write a clip and return its path.

    Args:
        path: the file; its ending decides the container unless the spec says otherwise.
        spec: what it is made of.
        pictures: planes of each frame; `picture` draws them without it.
    """
    spec = spec or ClipSpec()
    height, width = spec.size
    count = spec.count if spec.pts is None else len(spec.pts)
    frames = pictures if pictures is not None else (picture(i, spec.size, spec.pixel_format) for i in range(count))
    with av.open(str(path), "w", format=spec.container, container_options=dict(spec.container_options)) as container:
        video = container.add_stream(spec.codec, rate=spec.rate, options=_quiet(spec))
        context = video.codec_context
        context.width, context.height, context.pix_fmt = width, height, spec.pixel_format
        context.time_base = video.time_base = spec.time_base
        if spec.pixel_aspect is not None:
            context.sample_aspect_ratio = spec.pixel_aspect
        if spec.colour is not None:
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = spec.colour
        if spec.rotation_deg is not None or spec.mirrored:
            video.set_display_rotation(spec.rotation_deg or 0, hflip=spec.mirrored)
        container.metadata.update(spec.metadata)
        video.metadata.update(spec.video_metadata)
        audio = _add_audio(container, spec)
        subtitle = container.add_mux_stream(spec.subtitle_codec) if spec.subtitles else None
        if subtitle is not None:
            subtitle.time_base = Fraction(1, 1000)
        if spec.attachment is not None:
            container.add_attachment("font.ttf", "application/x-truetype-font", spec.attachment)
        if spec.chapters:
            container.set_chapters([_chapter(number, *chapter) for number, chapter in enumerate(spec.chapters)])
        for index, planes in enumerate(frames):
            frame = av.VideoFrame(width, height, spec.pixel_format)
            for target, values in zip(plane_views(frame), planes, strict=True):
                target[...] = values
            ticks = round(index / (spec.rate * spec.time_base)) if spec.pts is None else spec.pts[index]
            frame.pts, frame.time_base = ticks, spec.time_base
            if spec.colour is not None:
                frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range = spec.colour
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start_s, end_s, text in spec.subtitles:
            container.mux(_subtitle(subtitle, spec.subtitle_codec, start_s, end_s, text))
        if audio is not None:
            _write_audio(container, audio, spec, float(count / spec.rate))
    return path


def _quiet(spec: ClipSpec) -> dict[str, str]:
    options = dict(spec.options)
    if spec.codec == "libx265":
        given = options.get("x265-params")
        options["x265-params"] = "log-level=error" + (f":{given}" if given else "")
    if spec.codec in ("libx264", "libx265"):
        options.setdefault("preset", "ultrafast")
    return options


def _add_audio(container: av.container.OutputContainer, spec: ClipSpec) -> Any:
    if spec.audio is None:
        return None
    audio = container.add_stream(spec.audio, rate=48000)
    audio.codec_context.layout = "stereo"
    audio.metadata.update(spec.audio_metadata)
    return audio


def _write_audio(container: av.container.OutputContainer, audio: Any, spec: ClipSpec, length_s: float) -> None:
    rng = np.random.default_rng(7)
    samples = int(length_s * 48000) // 1024 * 1024
    noise = (rng.standard_normal((2, samples)) * 0.1).astype(np.float32)
    resampler = av.AudioResampler(audio.codec_context.format.name, "stereo", 48000)
    for start in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(noise[:, start : start + 1024].copy(), "fltp", "stereo")
        frame.sample_rate = 48000
        frame.pts = start + round(spec.audio_start_s * 48000)
        frame.time_base = Fraction(1, 48000)
        for part in resampler.resample(frame):
            container.mux(audio.encode(part))
    container.mux(audio.encode(None))


def _chapter(number: int, start_s: float, end_s: float, title: str) -> dict[str, Any]:
    return {
        "id": number, "start": round(start_s * 1000), "end": round(end_s * 1000), "time_base": Fraction(1, 1000),
        "metadata": {"title": title},
    }  # fmt: skip


def _subtitle(stream: Any, codec: str, start_s: float, end_s: float, text: str) -> av.Packet:
    data = text.encode()
    if codec == "mov_text":
        data = len(data).to_bytes(2, "big") + data
    packet = av.Packet(data)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = round(start_s * 1000)
    packet.duration = round((end_s - start_s) * 1000)
    packet.is_keyframe = True
    return packet


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    """Return (seconds, bytes) of every packet of the first stream of a kind: "audio", "subtitle", "data"."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (float((packet.pts or 0) * packet.time_base), bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]
