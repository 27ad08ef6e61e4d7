"""Tiny 360 clips with sound of four channels and more: written sample by sample, read back the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

RATE = 48000
FULL = {"s16": 2.0**15, "s32": 2.0**31, "flt": 1.0}  # code values of full scale


@dataclass(frozen=True)
class Sound:
    """A stream of a test clip: samples (n, channels), full scale 1."""

    samples: npt.NDArray[Any]
    codec: str = "pcm_s16le"
    layout: str = "4 channels"
    start: int = 0  # samples after the picture begins
    options: Mapping[str, str] = field(default_factory=dict)


def write_sound_clip(
    path: Path, pictures: Sequence[npt.NDArray[np.uint8]], sounds: Sequence[Sound], fps: int = 25
) -> Path:
    """Write pictures (H, W) as grey FFV1, or H.264 outside Matroska, with streams of sound."""
    height, width = pictures[0].shape
    with av.open(str(path), "w") as container:
        lossless = path.suffix == ".mkv"
        video = container.add_stream(
            "ffv1" if lossless else "libx264", rate=fps, options={} if lossless else {"preset": "ultrafast"}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        streams = [_add(container, sound) for sound in sounds]
        for index, luma in enumerate(pictures):
            planes = np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for stream, sound in zip(streams, sounds, strict=True):
            _encode(container, stream, sound)
    return path


def _add(container: Any, sound: Sound) -> Any:
    stream = container.add_stream(sound.codec, rate=RATE, options=dict(sound.options))
    stream.codec_context.layout = sound.layout
    stream.codec_context.time_base = Fraction(1, RATE)
    stream.codec_context.bit_rate = 640_000
    stream.codec_context.open()
    return stream


def _encode(container: Any, stream: Any, sound: Sound) -> None:
    context = stream.codec_context
    step = context.frame_size or 1000
    kind = context.format.name.rstrip("p")
    values = sound.samples * FULL[kind]
    values = (
        values.astype(np.float32) if kind == "flt" else np.round(values).astype(np.int16 if kind == "s16" else np.int32)
    )
    for first in range(0, len(values), step):
        part = values[first : first + step]
        laid = np.ascontiguousarray(part.T if context.format.is_planar else part.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(laid, context.format.name, sound.layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, first + sound.start, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def read_sound(path: Path, number: int = 0) -> tuple[npt.NDArray[Any], float, str]:
    """Return the samples (n, channels) of a stream in code values, the time of the first, and the codec's name."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        parts, first_s = [], None
        for frame in container.decode(stream):
            first_s = frame.time if first_s is None else first_s
            values = frame.to_ndarray()
            parts.append(values.T if frame.format.is_planar else values.reshape(frame.samples, -1))
        assert first_s is not None
        return np.concatenate(parts), first_s, stream.codec_context.name


def encoded(signal: npt.NDArray[Any], directions: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return first-order ambiX, (n, 4) W Y Z X, of a signal (n,) from directions (n, 3): x right, y down, z forward."""
    right, down, ahead = directions.T
    return np.column_stack([signal, -signal * right, -signal * down, signal * ahead])


def heard(samples: npt.NDArray[Any]) -> tuple[float, float]:
    """Return (degrees to the left, degrees up) where the sound comes from: by correlation with W, over all samples."""
    w, y, z, x = samples[:, :4].astype(float).T
    ahead, left, up = x @ w, y @ w, z @ w
    return float(np.degrees(np.arctan2(left, ahead))), float(np.degrees(np.arctan2(up, np.hypot(ahead, left))))
