"""Sound, chapters and other streams of a hyperlapse, whose pictures run at another pace than the source's.

Sound is left out, or played faster by the overall factor with FFmpeg's atempo, at its own pitch. The pictures' pace
varies around that factor, so sound and picture begin and end together and may be apart in between. Chapters begin where
their picture does. Subtitles and data are left out: their words and samples belong to moments that pass too fast.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from .params import Parameters
from .remux import copy_file_tags, describe, mux
from .resound import CannotReencode, ChangeSamples, plan_sound, samples_of, set_up
from .types import CameraMotion, FloatArray, RotationMotion, WarpTrack

logger = logging.getLogger(__name__)

MOST_TEMPO = 2.0  # of one atempo filter: beyond, it drops samples instead of overlapping them


@dataclass(frozen=True)
class Pace:
    """Which moments of the source the output shows.

    Attributes:
        source_s: (G,) seconds of the source's clock at which the output's pictures were filmed, increasing.
        output_s: (G,) when they are shown.
        source_end_s, output_end_s: when the last picture ends.
        stretch: whether the sound is kept.
    """

    source_s: FloatArray
    output_s: FloatArray
    source_end_s: float
    output_end_s: float
    stretch: bool

    @property
    def factor(self) -> float:
        """How many times faster the output plays, overall."""
        return (self.source_end_s - float(self.source_s[0])) / (self.output_end_s - float(self.output_s[0]))

    def shown_at(self, time_s: float) -> float:
        """Return when the picture of a moment of the source is shown."""
        source, output = np.append(self.source_s, self.source_end_s), np.append(self.output_s, self.output_end_s)
        return float(np.interp(time_s, source, output))

    def heard_at(self, time_s: float) -> float:
        """Return when the sound of a moment is heard: at the overall factor."""
        return float(self.output_s[0]) + (time_s - float(self.source_s[0])) / self.factor


def pace_of(warps: WarpTrack, motion: CameraMotion | RotationMotion | None, parameters: Parameters) -> Pace | None:
    """Return the pace of a hyperlapse, or None: the output's times are the source's."""
    if warps.out_pts is None or motion is None:
        return None
    tick_s = float(warps.time_base)
    lasts = float(motion.pts[-1] - motion.pts[0]) / max(1, len(motion) - 1) * tick_s
    source_s, output_s = warps.pts.astype(np.float64) * tick_s, warps.out_pts.astype(np.float64) * tick_s
    end_s = float(motion.pts[-1]) * tick_s + lasts
    return Pace(source_s, output_s, end_s, float(output_s[-1]) + lasts, parameters.hyperlapse_audio == "stretch")


class PacedStreams:
    """What `remux.StreamCopier` is to an ordinary output: writes everything but the video, in step with it.

    Sound in `changes` (by index in the source) is changed before it is stretched, see `resound`.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        pace: Pace,
        name: str,
        changes: Mapping[int, ChangeSamples] | None = None,
    ) -> None:
        self._output = output
        self._pace = pace
        self._sounds: dict[int, _Sound] = {}
        self._last_dts: dict[int, int] = {}
        copy_file_tags(source, output)
        chapters = source.chapters()
        if chapters:
            output.set_chapters([_paced(chapter, pace) for chapter in chapters])
        for stream in source.streams:
            stream.discard = Discard.all
            if stream.type == "video":
                continue
            if pace.stretch and isinstance(stream, AudioStream) and getattr(stream, "codec_context", None) is not None:
                target = _add_stream(stream, output)
                if target is not None:
                    stream.discard = Discard.default
                    self._sounds[stream.index] = _Sound(stream, target, pace, (changes or {}).get(stream.index))
                    continue
            if stream.type == "audio" and not pace.stretch:
                logger.warning("%s: the sound is left out; --hyperlapse-audio stretch keeps it, played faster", name)
            else:
                logger.warning("%s: %s is left out of the hyperlapse", name, describe(stream))
        self._packets = self._encoded(source)
        self._waiting: tuple[Packet[Any], Stream] | None = None

    def target_of(self, index: int) -> int | None:
        """Return the index in the output of a stream of the source; None where it is left out."""
        return self._sounds[index].target.index if index in self._sounds else None

    def copy_until(self, time_s: float | None) -> None:
        """Write the packets whose time is at or before this; None: all that are left."""
        while True:
            if self._waiting is None:
                self._waiting = next(self._packets, None)
                if self._waiting is None:
                    return
            packet, target = self._waiting
            if time_s is not None and packet.pts is not None and packet.pts * packet.time_base > time_s:
                return
            self._waiting = None
            mux(self._output, packet, target, self._last_dts)

    def _encoded(self, source: InputContainer) -> Iterator[tuple[Packet[Any], Stream]]:
        if not self._sounds:
            return
        try:
            for packet in source.demux([sound.source for sound in self._sounds.values()]):
                if not packet.size:  # the end; it knows no stream
                    continue
                sound = self._sounds[packet.stream_index]
                for encoded in sound.take(packet):
                    yield encoded, sound.target
        except (av.FFmpegError, OSError) as error:
            logger.warning("sound ends early: %s", getattr(error, "strerror", error))
        for sound in self._sounds.values():
            for encoded in sound.flush():
                yield encoded, sound.target


