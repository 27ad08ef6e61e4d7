"""Decode a sound stream on its way through, change its samples, encode it again as it was.

Samples keep their times and their number: they are counted from the first one on, in the clip's own sample rate, and a
codec's padding at the end is cut off where the file says how long its packets are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from .types import FloatArray

logger = logging.getLogger(__name__)

# (samples (n, channels) float64 in -1..1, their times (n,) in seconds of the clip) -> as many samples
ChangeSamples = Callable[[FloatArray, FloatArray], FloatArray]

JITTER_S = 0.01  # times of packets wander by less (Matroska rounds to 1 ms); a longer gap is filled with silence
GAP_S = 10.0  # a longer one is a fault of the file, not silence
LEAST_BITS_A_SECOND = 128_000  # of a channel, for lossy codecs: a second generation is then hardly heard
MOST_BITS_A_SECOND = 256_000  # of a channel: what AAC and Opus take
_ENCODER = {"opus": "libopus"}  # of codecs whose encoder has another name
_STANDARD = {4: ("4.0", "quad"), 6: ("6.0", "hexagonal")}  # layouts without a low-frequency channel, which is filtered
_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "flt": 1.0, "dbl": 1.0}  # code values of full scale
_TYPE = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "flt": np.float32, "dbl": np.float64}


class CannotReencode(Exception):  # noqa: N818 - the caller copies instead
    """The stream cannot be decoded, or there is no encoder that writes it as it is; the text says which."""


class Resound:
    """One stream of sound, changed.

    Args:
        source: the stream as it is read.
        output: where a stream for the result is added (`target`).
        change: what is done with the samples.

    Raises:
        CannotReencode: before anything was added to the output.
    """

    def __init__(self, source: AudioStream, output: OutputContainer, change: ChangeSamples) -> None:
        if source.codec_context is None:
            raise CannotReencode("there is no decoder for it")
        self._change = change
        self._rate = source.codec_context.sample_rate
        encoder, options, layout = plan_sound(source, output)
        target = output.add_stream(encoder, rate=self._rate, options=options)
        assert isinstance(target, AudioStream)
        self.target = target
        self._context = set_up(target.codec_context, source, layout)
        self._context.open()
        self._bits = 32 if encoder.startswith("pcm_s32") else 24  # of the 32 that such a decoder gives
        self._last_tick_s = float(source.time_base or 0)
        self._first: int | None = None  # time of the first sample, in samples
        self._taken = 0  # samples since then
        self._end_s = -np.inf  # where the packets say that the sound ends
        self._waiting = np.zeros((0, self._context.layout.nb_channels))
        self._sent = 0
        self._clipped = False

    def push(self, packet: Packet[Any] | None) -> Iterator[Packet[Any]]:
        """Take a packet of the source, None at the end, and yield those of the result.

        Raises:
            av.error.InvalidDataError: the packet is damaged; the next one may be pushed.
        """
        if packet is None:
            yield from self._finish()
            return
        if packet.pts is not None and packet.duration:
            self._end_s = max(self._end_s, float((packet.pts + packet.duration) * packet.time_base))
        for frame in packet.decode():
            self._take(cast(av.AudioFrame, frame))
        yield from self._encode(keep=self._rate // 10)  # more than a codec pads: what is to be cut is still here

    def _take(self, frame: av.AudioFrame) -> None:
        samples = samples_of(frame)
        if self._first is None:
            self._first = round((frame.time or 0.0) * self._rate)
        expected = self._first + self._taken
        late = 0 if frame.time is None else round(frame.time * self._rate) - expected
        if not (JITTER_S + self._last_tick_s) * self._rate < abs(late) < GAP_S * self._rate:
            late = 0
        if late < 0:  # told twice
            samples = samples[-late:]
        elif late:
            samples = np.concatenate([np.zeros((late, samples.shape[1])), samples])
        times_s = (self._first + self._taken + np.arange(len(samples))) / self._rate
        self._taken += len(samples)
        self._waiting = np.concatenate([self._waiting, self._change(samples, times_s)])

    def _finish(self) -> Iterator[Packet[Any]]:
        if self._first is not None:
            excess = self._first + self._taken - round(self._end_s * self._rate) if np.isfinite(self._end_s) else 0
            if 2 * self._last_tick_s * self._rate < excess < len(self._waiting):
                self._waiting = self._waiting[:-excess]
            yield from self._encode(keep=0)
        yield from self._context.encode(None)

    def _encode(self, keep: int) -> Iterator[Packet[Any]]:
        size = self._context.frame_size or 1024
        while len(self._waiting) >= size + keep or (keep == 0 and len(self._waiting)):
            block, self._waiting = self._waiting[:size], self._waiting[size:]
            assert self._first is not None
            frame = _frame_of(self._coded(block), self._context)
            frame.pts, frame.time_base = self._first + self._sent, self._context.time_base
            self._sent += len(block)
            yield from self._context.encode(frame)

    def _coded(self, block: FloatArray) -> npt.NDArray[Any]:
        """Return code values, (n, channels) of the encoder's type."""
        name = self._context.format.name.rstrip("p")
        scale, dtype = _SCALE[name], _TYPE[name]
        if name in ("flt", "dbl"):
            return block.astype(dtype)
        step = 2.0 ** (32 - self._bits) if name == "s32" else 1.0
        values = np.round(block * scale / step) * step
        low, high = -scale, scale - step
        if not self._clipped and (values.min() < low or values.max() > high):
            self._clipped = True
            logger.warning("sound stream %d is too loud once it is turned: its peaks are clipped", self.target.index)
        return np.asarray(np.clip(values, low, high) + (scale if name == "u8" else 0)).astype(dtype)