class _Sound:
    """One stream of sound: decoded, played faster, encoded again."""

    def __init__(self, source: AudioStream, target: AudioStream, pace: Pace, change: ChangeSamples | None) -> None:
        self.source, self.target = source, target
        self._pace, self._change = pace, change
        self._base = Fraction(1, target.codec_context.sample_rate)
        self._graph: Any = None
        self._samples = 0
        self._first: int | None = None  # sample of the output's clock at which the sound begins

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Yield what can be written after this packet of the source."""
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            logger.warning("%s: a damaged packet is left out: %s", describe(self.source), error.strerror)
            return
        for frame in frames:
            yield from self._push(frame)

    def flush(self) -> Iterator[Packet[Any]]:
        """Yield the rest."""
        for frame in self.source.codec_context.decode(None):
            yield from self._push(frame)
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
        yield from self.target.codec_context.encode(None)

    def _push(self, frame: Any) -> Iterator[Packet[Any]]:
        if self._change is not None:
            frame = _changed(frame, self._change)
        if self._graph is None:
            start_s = frame.time if frame.time is not None else float(self._pace.source_s[0])
            self._first = round(self._pace.heard_at(start_s) / self._base)
            most = max(0, round(self._pace.output_end_s / self._base) - self._first)
            self._graph = _tempo_graph(frame, self._pace.factor, self._base.denominator, most)
        self._graph.push(frame)
        yield from self._pull()

    def _pull(self) -> Iterator[Packet[Any]]:
        assert self._first is not None
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            frame.pts, frame.time_base = self._first + self._samples, self._base
            self._samples += frame.samples
            yield from self.target.codec_context.encode(frame)


def _changed(frame: Any, change: ChangeSamples) -> Any:
    """Return a decoded frame with its samples changed, in the time at which they were recorded."""
    samples = samples_of(frame)
    times_s = (frame.time or 0.0) + np.arange(len(samples)) / frame.sample_rate
    values = np.ascontiguousarray(change(samples, times_s).T, np.float32)
    result = av.AudioFrame.from_ndarray(values, "fltp", frame.layout.name)
    result.sample_rate, result.pts, result.time_base = frame.sample_rate, frame.pts, frame.time_base
    return result


def _tempo_graph(like: Any, factor: float, rate: int, most: int) -> Any:
    """Return a filter graph that plays frames like this one so many times faster, up to `most` samples at this rate."""
    graph = av.filter.Graph()
    count = max(1, math.ceil(math.log(factor, MOST_TEMPO)))
    source = graph.add_abuffer(
        sample_rate=like.sample_rate, format=like.format.name, layout=like.layout.name, time_base=like.time_base
    )
    # Holes in the sound become silence: without it, all that follows would come early.
    nodes = [source, graph.add("aresample", f"{rate}:async=1")]
    nodes += [graph.add("atempo", f"{factor ** (1 / count):.9f}") for _ in range(count)]
    nodes.append(graph.add("atrim", f"end_sample={most}"))
    graph.link_nodes(*nodes, graph.add("abuffersink")).configure()
    return graph


def _add_stream(source: AudioStream, output: OutputContainer) -> AudioStream | None:
    """Add a stream as the source's, or of a codec that the output can hold; None where there is none."""
    rate = source.codec_context.sample_rate
    try:
        encoder, options, layout = plan_sound(source, output)
        return _opened(output.add_stream(encoder, rate=rate, options=options), source, layout)
    except CannotReencode:
        pass
    layout = source.codec_context.layout.name
    for encoder in ("aac", output.default_audio_codec, "flac", "pcm_s16le"):
        try:
            with av.open(io.BytesIO(), "w", format=output.format.name) as scratch:
                _opened(scratch.add_stream(encoder, rate=rate), source, layout)
                scratch.start_encoding()
        except (av.FFmpegError, ValueError):
            continue
        return _opened(output.add_stream(encoder, rate=rate), source, layout)
    return None


def _opened(target: Any, source: AudioStream, layout: str) -> AudioStream:
    set_up(target.codec_context, source, layout).open()
    target.metadata.update(source.metadata)
    target.disposition = source.disposition
    assert isinstance(target, AudioStream)
    return target


def _paced(chapter: Any, pace: Pace) -> Any:
    base = chapter["time_base"]
    start, end = (round(pace.shown_at(float(chapter[key] * base)) / base) for key in ("start", "end"))
    return {**chapter, "start": start, "end": max(end, start + 1)}