def plan_sound(source: AudioStream, output: OutputContainer) -> tuple[str, dict[str, str], str]:
    """Return encoder, its options and the channel layout it takes: each tried, apart from the output."""
    context = source.codec_context
    if context.format.name.rstrip("p") not in _SCALE:
        raise CannotReencode(f"samples of the kind {context.format.name} are not known here")
    codec = context.codec.canonical_name
    encoder = _ENCODER.get(codec, codec)
    channels = context.layout.nb_channels
    layouts = (context.layout.name, *_STANDARD.get(channels, ()))
    options = {}
    if encoder == "libopus":
        options = {"mapping_family": "2" if context.layout.name.startswith("ambisonic") else "255"}
    reason = "it takes no such channels"
    for layout in layouts:
        try:
            trial = av.CodecContext.create(encoder, "w")
            if trial.codec.canonical_name != codec:
                break
            trial.options = dict(options)
            set_up(trial, source, layout).open()
            if encoder not in output.supported_codecs:
                raise CannotReencode(f"a {output.format.name} file cannot hold {codec} from encoder {encoder}")
            return encoder, options, layout
        except (av.FFmpegError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error)
    raise CannotReencode(f"no encoder for {codec} with {channels} channels ({reason})")


def set_up(context: Any, source: AudioStream, layout: str) -> Any:
    """Give an encoder's context what the source has, as far as it takes it."""
    old = source.codec_context
    channels = old.layout.nb_channels
    context.layout, context.sample_rate, context.time_base = layout, old.sample_rate, Fraction(1, old.sample_rate)
    context.format = _sample_format(old.format.name, [format.name for format in context.codec.audio_formats or ()])
    context.bit_rate = max(old.bit_rate or 0, LEAST_BITS_A_SECOND * channels)  # lossless codecs take no notice
    context.bit_rate = min(context.bit_rate, MOST_BITS_A_SECOND * channels)
    return context


def _sample_format(source: str, choices: Sequence[str]) -> str:
    """Return the encoder's sample format that holds what the decoder gives: the same, or floats, or the last."""
    name = source.rstrip("p")
    for wanted in (source, name, f"{name}p", "flt", "fltp"):
        if wanted in choices or not choices:
            return wanted
    return choices[-1]


def samples_of(frame: av.AudioFrame) -> FloatArray:
    """Return the samples of a decoded frame, (n, channels), full scale 1; exact."""
    values = frame.to_ndarray()
    samples = values.T if frame.format.is_planar else values.reshape(frame.samples, -1)
    kind = frame.format.name.rstrip("p")
    return (samples.astype(np.float64) - (_SCALE["u8"] if kind == "u8" else 0.0)) / _SCALE[kind]


def _frame_of(values: npt.NDArray[Any], context: Any) -> av.AudioFrame:
    planar = context.format.is_planar
    laid = np.ascontiguousarray(values.T) if planar else np.ascontiguousarray(values).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(laid, context.format.name, context.layout.name)
    frame.sample_rate = context.sample_rate
    return frame
